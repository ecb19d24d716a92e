"""Rows: a block of a matrix, compressed by rows; what flows from a store to the statistics."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
AnyArray = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Rows:
    """Consecutive rows of a cells × features matrix; absent entries are zero.

    Attributes:
        indptr: (rows + 1,) int64, starts at 0.
        indices: (stored,) column of each entry, whole numbers of 32 or 64 bits.
        data: (stored,) value of each entry, in the matrix' own dtype.
        width: number of features.
        first: number of the first row in the whole matrix.
    """

    indptr: NDArray[np.int64]
    indices: AnyArray
    data: AnyArray
    width: int
    first: int = 0

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def row_of_entry(self) -> NDArray[np.int64]:
        """(stored,) row of each entry, counted within the block."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.indptr))

    def slice(self, start: int, stop: int) -> "Rows":
        """Rows `start` to `stop` of the block, counted within the block; no entry is copied."""
        lo, hi = int(self.indptr[start]), int(self.indptr[stop])
        indptr = self.indptr[start : stop + 1] - lo
        return Rows(
            indptr, self.indices[lo:hi], self.data[lo:hi], self.width, first=self.first + start
        )

    def take(self, rows: NDArray[np.int64]) -> "Rows":
        """The rows numbered `rows` (within the block), in that order; `first` is lost."""
        lengths = np.diff(self.indptr)[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        entry = np.arange(int(indptr[-1])) + np.repeat(self.indptr[rows] - indptr[:-1], lengths)
        return Rows(indptr, self.indices[entry], self.data[entry], self.width)

    def dense(self) -> AnyArray:
        """(rows, features) as a dense array."""
        out = np.zeros((len(self), self.width), dtype=self.data.dtype)
        out[self.row_of_entry, self.indices] = self.data
        return out


def rows_of_dense(block: AnyArray, first: int = 0) -> Rows:
    """A dense block as Rows; zeros are dropped, NaN is kept."""
    row, column = np.nonzero(block)
    lengths = np.bincount(row, minlength=len(block))
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Rows(indptr, column.astype(np.int64), block[row, column], block.shape[1], first=first)


def stack(blocks: list[Rows]) -> Rows:
    """Blocks of the same width, one under the other."""
    lengths = np.concatenate([np.diff(block.indptr) for block in blocks])
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Rows(
        indptr,
        np.concatenate([block.indices for block in blocks]),
        np.concatenate([block.data for block in blocks]),
        blocks[0].width,
        first=blocks[0].first,
    )
