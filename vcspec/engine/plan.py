"""Plans: which rows are worked on together. A plan depends on the store and the budget alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.engine.budget import FEWEST_ENTRIES

TURNS = 2  # for each worker, in what is left
Ends = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class Block:
    """Rows that one worker takes at a time.

    Attributes:
        first: number of the first condition.
        last: number after the last condition.
        pieces: (start, stop) rows that are read together; more than one where a single condition
            holds more than a block may.
    """

    first: int
    last: int
    pieces: tuple[tuple[int, int], ...]

    @property
    def start(self) -> int:
        """First row."""
        return self.pieces[0][0]

    @property
    def stop(self) -> int:
        """Row after the last."""
        return self.pieces[-1][1]


def planned(
    ends: Ends,
    borders: Sequence[int],
    kinds: Sequence[int],
    *,
    entries: int,
    tile: int,
    workers: int = 1,
) -> list[Block]:
    """Blocks of whole conditions, in order.

    Where several workers take them, the last ones are smaller and smaller, as far as conditions
    allow: none of the workers waits long for another at the end.

    Args:
        ends: (rows + 1,) stored values before each row.
        borders: (conditions + 1,) rows at which conditions begin, and the number of rows.
        kinds: (conditions,) conditions of different kinds are not put into one block.
        entries: stored values that a block should not exceed.
        tile: where a condition must be cut, it is at multiples of this many rows if that can be.
        workers: how many blocks are worked on at a time.
    """
    blocks: list[Block] = []
    first = 0
    while first < len(kinds):
        last = first + 1
        before = int(ends[borders[first]])
        most = before + min(entries, _share(int(ends[borders[-1]]) - before, workers))
        while last < len(kinds) and kinds[last] == kinds[first] and ends[borders[last + 1]] <= most:
            last += 1
        rows = (borders[first], borders[last])
        blocks.append(Block(first, last, tuple(cut(ends, *rows, entries=entries, tile=tile))))
        first = last
    return blocks


def _share(rest: int, workers: int) -> int:
    """Of the stored values that are left, those that the next worker takes."""
    return rest if workers == 1 else max(rest // (workers * TURNS), FEWEST_ENTRIES)


def cut(ends: Ends, start: int, stop: int, *, entries: int, tile: int) -> list[tuple[int, int]]:
    """Rows `start` to `stop` in pieces of at most about `entries` stored values."""
    pieces = []
    while True:
        most = min(int(ends[start]) + entries, int(ends[-1]))
        reach = int(np.searchsorted(ends, most, side="right")) - 1
        reach = min(max(reach, start + 1), stop)
        if reach < stop and reach // tile * tile > start:
            reach = reach // tile * tile
        pieces.append((start, reach))
        if reach >= stop:
            return pieces
        start = reach
