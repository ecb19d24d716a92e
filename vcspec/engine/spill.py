"""Spilled cells: rows brought together by condition in scratch files, where they lie scattered."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from itertools import pairwise
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.engine.settings import Settings
from vcspec.model.address import shown
from vcspec.model.errors import Unreadable
from vcspec.model.matrix import AnyArray, Rows
from vcspec.model.store import Store
from vcspec.statistics.kernels import narrow

ENDS, INDICES, DATA = "ends", "indices", "data"
NAMES = (INDICES, DATA)
BY_COLUMNS = "its matrix is compressed by columns"  # why rows have to be brought together
INDEX_BYTES = 4  # of a column number in a scratch file


@dataclass(frozen=True)
class SpilledCells:
    """Rows in scratch files, which the workers of another machine must see as well.

    Attributes:
        folder: holds the column numbers and the values of all rows, one row after the other, and
            how many there are before each row.
        width: number of features.
        data_type: of the values.
    """

    folder: Path
    width: int
    data_type: "np.dtype[Any]"

    @property
    def ends(self) -> NDArray[np.int64]:
        """(rows + 1,) stored values before each row."""
        path = self.folder / ENDS
        return _part(path, np.dtype(np.int64), 0, path.stat().st_size // 8)

    def rows(self, start: int, stop: int) -> Rows:
        """Rows `start` to `stop`."""
        ends = _part(self.folder / ENDS, np.dtype(np.int64), start, stop + 1)
        lo, hi = int(ends[0]), int(ends[-1])
        indices = _part(self.folder / INDICES, np.dtype(np.int32), lo, hi)
        data = _part(self.folder / DATA, self.data_type, lo, hi)
        return Rows(ends - lo, indices, data, self.width, start)


def _part(path: Path, data_type: "np.dtype[Any]", start: int, stop: int) -> AnyArray:
    """Elements `start` to `stop` of a file.

    `np.fromfile` and `tofile` would swallow a Ctrl-C that meets them looking at the path.

    Raises:
        Unreadable: they are not there.
    """
    found = np.empty(stop - start, dtype=data_type)
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(start * data_type.itemsize)
            read = _filled(file, memoryview(found.view(np.uint8).data))
    except FileNotFoundError as error:
        message = (
            f"the scratch file {path} is not there; workers on other machines see it where TMPDIR "
            "names a folder that all of them share"
        )
        raise Unreadable(message) from error
    if read < found.nbytes:
        message = f"the scratch file {path} is shorter than what was written to it"
        raise Unreadable(message)
    return found


def _filled(file: FileIO, target: memoryview) -> int:
    """Read until the target is full or the file ends; how many bytes that were."""
    done = 0
    while done < len(target):
        read = file.readinto(target[done:])
        if not read:
            break
        done += read
    return done


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
        self.rows = len(lengths)
        new = np.empty(len(lengths), dtype=np.int64)
        new[place] = lengths
        self._ends = np.concatenate([[0], np.cumsum(new)]).astype(np.int64)
        (folder / ENDS).write_bytes(self._ends.data)
        self.cells = SpilledCells(folder, width, data_type)

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
                file.seek(int(self._ends[place[start]]) * size)
                lo, hi = int(rows.indptr[start]) * size, int(rows.indptr[stop]) * size
                while lo < hi:
                    lo += file.write(data[lo:hi]) or 0


def require_room(size: int, target: str, why: str, settings: Settings) -> None:
    """Say that rows are brought together on disk first; and that there is room for them.

    Args:
        size: bytes of scratch files.
        target: what is read.
        why: they have to be, in words that follow the target.
        settings: who is told.

    Raises:
        Unreadable: there is no room.
    """
    folder = gettempdir()
    free = shutil.disk_usage(folder).free
    needed = f"{size / 1e6:,.0f} MB of scratch files in {folder}"
    if size > free:
        message = (
            f"{target}: {why}, and bringing rows together takes {needed}, where "
            f"{free / 1e6:,.0f} MB are free; set TMPDIR, or write it anew with `vcspec convert`"
        )
        raise Unreadable(message)
    settings.say(f"{shown(target)}: {why}; rows are brought together first, with {needed}")


@contextmanager
def spilling(
    store: Store, path: str, order: NDArray[np.int64] | None, why: str, settings: Settings
) -> Iterator[Spill]:
    """What takes the rows of a matrix, in scratch files that are gone when the block ends.

    Args:
        store: that has the matrix.
        path: of the matrix.
        order: (rows,) numbers of the rows in the order in which they shall stand; None as they do.
        why: as of `require_room`.
        settings: who is told.

    Raises:
        Damaged: the rows cannot be counted.
        Unreadable: there is no room.
    """
    lengths, data_type = store.row_lengths(path), np.dtype(store.value_type(path))
    place = np.arange(len(lengths))
    if order is not None:
        place[order] = np.arange(len(lengths))
    size = store.scratch_bytes(path) + int(lengths.sum()) * (INDEX_BYTES + data_type.itemsize)
    require_room(size, store.target, why, settings)
    with scratch_folder() as folder:
        yield Spill(folder, lengths, place, store.width(path), data_type)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for spilled rows, gone when the block ends; `TMPDIR` says where."""
    # Named before it is made: whenever Ctrl-C comes, there is a name to clear away.
    folder = Path(gettempdir()) / f"vcspec-spill-{uuid.uuid4().hex}"
    try:
        folder.mkdir(mode=0o700)
        for name in NAMES:
            (folder / name).touch()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
