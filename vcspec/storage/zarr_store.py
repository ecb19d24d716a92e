"""ZarrStore: the Store port on a local or remote Zarr hierarchy."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import cached_property, lru_cache, partial
from itertools import pairwise, product
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from vcspec.engine.ahead import begun
from vcspec.model.errors import Refused
from vcspec.model.matrix import AnyArray, Rows
from vcspec.model.store import Column, Damaged, Node
from vcspec.statistics.compression import compressed
from vcspec.statistics.kernels import narrow
from vcspec.storage import columns
from vcspec.storage.chunks import ChunkReader
from vcspec.storage.compressed import ENTRY_BYTES, csc_blocks, row_bounds, row_counts, spans
from vcspec.storage.kept import KeptObjects
from vcspec.storage.object_store import ObjectStore
from vcspec.storage.objects import LocalObjects, local_path

BLOCK_ENTRIES = 4_194_304


class ZarrStore(ObjectStore):
    """A store at a path or URL. Arrays are decoded only when asked for.

    Every read first asks whether the objects it needs exist: zarr, which decodes what the direct
    reader does not know, would answer for an absent object with the fill value.
    """

    _heads: Future[None] | None = None  # of shards, where they come already

    def __reduce__(self) -> tuple[Any, ...]:
        """A worker elsewhere opens the store again, once, and sees that it is the same."""
        path = local_path(self.target)
        target = self.target if path is None else str(path.absolute())
        return reopened, (target, self.listed)

    @cached_property
    def listed(self) -> str:
        """Digest of the names and sizes of all objects."""
        listing = sorted((name, found.size) for name, found in self.skeleton.objects.items())
        return hashlib.sha256(repr(listing).encode()).hexdigest()

    @cached_property
    def _reader(self) -> ChunkReader:
        return ChunkReader(self._objects, self.skeleton.objects)

    def foresee(self, names: Iterable[str], then: Sequence[str], *, hashed: bool) -> None:
        """Told what will be read; a remote place sends it at once, heads of shards meanwhile."""
        if then and isinstance(self._objects, KeptObjects):
            arrays = [node for node in self.skeleton.nodes.values() if node.inner_chunks]
            self._heads = begun(partial(self._reader.heads_ahead, arrays, besides=then))
        super().foresee(names, then, hashed=hashed)

    def shard_heads(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[list[bytes]]:
        """The bytes of shards where their index should be."""
        if self._heads is not None:
            self._heads.exception()  # what did not come is asked for again
        return self._reader.heads([(self._node(path), names) for path, names in wanted])

    @cached_property
    def _zarr(self) -> Any:
        from zarr.storage import FsspecStore, LocalStore

        if isinstance(self._objects, LocalObjects):
            return LocalStore(self._objects.root, read_only=True)
        remote = cast("KeptObjects", self._objects).remote
        return FsspecStore.from_url(
            remote.filesystem.unstrip_protocol(remote.root),
            storage_options=remote.filesystem.storage_options,
            read_only=True,
        )

    def _open(self, path: str) -> Any:
        import zarr

        version: Literal[2, 3] = 2 if self._node(path).zarr_format == 2 else 3
        return zarr.open_array(
            store=self._zarr, path=path.strip("/"), mode="r", zarr_format=version
        )

    def _node(self, path: str) -> Node:
        node = self.skeleton.nodes.get(path)
        if node is None:
            raise Damaged(path, "there is no such node")
        return node

    def array(self, path: str) -> AnyArray:
        """The whole array at `path`."""
        node = self._node(path)
        return self._part(path, tuple(slice(0, n) for n in node.shape))

    def span(self, path: str, start: int, stop: int) -> AnyArray:
        """Elements `start` to `stop` of the one-dimensional array at `path`."""
        return self._part(path, (slice(start, stop),))

    def _part(self, path: str, where: tuple[slice, ...], *, borrow: bool = False) -> AnyArray:
        node = self._node(path)
        bounds = zip(where, node.shape, strict=False)
        if len(where) == len(node.shape) and all(one.stop <= length for one, length in bounds):
            found = self._reader.read([(node, where)], borrow=borrow)
            if found is not None:
                return found[0]
        return self._part_by_zarr(path, where)

    def _part_by_zarr(self, path: str, where: tuple[slice, ...]) -> AnyArray:
        import zarr

        self._require_objects(self._node(path), where)
        # One thread decodes: the unit of parallel work is a condition, not a chunk.
        with zarr.config.set({"async.concurrency": 4}):
            try:
                found = np.asarray(self._open(path)[where])
            except Refused:
                raise
            except Exception as error:  # codecs raise what they like; all of it is damage
                reason = f"cannot be decoded ({type(error).__name__}: {str(error)[:160]})"
                raise Damaged(path, reason) from error
        wanted = tuple(part.stop - part.start for part in where)
        if found.shape != wanted:
            reason = f"{found.shape} elements where {wanted} are declared"
            raise Damaged(path, reason)
        return found

    def _require_objects(self, node: Node, where: tuple[slice, ...]) -> None:
        if not node.elements:
            return
        spans = [
            range(part.start // max(size, 1), -(-part.stop // max(size, 1)))
            if part.stop > part.start
            else range(0)
            for part, size in zip(where, node.chunks, strict=True)
        ]
        for index in product(*spans):
            name = node.object_name(index)
            if name not in self.skeleton.objects:
                reason = f"the object {name} is absent"
                raise Damaged(node.path, reason)

    def column(self, table: str, name: str) -> Column:
        """One column of the table at `table`; `_index` names the rows."""
        return columns.column(self, self._column_path(table, name))

    def column_part(self, table: str, name: str, start: int, stop: int) -> Column:
        """Rows `start` to `stop` of a column."""
        return columns.part(self, self._column_path(table, name), start, stop)

    def pieces(self, table: str, name: str) -> Iterator[Column]:
        """A column in consecutive pieces, each chunk decoded once."""
        return columns.pieces(self, self._column_path(table, name))

    def _column_path(self, table: str, name: str) -> str:
        attributes = self._node(table).attributes
        kept = str(attributes.get("_index", "_index")) if name == "_index" else name
        return f"{table.rstrip('/')}/{kept}"

    def rows(self, path: str, start: int, stop: int, *, borrow: bool = False) -> Rows:
        """Rows `start` to `stop` of the matrix at `path` (CSR or dense)."""
        node = self._node(path)
        if node.sort == "array":
            block = self._part(path, (slice(start, stop), slice(0, node.shape[1])), borrow=borrow)
            return compressed(block, first=start)
        if node.encoding != "csr_matrix":
            raise Damaged(path, f"rows cannot be read from {node.encoding or 'this node'}")
        indptr = self._indptr_part(path, start, stop + 1)
        if len(indptr) != stop - start + 1 or indptr[0] < 0 or (np.diff(indptr) < 0).any():
            where = f"{path}/indptr"
            raise Damaged(where, f"rows {start} to {stop} do not follow each other")
        lo, hi = int(indptr[0]), int(indptr[-1])
        indices, data = self._entries(path, lo, hi, borrow=borrow)
        width = int(node.attributes["shape"][1])
        return Rows(indptr - lo, narrow(indices), data, width, first=start)

    def _entries(self, path: str, lo: int, hi: int, *, borrow: bool) -> tuple[AnyArray, AnyArray]:
        """Entries `lo` to `hi` of a compressed matrix: their minor numbers and their values."""
        parts = [self._node(f"{path}/{name}") for name in ("indices", "data")]
        for node in parts:
            if hi > node.shape[0]:
                raise Damaged(node.path, f"{node.shape[0]} elements where {hi} are declared")
        found = self._reader.read([(node, (slice(lo, hi),)) for node in parts], borrow=borrow)
        if found is None:
            found = [self._part_by_zarr(node.path, (slice(lo, hi),)) for node in parts]
        return found[0], found[1]

    def row_ends(self, path: str) -> NDArray[np.int64]:
        """(rows + 1,) stored values of the matrix at `path` (CSR or dense) before each row."""
        node = self._node(path)
        if node.sort == "array":
            return np.arange(node.shape[0] + 1, dtype=np.int64) * node.shape[1]
        ends = self._indptr(path)
        stored = self._node(f"{path}/data").shape[0]
        if len(ends) == 0 or ends[0] != 0 or ends[-1] > stored or (np.diff(ends) < 0).any():
            where = f"{path}/indptr"
            raise Damaged(where, f"not a monotone run from 0 to at most {stored}")
        return ends

    def row_lengths(self, path: str) -> NDArray[np.int64]:
        """(rows,) values that are not 0, or stored so, of each row; counted but for CSR."""
        node = self._node(path)
        if node.encoding == "csr_matrix":
            return np.diff(self.row_ends(path)).astype(np.int64, copy=False)
        if path not in self._counted:
            self._counted[path] = (
                row_counts(self, path, node.attributes["shape"])
                if node.encoding == "csc_matrix"
                else np.concatenate([np.diff(block.indptr) for block in self.blocks(path)])
            )
        return self._counted[path]

    @cached_property
    def _counted(self) -> dict[str, NDArray[np.int64]]:
        return {}

    def scratch_bytes(self, path: str) -> int:
        """Bytes of scratch files that `blocks` needs: 0 where rows are stored together."""
        if self._node(path).encoding != "csc_matrix":
            return 0
        values = self._node(f"{path}/data")
        return values.elements * (ENTRY_BYTES + np.dtype(values.data_type).itemsize)

    def width(self, path: str) -> int:
        """Number of columns of the matrix at `path`."""
        node = self._node(path)
        return int((node.shape if node.sort == "array" else node.attributes["shape"])[1])

    def value_type(self, path: str) -> str:
        """Data type of the values of the matrix at `path`."""
        node = self._node(path)
        return node.data_type if node.sort == "array" else self._node(f"{path}/data").data_type

    def _indptr(self, path: str) -> AnyArray:
        if path not in self._indptrs:
            found = self.array(f"{path}/indptr")
            # Four bytes a row suffice for most; differences need a sign.
            is_small = len(found) and found.min() >= 0 and found.max() <= np.iinfo(np.int32).max
            kind = np.int32 if is_small else np.int64
            self._indptrs[path] = found.astype(kind, copy=False)
        return self._indptrs[path]

    def _indptr_part(self, path: str, start: int, stop: int) -> AnyArray:
        """A part of the offsets; they are not all held by a worker that sees a part of the rows."""
        if path in self._indptrs:
            return self._indptrs[path][start:stop].astype(np.int64)
        name = f"{path}/indptr"
        return self.span(name, start, min(stop, self._node(name).shape[0])).astype(np.int64)

    @cached_property
    def _indptrs(self) -> dict[str, AnyArray]:
        return {}

    def blocks(self, path: str, entries: int | None = None) -> Iterator[Rows]:
        """All rows of the matrix at `path`, in order, in blocks of bounded size."""
        node, most = self._node(path), BLOCK_ENTRIES if entries is None else entries
        if node.encoding == "csc_matrix":
            yield from csc_blocks(self, path, node.attributes["shape"], most)
            return
        for start, stop in self._block_bounds(node, most):
            yield self.rows(path, start, stop)

    def _block_bounds(self, node: Node, entries: int) -> Iterator[tuple[int, int]]:
        """Row ranges of about equal stored size; they depend on the store's values alone."""
        if node.sort == "array":
            yield from spans(node.shape[0], max(1, entries // max(node.shape[1], 1)))
            return
        borders = row_bounds(np.diff(self._indptr(node.path)), entries)
        yield from pairwise(borders.tolist())


@lru_cache(maxsize=8)
def reopened(target: str, listed: str) -> ZarrStore:
    """The store at `target`, opened once in this process.

    Raises:
        Damaged: it holds other objects than where it was opened first.
    """
    store = ZarrStore(target)
    if store.listed != listed:
        where, reason = "/", f"{target} is not the same here, or has changed while it was read"
        raise Damaged(where, reason)
    return store
