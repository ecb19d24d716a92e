"""Ranges of one-dimensional arrays: which bytes they need, read together and decoded in place."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from vcspec.model.matrix import AnyArray
from vcspec.model.store import Damaged, Node, StoredObject
from vcspec.storage.decoding import ABSENT, BadChunk, Recipe, decode_into, recipe_of, shard_index
from vcspec.storage.objects import Objects, RemoteObjects, Wanted

Reader = Callable[[list[Wanted]], list[bytes]]
KEPT_BYTES = 67_108_864


class Vanished(Exception):
    """An object that was listed is not there any more."""


@dataclass(frozen=True)
class Span:
    """Elements `start` to `stop` of an array."""

    node: Node
    recipe: Recipe
    start: int
    stop: int

    @property
    def chunks(self) -> range:
        """Numbers of the chunks that hold them."""
        return range(self.start // self.recipe.chunk, -(-self.stop // self.recipe.chunk))

    @property
    def data_type(self) -> "np.dtype[np.generic]":
        """Data type that the elements are handed out in."""
        return np.dtype(self.recipe.data_type).newbyteorder("=")


class ChunkReader:
    """Reads and decodes ranges of the arrays of one store; any number of threads may ask.

    Of a remote store, chunks that two neighbouring ranges share are fetched once.
    """

    def __init__(self, objects: Objects, stored: Callable[[], Mapping[str, StoredObject]]) -> None:
        self._objects = objects
        self._stored = stored
        self._indices: dict[str, AnyArray] = {}
        self._shared = SharedChunks() if isinstance(objects, RemoteObjects) else None

    def read(self, wanted: Sequence[tuple[Node, int, int]]) -> list[AnyArray] | None:
        """Elements of several arrays, their bytes fetched together; None where zarr must read.

        Raises:
            Damaged: bytes are absent, or do not decode.
        """
        spans: list[Span] = []
        for node, start, stop in wanted:
            recipe = recipe_of(node)
            if recipe is None:
                return None
            spans.append(Span(node, recipe, start, stop))
        try:
            found = self._found(spans)
        except Vanished as error:
            # Listed, and gone since.
            near = [span.node.path for span in spans if span.node.path.strip("/") in error.args[0]]
            where, reason = (near or [spans[0].node.path])[0], f"the object {error} is absent"
            raise Damaged(where, reason) from error
        return [self._decoded(span, found) for span in spans]

    def _found(self, spans: Sequence[Span]) -> dict[tuple[str, int], bytes]:
        """The bytes of every chunk that the spans need."""
        self._learn_indices(spans)
        places = {
            (span.node.path, number): self._place(span, number)
            for span in spans
            for number in span.chunks
        }
        return self._fetch(spans, places)

    def _learn_indices(self, spans: Sequence[Span]) -> None:
        """Read the indices of shards that are met for the first time, all together."""
        needed: dict[str, Span] = {}
        for span in spans:
            if span.recipe.index_at:
                shards = {number // span.recipe.per_object for number in span.chunks}
                names = [span.node.object_name((shard,)) for shard in sorted(shards)]
                for name in names:
                    self._size(span.node, name)
                needed.update({name: span for name in names if name not in self._indices})
        data = self._bytes([(name, *self._index_range(name, needed[name])) for name in needed])
        for (name, span), found in zip(needed.items(), data, strict=True):
            try:
                self._indices[name] = shard_index(span.recipe, found)
            except BadChunk as error:
                reason = f"{name}: {error}"
                raise Damaged(span.node.path, reason) from error

    def _index_range(self, name: str, span: Span) -> tuple[int, int]:
        size = span.recipe.index_bytes
        if span.recipe.index_at == "start":
            return 0, size
        whole = self._size(span.node, name)
        return max(0, whole - size), whole

    def _size(self, node: Node, name: str) -> int:
        found = self._stored().get(name)
        if found is None:
            reason = f"the object {name} is absent"
            raise Damaged(node.path, reason)
        return found.size

    def _place(self, span: Span, number: int) -> Wanted:
        """Object, first and last byte of a chunk."""
        shard, inside = divmod(number, span.recipe.per_object)
        name = span.node.object_name((shard,))
        size = self._size(span.node, name)
        if not span.recipe.index_at:
            return name, None, None
        offset, length = (int(part) for part in self._indices[name][inside])
        if ABSENT in (offset, length):
            reason = f"{name}: the inner chunk {inside} is absent"
            raise Damaged(span.node.path, reason)
        if offset + length > size:
            reason = f"{name}: the inner chunk {inside} reaches beyond the shard"
            raise Damaged(span.node.path, reason)
        return name, offset, offset + length

    def _fetch(
        self, spans: Sequence[Span], places: dict[tuple[str, int], Wanted]
    ) -> dict[tuple[str, int], bytes]:
        if self._shared is None:
            return dict(zip(places, self._bytes(list(places.values())), strict=True))
        edges = {
            (span.node.path, number)
            for span in spans
            for number in (*span.chunks[:1], *span.chunks[-1:])
        }
        return self._shared.fetched(places, edges, self._bytes)

    def _bytes(self, wanted: list[Wanted]) -> list[bytes]:
        """The bytes of each place; neighbours in one object are read in one go."""
        runs: list[Wanted] = []
        owner: list[int] = []
        for name, start, stop in wanted:
            last = runs[-1] if runs else ("", None, None)
            if start is not None and last[0] == name and last[2] == start:
                runs[-1] = (name, last[1], stop)
            else:
                runs.append((name, start, stop))
            owner.append(len(runs) - 1)
        try:
            data = self._objects.read_many(runs)
        except FileNotFoundError as error:
            raise Vanished(str(error.filename)) from error
        out = []
        for (_, start, stop), run in zip(wanted, owner, strict=True):
            begin = runs[run][1]
            if start is None or stop is None or begin is None:
                out.append(data[run])
            else:
                out.append(data[run][start - begin : stop - begin])
        return out

    def _decoded(self, span: Span, found: dict[tuple[str, int], bytes]) -> AnyArray:
        out = np.empty(span.stop - span.start, dtype=span.data_type)
        size = span.recipe.chunk
        for number in span.chunks:
            first = number * size - span.start
            data = found[span.node.path, number]
            try:
                if first >= 0 and first + size <= len(out):
                    decode_into(span.recipe, data, out[first : first + size])
                    continue
                whole = np.empty(size, dtype=span.data_type)
                decode_into(span.recipe, data, whole)
            except BadChunk as error:
                reason = f"chunk {number} cannot be decoded ({error})"
                raise Damaged(span.node.path, reason) from error
            begin, end = max(first, 0), min(first + size, len(out))
            out[begin:end] = whole[begin - first : end - first]
        return out


class SharedChunks:
    """Bytes of chunks at the borders of ranges, so that both neighbours need one request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, int], Future[bytes]] = OrderedDict()

    def fetched(
        self,
        places: dict[tuple[str, int], Wanted],
        edges: set[tuple[str, int]],
        read: Reader,
    ) -> dict[tuple[str, int], bytes]:
        """The bytes of every chunk in `places`; those in `edges` are shared with other threads."""
        with self._lock:
            others = {key: self._known[key] for key in edges if key in self._known}
            own = {key: Future[bytes]() for key in edges if key not in others}
            self._known.update(own)
        mine = [key for key in places if key not in others]
        try:
            data = dict(zip(mine, read([places[key] for key in mine]), strict=True))
        except BaseException as error:
            with self._lock:
                for key, future in own.items():
                    self._known.pop(key, None)
                    future.set_exception(error)
            raise
        for key, future in own.items():
            future.set_result(data[key])
        data.update({key: future.result() for key, future in others.items()})
        self._forget()
        return data

    def _forget(self) -> None:
        """Drop the oldest until what is kept fits; who still waits for one keeps it alive."""
        with self._lock:
            done = {key: future for key, future in self._known.items() if future.done()}
            size = sum(len(future.result()) for future in done.values())
            for key, future in done.items():
                if size <= KEPT_BYTES:
                    break
                size -= len(future.result())
                del self._known[key]
