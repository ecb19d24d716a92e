"""Bringing scattered entries together by rows: spilled to scratch files, read bucket by bucket."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import AnyArray, Rows
from vcspec.model.store import Damaged, Store

SMALL = np.int32  # rows of a block, and columns
ENTRY_BYTES = 2 * np.dtype(SMALL).itemsize  # in a scratch file, beside the value
COUNTED = 1_048_576  # row numbers at a time

Entries = tuple[NDArray[np.int64], NDArray[np.int64], AnyArray]  # row, column, value


def csc_blocks(store: Store, path: str, shape: Sequence[int], entries: int) -> Iterator[Rows]:
    """The rows of a matrix compressed by columns, in order; memory is bounded by `entries`.

    Raises:
        Damaged: the compressed structure contradicts itself.
    """
    indptr = _column_ends(store, path, shape)

    def parts() -> Iterator[Entries]:
        for start, stop in spans(int(indptr[-1]), entries):
            column = np.searchsorted(indptr, np.arange(start, stop), side="right") - 1
            rows = store.span(f"{path}/indices", start, stop).astype(np.int64)
            yield rows, column, store.span(f"{path}/data", start, stop)

    yield from gathered(parts(), store.row_lengths(path), int(shape[1]), entries)


def row_counts(store: Store, path: str, shape: Sequence[int]) -> NDArray[np.int64]:
    """(rows,) stored values of each row of a matrix compressed by columns.

    Raises:
        Damaged: the compressed structure contradicts itself.
    """
    counts = np.zeros(int(shape[0]), dtype=np.int64)
    for start, stop in spans(int(_column_ends(store, path, shape)[-1]), COUNTED):
        rows = store.span(f"{path}/indices", start, stop)
        if len(rows) and (rows.min() < 0 or rows.max() >= shape[0]):
            where, reason = f"{path}/indices", f"row numbers outside 0..{int(shape[0]) - 1}"
            raise Damaged(where, reason)
        counts += np.bincount(rows.astype(np.int64), minlength=len(counts))
    return counts


def _column_ends(store: Store, path: str, shape: Sequence[int]) -> NDArray[np.int64]:
    """(columns + 1,) stored values before each column."""
    indptr = store.array(f"{path}/indptr").astype(np.int64)
    if len(indptr) != int(shape[1]) + 1 or indptr[0] != 0 or (np.diff(indptr) < 0).any():
        where = f"{path}/indptr"
        raise Damaged(where, "not a monotone run with one step a column")
    return indptr


def spans(total: int, step: int) -> Iterator[tuple[int, int]]:
    """Consecutive (start, stop) of at most `step`, up to `total`."""
    for start in range(0, total, step):
        yield start, min(start + step, total)


def row_bounds(counts: NDArray[np.int64], entries: int) -> NDArray[np.int64]:
    """Borders of row blocks that hold about `entries` entries each, and at least one row."""
    ends = np.concatenate([[0], np.cumsum(counts)])
    borders = [0]
    while borders[-1] < len(counts):
        start = borders[-1]
        reach = int(np.searchsorted(ends, ends[start] + entries, side="right")) - 1
        borders.append(min(max(reach, start + 1), len(counts)))
    return np.array(borders, dtype=np.int64)


def gathered(
    parts: Iterable[Entries], counts: NDArray[np.int64], width: int, entries: int
) -> Iterator[Rows]:
    """Entries in any order as blocks of consecutive rows; within a row they keep their order.

    Args:
        parts: pieces of (row, column, value), each of bounded size.
        counts: (rows,) number of entries of each row.
        width: number of features.
        entries: how many entries a block should hold.
    """
    borders = row_bounds(counts, entries)
    with tempfile.TemporaryDirectory(prefix="vcspec-rows-") as folder:
        scratch = Path(folder)
        data_type: np.dtype[Any] = np.dtype(np.float32)
        for number, (row, column, value) in enumerate(parts):
            data_type = value.dtype
            bucket = np.searchsorted(borders, row, side="right") - 1
            for found in np.unique(bucket):
                inside = bucket == found
                np.savez(
                    scratch / f"{found}-{number:08d}.npz",
                    row=(row[inside] - borders[found]).astype(SMALL),
                    column=column[inside].astype(SMALL),
                    value=value[inside],
                )
        for found, start in enumerate(borders[:-1]):
            files = sorted(scratch.glob(f"{found}-*.npz"))
            lengths = counts[int(start) : int(borders[found + 1])]
            indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
            column, value = _bucket(files, data_type)
            yield Rows(indptr, column, value, width, first=int(start))


def _bucket(files: Sequence[Path], data_type: np.dtype[Any]) -> tuple[NDArray[np.int64], AnyArray]:
    """Columns and values of a bucket, ordered by row."""
    pieces: list[Entries] = []
    for file in files:
        with np.load(file) as piece:
            pieces.append((piece["row"], piece["column"], piece["value"]))
    if not pieces:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=data_type)
    rows, columns, values = (np.concatenate(part) for part in zip(*pieces, strict=True))
    order = np.argsort(rows, kind="stable")
    return columns[order].astype(np.int64), values[order]
