"""Somebody else's AnnData, .h5ad or .zarr: columns as arrays, matrices as bounded blocks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vcspec.model.errors import Unreadable, UsageError
from vcspec.model.matrix import AnyArray, Rows, rows_of_dense
from vcspec.model.store import Column, Damaged
from vcspec.storage.columns import plain_column
from vcspec.storage.compressed import Entries, gathered, row_bounds, spans
from vcspec.storage.hdf5 import Hdf5Tree
from vcspec.storage.objects import local_path
from vcspec.storage.zarr_tree import ZarrTree

BLOCK_ENTRIES = 4_194_304
Sort = Literal["csr", "csc", "dense"]


class Tree(Protocol):
    """Groups and arrays by path, whatever file format holds them."""

    def children(self, path: str) -> tuple[str, ...]:
        """Names below the group at `path`."""

    def attribute(self, path: str, name: str) -> Any:
        """An attribute of the node at `path`; None where there is none."""

    def shape(self, path: str) -> tuple[int, ...]:
        """Shape of the array at `path`; () where there is no array."""

    def data_type(self, path: str) -> np.dtype[Any]:
        """Data type of the array at `path`."""

    def part(self, path: str, start: int, stop: int) -> AnyArray:
        """Elements `start` to `stop` along the first axis."""


@dataclass(frozen=True)
class Matrix:
    """A matrix as its file declares it.

    Attributes:
        path: where it is.
        sort: how it is stored.
        shape: (cells, features).
        data_type: of its values.
        features: path of the table that names its columns.
    """

    path: str
    sort: Sort
    shape: tuple[int, int]
    data_type: np.dtype[Any]
    features: str = "var"


@dataclass(frozen=True, eq=False)
class AnnDataSource:
    """An AnnData file of any encoding since anndata 0.6."""

    target: str
    tree: Tree

    def columns(self, table: str) -> tuple[str, ...]:
        """Names of the columns of `table`, without the index, in the table's order."""
        hidden = {self._index_name(table), "__categories"}
        there = [name for name in self.tree.children(table) if name not in hidden]
        declared = self.tree.attribute(table, "column-order")
        order = [str(name) for name in declared] if np.ndim(declared) == 1 else []
        return tuple(dict.fromkeys([*(name for name in order if name in there), *there]))

    def matrices(self) -> tuple[str, ...]:
        """What `matrix` can be asked for."""
        layers = tuple(f"layers/{name}" for name in self.tree.children("layers"))
        return tuple(name for name in ("X", *layers, "raw/X") if self._sort(name))

    def index(self, table: str) -> AnyArray:
        """(rows,) names of the rows of `table`, as text."""
        return self.column(table, self._index_name(table)).values.astype(str).astype(object)

    def column(self, table: str, name: str) -> Column:
        """A column of `table`, categorical, nullable or plain.

        Raises:
            Damaged: it cannot be decoded.
        """
        path = f"{table}/{name}"
        for codes, categories in self._categoricals(table, name):
            if self.tree.shape(codes) and self._values_at(categories):
                return self._categorical(codes, categories)
        if self.tree.shape(f"{path}/mask"):
            return self._nullable(path)
        return plain_column(self._whole(path))

    def _index_name(self, table: str) -> str:
        declared = self.tree.attribute(table, "_index")
        return str(declared) if declared is not None else _old_index(self.tree.children(table))

    def _categoricals(self, table: str, name: str) -> Iterator[tuple[str, str]]:
        """Where the codes and the categories of a column may be, newest encoding first."""
        path = f"{table}/{name}"
        yield f"{path}/codes", f"{path}/categories"
        yield path, f"{table}/__categories/{name}"  # anndata 0.7
        if self.tree.shape(table):
            yield path, f"uns/{name}_categories"  # anndata 0.6, compound tables

    def _values_at(self, path: str) -> str:
        """The array of values at `path`, beside a mask or alone; empty where there is none."""
        return next((at for at in (f"{path}/values", path) if self.tree.shape(at)), "")

    def _categorical(self, codes_path: str, categories_path: str) -> Column:
        codes = self._numbers(codes_path)
        categories = plain_column(self._whole(self._values_at(categories_path)))
        if len(codes) and (codes.max() >= len(categories) or codes.min() < -1):
            raise self._damaged(codes_path, f"codes outside -1..{len(categories) - 1}")
        missing = codes < 0
        nothing = np.array([""], dtype=object) if categories.sort == "string" else np.zeros(1)
        values = np.concatenate([categories.values, nothing.astype(categories.values.dtype)])
        place = np.where(missing, len(categories), codes)
        return Column(categories.sort, values[place], missing if missing.any() else None)

    def _nullable(self, path: str) -> Column:
        values = plain_column(self._whole(f"{path}/values"))
        missing = self._numbers(f"{path}/mask", "biu").astype(bool)
        if len(missing) != len(values):
            raise self._damaged(path, f"{len(values)} values beside a mask of {len(missing)}")
        return Column(values.sort, values.values, missing if missing.any() else None)

    def _whole(self, path: str) -> AnyArray:
        shape = self.tree.shape(path)
        if len(shape) != 1:
            what = f"an array of {len(shape)} dimensions, not of one" if shape else "no array"
            raise self._damaged(path, f"there is {what}")
        return self.tree.part(path, 0, shape[0])

    def _numbers(self, path: str, kinds: str = "iu") -> NDArray[np.int64]:
        return self._whole_numbers(path, self._whole(path), kinds)

    def _whole_numbers(self, path: str, found: AnyArray, kinds: str = "iu") -> NDArray[np.int64]:
        if found.dtype.kind not in kinds:
            raise self._damaged(path, f"{found.dtype} where whole numbers are expected")
        return found.astype(np.int64)

    def _damaged(self, path: str, reason: str) -> Damaged:
        return Damaged(f"{self.target}/{path}", reason)

    def matrix(self, layer: str = "") -> Matrix:
        """The matrix X, the layer of that name, or `raw/X`.

        Raises:
            UsageError: the file has no such matrix.
        """
        path = layer if layer in {"", "X", "raw/X"} else f"layers/{layer.removeprefix('layers/')}"
        path = path or "X"
        sort = self._sort(path)
        if not sort:
            has = ", ".join(self.matrices()) or "none at all"
            near = get_close_matches(path, self.matrices(), cutoff=0.4)
            hint = f"; did you mean {near[0]}?" if near else ""
            message = f"{self.target} has no matrix {path}; it has {has}{hint}"
            raise UsageError(message)
        holder = path if sort == "dense" else f"{path}/data"
        features = "raw/var" if path == "raw/X" else "var"
        shape = self._matrix_shape(path, sort)
        return Matrix(path, sort, shape, self.tree.data_type(holder), features)

    def _sort(self, path: str) -> Sort | None:
        declared = str(self.tree.attribute(path, "encoding-type"))
        if declared in {"csr_matrix", "csc_matrix"}:
            return "csr" if declared == "csr_matrix" else "csc"
        older = str(self.tree.attribute(path, "h5sparse_format"))
        if older in {"csr", "csc"}:
            return "csr" if older == "csr" else "csc"
        return "dense" if len(self.tree.shape(path)) == 2 else None

    def _matrix_shape(self, path: str, sort: Sort) -> tuple[int, int]:
        if sort == "dense":
            rows, width = self.tree.shape(path)
            return rows, width
        declared = self.tree.attribute(path, "shape")
        older = self.tree.attribute(path, "h5sparse_shape")
        found = declared if declared is not None else older
        sizes = np.array(found if np.ndim(found) == 1 else [])
        if sizes.shape != (2,) or sizes.dtype.kind not in "iu" or sizes.min() < 0:
            raise self._damaged(path, f"the shape {found} is not one of rows and features")
        return int(sizes[0]), int(sizes[1])

    def rearranged(self, matrix: Matrix, order: NDArray[np.int64]) -> Iterator[Rows]:
        """The rows numbered `order`, in that order, in blocks of bounded size.

        Rows in file order are streamed; others go through scratch files.

        Raises:
            Damaged: the matrix cannot be decoded, or contradicts itself.
        """
        in_order = np.array_equal(order, np.arange(matrix.shape[0]))
        if in_order and matrix.sort != "csc":
            yield from self.blocks(matrix)
            return
        place = np.full(matrix.shape[0], -1, dtype=np.int64)
        place[order] = np.arange(len(order))
        counts = self._row_counts(matrix)[order]
        yield from gathered(self._placed(matrix, place), counts, matrix.shape[1], BLOCK_ENTRIES)

    def blocks(self, matrix: Matrix) -> Iterator[Rows]:
        """All rows, in file order, in blocks of bounded size."""
        if matrix.sort == "csr":
            yield from self._csr_blocks(matrix)
        elif matrix.sort == "dense":
            step = max(1, BLOCK_ENTRIES // max(matrix.shape[1], 1))
            for start, stop in spans(matrix.shape[0], step):
                yield rows_of_dense(self.tree.part(matrix.path, start, stop), first=start)
        else:
            yield from self.rearranged(matrix, np.arange(matrix.shape[0]))

    def _csr_blocks(self, matrix: Matrix) -> Iterator[Rows]:
        indptr = self._indptr(matrix, matrix.shape[0])
        for start, stop in pairwise(row_bounds(np.diff(indptr), BLOCK_ENTRIES).tolist()):
            bounds = (int(indptr[start]), int(indptr[stop]))
            columns, values = self._stored(matrix, bounds, matrix.shape[1])
            offsets = indptr[start : stop + 1] - indptr[start]
            yield Rows(offsets, columns, values, matrix.shape[1], first=start)

    def _csc_entries(self, matrix: Matrix) -> Iterator[Entries]:
        indptr = self._indptr(matrix, matrix.shape[1])
        for start, stop in spans(int(indptr[-1]), BLOCK_ENTRIES):
            column = np.searchsorted(indptr, np.arange(start, stop), side="right") - 1
            rows, values = self._stored(matrix, (start, stop), matrix.shape[0])
            yield rows, column.astype(np.int64), values

    def _entries(self, matrix: Matrix) -> Iterator[Entries]:
        if matrix.sort == "csc":
            yield from self._csc_entries(matrix)
            return
        for block in self.blocks(matrix):
            yield block.row_of_entry + block.first, block.indices, block.data

    def _placed(self, matrix: Matrix, place: NDArray[np.int64]) -> Iterator[Entries]:
        """Entries by their new rows; those of rows without a new place are left out."""
        for row, column, value in self._entries(matrix):
            new = place[row]
            keep = new >= 0
            yield new[keep], column[keep], value[keep]

    def _row_counts(self, matrix: Matrix) -> NDArray[np.int64]:
        """(rows,) number of stored entries."""
        if matrix.sort == "csr":
            return np.diff(self._indptr(matrix, matrix.shape[0]))
        counts = np.zeros(matrix.shape[0], dtype=np.int64)
        for row, _, _ in self._entries(matrix):
            counts += np.bincount(row, minlength=len(counts))
        return counts

    def _indptr(self, matrix: Matrix, major: int) -> NDArray[np.int64]:
        path = f"{matrix.path}/indptr"
        found = self._numbers(path)
        stored = {self.tree.shape(f"{matrix.path}/{part}") for part in ("data", "indices")}
        sound = len(found) == major + 1 and found[0] == 0 and not (np.diff(found) < 0).any()
        if not sound or stored != {(int(found[-1]),)}:
            reason = f"not a run of {major + 1} offsets from 0 to the number of stored entries"
            raise self._damaged(path, reason)
        return found

    def _stored(
        self, matrix: Matrix, bounds: tuple[int, int], minor: int
    ) -> tuple[NDArray[np.int64], AnyArray]:
        """Numbers and values of the stored entries within `bounds`."""
        path = f"{matrix.path}/indices"
        indices = self._whole_numbers(path, self.tree.part(path, *bounds))
        if len(indices) and (indices.min() < 0 or indices.max() >= minor):
            raise self._damaged(path, f"numbers outside 0..{minor - 1}")
        return indices, self.tree.part(f"{matrix.path}/data", *bounds)


@contextmanager
def anndata_source(target: str) -> Iterator[AnnDataSource]:
    """The AnnData at `target`, a .h5ad file or a Zarr store, open for the block.

    Raises:
        Unreadable: it is neither, or holds no AnnData.
    """
    path = local_path(target)
    if path is None or path.is_dir():
        yield _holding_anndata(AnnDataSource(target, ZarrTree(target)))
        return
    with _open_hdf5(path) as file:
        yield _holding_anndata(AnnDataSource(target, Hdf5Tree(target, file)))


def _open_hdf5(path: Path) -> Any:
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError as error:
        there = "cannot be opened as HDF5" if path.is_file() else "does not exist"
        message = f"{path} {there}; vcspec convert reads AnnData, .h5ad or .zarr ({error})"
        raise Unreadable(message) from error


def _holding_anndata(source: AnnDataSource) -> AnnDataSource:
    absent = [table for table in ("obs", "var") if not source.tree.children(table)]
    if absent:
        has = (
            ", ".join(source.tree.children(""))
            if isinstance(source.tree, Hdf5Tree)
            else "no tables"
        )
        message = (
            f"{source.target} has no {' and no '.join(absent)}; it has {has}. Expected AnnData: "
            "a 10x .h5 file becomes one with scanpy.read_10x_h5 and write_h5ad"
        )
        raise Unreadable(message)
    return source


def _old_index(children: tuple[str, ...]) -> str:
    """Name of the index of a table that does not declare it."""
    return "_index" if "_index" in children else "index"
