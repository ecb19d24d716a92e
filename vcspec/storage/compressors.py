"""Compressors: bytes expanded into memory of a known size, or within a bound."""

import struct
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.model.store import Body

Bytes = NDArray[np.uint8]
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_BLOCK = 131_072  # what a block may decode to at most


class BadChunk(ValueError):
    """Bytes that are not the chunk they should be."""


def expand_into(name: str, body: Body, out: Bytes) -> None:
    """Expand `body` into all of `out`, which must be contiguous.

    Raises:
        BadChunk: it does not expand to just that many bytes.
    """
    if name in INFLATED:
        _inflated_into(body, out, INFLATED[name])
        return
    size = SIZES[name](body)
    if size is not None:
        require(size, out.nbytes)
    # zstd itself insists on the size of `out` where the frame states none.
    _run(name, body, out)


def expanded(name: str, body: Body, most: int) -> Body | Bytes:
    """`body` expanded to whatever size it has.

    Raises:
        BadChunk: that is more than `most` bytes, or cannot be done.
    """
    if not name:
        return body
    if name in INFLATED:
        return _inflated(body, most, INFLATED[name])
    size = SIZES[name](body)
    if size is None:
        _limit(zstd_bound(body), most)
        return bytes(_run(name, body, None))
    _limit(size, most)
    out = np.empty(size, dtype=np.uint8)
    if size:
        _run(name, body, out)
    return out


def require(found: int, wanted: int) -> None:
    """Insist on a size.

    Raises:
        BadChunk: it is another one.
    """
    if found != wanted:
        message = f"{found} bytes where {wanted} are declared"
        raise BadChunk(message)


def _limit(size: int, most: int) -> None:
    if size > most:
        message = f"it expands to {size} bytes; at most {most} are decoded"
        raise BadChunk(message)


@cache
def _codec(name: str) -> Any:
    import numcodecs

    return {"blosc": numcodecs.Blosc, "zstd": numcodecs.Zstd, "lz4": numcodecs.LZ4}[name]()


def _run(name: str, body: Body, out: Bytes | None) -> Any:
    try:
        return _codec(name).decode(body, out)
    except (RuntimeError, ValueError) as error:
        message = f"{type(error).__name__}: {str(error)[:160]}"
        raise BadChunk(message) from error


def _inflated_into(body: Body, out: Bytes, window: int) -> None:
    # One byte too many is enough to see that it is too much.
    plain = _inflate(body, out.nbytes + 1, window)
    require(len(plain), out.nbytes)
    out[:] = np.frombuffer(plain, np.uint8)


def _inflated(body: Body, most: int, window: int) -> bytes:
    plain = _inflate(body, most + 1, window)
    _limit(len(plain), most)
    return plain


def _inflate(body: Body, most: int, window: int) -> bytes:
    try:
        return zlib.decompressobj(wbits=window).decompress(body, most)
    except zlib.error as error:
        message = f"{type(error).__name__}: {str(error)[:160]}"
        raise BadChunk(message) from error


def _blosc_size(body: Body) -> int:
    # The decoder fills a larger buffer without a word: the sizes in the header are compared first.
    if len(body) < 16:
        require(len(body), 16)
    size, _, whole = struct.unpack_from("<III", body, 4)
    require(whole, len(body))
    return int(size)


def _lz4_size(body: Body) -> int:
    if len(body) < 4:
        require(len(body), 4)
    return int.from_bytes(body[:4], "little")


def zstd_content_size(frame: Body) -> int | None:
    """Decoded size that a Zstandard frame states; None where it states none.

    Source: RFC 8878, section 3.1.1.

    Raises:
        BadChunk: it is no such frame.
    """
    at, size = _zstd_header(frame)
    stated = int.from_bytes(frame[at - size : at], "little")
    return (stated + 256 * (size == 2)) if size else None


def _zstd_header(frame: Body) -> tuple[int, int]:
    """Length of the frame's header, and of the size at its end."""
    if frame[:4] != ZSTD_MAGIC or len(frame) < 6:
        message = "not a Zstandard frame"
        raise BadChunk(message)
    described = frame[4]
    single, flag = described >> 5 & 1, described >> 6
    size = (single, 2, 4, 8)[flag]
    return 5 + (1 - single) + (0, 1, 2, 4)[described & 3] + size, size


def zstd_bound(frame: Body) -> int:
    """Bytes that a Zstandard frame of unknown size decodes to at most, by its blocks.

    Raises:
        BadChunk: its blocks do not end where the frame ends.
    """
    at, last, total = _zstd_header(frame)[0], 0, 0
    while not last and at + 3 <= len(frame):
        head = int.from_bytes(frame[at : at + 3], "little")
        last, sort, size = head & 1, head >> 1 & 3, head >> 3
        total += min(size, ZSTD_BLOCK) if sort < 2 else ZSTD_BLOCK
        at += 3 + (1 if sort == 1 else size)
    checksum = 4 * (frame[4] >> 2 & 1)
    if not last or at + checksum != len(frame):
        message = "its blocks do not end where the Zstandard frame ends"
        raise BadChunk(message)
    return total


INFLATED: Mapping[str, int] = {"gzip": 31, "zlib": 15}
SIZES: Mapping[str, Callable[[Body], int | None]] = {
    "blosc": _blosc_size,
    "lz4": _lz4_size,
    "zstd": zstd_content_size,
}
