"""ObjectStore: a store as names, metadata and bytes; nothing of it is decoded."""

import hashlib
from collections.abc import Iterable, Sequence
from threading import Lock

from vcspec.model.store import Skeleton
from vcspec.storage.hierarchy import brief_skeleton, skeleton
from vcspec.storage.kept import KeptObjects
from vcspec.storage.objects import LocalObjects, Objects, RemoteObjects, open_objects
from vcspec.storage.piecewise import PiecewiseDigest

HASHED_AT_ONCE = 8_388_608


class ObjectStore:
    """A store at a path or URL, of which no array is read.

    Args:
        target: the path or URL.
        objects: below it, where they have been opened.
        brief: whether the nodes of a remote or very large store may be taken from the root's copy,
            without a listing.
    """

    def __init__(self, target: str, objects: Objects | None = None, *, brief: bool = False) -> None:
        self.target = target
        self._brief = brief
        found = objects if objects is not None else open_objects(target)
        self._objects = KeptObjects(found) if isinstance(found, RemoteObjects) else found
        self._skeleton: Skeleton | None = None
        self._lock, self._told, self._elsewhere = Lock(), (0, 0), (0, 0)

    @property
    def skeleton(self) -> Skeleton:
        """Objects and metadata, read once."""
        # Python 3.11 has one lock for a cached property of all stores, and these may be far away.
        if self._skeleton is None:
            brief = brief_skeleton(self._objects) if self._brief else None
            self._skeleton = brief or skeleton(self._objects)
        return self._skeleton

    def read(self, name: str) -> bytes:
        """The bytes of one object."""
        return self._objects.read(name)

    @property
    def requests(self) -> int:
        """How often the place was asked for something."""
        return self._objects.requests + self._elsewhere[0]

    @property
    def bytes_read(self) -> int:
        """Length of all that the place gave."""
        return self._objects.bytes_read + self._elsewhere[1]

    def untold(self) -> tuple[int, int]:
        """Requests and bytes since this was asked last, or since the store was opened."""
        with self._lock:
            before, self._told = self._told, (self.requests, self.bytes_read)
            return self._told[0] - before[0], self._told[1] - before[1]

    def reckon(self, requests: int, bytes_read: int) -> None:
        """Told what other processes asked for, which counts as well."""
        with self._lock:
            known = self._elsewhere
            self._elsewhere = known[0] + requests, known[1] + bytes_read

    def foresee(self, names: Iterable[str], then: Sequence[str], *, hashed: bool) -> None:
        """Told what will be read; a remote place sends it at once."""
        if isinstance(self._objects, KeptObjects):
            self._objects.foresee(names, then, hashed=hashed)

    def digests(self, names: Sequence[str]) -> list[str]:
        """SHA-256 of each object, hexadecimal."""
        objects = self._objects
        if isinstance(objects, LocalObjects):
            return [objects.sha256(name) for name in names]
        known = dict(objects.digests) if isinstance(objects, KeptObjects) else {}
        small = [
            name
            for name in names
            if name not in known and self.skeleton.objects[name].size <= HASHED_AT_ONCE
        ]
        bodies = objects.read_many([(name, None, None) for name in small])
        known |= {
            name: hashlib.sha256(body).hexdigest() for name, body in zip(small, bodies, strict=True)
        }
        return [known[name] if name in known else self._sha256(name) for name in names]

    def _sha256(self, name: str) -> str:
        """SHA-256 of one large object, of which is read what was not read before."""
        objects, size = self._objects, self.skeleton.objects[name].size
        digest = objects.pieces(name) if isinstance(objects, KeptObjects) else PiecewiseDigest()
        place, stop = digest.missing(size)
        while place < stop:
            digest.add(place, objects.read(name, place, min(stop, place + HASHED_AT_ONCE)))
            before, (place, stop) = place, digest.missing(size)
            if place == before:
                break  # it is shorter than it was
        return digest.hexdigest()
