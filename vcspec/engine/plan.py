"""Plans: which rows are worked on together. A plan depends on the store and the budget alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    ends: Ends, borders: Sequence[int], kinds: Sequence[int], *, entries: int, tile: int
) -> list[Block]:
    """Blocks of whole conditions, in order.

    Args:
        ends: (rows + 1,) stored values before each row.
        borders: (conditions + 1,) rows at which conditions begin, and the number of rows.
        kinds: (conditions,) conditions of different kinds are not put into one block.
        entries: stored values that a block should not exceed.
        tile: where a condition must be cut, it is at multiples of this many rows if that can be.
    """
    blocks: list[Block] = []
    first = 0
    while first < len(kinds):
        last = first + 1
        most = int(ends[borders[first]]) + entries
        while last < len(kinds) and kinds[last] == kinds[first] and ends[borders[last + 1]] <= most:
            last += 1
        rows = (borders[first], borders[last])
        blocks.append(Block(first, last, tuple(cut(ends, *rows, entries=entries, tile=tile))))
        first = last
    return blocks


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
