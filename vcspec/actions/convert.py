"""convert: somebody's AnnData as a dataset or as predictions, valid before it takes its name."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import tomli

from vcspec.actions.conversion import Conversion, Progress, Writing
from vcspec.actions.curate import COPIED
from vcspec.actions.labelling import Labels
from vcspec.actions.planning import INDEX, Plan, in_panel_order, planned, with_unique_rows
from vcspec.actions.reading import Reading
from vcspec.actions.validate import Target, checked, validate
from vcspec.model.errors import Refused, Unreadable, UsageError
from vcspec.rules.subject import Subject
from vcspec.standard import CURRENT, standard
from vcspec.storage.anndata_source import AnnDataSource, anndata_source
from vcspec.storage.objects import local_path
from vcspec.version import __version__

DEFAULTS: Mapping[str, Any] = {
    "version": "1.0.0",
    "simulated": False,
    "modality": "transcriptomics",
    "access": "open",
    "citations": [],
    "sources": [],
    "curation": [],
}
RECIPE_MEMBERS = frozenset({"content", "parameters", "other_columns"})
# Rules of the safety stage about the document, which a source need not have, and about consolidated
# metadata, which are not read.
NOT_ASKED = frozenset({"VCS002", "VCS003", "VCS012"})
LONGEST = 4_000  # characters of a curation step
OPTION: Mapping[str, str] = {"features": "namespace"}
"""Member of a document → the option of `vcspec convert` that gives it, where the names differ."""


def convert_dataset(
    source: Target,
    target: Target,
    *,
    document: Mapping[str, Any],
    reading: Reading,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Conversion:
    """Write the AnnData at `source` as a dataset.

    Args:
        source: a .h5ad file, or path or URL of an AnnData Zarr store.
        target: path of the store to write; its parent must exist.
        document: members of the dataset's document; `kind`, `spec` and what `DEFAULTS` holds may be
            left out, `condition` follows from the columns named, `control` from the reading.
        reading: where columns, labels and values are.
        overwrite: replace a store that is already there.
        progress: called with rows written and rows in all.

    Raises:
        UsageError: the document lacks a member, a column is not named or not there, or `target`
            exists.
        Unreadable: the source cannot be read.
        Refused: the source is unsafe to read.
        Invalid: labels are missing, or the result breaks a rule; nothing is left at `target`.
    """
    with _opened(source) as found:
        whole = _dataset_document(document, reading)
        labels = Labels(found, reading, found.index("obs"), [])
        plan = planned(labels, whole, whole["control"])
        steps = [_provenance(found, plan, reading), *labels.changes]
        final = {**whole, "curation": [*whole["curation"], *(step[:LONGEST] for step in steps)]}
        writing = Writing(found, plan, final, Path(target))
        return writing.run(labels.changes, overwrite=overwrite, progress=progress)


def convert_predictions(  # noqa: PLR0913 - what the verb is told
    source: Target,
    target: Target,
    *,
    split: Target,
    document: Mapping[str, Any],
    reading: Reading,
    drop_controls: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Conversion:
    """Write the AnnData at `source` as predictions for a split.

    Args:
        source: a .h5ad file, or path or URL of an AnnData Zarr store.
        target: path of the store to write; its parent must exist.
        split: the split that the predictions answer; they pin its content digest.
        document: `model`, `level` and `values`, and where wanted `training` and `licence`.
        reading: where columns, labels and values are.
        drop_controls: leave out the rows of controls, which predictions do not hold.
        overwrite: replace a store that is already there.
        progress: called with rows written and rows in all.

    Raises:
        UsageError: the document lacks a member, a column is not named or not there, or `target`
            exists, or the split is none.
        Unreadable: the source cannot be read.
        Refused: the source is unsafe to read.
        Invalid: labels are missing, or the result breaks a rule; nothing is left at `target`.
    """
    answered = checked(os.fspath(split), "split")
    whole = _predictions_document(document, answered)
    control = str(answered.document["control"])
    with _opened(source) as found:
        labels = Labels(found, reading, found.index("obs"), [])
        plan = planned(labels, whole, control, drop_controls=drop_controls)
        plan = in_panel_order(with_unique_rows(plan, labels), answered.features, labels)
        writing = Writing(found, plan, whole, Path(target), split)
        return writing.run(labels.changes, overwrite=overwrite, progress=progress)


def card_document(path: Path) -> dict[str, Any]:
    """Members of a dataset's document from a card; what belongs to a recipe is left out.

    Raises:
        Unreadable: there is no such file, it is not TOML, or it holds a value that JSON has not.
        UsageError: it has a member that no card has.
    """
    try:
        with path.open("rb") as file:
            card = tomli.load(file)
        json.dumps(card, allow_nan=False)
    except (OSError, tomli.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path} is not a card ({error}); expected TOML with the members of a dataset"
        raise Unreadable(message) from error
    except (TypeError, ValueError) as error:
        message = f"{path} holds what JSON does not ({error}); write dates as text in quotes"
        raise Unreadable(message) from error
    known = {*COPIED, *RECIPE_MEMBERS, "columns"}
    unknown = [name for name in card if name not in known and not name.startswith("x-")]
    if unknown:
        near = get_close_matches(unknown[0], known) or sorted(COPIED)
        message = f"{path} has {unknown[0]!r}, which no card has; it may have {', '.join(near)}"
        raise UsageError(message)
    members = {name: value for name, value in card.items() if name not in RECIPE_MEMBERS}
    columns = {**card.get("other_columns", {}), **card.get("columns", {})}
    return {**members, "columns": columns} if columns else members


def _dataset_document(document: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    implied: dict[str, Any] = {"condition": _condition_named(reading)}
    if reading.control:
        implied["control"] = reading.control
    whole = {"kind": "dataset", "spec": CURRENT, **DEFAULTS, **implied, **document}
    _require_members(whole, "dataset")
    return whole


def _predictions_document(document: Mapping[str, Any], split: Subject) -> dict[str, Any]:
    told = split.document
    pin = {"id": told["id"], "version": told["version"], "content": split.claimed_content()}
    given = {"split": pin, "condition": told["condition"], "simulated": told["simulated"]}
    whole = {"kind": "predictions", "spec": CURRENT, **document, **given}
    _require_members(whole, "predictions")
    return whole


def _require_members(document: Mapping[str, Any], kind: str) -> None:
    lacking = [name for name in standard().schemas[kind]["required"] if name not in document]
    if lacking:
        names = ", ".join(f"{name} (--{OPTION.get(name, name)})" for name in lacking)
        where = "as options, or all in a TOML file (--card)" if kind == "dataset" else "as options"
        message = (
            f"the document of {kind} lacks {names}; give them {where}; "
            f"`vcspec explain {kind}` says what each is"
        )
        raise UsageError(message)


def _condition_named(reading: Reading) -> list[str]:
    """Context, perturbation and what else of a condition is named, in the standard's order."""
    order = standard().schemas["common"]["$defs"]["condition"]["items"]["enum"]
    return [name for name in order if name in {"context", "perturbation", *reading.named}]


@contextmanager
def _opened(source: Target) -> Iterator[AnnDataSource]:
    """The source; a Zarr store is looked at by the rules on safety before anything is decoded."""
    name = os.fspath(source)
    path = local_path(name)
    if path is None or path.is_dir():
        _require_safe(name)
    with anndata_source(name) as found:
        yield found


def _require_safe(name: str) -> None:
    """Refuse a Zarr store with an unsafe node among those that are read."""
    rules = standard().rules
    for finding in validate(name, level="metadata").findings:
        message = f"{name}: {finding.path}: {finding.found} ({finding.code}); {finding.hint}"
        if finding.code == "VCS001":
            raise Unreadable(message)
        asked = rules[finding.code]["verdict"] == "refused" and finding.code not in NOT_ASKED
        if asked and finding.path.startswith(("/obs", "/var", "/X", "/layers", "/raw")):
            raise Refused(message)


def _provenance(source: AnnDataSource, plan: Plan, reading: Reading) -> str:
    """What was converted, by which columns: a curation step."""
    path = local_path(source.target)
    file = source.target if path is None else path.name
    if path is not None and path.is_file():
        with path.open("rb") as opened:
            file = f"{file} (SHA-256 {hashlib.file_digest(opened, 'sha256').hexdigest()})"
    told = [
        f"{name} = {reading.constants.get(name) or f'obs/{reading.column_of(name)}'}"
        for name in plan.columns
        if name != INDEX
    ]
    step = f"Converted {plan.matrix.path} of {file} with vcspec {__version__}"
    return f"{step}: {', '.join(told)}."
