"""Cells of a dataset or of predictions, condition by condition, in a split's value space."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from vcspec.engine.cells import Cells, Scale, StoredCells
from vcspec.engine.spill import BY_COLUMNS, SpilledCells, spilling
from vcspec.model.errors import Mismatch
from vcspec.model.matrix import Array, Rows
from vcspec.model.spaces import AS_MEASURED
from vcspec.model.store import Column
from vcspec.rules.subject import Run, Subject
from vcspec.statistics.cellwise import Piece
from vcspec.statistics.mixing import splitmix64


class ConditionCells:
    """Reads the cells of one condition at a time, as log1p values.

    Args:
        subject: a valid dataset or valid predictions.
        values: the split's value space.

    Raises:
        Mismatch: the values cannot be brought into that space.
    """

    def __init__(self, subject: Subject, values: Mapping[str, Any]) -> None:
        self.subject = subject
        self.values = values
        declared = subject.document["values"]
        if AS_MEASURED & {declared["space"], values["space"]}:
            shared = ["space"]
        else:
            shared = ["total"] if declared["space"] == "counts" else ["target_sum", "total"]
        different = [name for name in shared if declared.get(name) != values.get(name)]
        if different:
            message = (
                f"{subject.store.target} declares {dict(declared)}, the split is scored in "
                f"{dict(values)}; {', '.join(different)} must agree"
            )
            raise Mismatch(message)

    @cached_property
    def runs(self) -> Mapping[str, Run]:
        """Key of a condition → its rows."""
        return {run.key: run for run in self.subject.runs}

    def run(self, key: str) -> Run:
        """Rows of the condition.

        Raises:
            Mismatch: there are none, as of conditions that a split withholds.
        """
        found = self.runs.get(key)
        if found is None:
            message = (
                f"{self.subject.store.target} has no cells of {key}; give the dataset that has: "
                "what a split withholds is with who withholds it"
            )
            raise Mismatch(message)
        return found

    def count(self, key: str) -> int:
        """Number of cells of the condition."""
        run = self.run(key)
        return run.stop - run.start

    def of(self, key: str) -> Rows:
        """(cells, features) log1p values of the condition, float32."""
        run = self.run(key)
        return self.scale.log1p(self.rows(run.start, run.stop), self._totals(run))

    def stored(self, key: str) -> Rows:
        """(cells, features) values of the condition as they are stored."""
        run = self.run(key)
        return self.rows(run.start, run.stop)

    def piece(self, key: str) -> Piece:
        """The cells of the condition, with their amounts."""
        run = self.run(key)
        return self.scale.piece(self.rows(run.start, run.stop), self._totals(run))

    def stored_row(self, row: int) -> Rows:
        """(1, features) values of one cell as they are stored."""
        return self.rows(row, row + 1)

    @property
    def scale(self) -> Scale:
        """How the stored values become log1p values."""
        space = self.subject.document["values"]["space"]
        return Scale(space, float(self.values.get("target_sum", 1)))

    @property
    def source(self) -> Cells:
        """All rows as they are stored, where a pass reads them."""
        return self._spilled or StoredCells(self.subject.store)

    def rows(self, start: int, stop: int) -> Rows:
        """(cells, features) values of the rows from `start` to `stop`, as they are stored."""
        if self._spilled is not None:
            return self._spilled.rows(start, stop)
        return self.subject.store.rows("/X", start, stop)

    @cached_property
    def _spilled(self) -> SpilledCells | None:
        """The rows of a matrix compressed by columns, in scratch files that go when this does."""
        node = self.subject.node("/X")
        if node is None or node.encoding != "csc_matrix":
            return None
        store, settings = self.subject.store, self.subject.settings
        stack, why = ExitStack(), BY_COLUMNS
        spill = stack.enter_context(spilling(store, "/X", None, why, settings))
        finalize(self, stack.close)
        for block in store.blocks("/X", settings.budget.entries()):
            spill.add(block)
        return spill.cells

    def _totals(self, run: Run) -> Array | None:
        return None if self.totals is None else self.totals[run.start : run.stop]

    @cached_property
    def totals(self) -> Array | None:
        """(rows,) totals of counts over the library, where the values are declared so."""
        if (
            self.subject.document["values"]["space"] != "counts"
            or self.values["total"] != "library"
        ):
            return None
        return np.asarray(self.subject.column("obs", "library_size").values, dtype=np.float64)

    def halves(self, *keys: str, repeat: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Two halves of the conditions' cells, by the SHA-256 of their names.

        Args:
            keys: of the conditions.
            repeat: number of the cut; later ones mix the first eight bytes with their number.

        Returns:
            numbers of rows, counted from the first of these conditions on to the last; the second
            half is the larger where the number of cells is odd.
        """
        runs = [self.run(key) for key in keys]
        starts = np.concatenate([self._hash_starts[run.start : run.stop] for run in runs])
        if repeat:
            starts = splitmix64(starts ^ np.uint64(repeat))
        order = np.argsort(starts, kind="stable")
        if not repeat and (starts[order][1:] == starts[order][:-1]).any():
            order = self._by_whole_hash(runs)
        cut = len(order) // 2
        return np.sort(order[:cut]), np.sort(order[cut:])

    @cached_property
    def _hash_starts(self) -> NDArray[np.uint64]:
        """(rows,) the first eight bytes of the SHA-256 of each cell's name, as a number."""
        parts = (
            b"".join(digest[:8] for digest in _hashes(piece))
            for piece in self.subject.pieces("obs", "_index")
        )
        return np.concatenate([np.frombuffer(part, dtype=">u8") for part in parts]).astype("u8")

    def _by_whole_hash(self, runs: Sequence[Run]) -> NDArray[np.int64]:
        """Order of the runs' cells, where the first bytes do not tell all of them apart."""
        read = self.subject.store.column_part
        pieces = (read("/obs", "_index", run.start, run.stop) for run in runs)
        digests = [digest for piece in pieces for digest in _hashes(piece)]
        return np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)


def _hashes(names: Column) -> Iterator[bytes]:
    return (hashlib.sha256(str(name).encode()).digest() for name in names.values)
