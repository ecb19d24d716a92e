"""Cells: rows of a matrix wherever they are kept, and the scale that they are on."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import Array, Rows
from vcspec.model.spaces import AS_MEASURED
from vcspec.model.store import Store
from vcspec.statistics.cellwise import Piece
from vcspec.statistics.normalise import log1p_rows


class Cells(Protocol):
    """Rows of a cells × features matrix; any number of threads may read, and it can be pickled."""

    @property
    def ends(self) -> NDArray[np.int64]:
        """(rows + 1,) stored values before each row."""

    @property
    def width(self) -> int:
        """Number of features."""

    def rows(self, start: int, stop: int) -> Rows:
        """Rows `start` to `stop`, in memory that the thread's next reading may overwrite."""


@dataclass(frozen=True)
class StoredCells:
    """The rows of a matrix of a store, as they lie there."""

    store: Store
    path: str = "/X"

    @property
    def ends(self) -> NDArray[np.int64]:
        """(rows + 1,) stored values before each row."""
        return self.store.row_ends(self.path)

    @property
    def width(self) -> int:
        """Number of features."""
        return self.store.width(self.path)

    def rows(self, start: int, stop: int) -> Rows:
        """Rows `start` to `stop`."""
        return self.store.rows(self.path, start, stop, borrow=True)


@dataclass(frozen=True)
class Scale:
    """How stored values become log1p values.

    Attributes:
        space: what is stored.
        target_sum: total that each cell is scaled to.
    """

    space: str
    target_sum: float

    def log1p(self, rows: Rows, totals: Array | None) -> Rows:
        """The rows as log1p values; `totals` (rows,) where they are taken over more features."""
        return log1p_rows(rows, space=self.space, target_sum=self.target_sum, totals=totals)

    def piece(self, rows: Rows, totals: Array | None) -> Piece:
        """The rows as log1p values, and as the amounts that they come from."""
        log1p = self.log1p(rows, totals)
        if self.space in AS_MEASURED:
            return Piece.as_measured(log1p)
        if self.space != "counts":
            return Piece.of(log1p)
        return Piece.of_counts(log1p, rows, self.target_sum, totals)
