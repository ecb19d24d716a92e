"""Objects of a remote place, fetched whole once and kept for a while within a bound of memory."""

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import Any

from vcspec.model.store import Body, StoredObject
from vcspec.storage.objects import RemoteObjects, Unreached, Wanted
from vcspec.storage.piecewise import PiecewiseDigest

WHOLE_BYTES = 33_554_432  # larger objects are read in ranges
SMALL_BYTES = 1_048_576  # an object that is always read whole, and of little work to hash
RECENT_BYTES = 67_108_864
FORESEEN_BYTES = 33_554_432
AHEAD = 2  # objects of an array that come while one is worked on
GAP_BYTES = 1_048_576  # unwanted bytes that cost less than another request
RUN_BYTES = 16_777_216  # one connection alone is slow: longer ranges are not merged further
Key = str | Wanted  # an object, or a range of one that is too large
NUMBERED = re.compile(r"(.*?/)?(\d+(?:[./]\d+)*)")  # an object of an array, by its place


class KeptObjects:
    """The objects of a remote place, asked for as seldom as bounded memory allows.

    Objects of up to `WHOLE_BYTES` are fetched whole: those that were foreseen are kept as long as
    this lives, and the latest others up to `RECENT_BYTES`, longest those that were read in part.
    Of larger ones ranges are read, and kept as well. Who asks for what another thread is fetching
    waits for it. Digests are taken as objects come, in ranges as well, where they will be asked
    for. Of an array of which an object is read, the next ones come meanwhile, where there is room:
    a pass goes forward.

    Attributes:
        digests: name → SHA-256 of each object that was fetched whole and hashed.
    """

    def __init__(self, objects: RemoteObjects) -> None:
        self.remote = objects
        self.digests: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._lock = threading.Lock()
        self._coming: dict[Key, Future[Body]] = {}
        self._recent: OrderedDict[Key, Body] = OrderedDict()
        self._finished: OrderedDict[Key, Body] = OrderedDict()  # read to their end
        self._held = 0
        self._foreseen: dict[Key, Body] = {}
        self._room = FORESEEN_BYTES
        self._whole_bytes = SMALL_BYTES
        self._hashes = True
        self._pieces: dict[str, PiecewiseDigest] = {}
        self._next: dict[str, str] = {}

    @property
    def requests(self) -> int:
        """How often the place was asked."""
        return self.remote.requests

    @property
    def bytes_read(self) -> int:
        """Length of all that the place gave."""
        return self.remote.bytes_read

    def size(self, name: str) -> int | None:
        """Bytes of the object, asked for on its own."""
        return self.remote.size(name)

    def listing(self) -> Mapping[str, StoredObject]:
        """Every object below the root."""
        found = self.remote.listing()
        self.learn(found)
        return found

    def opening(self, name: str, most: int) -> bytes | None:
        """Bytes of an object of which no size is known, kept; None where it is absent or larger."""
        try:
            body = self.remote.read(name, 0, most + 1)
        except Unreached:
            raise
        except OSError:
            return None
        if len(body) > most:
            return None
        self._foreseen[name] = body
        self._sizes[name] = len(body)
        return body

    def learn(self, listing: Mapping[str, StoredObject]) -> None:
        """Told which objects there are."""
        self._sizes = {name: entry.size for name, entry in listing.items()}

    def foresee(self, names: Iterable[str], then: Sequence[str] = (), *, hashed: bool) -> None:
        """Told that most of the store will be read, and first of all the objects `names`.

        They are fetched at once, as far as there is room for them.

        Args:
            names: of objects.
            then: of those that will be asked for next, which come meanwhile where there is room.
            hashed: whether digests will be asked for.
        """
        self._whole_bytes, self._hashes = WHOLE_BYTES, hashed
        self._next = _next_of(self._sizes)
        self._begin(then)
        self._look_ahead(then)
        chosen = []
        for name in names:
            if name not in self._foreseen and self._sizes[name] <= self._room:
                chosen.append(name)
                self._room -= self._sizes[name]
        try:
            self._foreseen.update(self._bodies(chosen, self._fetched))
            self._done_with([(name, None, None) for name in chosen])
        except Unreached:
            raise
        except OSError:
            return  # whoever asks for the one that cannot be read will be told

    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        """Bytes of the object, all or from `start` to `stop`."""
        return bytes(self.read_many([(name, start, stop)])[0])

    def read_many(self, wanted: Sequence[Wanted], *, alone: bool = False) -> list[Body]:
        """Bytes of each, as `Objects.read_many` says."""
        whole = [] if alone else [name for name, *_ in wanted if self._comes_whole(name)]
        bodies = self._held_of(wanted) | self._bodies(whole, self._fetched)
        self._look_ahead(whole)
        rest = [one for one in wanted if one[0] not in bodies]
        ranges = self._bodies(rest, partial(self._fetched_ranges, among=rest))
        self._done_with(wanted)
        return [
            ranges[one] if one in ranges else _cut(bodies[one[0]], one[1], one[2]) for one in wanted
        ]

    def _comes_whole(self, name: str) -> bool:
        return self._sizes.get(name, WHOLE_BYTES + 1) <= self._whole_bytes

    def _held_of(self, wanted: Sequence[Wanted]) -> dict[str, Body]:
        with self._lock:
            names = dict.fromkeys(name for name, *_ in wanted)
            return {name: held for name in names if (held := self._kept(name)) is not None}

    def _done_with(self, wanted: Sequence[Wanted]) -> None:
        """Drop what there is no room for, first what was read to its end: a pass goes forward."""
        with self._lock:
            for name, _, stop in wanted:
                if name in self._recent and (stop is None or stop >= self._sizes[name]):
                    self._finished[name] = self._recent.pop(name)
            while self._held > RECENT_BYTES and (held := self._finished or self._recent):
                self._held -= len(held.popitem(last=False)[1])

    def _bodies(
        self, keys: Sequence[Key], fetch: Callable[[list[Any]], Mapping[Any, Body]]
    ) -> dict[Key, Body]:
        """Objects or ranges, each fetched by one thread alone."""
        with self._lock:
            found = {key: held for key in keys if (held := self._kept(key)) is not None}
            others = {key: self._coming[key] for key in keys if key in self._coming}
            own = [key for key in dict.fromkeys(keys) if key not in found and key not in others]
            self._expect(own)
        found.update(fetch(own))
        found.update({key: future.result() for key, future in others.items()})
        return found

    def _look_ahead(self, names: Iterable[str]) -> None:
        """Begin to fetch what follows."""
        for _ in range(AHEAD):
            names = dict.fromkeys(self._next[name] for name in names if name in self._next)
            self._begin(names)

    def _begin(self, names: Iterable[str]) -> None:
        """Fetch whole objects in a thread of its own, where there is room and none is at it."""
        with self._lock:
            new = [
                name
                for name in names
                if self._comes_whole(name)
                and name not in self._coming
                and not any(name in held for held in (self._recent, self._finished, self._foreseen))
            ]
            needed = self._held + sum(map(self._sizes.__getitem__, new)) - RECENT_BYTES
            if not new or needed > sum(map(len, self._finished.values())):
                return
            self._expect(new)
            while self._held > RECENT_BYTES:
                self._held -= len(self._finished.popitem(last=False)[1])

        def fetch() -> None:
            with suppress(Exception):  # whoever waits for one of them is told
                self._fetched(new)

        try:
            threading.Thread(target=fetch, name="vcspec-ahead", daemon=True).start()
        except RuntimeError as error:  # the system has no thread left
            self._lost(new, error)

    def _kept(self, key: Key) -> Body | None:
        for held in (self._recent, self._finished):
            if key in held:
                held.move_to_end(key)
                return held[key]
        return self._foreseen.get(key)

    def _fetched(self, names: list[str]) -> dict[str, Body]:
        if not names:
            return {}
        try:
            bodies = self.remote.read_many([(name, None, None) for name in names])
            found = dict(zip(names, bodies, strict=True))
            for name, body in found.items() if self._hashes else ():
                self.digests[name] = hashlib.sha256(body).hexdigest()
        except BaseException as error:
            self._lost(names, error)
            raise
        with self._lock:
            for name, body in found.items():
                self._coming.pop(name).set_result(body)
                self._recent[name] = body
                self._held += len(body) - self._sizes[name]
        return found

    def _expect(self, keys: Iterable[Key]) -> None:
        """Note, under the lock, that they are on their way, and the room that they will take."""
        for key in keys:
            self._coming[key] = Future()
            self._held += self._room_of(key)

    def _lost(self, keys: Iterable[Key], error: BaseException) -> None:
        """Tell whoever waits for them that they do not come."""
        with self._lock:
            for key in keys:
                self._coming.pop(key).set_exception(error)
                self._held -= self._room_of(key)

    def _room_of(self, key: Key) -> int:
        """Bytes that are kept of what comes."""
        return self._sizes[key] if isinstance(key, str) else 0

    def _fetched_ranges(self, own: list[Wanted], among: Iterable[Wanted]) -> dict[Wanted, Body]:
        """Bytes of each; ranges of one object that lie near each other are read in one go.

        Args:
            own: ranges that are to be fetched.
            among: those and others, which are at hand or on their way: no run goes over them.
        """
        runs: list[Wanted] = []
        run_of: dict[Wanted, int] = {}
        mine, goes_on = set(own), False
        for one in sorted(set(among), key=lambda one: (one[0], one[1] or 0, one[2] or 0)):
            merged = _merged(runs[-1], one) if goes_on else None
            goes_on = one in mine
            if not goes_on:
                continue
            if merged is None:
                runs.append(one)
            else:
                runs[-1] = merged
            run_of[one] = len(runs) - 1
        try:
            bodies = self.remote.read_many(runs) if runs else []
            self._hash(runs, bodies)
        except BaseException as error:
            self._lost(own, error)
            raise
        found = {
            one: _cut(bodies[number], one[1], one[2], first=runs[number][1] or 0)
            for one, number in run_of.items()
        }
        with self._lock:
            for one, body in found.items():
                self._coming.pop(one).set_result(body)
                if one[1] is not None:
                    self._finished[one] = body
                    self._held += len(body)
        return found

    def _hash(self, runs: Sequence[Wanted], bodies: Sequence[Body]) -> None:
        """Take digests of objects that are too large to be kept."""
        for (name, start, _), body in zip(runs, bodies, strict=True):
            if not self._hashes:
                return
            if start is None:
                self.digests[name] = hashlib.sha256(body).hexdigest()
            elif self._sizes.get(name, 0) > WHOLE_BYTES:
                pieces = self.pieces(name)
                with self._lock:  # what was read to its end gives way
                    room = RECENT_BYTES - self._held + sum(map(len, self._finished.values()))
                more = pieces.add(start, body, room)
                with self._lock:
                    self._held += more

    def pieces(self, name: str) -> PiecewiseDigest:
        """The digest of an object that comes in ranges, as far as these were read."""
        with self._lock:
            return self._pieces.setdefault(name, PiecewiseDigest())


def _next_of(names: Iterable[str]) -> dict[str, str]:
    """Object of an array → the one after it, the last axis fastest."""
    arrays: dict[str, list[tuple[list[int], str]]] = {}
    for name in names:
        if found := NUMBERED.fullmatch(name):
            place = [int(part) for part in re.split("[./]", found[2])]
            arrays.setdefault(found[1] or "", []).append((place, name))
    return {
        one: other for array in arrays.values() for (_, one), (_, other) in pairwise(sorted(array))
    }


def _merged(run: Wanted, one: Wanted) -> Wanted | None:
    """One range for both; None where they are better read apart."""
    name, start, stop = run
    if one[0] != name or start is None or stop is None or one[1] is None or one[2] is None:
        return None
    end = max(stop, one[2])
    near = one[1] - stop < GAP_BYTES and end - start <= RUN_BYTES
    return (name, start, end) if near else None


def _cut(body: Body, start: int | None, stop: int | None, *, first: int = 0) -> Body:
    """Bytes `start` to `stop` of an object of which `body` begins at `first`."""
    if start is None:
        return body
    return body[start - first : None if stop is None else stop - first]
