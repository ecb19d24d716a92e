"""Content digests of columns and of arrays; a column comes in pieces, and one is held at a time."""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import rfc8785
from numpy.typing import NDArray

from vcspec.model.matrix import AnyArray
from vcspec.model.store import Column
from vcspec.statistics.tree import TILE_ROWS, canonical, element_digest

NULL = 0xFFFFFFFF


def array_digest(values: AnyArray) -> str:
    """Digest of a dense numeric array of any rank, or of a list of strings."""
    if values.dtype.kind in "OUT":
        return column_digest(Column("string", values))
    leaves = list(_array_leaves(values, 0))
    return element_digest("array", values.shape, values.dtype.name, leaves)


def column_digest(column: Column) -> str:
    """Digest of a column, the same for categorical, nullable and plain storage."""
    return digest_of_pieces([column])


def digest_of_pieces(pieces: Iterable[Column]) -> str:
    """Digest of a column that comes in pieces.

    Args:
        pieces: consecutive rows; at least one piece, each but the last of whole tiles.
    """
    waiting = iter(pieces)
    first = next(waiting)
    every = chain([first], waiting)
    return _text_digest(every) if first.sort == "string" else _number_digest(every, first)


def _text_digest(pieces: Iterable[Column]) -> str:
    leaves: list[bytes] = []
    rows = 0
    for piece in pieces:
        leaves += _text_leaves(piece, rows)
        rows += len(piece)
    return element_digest("strings", (rows,), "string", leaves)


def _text_leaves(piece: Column, first: int) -> Iterator[bytes]:
    packed, ends = _packed(piece)
    for start in range(0, len(piece), TILE_ROWS):
        stop = min(start + TILE_ROWS, len(piece))
        head = b"\x00strings" + struct.pack("<QQ", first + start, stop - start)
        yield hashlib.sha256(head + packed[ends[start] : ends[stop]].tobytes()).digest()


def _packed(piece: Column) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Each text as length and bytes, one after the other, and the (rows + 1,) borders between."""
    texts = list(map(str.encode, map(str, piece.values.tolist())))
    absent = [] if piece.missing is None else np.flatnonzero(piece.missing).tolist()
    for row in absent:
        texts[row] = b""
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    ends = np.concatenate([[0], np.cumsum(lengths + 4)])
    heads = lengths.astype("<u4")
    heads[absent] = NULL
    packed = np.empty(int(ends[-1]), dtype=np.uint8)
    is_text = np.ones(len(packed), dtype=bool)
    for at, part in enumerate(heads.view(np.uint8).reshape(-1, 4).T):
        packed[ends[:-1] + at] = part
        is_text[ends[:-1] + at] = False
    packed[is_text] = np.frombuffer(b"".join(texts), dtype=np.uint8)
    return packed, ends


def _number_digest(pieces: Iterable[Column], first: Column) -> str:
    """Of the values, and of the mask beside them where a value is missing."""
    values: list[bytes] = []
    mask: list[bytes] = []
    rows, is_masked = 0, False
    for piece in pieces:
        found, missing = piece.values, np.zeros(len(piece), dtype=bool)
        if piece.missing is not None:
            missing, is_masked = piece.missing, True
            found = np.where(missing, np.zeros(1, dtype=found.dtype), found)
        values += _array_leaves(found, rows)
        mask += _array_leaves(missing, rows)
        rows += len(piece)
    whole = element_digest("array", (rows,), first.values.dtype.name, values)
    if not is_masked:
        return whole
    parts = {"values": whole, "missing": element_digest("array", (rows,), "bool", mask)}
    return hashlib.sha256(rfc8785.dumps(parts)).hexdigest()


def _array_leaves(values: AnyArray, first: int) -> Iterator[bytes]:
    flat = canonical(values).reshape(-1)
    for start in range(0, len(flat), TILE_ROWS):
        head = b"\x00array" + struct.pack("<Q", first + start)
        yield hashlib.sha256(head + flat[start : start + TILE_ROWS].tobytes()).digest()
