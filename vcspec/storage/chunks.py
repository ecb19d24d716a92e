"""Boxes of arrays: which bytes they need, read together and decoded in place."""

from collections import OrderedDict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from threading import Lock

from vcspec.model.matrix import AnyArray
from vcspec.model.store import Body, Damaged, Node, StoredObject
from vcspec.storage.compressors import BadChunk
from vcspec.storage.decoding import ABSENT, shard_index
from vcspec.storage.objects import LocalObjects, Objects, Wanted
from vcspec.storage.parts import Key, Part, Place
from vcspec.storage.recipes import recipe_of

TURN_BYTES = 67_108_864  # stored bytes that are held while they are decoded
RECENT_BYTES = 12_582_912  # of chunks that are kept decoded, of all stores together
LAST = 4  # chunks of a box that are kept though they were wanted whole


class Absent(Damaged):
    """An object, or a chunk of a shard, that should be there and is not."""


class Vanished(Exception):
    """An object that was listed is not there any more."""


@dataclass(frozen=True, eq=False)
class Step:
    """One chunk of one of the parts that are read together.

    Attributes:
        number: of the part.
        part: the part itself.
        place: of the chunk.
        wanted: where its bytes are.
        size: how many these are.
        is_last: whether it is among the last chunks of the part.
    """

    number: int
    part: Part
    place: Place
    wanted: Wanted
    size: int
    is_last: bool

    @property
    def key(self) -> Key:
        """What names the chunk in its store."""
        return self.part.node.path, self.place

    def decode(self, data: Mapping[Key, Body], out: AnyArray) -> AnyArray | None:
        """Put what the part has of the chunk into `out`.

        Returns:
            The chunk, where it is likely wanted again soon: it is cut, or at the end of the part.

        Raises:
            Damaged: the bytes do not decode.
        """
        room = self.part.room(self.place, out)
        try:
            whole = self.part.decoded(data[self.key], into=room)
        except BadChunk as error:
            shown = self.place[0] if len(self.place) == 1 else self.place
            reason = f"chunk {shown} cannot be decoded ({error})"
            raise Damaged(self.part.node.path, reason) from error
        if room is not None:
            return whole.copy() if self.is_last else None
        self.part.put(self.place, whole, out)
        return whole


class Recent:
    """Chunks that are likely wanted again soon, decoded. Any number of readers and threads ask.

    Boxes that follow each other share the chunk between them, and overlap where tiles of rows are
    completed.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._chunks: OrderedDict[tuple[object, Key], AnyArray] = OrderedDict()
        self._bytes = 0

    def get(self, reader: object, key: Key) -> AnyArray | None:
        """The chunk, decoded, if it is still kept for the reader."""
        with self._lock:
            found = self._chunks.get((reader, key))
            if found is not None:
                self._chunks.move_to_end((reader, key))
            return found

    def keep(self, reader: object, key: Key, chunk: AnyArray) -> None:
        """Keep the chunk, in place of those that were asked for longest ago."""
        named = reader, key
        with self._lock:
            if named in self._chunks or chunk.nbytes > RECENT_BYTES or chunk.dtype.hasobject:
                return
            self._chunks[named] = chunk
            self._bytes += chunk.nbytes
            while self._bytes > RECENT_BYTES:
                self._bytes -= self._chunks.popitem(last=False)[1].nbytes


_RECENT = Recent()


class ChunkReader:
    """Reads and decodes boxes of the arrays of one store; any number of threads may ask."""

    def __init__(self, objects: Objects, stored: Mapping[str, StoredObject]) -> None:
        self._objects = objects
        self._stored = stored
        self._indices: dict[str, AnyArray] = {}
        self._heads: dict[str, bytes] = {}  # copies, which hold no larger memory
        self._name = object()  # by which its chunks are known among those kept

    def read(
        self, wanted: Sequence[tuple[Node, tuple[slice, ...]]], *, borrow: bool = False
    ) -> list[AnyArray] | None:
        """Boxes of several arrays, their bytes fetched together; None where zarr must read.

        Args:
            wanted: arrays and boxes.
            borrow: decode into memory of the thread's own, which its next borrowing overwrites.

        Raises:
            Absent: an object or a chunk is not there.
            Damaged: bytes do not decode.
        """
        parts: list[Part] = []
        for node, where in wanted:
            recipe = recipe_of(node)
            if recipe is None:
                return None
            parts.append(Part(node, recipe, where))
        try:
            return self._filled(parts, borrow=borrow)
        except Vanished as error:
            # Listed, and gone since.
            near = [part.node.path for part in parts if part.node.path.strip("/") in error.args[0]]
            place, reason = (near or [parts[0].node.path])[0], f"the object {error} is absent"
            raise Absent(place, reason) from error

    def _filled(self, parts: Sequence[Part], *, borrow: bool) -> list[AnyArray]:
        """Every chunk fetched and decoded; nothing is made room for before all are known."""
        self._learn_indices(parts)
        steps: list[Step] = []
        for number, part in enumerate(parts):
            places = list(part.places())
            last = places[-LAST:]
            steps += [
                Step(number, part, place, *self._wanted(part, place), is_last=place in last)
                for place in places
            ]
        found = [
            part.borrowed(f"chunks {number}") if borrow else part.empty()
            for number, part in enumerate(parts)
        ]
        unread = []
        for step in steps:
            kept = _RECENT.get(self._name, step.key)
            if kept is None:
                unread.append(step)
            else:
                step.part.put(step.place, kept, found[step.number])
        # What is near is read chunk by chunk and decoded while it is in the cache.
        for turn in _turns(unread, 0 if isinstance(self._objects, LocalObjects) else TURN_BYTES):
            data = self._fetch(turn)
            for step in turn:
                chunk = step.decode(data, found[step.number])
                if chunk is not None:
                    _RECENT.keep(self._name, step.key, chunk)
        return found

    def heads(self, wanted: Sequence[tuple[Node, Sequence[str]]]) -> list[list[bytes]]:
        """The bytes of shards of the arrays where their index should be, at their start."""
        spans: dict[str, Wanted] = {}
        kept: set[str] = set()
        for node, names in wanted:
            recipe = recipe_of(node)
            size = recipe.index_bytes if recipe is not None else 16 * prod(node.chunks)
            unknown = [name for name in names if name not in self._heads]
            spans |= {name: (name, 0, min(size, self._size(node, name))) for name in unknown}
            if recipe is not None and recipe.index_at == "start":
                kept.update(unknown)
        bodies = self._objects.read_many(list(spans.values()), alone=True)
        found = dict(zip(spans, map(bytes, bodies), strict=True))
        self._heads.update({name: found[name] for name in kept})
        return [
            [found[name] if name in found else self._heads[name] for name in names]
            for _, names in wanted
        ]

    def heads_ahead(self, nodes: Sequence[Node], *, besides: Container[str]) -> None:
        """Read the heads of shards for whoever asks next, where all that was asked is kept.

        Args:
            nodes: of arrays in shards.
            besides: objects that come whole.
        """
        wanted = []
        for node in nodes:
            recipe, folder = recipe_of(node), f"{node.path.strip('/')}/c/"
            if recipe is not None and recipe.index_at == "start":
                names = [name for name in self._stored if name.startswith(folder)]
                wanted.append((node, [name for name in names if name not in besides]))
        self.heads(wanted)

    def _learn_indices(self, parts: Sequence[Part]) -> None:
        """Read the indices of shards that are met for the first time, all together."""
        needed: dict[str, Part] = {}
        for part in parts:
            if part.recipe.index_at:
                names = {_object_of(part, place)[0]: None for place in part.places()}
                for name in names:
                    self._size(part.node, name)
                needed.update({name: part for name in names if name not in self._indices})
        unread = [name for name in needed if name not in self._heads]
        data = self._bytes([(name, *self._index_range(name, needed[name])) for name in unread])
        self._heads.update(zip(unread, map(bytes, data), strict=True))
        for name, part in needed.items():
            try:
                self._indices[name] = shard_index(part.recipe, self._heads[name])
            except BadChunk as error:
                reason = f"{name}: {error}"
                raise Damaged(part.node.path, reason) from error

    def _index_range(self, name: str, part: Part) -> tuple[int, int]:
        size = part.recipe.index_bytes
        if part.recipe.index_at == "start":
            return 0, size
        whole = self._size(part.node, name)
        return max(0, whole - size), whole

    def _size(self, node: Node, name: str) -> int:
        found = self._stored.get(name)
        if found is None:
            reason = f"the object {name} is absent"
            raise Absent(node.path, reason)
        return found.size

    def _wanted(self, part: Part, place: Place) -> tuple[Wanted, int]:
        """Object, first and last byte of a chunk, and how many these are."""
        name, inside = _object_of(part, place)
        size = self._size(part.node, name)
        if not part.recipe.index_at:
            return (name, None, None), size
        offset, length = (int(number) for number in self._indices[name][inside])
        if ABSENT in (offset, length):
            reason = f"{name}: the inner chunk {inside} is absent"
            raise Absent(part.node.path, reason)
        if offset + length > size:
            reason = f"{name}: the inner chunk {inside} reaches beyond the shard"
            raise Damaged(part.node.path, reason)
        return (name, offset, offset + length), length

    def _fetch(self, turn: Sequence[Step]) -> dict[Key, Body]:
        places = {step.key: step.wanted for step in turn}
        return dict(zip(places, self._bytes(list(places.values())), strict=True))

    def _bytes(self, wanted: Sequence[Wanted]) -> Sequence[Body]:
        """The bytes of each place."""
        try:
            return self._objects.read_many(wanted)
        except FileNotFoundError as error:
            raise Vanished(str(error.filename)) from error


def _turns(steps: Sequence[Step], most: int) -> Iterator[list[Step]]:
    """The steps in order, in turns of at most so many stored bytes, and at least one step."""
    turn: list[Step] = []
    held = 0
    for step in steps:
        if turn and held + step.size > most:
            yield turn
            turn, held = [], 0
        turn.append(step)
        held += step.size
    if turn:
        yield turn


def _object_of(part: Part, place: Place) -> tuple[str, Place]:
    """Name of the object with the chunk at `place`, and where in its shard the chunk is."""
    pairs = [divmod(at, count) for at, count in zip(place, part.recipe.per_object, strict=True)]
    return part.node.object_name([outer for outer, _ in pairs]), tuple(at for _, at in pairs)
