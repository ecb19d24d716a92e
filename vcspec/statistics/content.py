"""Content digest: what a store says, whatever its chunks, codecs and Zarr version.

Defined in the standard's prose (digests); one pass over the values, memory bounded by one block.
"""

import hashlib
import struct
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import rfc8785

from vcspec.model.matrix import AnyArray, Rows
from vcspec.model.store import Damaged, Store
from vcspec.standard import standard
from vcspec.statistics.columns import array_digest, digest_of_pieces
from vcspec.statistics.kernels import call, compiled
from vcspec.statistics.tree import TILE_ROWS, canonical, element_digest

PREFIX = "vcs1c-sha256:"


@dataclass(frozen=True)
class Content:
    """Digest of an artefact, and of each inherent element that it is made of."""

    digest: str
    elements: Mapping[str, str]


def content_of(store: Store, known: Mapping[str, str] | None = None) -> Content:
    """Content digest of the artefact in `store`.

    Args:
        store: its document must be sound.
        known: digests of elements that somebody has taken already, by path without its slash.

    Raises:
        Damaged: a value cannot be decoded, or a matrix holds an entry twice.
    """
    document = store.skeleton.document or {}
    elements = dict(known or {})
    elements |= elements_of(store, besides=elements)
    inherent = {
        name: document[name] for name in _layout(store)["inherent_document"] if name in document
    }
    return combined(inherent, elements)


def elements_of(store: Store, *, besides: Container[str]) -> dict[str, str]:
    """Digest of each inherent element and column, by path without its slash.

    Args:
        store: its document must be sound.
        besides: of what nothing is wanted.

    Raises:
        Damaged: a value cannot be decoded, or a matrix holds an entry twice.
    """
    found: dict[str, str] = {}
    layout = _layout(store)
    for element in layout["element"]:
        name, path = element["path"], f"/{element['path']}"
        if not element["inherent"] or name in besides or path not in store.skeleton.nodes:
            continue
        if "csr_matrix" in element["encodings"]:
            found[name] = matrix_digest(store, path)
        else:
            found[name] = array_digest(store.array(path))
    for column in layout["column"]:
        table, name = column["table"], column["name"]
        if (
            column["inherent"]
            and f"{table}/{name}" not in besides
            and has_column(store, f"/{table}", name)
        ):
            found[f"{table}/{name}"] = digest_of_pieces(store.pieces(f"/{table}", name))
    return found


def _layout(store: Store) -> Mapping[str, Any]:
    document = store.skeleton.document or {}
    return standard(document["spec"]).layouts[document["kind"]]


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


def commitment(elements: Mapping[str, str]) -> str:
    """What a split states of a reference that is withheld: the digest of its elements alone.

    The document plays no part: it names the split, which cannot be known before the digest is.
    """
    return combined({}, elements).digest


def matrix_digest(store: Store, path: str) -> str:
    """Digest of a matrix, the same for CSR, CSC and dense."""
    leaves = [raw_leaf(tile) or matrix_leaf(tile, path) for tile in tiles(store.blocks(path))]
    return digest_of_leaves(leaves, store, path)


def digest_of_leaves(leaves: list[bytes], store: Store, path: str) -> str:
    """Digest of the matrix at `path`, from those of its tiles."""
    node = store.skeleton.nodes[path]
    shape = node.shape if node.sort == "array" else node.attributes["shape"]
    holder = node if node.sort == "array" else store.skeleton.nodes[f"{path}/data"]
    return element_digest("matrix", (int(shape[0]), int(shape[1])), holder.data_type, leaves)


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
        digest.update(np.ascontiguousarray(part).view(np.uint8).data)
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
