"""Chunks decoded straight into the caller's memory, as their recipe says."""

from math import prod
from typing import Any

import numpy as np

from vcspec.model.matrix import AnyArray
from vcspec.model.store import Body
from vcspec.standard import standard
from vcspec.storage.compressors import BadChunk, Bytes, expand_into, expanded, require
from vcspec.storage.recipes import CHECKSUM, Recipe

ABSENT = 2**64 - 1
RESIDUE = 0x48674BC7  # crc32c of any bytes with their own crc32c behind them
LENGTH = 4  # bytes of the length before each string, and of their number before all


def shard_index(recipe: Recipe, data: Body) -> AnyArray:
    """(*chunks along each axis, 2) offset and length of each chunk of a shard, from its index.

    Raises:
        BadChunk: the bytes are not an index.
    """
    body = _unchecked(data) if recipe.index_checked else data
    if len(body) != 16 * prod(recipe.per_object):
        message = f"a shard index of {len(body)} bytes"
        raise BadChunk(message)
    return np.frombuffer(body, recipe.index_type).reshape(*recipe.per_object, 2)


def _unchecked(data: Body) -> Body:
    """The bytes before their checksum, which must be right."""
    from google_crc32c import value

    whole = bytes(data)  # a copy of a view alone
    if len(whole) < CHECKSUM or value(whole) != RESIDUE:
        message = "the checksum crc32c differs"
        raise BadChunk(message)
    return memoryview(whole)[:-CHECKSUM]


def decode_into(recipe: Recipe, data: Body, out: AnyArray) -> None:
    """Decode one whole chunk into `out`, of the chunk's shape, contiguous, in machine order.

    Raises:
        BadChunk: the bytes do not decode to just that many elements.
    """
    body = _unchecked(data) if recipe.checked else data
    if recipe.is_text:
        out[...] = _texts(recipe, body)
    elif not recipe.compressor:
        require(len(body), out.nbytes)
        out[...] = np.frombuffer(body, recipe.data_type).reshape(out.shape)
    elif recipe.data_type.isnative:
        expand_into(recipe.compressor, body, _flat(out))
    else:
        raw = np.empty(out.shape, dtype=recipe.data_type)
        expand_into(recipe.compressor, body, _flat(raw))
        out[...] = raw


def _flat(out: AnyArray) -> Bytes:
    return out.reshape(-1).view(np.uint8)


def _texts(recipe: Recipe, body: Body) -> AnyArray:
    """The strings of one chunk."""
    plain = expanded(recipe.compressor, body, int(standard().limits["chunk_bytes"]))
    stated = int.from_bytes(bytes(plain[:LENGTH]), "little")
    count = prod(recipe.chunk)
    # Both before the decoder makes room for as many strings as the bytes state.
    if stated != count or LENGTH + LENGTH * count > len(plain):
        message = f"{stated} strings in {len(plain)} bytes, where {count} are declared"
        raise BadChunk(message)
    try:
        found: AnyArray = _text_codec().decode(plain)
    except ValueError as error:  # of bytes that are no UTF-8 as well
        message = f"{type(error).__name__}: {str(error)[:160]}"
        raise BadChunk(message) from error
    return found.reshape(recipe.chunk)


def _text_codec() -> Any:
    from numcodecs.vlen import VLenUTF8

    return VLenUTF8()
