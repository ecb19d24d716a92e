"""Store: the port through which everything is read, and what it answers with."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Literal, Protocol

from vcspec.model.errors import Unreadable

if TYPE_CHECKING:  # names, metadata and bytes are read without numpy
    import numpy as np
    from numpy.typing import NDArray

    from vcspec.model.matrix import AnyArray, Rows

PIECE_ROWS = 16_384  # a multiple of the digests' tiles; as Python's text they take 2 MB
Body = bytes | memoryview
"""Bytes of an object; a view where they are many, of memory that others look at as well."""


@dataclass(frozen=True)
class StoredObject:
    """One object of a store: a file, or a key of an object store."""

    size: int
    sort: Literal["file", "link", "special"] = "file"


@dataclass(frozen=True)
class Node:
    """One group or array, as its metadata declare it.

    Attributes:
        path: `/` for the root, else `/a/b`.
        sort: group or array.
        zarr_format: 2 or 3.
        attributes: the user attributes.
        shape: of an array.
        chunks: of an array, the grid of stored objects (shards where it is sharded).
        inner_chunks: of a sharded array, the chunks within a shard.
        data_type: canonical name, such as `float32` or `string`.
        fill_value: as decoded from JSON.
        codecs: names in order, codecs inside shards included, each with its configuration.
        index_codecs: the same of the index of a shard.
        key: prefix and separator of the names of its chunks.
        byte_order: of the stored numbers.
        order: `C` or `F`, of the elements within a chunk, as Zarr v2 declares it.
    """

    path: str
    sort: Literal["group", "array"]
    zarr_format: int
    attributes: Mapping[str, Any]
    shape: tuple[int, ...] = ()
    chunks: tuple[int, ...] = ()
    inner_chunks: tuple[int, ...] = ()
    data_type: str = ""
    fill_value: Any = None
    codecs: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    index_codecs: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    key: tuple[str, str] = ("c", "/")
    byte_order: Literal["little", "big"] = "little"
    order: str = "C"

    @property
    def encoding(self) -> str:
        """AnnData's `encoding-type`; empty where the node has none."""
        return str(self.attributes.get("encoding-type", ""))

    @property
    def elements(self) -> int:
        """Number of elements of an array."""
        return prod(self.shape)

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of stored objects along each axis."""
        pairs = zip(self.shape, self.chunks, strict=True)
        return tuple(-(-n // max(c, 1)) for n, c in pairs)

    def reads(self) -> Iterator[tuple[int, int]]:
        """Consecutive (start, stop) along the first axis: whole chunks, about `PIECE_ROWS` rows."""
        chunk = max(1, (self.inner_chunks or self.chunks)[0])
        step = max(chunk, PIECE_ROWS // chunk * chunk)
        for start in range(0, self.shape[0], step):
            yield start, min(start + step, self.shape[0])

    def object_name(self, index: Sequence[int]) -> str:
        """Name, relative to the store, of the object at that place of the grid."""
        prefix, separator = self.key
        parts = [str(i) for i in index]
        name = separator.join([prefix, *parts] if prefix else parts) or "0"
        base = self.path.strip("/")
        return f"{base}/{name}" if base else name

    def object_names(self) -> Iterator[str]:
        """Names, relative to the store, of every object that the array should have."""
        return (self.object_name(index) for index in places(self.grid))


def places(grid: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every place of a grid, the last axis fastest; none is held."""
    if not grid:
        yield ()
        return
    for first in range(grid[0]):
        for rest in places(grid[1:]):
            yield (first, *rest)


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table.

    Attributes:
        sort: what the values are.
        values: (rows,); strings as objects, where missing ones are "".
        missing: (rows,) whether the value is absent; None where none is.
        codes: (rows,) of a categorical column, -1 for missing; None for other columns.
        categories: of a categorical column.
    """

    sort: Literal["string", "integer", "number", "boolean", "other"]
    values: "AnyArray"
    missing: "NDArray[np.bool_] | None" = None
    codes: "NDArray[np.int64] | None" = None
    categories: "AnyArray | None" = None

    def __len__(self) -> int:
        return len(self.values)


class Damaged(Unreadable):
    """Bytes that cannot be decoded, or a matrix that contradicts itself."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type["Damaged"], tuple[str, str]]:
        """Workers in other processes raise it as well."""
        return type(self), (self.path, self.reason)


@dataclass(frozen=True)
class Skeleton:
    """What a store says without decoding one array.

    Attributes:
        objects: name → object, of all files below the root; of those that were asked for, where
            nothing was listed.
        nodes: path → node.
        broken: name of a metadata object → why it cannot be used.
        twice: paths of nodes with metadata of both Zarr formats.
        consolidated: path → node as the root's consolidated metadata tell it; None without such.
        listed: whether all names were looked at; where not, the nodes are as `consolidated` tells.
    """

    objects: Mapping[str, StoredObject]
    nodes: Mapping[str, Node]
    broken: Mapping[str, str] = field(default_factory=dict)
    twice: tuple[str, ...] = ()
    consolidated: Mapping[str, Node] | None = None
    listed: bool = True

    @property
    def document(self) -> Mapping[str, Any] | None:
        """The root attribute `vcspec`; None where there is none or it is not an object."""
        root = self.nodes.get("/")
        found = root.attributes.get("vcspec") if root else None
        return found if isinstance(found, dict) else None


class Stored(Protocol):
    """What a hierarchy is asked of its names, metadata and bytes; no value is decoded."""

    target: str

    @property
    def skeleton(self) -> Skeleton:
        """Objects and metadata."""

    def read(self, name: str) -> bytes:
        """The bytes of one object."""

    def digests(self, names: Sequence[str]) -> list[str]:
        """SHA-256 of each object, hexadecimal; all are held at once but those that are large."""

    def foresee(self, names: Iterable[str], then: Sequence[str], *, hashed: bool) -> None:
        """Told that the store will be read through, so that a remote place is asked less often.

        Args:
            names: of the small objects that will be asked for first, the most needed first.
            then: of the large ones that will be asked for first after them.
            hashed: whether digests of all objects will be asked for.
        """

    @property
    def requests(self) -> int:
        """How often the place was asked for something."""

    @property
    def bytes_read(self) -> int:
        """Length of all that the place gave."""

    def untold(self) -> tuple[int, int]:
        """Requests and bytes since this was asked last, or since the store was opened."""

    def reckon(self, requests: int, bytes_read: int) -> None:
        """Told what other processes asked for, which counts as if it were asked here."""


class Store(Stored, Protocol):
    """Read-only questions about one Zarr hierarchy; of an unsafe one, `skeleton` is asked alone."""

    def array(self, path: str) -> "AnyArray":
        """The whole array at `path`.

        Raises:
            Damaged: an object is absent, or cannot be decoded.
        """

    def span(self, path: str, start: int, stop: int) -> "AnyArray":
        """Elements `start` to `stop` of the one-dimensional array at `path`.

        Raises:
            Damaged: an object is absent, or cannot be decoded.
        """

    def column(self, table: str, name: str) -> Column:
        """One column of the table at `table`; `_index` names the rows.

        Raises:
            Damaged: it cannot be decoded.
        """

    def column_part(self, table: str, name: str, start: int, stop: int) -> Column:
        """Rows `start` to `stop` of a column.

        Raises:
            Damaged: it cannot be decoded.
        """

    def pieces(self, table: str, name: str) -> Iterator[Column]:
        """A column in consecutive pieces of `PIECE_ROWS` rows; at least one, which may be empty.

        Raises:
            Damaged: it cannot be decoded.
        """

    def rows(self, path: str, start: int, stop: int, *, borrow: bool = False) -> "Rows":
        """Rows `start` to `stop` of the matrix at `path` (CSR or dense), indices as stored.

        Args:
            path: of the matrix.
            start: first row.
            stop: row after the last.
            borrow: hand out memory of the calling thread, which its next borrowing overwrites.

        Raises:
            Damaged: it cannot be decoded.
        """

    def row_ends(self, path: str) -> "NDArray[np.int64]":
        """(rows + 1,) stored values of the matrix at `path` (CSR or dense) before each row.

        Raises:
            Damaged: they cannot be decoded, or contradict the matrix.
        """

    def row_lengths(self, path: str) -> "NDArray[np.int64]":
        """(rows,) values that `blocks` gives of each row of the matrix at `path`; CSC as well.

        Raises:
            Damaged: they cannot be decoded, or contradict the matrix.
        """

    def width(self, path: str) -> int:
        """Number of columns of the matrix at `path`."""

    def value_type(self, path: str) -> str:
        """Data type of the values of the matrix at `path`."""

    def scratch_bytes(self, path: str) -> int:
        """Bytes of scratch files that `blocks` needs: 0 where rows are stored together."""

    def blocks(self, path: str, entries: int | None = None) -> "Iterator[Rows]":
        """All rows of the matrix at `path`, in order, in blocks of bounded size; CSC as well.

        Args:
            path: of the matrix.
            entries: stored values that a block holds at most, or one row; None: some 4 million.
        """

    def shard_heads(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[list[bytes]]:
        """The bytes of shards where their index should be, at their start.

        Args:
            wanted: path of each array, with names of its objects; fewer bytes are given of those
                that are shorter.
        """
