"""hidden: a split whose truth is kept back, in a public and a private folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vcspec.actions.audit import audit
from vcspec.actions.cells import ConditionCells
from vcspec.actions.reference import reference
from vcspec.actions.split import Plan, split
from vcspec.actions.validate import checked, validate
from vcspec.model.condition import Condition
from vcspec.model.errors import Invalid, UsageError
from vcspec.model.finding import Finding
from vcspec.model.matrix import Rows
from vcspec.rules.split import SHOWN_ROLES, Table
from vcspec.rules.subject import Subject
from vcspec.statistics.content import commitment
from vcspec.storage.artefacts import write_arrays, write_cells
from vcspec.storage.sealing import sealed_content
from vcspec.storage.writing import copy_with_document

Path_ = str | os.PathLike[str]
TELLING = ("summary", "caveats", "columns")
"""Members of a dataset's document that may tell of the whole, such as its number of cells."""
TOLD_BY_FEATURES = ("VCS704", "VCS705", "VCS706", "VCS715", "VCS723")
"""Leaks by which features, and what was fitted on cells, tell of the truth."""


@dataclass(frozen=True)
class Hidden:
    """What was written.

    Attributes:
        split: content digest of the public split.
        reference: what the split states of the withheld reference.
        open_sources: addresses from which the whole dataset can be had by anybody.
        leaks: what an audit found by which the features of the public part may tell of the truth.
    """

    split: str
    reference: str
    open_sources: tuple[str, ...]
    leaks: tuple[Finding, ...]


def hidden(
    dataset: Path_,
    folder: Path_,
    plan: Plan,
    *,
    suites: Sequence[str] = ("core-1.0",),
    phenotypes: Path_ | None = None,
) -> Hidden:
    """Write `folder/public` and `folder/private`.

    Public are the split and the cells that models may see; private are the reference that scores
    are made with, and the split of the whole dataset, for `vcspec difficulty` and `probe`. The
    public split states the digests of what is withheld.

    Args:
        dataset: the whole.
        folder: must not exist.
        plan: of the split.
        suites: of metrics that predictions will be scored by.
        phenotypes: a table of classes, for metrics that ask for them.

    Raises:
        UsageError: the folder exists, the dataset is not sound, or the plan matches nothing, or
            cannot be made without the truth.
    """
    place = Path(folder)
    if place.exists() or not place.absolute().parent.is_dir():
        why = "exists" if place.exists() else "has no folder to stand in"
        message = f"{place} {why}; name a new folder in one that is there"
        raise UsageError(message)
    with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as scratch:
        draft = Path(scratch) / "draft"
        public, private = draft / "public", draft / "private"
        public.mkdir(parents=True)
        private.mkdir()
        split(dataset, private / "split.zarr", plan, withholds=True)
        whole, opened = private / "reference-of-whole.zarr", private / "split.zarr"
        reference(opened, dataset, whole, suites=suites, phenotypes=phenotypes)
        found = audit(opened, dataset=dataset).findings
        promised = commitment(checked(str(whole), "reference").content.elements)
        data = write_public(public, opened, dataset, promised)
        _write_reference(private / "reference.zarr", whole, public)
        shutil.rmtree(whole)
        _proved(public, private)
        draft.rename(place)
    sources = tuple(s["url"] for s in data.document["sources"] if s["url"].startswith("http"))
    leaks = tuple(finding for finding in found if finding.code in TOLD_BY_FEATURES)
    return Hidden(sealed_content(place / "public" / "split.zarr"), promised, sources, leaks)


def write_public(public: Path, opened: Path, dataset: Path_, promised: str) -> Subject:
    """Write what models may see in the folder `public`.

    Args:
        public: gets `dataset.zarr` and `split.zarr`.
        opened: the split of the whole dataset.
        dataset: the whole.
        promised: digest that binds to the reference.

    Returns:
        The whole dataset.
    """
    subject, data = checked(str(opened), "split"), checked(os.fspath(dataset), "dataset")
    _write_dataset(public / "dataset.zarr", data, Table(subject))
    _write_split(public, subject, data, promised)
    return data


def _write_dataset(target: Path, whole: Subject, table: Table) -> None:
    """The conditions that models may see, with cells numbered anew."""
    shown = set(table.having(*SHOWN_ROLES))
    # In the order of the whole, which is by condition.
    conditions = [condition for condition in table.conditions if condition in shown]
    cells = ConditionCells(whole, whole.document["values"])
    sizes = [cells.count(condition.key) for condition in conditions]
    columns: dict[str, Any] = {
        name: np.repeat(np.array([c.get(name) for c in conditions], dtype=object), sizes)
        for name in whole.document["condition"]
    }
    if whole.has_column("obs", "library_size"):
        runs = [cells.runs[condition.key] for condition in conditions]
        totals = np.asarray(whole.column("obs", "library_size").values)
        columns["library_size"] = np.concatenate([totals[run.start : run.stop] for run in runs])
    names = np.array([f"cell-{number}" for number in range(sum(sizes))], dtype=object)
    first = cells.stored(conditions[0].key)
    write_cells(
        target,
        _dataset_document(whole),
        _rows(cells, conditions),
        obs={"_index": names, **columns},
        var={"_index": whole.features},
        data_type=first.data.dtype,
    )


def _rows(cells: ConditionCells, conditions: Sequence[Condition]) -> Iterator[Rows]:
    for condition in conditions:
        yield cells.stored(condition.key)


def _dataset_document(whole: Subject) -> dict[str, Any]:
    stated = whole.document
    kept = {
        name: value
        for name, value in stated.items()
        if name not in TELLING and not name.startswith("x-")
    }
    if "parts" in kept:
        kept["parts"] = [
            {name: value for name, value in part.items() if name != "content"}
            for part in kept["parts"]
        ]
    return {
        **kept,
        "id": f"{stated['id']}-public",
        "title": f"What models may see of {stated['id']}",
        # Digests of the whole files would confirm a guess of the truth.
        "sources": [],
        "part_of": {name: stated[name] for name in ("id", "version")},
        "curation": [
            f"Conditions of {stated['id']}@{stated['version']} with the roles "
            f"{', '.join(SHOWN_ROLES)}; cells numbered anew."
        ],
    }


def _write_split(public: Path, private: Subject, data: Subject, promised: str) -> None:
    seen = checked(str(public / "dataset.zarr"), "dataset").document
    pin = {name: seen[name] for name in ("id", "version")}
    document = {
        **private.document,
        "datasets": [{**pin, "content": sealed_content(public / "dataset.zarr")}],
        "withheld": {"reference": promised, "dataset": data.claimed_content()},
    }
    names = ["_index", *private.condition_columns, "role", "reason"]
    names += ["group"] if private.has_column("obs", "group") else []
    write_arrays(
        public / "split.zarr",
        document,
        {},
        obs={name: private.column("obs", name).values for name in names},
        var={name: private.column("var", name).values for name in ("_index", "is_target")},
    )


def _write_reference(target: Path, whole: Path, public: Path) -> None:
    """The reference again, of the public split."""
    made = checked(str(whole), "reference")
    split_document = checked(str(public / "split.zarr"), "split").document
    pin = {name: split_document[name] for name in ("id", "version")}
    content = sealed_content(public / "split.zarr")
    datasets = split_document["datasets"]
    document = {**made.document, "split": {**pin, "content": content}, "datasets": datasets}
    copy_with_document(whole, target, document)


def _proved(public: Path, private: Path) -> None:
    """Validate both parts, beside each other.

    Raises:
        Invalid: something breaks a rule; the report is with the error.
    """
    divided = public / "split.zarr"
    for report in (
        validate(divided, level="full", dataset=public / "dataset.zarr"),
        validate(private / "reference.zarr", level="full", split=divided),
    ):
        if report.exit_code:
            message = f"{Path(report.target).name} is not sound; nothing was written"
            raise Invalid(message, report)
