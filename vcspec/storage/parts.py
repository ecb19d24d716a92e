"""Parts: boxes of arrays, and the chunks that they are put together from."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from vcspec.model.matrix import AnyArray
from vcspec.model.store import Node
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

    def decode(self, place: Place, data: bytes, out: AnyArray) -> None:
        """Put what the chunk at `place` has of the box into `out`, which is the box.

        Raises:
            BadChunk: the bytes do not decode.
        """
        sizes = zip(self.where, place, self.recipe.chunk, strict=True)
        firsts = [(one, at * size, size) for one, at, size in sizes]
        target = tuple(
            slice(max(first - one.start, 0), min(first + size, one.stop) - one.start)
            for one, first, size in firsts
        )
        box: Any = (*target, ...)
        view = out[box]  # an array, even where there is no axis
        if view.flags.c_contiguous and self.is_within(place):
            decode_into(self.recipe, data, view)
            return
        whole = np.empty(self.recipe.chunk, dtype=out.dtype)
        decode_into(self.recipe, data, whole)
        source = tuple(
            slice(max(one.start - first, 0), min(one.stop - first, size))
            for one, first, size in firsts
        )
        out[target] = whole[source]
