"""merge: several datasets as one, with a column that says which, in one space of features."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.actions.cells import ConditionCells
from vcspec.actions.validate import checked
from vcspec.engine.settings import settings_in_force
from vcspec.model.described import stated_creators
from vcspec.model.errors import UsageError
from vcspec.model.labels import ordered
from vcspec.model.matrix import AnyArray, Array, Rows
from vcspec.model.spaces import AS_MEASURED
from vcspec.rules.documents import require_conforming
from vcspec.rules.subject import Subject
from vcspec.standard import CURRENT, standard
from vcspec.statistics.moments import add_to
from vcspec.statistics.normalise import log1p_rows
from vcspec.statistics.scan import EXACT
from vcspec.storage.artefacts import write_cells
from vcspec.storage.sealing import sealed_content
from vcspec.storage.writing import require_free

Target = str | os.PathLike[str]
TARGET_SUM = 10_000
ALIKE = ("organism", "control", "features")
BLOCK_ROWS = 1_024  # read at a time
NONE = "-"  # of a field that a dataset does not have


@dataclass(frozen=True)
class Part:
    """What became of one dataset.

    Attributes:
        study: what its cells are called by.
        cells: how many.
        features: how many it has.
        kept_counts: share of its counts that the common features hold.
    """

    study: str
    cells: int
    features: int
    kept_counts: float


@dataclass(frozen=True)
class Merged:
    """What was written.

    Attributes:
        content: content digest.
        features: how many are common, or chosen.
        parts: one for each dataset.
    """

    content: str
    features: int
    parts: tuple[Part, ...]


def merge(  # noqa: PLR0913 - each says one thing of the result
    datasets: Sequence[Target],
    target: Target,
    *,
    id: str,
    version: str = "1.0.0",
    title: str = "",
    features: int = 0,
    select_on: Sequence[str] = (),
    overwrite: bool = False,
) -> Merged:
    """Write datasets as one, with the features that all have.

    Cells keep their totals over everything that was measured, so that a smaller space of features
    bends no value. Features may be chosen among the common ones by the variance of log1p(count ×
    10,000 / total) over the cells of some studies, which the document states (`fitted`): choose on
    what is trained on alone, and a split by studies has no answer in its features.

    Args:
        datasets: two or more, in one value space, of one organism, control and namespace.
        target: path of the store.
        id: of the merged dataset.
        version: semantic version.
        title: one line.
        features: how many to choose; 0 keeps all common ones.
        select_on: studies whose cells decide; needed where features are chosen.
        overwrite: replace a store that is already there.

    Raises:
        UsageError: the datasets do not fit together, have no feature in common, a cell's total is
            not exact, or what is stated of the result does not fit a dataset's document.
    """
    require_free(Path(target), overwrite=overwrite)
    if len(datasets) < 2:
        message = "one dataset is nothing to merge; give two or more"
        raise UsageError(message)
    opened = [checked(os.fspath(place), "dataset", level="data") for place in datasets]
    _require_alike(opened)
    pieces = [_Piece(subject) for subject in opened]
    studies = sorted({study for piece in pieces for study in piece.studies})
    _require_studies(pieces, studies, select_on, features)
    common = _common(opened)
    known = standard().schemas["common"]["$defs"]["condition"]["items"]["enum"]
    fields = [name for name in known if any(name in piece.columns for piece in pieces)]
    document = {
        **_document(opened, fields, id, version, title),
        "citations": _citations(pieces),
        "parts": [part for piece in pieces for part in piece.parts],
        "fitted": _fitted(features, select_on),
    }
    require_conforming(document, CURRENT)  # before anything is read through
    chosen = _chosen(pieces, common, features, select_on) if features else common
    obs: dict[str, AnyArray] = {
        name: np.concatenate([piece.labels(name) for piece in pieces]) for name in fields
    }
    if pieces[0].totals is not None:
        obs["library_size"] = np.concatenate([piece.totals for piece in pieces])
    names = [f"{piece.name}:{cell}" for piece in pieces for cell in piece.cells]
    table = ordered(obs, fields, document["control"])
    write_cells(
        Path(target),
        document,
        _merged(pieces, table.order, chosen),
        obs={"_index": np.array(names, dtype=str)[table.order], **table.columns},
        var={"_index": np.array(chosen, dtype=str)},
        data_type=np.result_type(*(piece.subject.store.value_type("/X") for piece in pieces)),
        overwrite=overwrite,
    )
    parts = tuple(piece.part for piece in pieces)
    return Merged(sealed_content(Path(target)), len(chosen), parts)


def _merged(
    pieces: Sequence["_Piece"], order: NDArray[np.int64], features: Sequence[str]
) -> Iterator[Rows]:
    """The rows of all pieces, one under the other, in the order `order`; a stretch at a time."""
    borders = np.cumsum([0, *(piece.length for piece in pieces)])
    columns = [piece.columns_of(features) for piece in pieces]
    cuts = {0, len(order), *(np.flatnonzero(np.diff(order) != 1) + 1).tolist()}
    cuts |= set(range(0, len(order), BLOCK_ROWS))
    owner = np.searchsorted(borders, order, side="right") - 1
    cuts |= set((np.flatnonzero(np.diff(owner)) + 1).tolist())
    for start, stop in settings_in_force().counted(list(pairwise(sorted(cuts))), "blocks written"):
        which, row = int(owner[start]), int(order[start])
        rows = pieces[which].stored.rows(row - borders[which], row - borders[which] + stop - start)
        yield pieces[which].seen(rows, columns[which], len(features))


class _Piece:
    """One dataset, read a block of rows at a time."""

    def __init__(self, subject: Subject) -> None:
        self.name = str(subject.document["id"])
        self.subject = subject
        self.columns = {*subject.condition_columns, "study"}
        self.is_counted = subject.document["values"]["space"] == "counts"
        self.stored = ConditionCells(subject, subject.document["values"])
        self.length = subject.runs[-1].stop if subject.runs else 0
        self.places = {str(name): at for at, name in enumerate(subject.features)}
        self._everything = self._held = 0.0

    @property
    def cells(self) -> list[str]:
        return [str(name) for name in self.subject.column("obs", "_index").values]

    @property
    def studies(self) -> list[str]:
        return sorted(set(self.labels("study").tolist()))

    def labels(self, name: str) -> AnyArray:
        """(cells,) a field of the conditions."""
        if name in self.subject.condition_columns:
            return np.asarray(self.subject.column("obs", name).values, dtype=str)
        return np.full(self.length, self.name if name == "study" else NONE)

    def blocks(self) -> Iterator[Rows]:
        """All rows, in order."""
        borders = [*range(0, self.length, BLOCK_ROWS), self.length]
        for start, stop in settings_in_force().counted(list(pairwise(borders)), "blocks read"):
            yield self.stored.rows(start, stop)

    @cached_property
    def totals(self) -> AnyArray | None:
        """(cells,) counts over everything that was measured; None where nothing was counted.

        Raises:
            UsageError: of a cell they are more than can be told exactly.
        """
        if not self.is_counted:
            return None
        if self.stored.totals is not None:
            return self._exact(self.stored.totals)
        parts = (
            np.bincount(rows.row_of_entry, weights=rows.data, minlength=len(rows))
            for rows in self.blocks()
        )
        return self._exact(np.concatenate(list(parts)))

    def _exact(self, totals: Array) -> AnyArray:
        """The totals, as integers where they are whole.

        Raises:
            UsageError: one is no number, or larger than whole numbers can be told apart.
        """
        bad = np.flatnonzero(~(totals <= EXACT))
        if bad.size:
            message = (
                f"the counts of {self.cells[bad[0]]} of {self.name} add up to {totals[bad[0]]:g} "
                f"({bad.size} cells in all); expected totals up to 2^53, above which they are not "
                "exact; bring the counts to another unit, or leave these cells out"
            )
            raise UsageError(message)
        whole = totals.astype(np.int64)
        return whole if (whole == totals).all() else totals

    def columns_of(self, features: Sequence[str]) -> NDArray[np.int64]:
        """(own features,) the place of each among `features`; -1 where it is none of them."""
        column = np.full(len(self.places), -1, dtype=np.int64)
        column[[self.places[name] for name in features]] = np.arange(len(features))
        return column

    def seen(self, rows: Rows, column: NDArray[np.int64], width: int) -> Rows:
        """The features that have a place, of rows that are counted to what the part says."""
        found = selected(rows, column, width)
        self._everything += float(np.abs(rows.data).sum())
        self._held += float(np.abs(found.data).sum())
        return found

    @property
    def parts(self) -> list[dict[str, Any]]:
        """What the merged dataset says of it; of a merged one, what that says of its own parts."""
        stated = self.subject.document
        parts = list(stated.get("parts", ()))
        known = {study for part in parts for study in part["studies"]}
        if rest := [study for study in self.studies if study not in known]:
            own = {name: stated[name] for name in ("id", "version", "released") if name in stated}
            parts.append({**own, "content": self.subject.claimed_content(), "studies": rest})
        return parts

    @property
    def part(self) -> Part:
        """What became of it, when all of its rows were seen."""
        share = self._held / self._everything if self._everything else 0.0
        return Part(", ".join(self.studies), self.length, len(self.places), share)


def selected(rows: Rows, column: NDArray[np.int64], width: int) -> Rows:
    """(cells, width) the entries of columns that have a place of 0 or more, there."""
    at = column[rows.indices]
    kept = at >= 0
    lengths = np.bincount(rows.row_of_entry[kept], minlength=len(rows))
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Rows(indptr, at[kept], rows.data[kept], width)


def _require_alike(opened: Sequence[Subject]) -> None:
    first = opened[0].document
    for other in (subject.document for subject in opened[1:]):
        for name in ALIKE:
            if other[name] != first[name]:
                message = (
                    f"{name} of {other['id']} is {other[name]!r}, of {first['id']} it is "
                    f"{first[name]!r}; bring them to one before they are merged"
                )
                raise UsageError(message)
        spaces = [one["values"]["space"] for one in (first, other)]
        if spaces[0] != spaces[1] or spaces[0] not in {"counts", *AS_MEASURED}:
            message = (
                f"{first['id']} holds {spaces[0]!r} and {other['id']} {spaces[1]!r}; datasets are "
                "merged as counts, or both as they were measured"
            )
            raise UsageError(message)


def _require_studies(
    pieces: Sequence[_Piece], studies: Sequence[str], select_on: Sequence[str], features: int
) -> None:
    twice = [s for s in studies if sum(s in piece.studies for piece in pieces) > 1]
    if twice:
        message = f"the study {twice[0]!r} is in several of the datasets; give each its own name"
        raise UsageError(message)
    if features < 0:
        message = f"{features} features are asked for; give a number from 1, or 0 for all"
        raise UsageError(message)
    strange = [name for name in select_on if name not in studies]
    if strange or (features and not select_on):
        found = f"{strange[0]!r} is no study" if strange else "features are chosen on no study"
        message = f"{found}; the studies are {', '.join(studies)}"
        raise UsageError(message)


def _common(opened: Sequence[Subject]) -> list[str]:
    """Features of all, in the order of the first."""
    shared = set.intersection(*({str(name) for name in s.features} for s in opened))
    if not shared:
        names = ", ".join(str(subject.features[0]) for subject in opened)
        message = f"the datasets have no feature in common; they have such as {names}"
        raise UsageError(message)
    return [str(name) for name in opened[0].features if str(name) in shared]


def _chosen(
    pieces: Sequence[_Piece], common: list[str], number: int, select_on: Sequence[str]
) -> list[str]:
    """The common features with the largest variance over the cells of some studies."""
    if number > len(common):
        message = f"{number} features are asked for; {len(common)} are common"
        raise UsageError(message)
    sums, cells = np.zeros((len(common), 2)), 0
    for piece in pieces:
        is_selected = np.isin(piece.labels("study"), list(select_on))
        if not is_selected.any():
            continue
        space, column = str(piece.subject.document["values"]["space"]), piece.columns_of(common)
        totals = None if piece.totals is None else piece.totals.astype(np.float64)
        for rows in piece.blocks():
            kept = np.flatnonzero(is_selected[rows.first : rows.first + len(rows)])
            own = None if totals is None else totals[rows.first + kept]
            found = selected(rows, column, len(common)).take(kept)
            values = log1p_rows(found, space=space, target_sum=TARGET_SUM, totals=own)
            add_to(sums, values)
            cells += len(kept)
    variance = sums[:, 1] / cells - (sums[:, 0] / cells) ** 2
    best = np.sort(np.argsort(-variance, kind="stable")[:number])
    return [common[place] for place in best.tolist()]


def _fitted(features: int, select_on: Sequence[str]) -> list[dict[str, Any]]:
    if not features:
        return []
    on = {"study": list(select_on)}
    return [{"what": "features", "method": "log1p-variance", "number": features, "on": on}]


def _document(
    opened: Sequence[Subject], fields: Sequence[str], id: str, version: str, title: str
) -> dict[str, Any]:
    documents: list[Mapping[str, Any]] = [subject.document for subject in opened]
    first = documents[0]
    licences = list(dict.fromkeys(str(one["licence"]) for one in documents))
    names = [f"{one['id']}@{one['version']}" for one in documents]
    access = ["open", "registered", "controlled"]
    is_counted = first["values"]["space"] == "counts"
    named = [stated_creators(one) for one in documents]
    makers = _once([name for each in named for name in each])
    sizes = {"library_size": "Total count of the cell over all features of its own dataset."}
    return {
        "kind": "dataset",
        "spec": CURRENT,
        "id": id,
        "version": version,
        "title": title or f"{' and '.join(str(one['id']) for one in documents)}, merged",
        "simulated": any(one["simulated"] for one in documents),
        "modality": first["modality"],
        "organism": first["organism"],
        "assay": list(dict.fromkeys(term for one in documents for term in one["assay"])),
        "features": first["features"],
        "values": {"space": "counts", "total": "library"} if is_counted else first["values"],
        "condition": list(fields),
        "control": first["control"],
        "columns": sizes if is_counted else {},
        "licence": licences[0] if len(licences) == 1 else " AND ".join(f"({x})" for x in licences),
        "access": max((str(one["access"]) for one in documents), key=access.index),
        **({"creators": makers} if any("creators" in one for one in documents) else {}),
        "sources": _once([one for each in documents for one in each["sources"]]),
        "curation": [
            f"Merge {', '.join(names)}, in the features that all of them have.",
            "Keep each cell's total over all features of its own dataset.",
        ],
    }


def _citations(pieces: Sequence[_Piece]) -> list[dict[str, Any]]:
    """What the pieces cite, each once, with the studies that it is about."""
    found: list[tuple[dict[str, Any], set[str]]] = []
    for piece in pieces:
        for stated in piece.subject.document["citations"]:
            cited = {name: value for name, value in stated.items() if name != "studies"}
            about = next((about for known, about in found if known == cited), None)
            if about is None:
                found.append((cited, about := set()))
            about |= {*stated.get("studies", piece.studies)}
    return [{**cited, "studies": sorted(about)} for cited, about in found]


def _once(entries: Sequence[Any]) -> list[Any]:
    return [entry for at, entry in enumerate(entries) if entry not in entries[:at]]
