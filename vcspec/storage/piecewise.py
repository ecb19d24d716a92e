"""Digests of bytes that come in pieces."""

import hashlib
from threading import Lock

from vcspec.model.store import Body


class PiecewiseDigest:
    """SHA-256 of bytes that come in pieces, in any order and from any thread.

    Pieces that come too soon are held where there is room; one that is left out, or comes again,
    does no harm.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._digest = hashlib.sha256()
        self._place = 0
        self._early: dict[int, Body] = {}

    def add(self, start: int, piece: Body, room: int = 0) -> int:
        """Take the bytes from `start`; how many more bytes than before are held.

        Args:
            start: place of the first.
            piece: the bytes.
            room: how many bytes more may be held.
        """
        with self._lock:
            before = self._held()
            if start <= self._place or len(piece) <= room:
                known = self._early.get(start, b"")
                self._early[start] = max(known, piece, key=len)
            for place in sorted(self._early):
                if place > self._place:
                    break
                new = memoryview(self._early.pop(place))[self._place - place :]
                self._digest.update(new)
                self._place += len(new)
            return self._held() - before

    def _held(self) -> int:
        return sum(map(len, self._early.values()))

    def missing(self, size: int) -> tuple[int, int]:
        """From and up to where the first bytes are still to come, of `size`; none where equal."""
        with self._lock:
            return self._place, min([*self._early, size])

    def hexdigest(self) -> str:
        """Of the bytes before the first that is still to come, hexadecimal."""
        with self._lock:
            return self._digest.hexdigest()
