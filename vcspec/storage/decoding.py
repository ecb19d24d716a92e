"""Chunks of one-dimensional arrays, decoded straight into the caller's memory.

zarr can read every array that the standard admits; this reads the common ones for less: numbers
behind blosc, zstd or gzip with or without a checksum, sharded or not. `recipe_of` answers None for
everything else, and the tests hold each recipe against zarr.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from vcspec.model.matrix import AnyArray
from vcspec.model.store import Node

ABSENT = 2**64 - 1
NUMBERS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"})
REALS = frozenset({"float16", "float32", "float64"})
CHECKSUM = 4
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class BadChunk(ValueError):
    """Bytes that are not the chunk they should be."""


@dataclass(frozen=True)
class Recipe:
    """How the chunks of an array are decoded.

    Attributes:
        data_type: of the stored elements, with their byte order.
        chunk: elements of a chunk.
        per_object: chunks of one stored object.
        index_at: where a shard keeps its index; empty where an object is one chunk.
        index_type: data type of the numbers in a shard's index.
        index_checked: whether a checksum follows the index.
        checked: whether a crc32c follows each chunk.
        compressor: `blosc`, `zstd`, `gzip`, or empty.
    """

    data_type: np.dtype[Any]
    chunk: int
    per_object: int
    index_at: Literal["", "start", "end"]
    index_type: str
    index_checked: bool
    checked: bool
    compressor: str

    @property
    def chunk_bytes(self) -> int:
        """Bytes of one decoded chunk."""
        return self.chunk * self.data_type.itemsize

    @property
    def index_bytes(self) -> int:
        """Bytes of a shard's index."""
        return 16 * self.per_object + CHECKSUM * self.index_checked


def recipe_of(node: Node) -> Recipe | None:
    """How the array's chunks are decoded here; None where that is for zarr."""
    sound = node.sort == "array" and len(node.shape) == 1 and node.data_type in NUMBERS | REALS
    if not sound or min(node.chunks) < 1:
        return None
    return _recipe_v2(node) if node.zarr_format == 2 else _recipe_v3(node)


def _recipe_v2(node: Node) -> Recipe | None:
    names = [name for name, _ in node.codecs]
    if names not in ([], ["blosc"], ["zstd"], ["gzip"]):
        return None
    return Recipe(
        data_type=_stored_type(node),
        chunk=node.chunks[0],
        per_object=1,
        index_at="",
        index_type="",
        index_checked=False,
        checked=False,
        compressor=names[0] if names else "",
    )


def _stored_type(node: Node) -> np.dtype[Any]:
    found: np.dtype[Any] = np.dtype(node.data_type)
    return found.newbyteorder(">" if node.byte_order == "big" else "<")


def _recipe_v3(node: Node) -> Recipe | None:
    chain = list(node.codecs)
    sharding: Mapping[str, Any] = {}
    if chain and chain[0][0] == "sharding_indexed":
        sharding = chain.pop(0)[1]
    if not chain or chain.pop(0)[0] != "bytes":
        return None
    names = [name for name, _ in chain]
    checked = names[-1:] == ["crc32c"]
    compressors = names[:-1] if checked else names
    index = _index_codecs(sharding) if sharding else ("", False)
    if compressors not in ([], ["blosc"], ["zstd"], ["gzip"]) or index is None:
        return None
    chunk = node.inner_chunks[0] if sharding else node.chunks[0]
    if node.chunks[0] % max(chunk, 1):
        return None
    return Recipe(
        data_type=_stored_type(node),
        chunk=chunk,
        per_object=node.chunks[0] // chunk,
        index_at=sharding.get("index_location", "end") if sharding else "",
        index_type=index[0],
        index_checked=index[1],
        checked=checked,
        compressor=compressors[0] if compressors else "",
    )


def _index_codecs(sharding: Mapping[str, Any]) -> tuple[str, bool] | None:
    """Type of the index' numbers, and whether it has a checksum; None for other codecs."""
    codecs = sharding.get("index_codecs", ())
    names = [codec.get("name") for codec in codecs if isinstance(codec, dict)]
    if names not in (["bytes"], ["bytes", "crc32c"]):
        return None
    endian = codecs[0].get("configuration", {}).get("endian", "little")
    return (">u8" if endian == "big" else "<u8"), len(names) == 2


def shard_index(recipe: Recipe, data: bytes) -> AnyArray:
    """(chunks, 2) offset and length of each chunk of a shard, from the bytes of its index.

    Raises:
        BadChunk: it is not an index.
    """
    body = _unchecked(data) if recipe.index_checked else data
    if len(body) != 16 * recipe.per_object:
        message = f"a shard index of {len(body)} bytes"
        raise BadChunk(message)
    return np.frombuffer(body, recipe.index_type).reshape(-1, 2)


def _unchecked(data: bytes) -> bytes:
    """The bytes before their checksum, which must be right."""
    from google_crc32c import value

    body, stated = data[:-CHECKSUM], data[-CHECKSUM:]
    if len(stated) < CHECKSUM or struct.unpack("<I", stated)[0] != value(body):
        message = "the checksum crc32c differs"
        raise BadChunk(message)
    return body


def decode_into(recipe: Recipe, data: bytes, out: AnyArray) -> None:
    """Decode one whole chunk into `out`, (chunk,), in the array's data type and machine order.

    Raises:
        BadChunk: the bytes do not decode to just that many elements.
    """
    body = _unchecked(data) if recipe.checked else data
    if recipe.data_type.isnative and recipe.compressor in DECODERS:
        DECODERS[recipe.compressor](body, out)
        return
    raw = np.empty(recipe.chunk, dtype=recipe.data_type)
    if recipe.compressor:
        DECODERS[recipe.compressor](body, raw)
        out[:] = raw
        return
    _require(len(body), out.nbytes)
    out[:] = np.frombuffer(body, recipe.data_type)


def _require(found: int, wanted: int) -> None:
    if found != wanted:
        message = f"{found} bytes where {wanted} are declared"
        raise BadChunk(message)


@cache
def _codec(name: str) -> Any:
    import numcodecs

    return {"blosc": numcodecs.Blosc, "zstd": numcodecs.Zstd}[name]()


def _blosc(body: bytes, out: AnyArray) -> None:
    # The decoder fills a larger buffer without a word: the sizes in the header are compared first.
    _require(struct.unpack_from("<I", body, 4)[0] if len(body) >= 16 else 0, out.nbytes)
    _require(struct.unpack_from("<I", body, 12)[0], len(body))
    _run("blosc", body, out)


def _zstd(body: bytes, out: AnyArray) -> None:
    size = zstd_content_size(body)
    if size is None:
        plain = bytes(_run("zstd", body, None))
        _require(len(plain), out.nbytes)
        out[:] = np.frombuffer(plain, out.dtype)
        return
    _require(size, out.nbytes)
    _run("zstd", body, out)


def _run(name: str, body: bytes, out: AnyArray | None) -> Any:
    try:
        return _codec(name).decode(body, out)
    except (RuntimeError, ValueError) as error:
        message = f"{type(error).__name__}: {str(error)[:160]}"
        raise BadChunk(message) from error


def _gzip(body: bytes, out: AnyArray) -> None:
    try:
        # One byte too many is enough to see that it is too much.
        plain = zlib.decompressobj(wbits=31).decompress(body, out.nbytes + 1)
    except zlib.error as error:
        message = f"{type(error).__name__}: {str(error)[:160]}"
        raise BadChunk(message) from error
    _require(len(plain), out.nbytes)
    out[:] = np.frombuffer(plain, out.dtype)


DECODERS: Mapping[str, Callable[[bytes, AnyArray], None]] = {
    "blosc": _blosc,
    "zstd": _zstd,
    "gzip": _gzip,
}


def zstd_content_size(frame: bytes) -> int | None:
    """Decoded size that a Zstandard frame states; None where it states none.

    Source: RFC 8878, section 3.1.1.

    Raises:
        BadChunk: it is no such frame.
    """
    if frame[:4] != ZSTD_MAGIC or len(frame) < 6:
        message = "not a Zstandard frame"
        raise BadChunk(message)
    described = frame[4]
    single, flag = described >> 5 & 1, described >> 6
    at = 5 + (1 - single) + (0, 1, 2, 4)[described & 3]
    size = (single, 2, 4, 8)[flag]
    stated = int.from_bytes(frame[at : at + size], "little")
    return (stated + 256 * (flag == 1)) if size else None
