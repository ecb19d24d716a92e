"""Scan: one pass over a matrix that notes what rules on values ask for."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import AnyArray, Array, Rows
from vcspec.statistics.mixing import splitmix64


@dataclass(frozen=True, eq=False)
class Scan:
    """What was seen, row by row; every array is (rows,). Zeros that are stored count as zeros.

    Attributes:
        stored: number of entries that are not zero.
        total: sum of the values.
        natural_total: sum of expm1 of the values, the total on the scale that log1p came from.
        largest: largest value.
        not_finite: number of NaN and infinite values.
        negative: number of values below zero.
        fractional: number of values that are not whole.
        out_of_range: number of entries with a column number outside the matrix.
        twice: number of entries whose column was there already.
        unsorted: number of entries that stand before one with a smaller column number.
        fingerprint: 64-bit hash of the row's (column, value) pairs, whatever their order.
    """

    stored: NDArray[np.int64]
    total: Array
    natural_total: Array
    largest: Array
    not_finite: NDArray[np.int64]
    negative: NDArray[np.int64]
    fractional: NDArray[np.int64]
    out_of_range: NDArray[np.int64]
    twice: NDArray[np.int64]
    unsorted: NDArray[np.int64]
    fingerprint: NDArray[np.uint64]


def scan(blocks: Iterable[Rows]) -> Scan:
    """Notes on every row of the blocks, in order; each row depends on its own entries alone."""
    nothing = np.empty(0, dtype=np.int64)
    no_rows = Rows(np.zeros(1, dtype=np.int64), nothing, np.empty(0), 0)
    parts = [_scan_block(no_rows), *(_scan_block(block) for block in blocks)]
    names = Scan.__dataclass_fields__
    return Scan(**{name: np.concatenate([part[name] for part in parts]) for name in names})


def _scan_block(block: Rows) -> dict[str, AnyArray]:
    row = block.row_of_entry
    inside = (block.indices >= 0) & (block.indices < block.width)
    value = block.data.astype(np.float64)
    finite = np.isfinite(value)
    sound = np.where(finite, value, 0.0)

    def counted(which: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(row[which], minlength=len(block)).astype(np.int64)

    def summed(weights: Array) -> Array:
        return np.bincount(row, weights=weights, minlength=len(block)).astype(np.float64)

    with np.errstate(over="ignore"):
        natural = np.expm1(np.minimum(sound, 700.0))
    return {
        "stored": counted(value != 0),
        "total": summed(sound),
        "natural_total": summed(natural),
        "largest": _row_maximum(block, sound),
        "not_finite": counted(~finite),
        "negative": counted(sound < 0),
        "fractional": counted(sound != np.floor(sound)),
        "out_of_range": counted(~inside),
        "twice": _repeated(block, row),
        "unsorted": _falling(block, row),
        "fingerprint": _fingerprint(block),
    }


def _row_maximum(block: Rows, value: Array) -> Array:
    largest, filled = np.zeros(len(block)), np.diff(block.indptr) > 0
    if filled.any():
        found = np.maximum.reduceat(value, block.indptr[:-1][filled])
        largest[filled] = np.maximum(found, 0.0)  # where nothing is stored there is a zero
    return largest


def _falling(block: Rows, row: NDArray[np.int64]) -> NDArray[np.int64]:
    falls = (np.diff(block.indices) < 0) & (np.diff(row) == 0)
    return np.bincount(row[1:][falls], minlength=len(block)).astype(np.int64)


def _repeated(block: Rows, row: NDArray[np.int64]) -> NDArray[np.int64]:
    column, of = block.indices, row
    if ((np.diff(column) < 0) & (np.diff(row) == 0)).any():
        order = np.lexsort((column, row))
        column, of = column[order], row[order]
    same = (np.diff(column) == 0) & (np.diff(of) == 0)
    return np.bincount(of[1:][same], minlength=len(block)).astype(np.int64)


def _fingerprint(block: Rows) -> NDArray[np.uint64]:
    """Sum, modulo 2**64, of a hash of each entry that is not zero."""
    bits = block.data.astype(np.float64).view(np.uint64)
    mixed = splitmix64(bits ^ splitmix64(block.indices.astype(np.uint64)))
    mixed[block.data == 0] = 0
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(mixed, dtype=np.uint64)])
    return np.asarray(sums[block.indptr[1:]] - sums[block.indptr[:-1]])
