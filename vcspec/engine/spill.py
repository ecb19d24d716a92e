"""Spilled cells: rows brought together by condition in scratch files, where they lie scattered."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import AnyArray, Rows
from vcspec.statistics.kernels import narrow

NAMES = ("indices", "data")


@dataclass(frozen=True, eq=False)
class SpilledCells:
    """Rows in scratch files, which the workers of another machine must see as well.

    Attributes:
        folder: holds the column numbers and the values of all rows, one row after the other.
        ends: (rows + 1,) stored values before each row.
        width: number of features.
        data_type: of the values.
    """

    folder: Path
    ends: NDArray[np.int64]
    width: int
    data_type: "np.dtype[Any]"

    def rows(self, start: int, stop: int) -> Rows:
        """Rows `start` to `stop`."""
        lo, hi = int(self.ends[start]), int(self.ends[stop])
        types: tuple[np.dtype[Any], ...] = (np.dtype(np.int32), self.data_type)
        parts = [
            np.fromfile(self.folder / name, kind, count=hi - lo, offset=lo * kind.itemsize)
            for name, kind in zip(NAMES, types, strict=True)
        ]
        return Rows(self.ends[start : stop + 1] - lo, parts[0], parts[1], self.width, start)


class Spill:
    """Takes rows in any order and writes each to its place.

    Args:
        folder: an empty folder.
        lengths: (rows,) stored values of each row, in the order in which rows are given.
        place: (rows,) new number of each row.
        width: number of features.
        data_type: of the values.
    """

    def __init__(
        self,
        folder: Path,
        lengths: NDArray[np.int64],
        place: NDArray[np.int64],
        width: int,
        data_type: "np.dtype[Any]",
    ) -> None:
        self._place = place
        new = np.empty(len(lengths), dtype=np.int64)
        new[place] = lengths
        ends = np.concatenate([[0], np.cumsum(new)]).astype(np.int64)
        self.cells = SpilledCells(folder, ends, width, data_type)

    def add(self, rows: Rows) -> None:
        """Write consecutive rows, of which `first` is the number of the first."""
        place = self._place[rows.first : rows.first + len(rows)]
        # Rows that stay neighbours go out together.
        cuts = [0, *(np.flatnonzero(np.diff(place) != 1) + 1).tolist(), len(rows)]
        parts = (narrow(rows.indices), rows.data.astype(self.cells.data_type, copy=False))
        for name, values in zip(NAMES, parts, strict=True):
            self._write(name, np.ascontiguousarray(values), rows, place, cuts)

    def _write(
        self, name: str, values: AnyArray, rows: Rows, place: AnyArray, cuts: list[int]
    ) -> None:
        size = values.dtype.itemsize
        data = memoryview(values.view(np.uint8).data)
        target = os.open(self.cells.folder / name, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(target, "wb", buffering=0) as file:
            for start, stop in pairwise(cuts):
                if start == stop:
                    continue
                file.seek(int(self.cells.ends[place[start]]) * size)
                lo, hi = int(rows.indptr[start]) * size, int(rows.indptr[stop]) * size
                while lo < hi:
                    lo += file.write(data[lo:hi]) or 0


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for spilled rows, gone when the block ends; `TMPDIR` says where."""
    with TemporaryDirectory(prefix="vcspec-spill-") as folder:
        for name in NAMES:
            (Path(folder) / name).touch()
        yield Path(folder)
