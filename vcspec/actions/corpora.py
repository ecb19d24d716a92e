"""Cells of a dataset that a model was trained on, beside the tested cells of a split."""

import os
from pathlib import Path

import numpy as np

from vcspec.actions.cells import ConditionCells
from vcspec.actions.validate import checked
from vcspec.model.matrix import AnyArray, Rows
from vcspec.model.spaces import AS_MEASURED
from vcspec.rules.contamination import accessions_of
from vcspec.rules.evidence import Copy, Overlap
from vcspec.rules.leaking_cells import near_copies
from vcspec.rules.split import Table
from vcspec.rules.subject import Subject
from vcspec.statistics.cell_identity import Identities, identities, jaccard, name_hashes, shared

Target = str | os.PathLike[str]


def is_store(place: Target) -> bool:
    """Whether the place is a store rather than a file."""
    return Path(place).is_dir() or os.fspath(place).rstrip("/").endswith(".zarr")


def overlap(split: Subject, dataset: Subject, place: Target) -> Overlap:
    """Tested cells that the dataset at `place` holds as well, over the features that both have.

    Names of features are compared without regard to case.

    Raises:
        UsageError: there is no sound dataset at `place`.
    """
    other = checked(os.fspath(place), "dataset", level="data")
    names = [np.char.upper(one.features.astype(str)) for one in (dataset, other)]
    both = np.intersect1d(names[0], names[1])
    mine, theirs = (
        _Cells(one, own, both) for one, own in zip((dataset, other), names, strict=True)
    )
    tested = {condition.key for condition in Table(split).having("test")}
    rows, left = mine.of_conditions(tested)
    right = theirs.every()
    known = [np.flatnonzero(one.known) for one in (left, right)]
    places, partners = shared(left.hashes[known[0]], right.hashes[known[1]])
    exact = tuple(zip(known[0][places].tolist(), known[1][partners].tolist(), strict=True))
    near = near_copies(
        left,
        right,
        lambda one, two: jaccard(
            mine.row(int(rows[one])), theirs.row(two), mine.space, theirs.space
        ),
    )

    def copy(one: int, two: int, similarity: float = 1.0) -> Copy:
        row = int(rows[one])
        return Copy(row, _name(dataset, row), _name(other, two), similarity)

    starts = [run.start for run in other.runs]
    return Overlap(
        f"{other.document['id']}@{other.document['version']}",
        _names(other, beside=dataset),
        frozenset(accessions_of(other.document, map(other.condition_at, starts))),
        len(both),
        rows,
        left.known,
        left.is_sketched,
        [copy(one, two) for one, two in exact],
        [copy(one, two, similarity) for one, (two, similarity) in near.found.items()],
        is_whole=near.is_whole,
        is_counted=not AS_MEASURED & {mine.space, theirs.space},
    )


def _names(other: Subject, *, beside: Subject) -> frozenset[str]:
    """Ids and content digests of a dataset and its parts, but for those of another's id."""
    stated = {**other.document, "content": other.claimed_content()}
    known = [
        one for one in (stated, *stated.get("parts", ())) if one["id"] != beside.document["id"]
    ]
    return frozenset(str(one[name]) for one in known for name in ("id", "content") if name in one)


def _name(subject: Subject, row: int) -> str:
    return subject.row_names(np.array([row]))[0]


class _Cells:
    """Cells of a dataset, over some of its features.

    Args:
        subject: the dataset.
        names: (features,) of it.
        both: (kept features,) names, sorted.
    """

    def __init__(self, subject: Subject, names: AnyArray, both: AnyArray) -> None:
        self.subject = subject
        self.space = str(subject.document["values"]["space"])
        self.hashes = name_hashes(both)
        found = np.searchsorted(both, names)
        found[found == len(both)] = 0
        is_kept = both[found] == names if len(both) else np.zeros(len(names), dtype=bool)
        self.place = np.where(is_kept, found, -1)
        self.cells = ConditionCells(subject, subject.document["values"])

    def row(self, row: int) -> Rows:
        """(1, kept features) values of a cell."""
        return self._kept(self.cells.stored_row(row))

    def every(self) -> Identities:
        """Of all cells."""
        blocks = self.subject.store.blocks("/X")
        return Identities.together([self._identities(block) for block in blocks])

    def of_conditions(self, keys: set[str]) -> tuple[AnyArray, Identities]:
        """(cells,) rows of the cells of some conditions, and what they are known by."""
        runs = [run for key, run in self.cells.runs.items() if key in keys]
        rows = [np.arange(run.start, run.stop) for run in runs]
        parts = [self._identities(self.cells.stored(run.key)) for run in runs]
        return np.concatenate([np.empty(0, dtype=np.int64), *rows]), Identities.together(parts)

    def _identities(self, rows: Rows) -> Identities:
        return identities(self._kept(rows), self.hashes, self.space)

    def _kept(self, rows: Rows) -> Rows:
        place = self.place[rows.indices]
        is_kept = place >= 0
        filled = np.bincount(rows.row_of_entry[is_kept], minlength=len(rows))
        indptr = np.concatenate([[0], np.cumsum(filled)]).astype(np.int64)
        return Rows(indptr, place[is_kept], rows.data[is_kept], len(self.hashes))
