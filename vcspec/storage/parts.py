"""Parts: boxes of arrays, and the chunks that they are put together from."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from vcspec.model.matrix import AnyArray
from vcspec.model.store import Body, Node
from vcspec.statistics.kernels import scratch
from vcspec.storage.decoding import decode_into
from vcspec.storage.recipes import Recipe

Place = tuple[int, ...]  # of a chunk in the grid of all chunks of its array
Key = tuple[str, Place]  # path of an array, and a place


@dataclass(frozen=True, eq=False)
class Part:
    """A box of an array: along each axis the elements `start` to `stop`."""

    node: Node
    recipe: Recipe
    where: tuple[slice, ...]

    def empty(self) -> AnyArray:
        """Room for its elements, in machine order."""
        shape = [one.stop - one.start for one in self.where]
        return np.empty(shape, dtype=self.recipe.data_type.newbyteorder("="))

    def borrowed(self, name: str) -> AnyArray:
        """The same room in memory of the thread's own, which the next borrowing of `name` takes."""
        shape = [one.stop - one.start for one in self.where]
        length, data_type = int(np.prod(shape)), self.recipe.data_type.newbyteorder("=")
        return scratch(name, length, data_type).reshape(shape)

    def places(self) -> Iterator[Place]:
        """Places of the chunks that hold its elements."""
        return product(
            *(
                range(one.start // size, -(-one.stop // size) if one.stop > one.start else 0)
                for one, size in zip(self.where, self.recipe.chunk, strict=True)
            )
        )

    def is_within(self, place: Place) -> bool:
        """Whether the whole chunk at `place` belongs to it."""
        return all(
            one.start <= at * size and (at + 1) * size <= one.stop
            for one, at, size in zip(self.where, place, self.recipe.chunk, strict=True)
        )

    def room(self, place: Place, out: AnyArray) -> AnyArray | None:
        """Where in `out`, which is the box, the chunk decodes to; None where it must be cut."""
        target, _ = self._cut(place)
        box: Any = (*target, ...)
        view: AnyArray = out[box]  # an array, even where there is no axis
        return view if view.flags.c_contiguous and self.is_within(place) else None

    def decoded(self, data: Body, into: AnyArray | None = None) -> AnyArray:
        """A whole chunk, in room of its own if it is not given any.

        Raises:
            BadChunk: the bytes do not decode.
        """
        data_type = self.recipe.data_type.newbyteorder("=")
        whole = np.empty(self.recipe.chunk, dtype=data_type) if into is None else into
        decode_into(self.recipe, data, whole)
        return whole

    def put(self, place: Place, whole: AnyArray, out: AnyArray) -> None:
        """Put what the chunk at `place` has of the box into `out`, which is the box."""
        target, source = self._cut(place)
        out[target] = whole[source]

    def _cut(self, place: Place) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """What the chunk at `place` has of the box: in the box, and in the chunk."""
        sizes = zip(self.where, place, self.recipe.chunk, strict=True)
        firsts = [(one, at * size, size) for one, at, size in sizes]
        target = tuple(
            slice(max(first - one.start, 0), min(first + size, one.stop) - one.start)
            for one, first, size in firsts
        )
        source = tuple(
            slice(max(one.start - first, 0), min(one.stop - first, size))
            for one, first, size in firsts
        )
        return target, source
