"""Recipes: how the chunks of an array are laid out and coded, as its metadata declare it.

zarr can read every array that the standard admits; the common ones are read here for less: numbers
and text in C order behind blosc, zstd, gzip, zlib or lz4, with or without a checksum, sharded or
not. `recipe_of` answers None for everything else, and the tests hold each recipe against zarr.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np

from vcspec.model.store import Node

NUMBERS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"})
OTHERS = frozenset({"float16", "float32", "float64", "bool", "string"})
COMPRESSORS = {2: frozenset({"blosc", "zstd", "gzip", "zlib", "lz4"})}
COMPRESSORS[3] = COMPRESSORS[2] - {"zlib", "lz4"}
CHECKSUM = 4


@dataclass(frozen=True)
class Recipe:
    """How the chunks of an array are decoded.

    Attributes:
        data_type: of the stored elements, with their byte order; `object` for text.
        chunk: shape of a chunk.
        per_object: number of chunks of one stored object, along each axis.
        index_at: where a shard keeps its index; empty where an object is one chunk.
        index_type: data type of the numbers in a shard's index.
        index_checked: whether a checksum follows the index.
        checked: whether a crc32c follows each chunk.
        compressor: its name, or empty.
    """

    data_type: np.dtype[Any]
    chunk: tuple[int, ...]
    per_object: tuple[int, ...]
    index_at: Literal["", "start", "end"] = ""
    index_type: str = ""
    index_checked: bool = False
    checked: bool = False
    compressor: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the elements are strings, each behind its length."""
        return self.data_type.hasobject

    @property
    def index_bytes(self) -> int:
        """Bytes of a shard's index."""
        return 16 * prod(self.per_object) + CHECKSUM * self.index_checked


def recipe_of(node: Node) -> Recipe | None:
    """How the array's chunks are decoded here; None where that is for zarr."""
    if node.sort != "array" or node.data_type not in NUMBERS | OTHERS or node.order != "C":
        return None
    ranks = {len(node.shape), len(node.chunks), len(node.inner_chunks or node.chunks)}
    if len(ranks) > 1 or min((*node.chunks, *node.inner_chunks, 1)) < 1:
        return None
    return _recipe_v2(node) if node.zarr_format == 2 else _recipe_v3(node)


def _recipe_v2(node: Node) -> Recipe | None:
    names = [name for name, _ in node.codecs]
    if node.data_type == "string" and names[:1] != ["vlen-utf8"]:
        return None
    compressors = names[1:] if node.data_type == "string" else names
    if not _is_known(compressors, node):
        return None
    return Recipe(
        _stored_type(node), node.chunks, (1,) * len(node.chunks), compressor="".join(compressors)
    )


def _is_known(compressors: list[str], node: Node) -> bool:
    known = COMPRESSORS[2 if node.zarr_format == 2 else 3]
    return len(compressors) < 2 and known.issuperset(compressors)


def _stored_type(node: Node) -> np.dtype[Any]:
    found: np.dtype[Any] = np.dtype(object if node.data_type == "string" else node.data_type)
    return found.newbyteorder(">" if node.byte_order == "big" else "<")


def _recipe_v3(node: Node) -> Recipe | None:
    chain = list(node.codecs)
    sharding: Mapping[str, Any] = {}
    if chain and chain[0][0] == "sharding_indexed":
        sharding = chain.pop(0)[1]
    if not chain or chain.pop(0)[0] != ("vlen-utf8" if node.data_type == "string" else "bytes"):
        return None
    names = [name for name, _ in chain]
    checked = names[-1:] == ["crc32c"]
    compressors = names[:-1] if checked else names
    index = _index_codecs(node) if sharding else ("", False)
    chunk = node.inner_chunks if sharding else node.chunks
    uneven = any(outer % inner for outer, inner in zip(node.chunks, chunk, strict=True))
    if not _is_known(compressors, node) or index is None or uneven:
        return None
    return Recipe(
        data_type=_stored_type(node),
        chunk=chunk,
        per_object=tuple(outer // inner for outer, inner in zip(node.chunks, chunk, strict=True)),
        index_at=sharding.get("index_location", "end") if sharding else "",
        index_type=index[0],
        index_checked=index[1],
        checked=checked,
        compressor="".join(compressors),
    )


def _index_codecs(node: Node) -> tuple[str, bool] | None:
    """Type of the index' numbers, and whether it has a checksum; None for other codecs."""
    names = [name for name, _ in node.index_codecs]
    if names not in (["bytes"], ["bytes", "crc32c"]):
        return None
    endian = node.index_codecs[0][1].get("endian", "little")
    return (">u8" if endian == "big" else "<u8"), len(names) == 2
