"""Content digest: what a store says, whatever its chunks, codecs and Zarr version.

Defined in the standard's prose (digests); one pass over the values, memory bounded by one block.
"""

import hashlib
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import rfc8785

from vcspec.model.matrix import AnyArray, Rows
from vcspec.model.store import Column, Damaged, Store
from vcspec.standard import standard
from vcspec.statistics.kernels import call, compiled

TILE_ROWS = 1_024
PREFIX = "vcs1c-sha256:"
NULL = 0xFFFFFFFF


@dataclass(frozen=True)
class Content:
    """Digest of an artefact, and of each inherent element that it is made of."""

    digest: str
    elements: Mapping[str, str]


def content_of(store: Store, blocks: Iterable[Rows] | None = None) -> Content:
    """Content digest of the artefact in `store`.

    Args:
        store: its document must be sound.
        blocks: the rows of X, where somebody streams them anyway.

    Raises:
        Damaged: a value cannot be decoded, or a matrix holds an entry twice.
    """
    document = store.skeleton.document or {}
    layout = standard(document["spec"]).layouts[document["kind"]]
    elements: dict[str, str] = {}
    for element in layout["element"]:
        path = f"/{element['path']}"
        if not element["inherent"] or path not in store.skeleton.nodes:
            continue
        if "csr_matrix" in element["encodings"]:
            given = blocks if element["path"] == "X" and blocks is not None else store.blocks(path)
            elements[element["path"]] = matrix_digest(given, store, path)
        else:
            elements[element["path"]] = array_digest(store.array(path))
    for column in layout["column"]:
        table, name = f"/{column['table']}", column["name"]
        if column["inherent"] and has_column(store, table, name):
            elements[f"{column['table']}/{name}"] = column_digest(store.column(table, name))
    inherent = {name: document[name] for name in layout["inherent_document"] if name in document}
    return combined(inherent, elements)


def has_column(store: Store, table: str, name: str) -> bool:
    """Whether the table has that column; every table has the index."""
    node = store.skeleton.nodes.get(table)
    if node is None:
        return False
    return name == "_index" or f"{table}/{name}" in store.skeleton.nodes


def combined(document: Mapping[str, Any], elements: Mapping[str, str]) -> Content:
    """The artefact's digest from its inherent document members and element digests."""
    whole = rfc8785.dumps({"document": dict(document), "elements": dict(elements)})
    return Content(PREFIX + hashlib.sha256(whole).hexdigest(), dict(elements))


def matrix_digest(blocks: Iterable[Rows], store: Store, path: str) -> str:
    """Digest of a matrix, the same for CSR, CSC and dense."""
    leaves: list[bytes] = []
    rows, width, data_type = 0, _width(store, path), _data_type(store, path)
    for tile in tiles(blocks):
        leaves.append(matrix_leaf(tile, path))
        rows += len(tile)
    return _element("matrix", (rows, width), data_type, leaves)


def _width(store: Store, path: str) -> int:
    node = store.skeleton.nodes[path]
    return int((node.shape if node.sort == "array" else node.attributes["shape"])[1])


def _data_type(store: Store, path: str) -> str:
    node = store.skeleton.nodes[path]
    return (node if node.sort == "array" else store.skeleton.nodes[f"{path}/data"]).data_type


def tiles(blocks: Iterable[Rows]) -> Iterator[Rows]:
    """The same rows, cut at multiples of `TILE_ROWS`."""
    from vcspec.model.matrix import stack

    waiting: list[Rows] = []
    for block in blocks:
        start = 0
        while start < len(block):
            at = block.first + start
            stop = min(len(block), start + TILE_ROWS - at % TILE_ROWS)
            waiting.append(block.slice(start, stop))
            start = stop
            if (block.first + stop) % TILE_ROWS == 0:
                yield stack(waiting)
                waiting = []
    if waiting:
        yield stack(waiting)


def matrix_leaf(tile: Rows, path: str) -> bytes:
    """Digest of one tile: row lengths, column numbers and values, without zeros.

    Raises:
        Damaged: an entry stands twice.
    """
    row, column, value = _in_order(tile)
    if len(row) and ((np.diff(row) == 0) & (np.diff(column) == 0)).any():
        raise Damaged(path, "an entry of the matrix stands twice")
    lengths = np.bincount(row, minlength=len(tile))
    head = b"\x00matrix" + struct.pack("<QQ", tile.first, len(tile))
    body = (lengths.astype("<u8"), column.astype("<u4"), canonical(value))
    return hashlib.sha256(b"".join([head, *(part.tobytes() for part in body)])).digest()


def raw_leaf(tile: Rows) -> bytes | None:
    """The same digest from the bytes as they lie; None where they are not canonical already.

    They are where no zero is stored, columns rise within each row, and no value is NaN.
    """
    is_plain = (
        tile.indices.dtype == np.dtype("<i4")
        and tile.data.dtype.isnative
        and sys.byteorder == "little"
    )
    if not is_plain or not _is_canonical(tile):
        return None
    digest = hashlib.sha256(b"\x00matrix" + struct.pack("<QQ", tile.first, len(tile)))
    for part in (np.diff(tile.indptr).astype("<u8"), tile.indices, tile.data):
        digest.update(np.ascontiguousarray(part).view(np.uint8))
    return digest.digest()


def _is_canonical(tile: Rows) -> bool:
    if compiled() is not None and tile.data.dtype in (np.float32, np.float64):
        entries = (tile.indptr, np.ascontiguousarray(tile.indices), np.ascontiguousarray(tile.data))
        return bool(call("vcs_canonical", len(tile), *entries, tile.data.dtype == np.float64))
    rises = np.diff(tile.indices) > 0
    ends = tile.indptr[1:-1]
    rises[ends[(ends > 0) & (ends < len(tile.indices))] - 1] = True  # a new row may begin anywhere
    if not rises.all() or (len(tile.indices) and int(tile.indices.min()) < 0):
        return False
    return bool(tile.data.all()) and not np.isnan(tile.data).any()


def _in_order(tile: Rows) -> tuple[AnyArray, AnyArray, AnyArray]:
    keep = tile.data != 0
    row, column, value = tile.row_of_entry[keep], tile.indices[keep], tile.data[keep]
    if ((np.diff(row) == 0) & (np.diff(column) < 0)).any():
        order = np.lexsort((column, row))
        row, column, value = row[order], column[order], value[order]
    return row, column, value


def canonical(values: AnyArray) -> AnyArray:
    """Little-endian values with one zero and one NaN."""
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.array(np.nan, dtype=values.dtype), values + 0.0)
    return values.astype(values.dtype.newbyteorder("<"), copy=False)


def array_digest(values: AnyArray) -> str:
    """Digest of a dense numeric array of any rank, or of a list of strings."""
    if values.dtype.kind in "OUT":
        return column_digest(Column("string", values))
    flat = canonical(values).reshape(-1)
    leaves = [
        hashlib.sha256(
            b"\x00array" + struct.pack("<Q", start) + flat[start : start + TILE_ROWS].tobytes()
        ).digest()
        for start in range(0, len(flat), TILE_ROWS)
    ]
    return _element("array", values.shape, values.dtype.name, leaves)


def column_digest(column: Column) -> str:
    """Digest of a column, the same for categorical, nullable and plain storage."""
    if column.sort == "string":
        leaves = [_string_leaf(column, start) for start in range(0, len(column), TILE_ROWS)]
        return _element("strings", (len(column),), "string", leaves)
    values = column.values
    if column.missing is None:
        return array_digest(values)
    present = np.where(column.missing, np.zeros(1, dtype=values.dtype), values)
    parts = {"values": array_digest(present), "missing": array_digest(column.missing)}
    return hashlib.sha256(rfc8785.dumps(parts)).hexdigest()


def _string_leaf(column: Column, start: int) -> bytes:
    stop = min(start + TILE_ROWS, len(column))
    missing = column.missing if column.missing is not None else np.zeros(len(column), dtype=bool)
    parts = [b"\x00strings", struct.pack("<QQ", start, stop - start)]
    for at in range(start, stop):
        if missing[at]:
            parts.append(struct.pack("<I", NULL))
            continue
        text = str(column.values[at]).encode("utf-8")
        parts += [struct.pack("<I", len(text)), text]
    return hashlib.sha256(b"".join(parts)).digest()


def _element(kind: str, shape: tuple[int, ...], data_type: str, leaves: list[bytes]) -> str:
    described: dict[str, Any] = {
        "kind": kind,
        "shape": [int(n) for n in shape],
        "dtype": data_type,
        "tile_rows": TILE_ROWS,
        "root": merkle_root(leaves).hex(),
    }
    return hashlib.sha256(rfc8785.dumps(described)).hexdigest()


def merkle_root(leaves: list[bytes]) -> bytes:
    """Root of the tree over `leaves`, which are digests already.

    Source: RFC 6962, section 2.1, with 0x01 before each pair.
    """
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    cut = 1 << (len(leaves) - 1).bit_length() - 1
    pair = merkle_root(leaves[:cut]) + merkle_root(leaves[cut:])
    return hashlib.sha256(b"\x01" + pair).digest()
