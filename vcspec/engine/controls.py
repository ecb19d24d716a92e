"""Controls: the cells that conditions are compared with, sorted while they are read."""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, islice
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vcspec.engine.budget import FEWEST_ENTRIES
from vcspec.engine.cells import Cells, Scale
from vcspec.engine.executors import Advance, Executor, Inline, own_threads, run
from vcspec.engine.plan import cut
from vcspec.engine.settings import Settings
from vcspec.engine.stopping import go_on
from vcspec.model.comparison import Space
from vcspec.model.matrix import Array, Rows
from vcspec.statistics.cellwise import Cellwise, Piece, Taking, cellwise
from vcspec.statistics.moments import add_to
from vcspec.statistics.ranksum import SortedControl, readings
from vcspec.statistics.tree import TILE_ROWS


class Sortable(Protocol):
    """Control cells that can be sorted."""

    def __len__(self) -> int:
        """How many cells there are."""

    def sort(self, advance: Advance, threads: int) -> SortedControl:
        """The cells, sorted by so many threads; told on the way how many of them are done."""


def all_sorted(controls: Sequence[Sortable], settings: Settings) -> list[SortedControl]:
    """The cells of every control, sorted; several are read and sorted at a time.

    Threads of their own do it, and give back the memory that they read into.
    """
    tasks, lock = [(control, None, len(control)) for control in controls], Lock()
    with settings.advancing(sum(map(len, controls)), "controls sorted") as told:

        def advance(cells: int) -> None:
            with lock:
                if told is not None:
                    told(cells)

        workers = settings.budget.workers
        each = max(1, workers // max(len(controls), 1))
        with own_threads(workers, "vcspec-controls") as executor:
            return run(executor, lambda control, _: control.sort(advance, each), tasks)


@dataclass(frozen=True, eq=False)
class StoredControl:
    """The control cells of one context, in one or several ranges of rows; never held as cells.

    Attributes:
        cells: where they are.
        ranges: (start, stop) rows, in order.
        scale: how stored values become log1p.
        totals: (rows of all cells,) totals, where the scale needs them.
        known: (features,) mean profile, where somebody has it already.
        taken: what is wanted beyond it, where somebody has that already.
        entries: stored values that are read at a time, at most, or one row.
    """

    cells: Cells
    ranges: tuple[tuple[int, int], ...]
    scale: Scale
    totals: NDArray[np.float64] | None = None
    known: Array | None = None
    taken: Cellwise | None = None
    entries: int = FEWEST_ENTRIES

    def __len__(self) -> int:
        """How many cells there are."""
        return sum(stop - start for start, stop in self.ranges)

    def blocks(self, threads: int = 1) -> Generator[Rows, None, None]:
        """The control cells as log1p values, block by block, read by so many threads in turn.

        The memory of a block is its thread's own, which reads into it when the next is asked for.
        """
        with ExitStack() as stack:
            readers: list[Executor] = [Inline()]
            if threads > 1:
                own = [own_threads(1, "vcspec-controls") for _ in range(threads)]
                readers = list(map(stack.enter_context, own))
            turns = zip(cycle(readers), self._borders, strict=False)
            coming = deque(one.submit(self._block, *at) for one, at in islice(turns, threads))
            while coming:
                go_on()
                yield coming.popleft().result()
                coming.extend(one.submit(self._block, *at) for one, at in islice(turns, 1))

    def _block(self, first: int, last: int) -> Rows:
        """Rows as log1p values."""
        go_on()
        return self.scale.log1p(self.cells.rows(first, last), self._totals(first, last))

    def cellwise(self, taking: Taking, space: Space | None) -> Cellwise:
        """What is wanted of the control cells beyond their mean."""
        if self.taken is not None:
            return self.taken
        return cellwise(self._pieces, len(self), self.cells.width, taking, space)

    def _pieces(self) -> Generator[Piece, None, None]:
        for first, last in self._borders:
            go_on()
            yield self.scale.piece(self.cells.rows(first, last), self._totals(first, last))

    def _totals(self, first: int, last: int) -> NDArray[np.float64] | None:
        return None if self.totals is None else self.totals[first:last]

    @cached_property
    def _borders(self) -> list[tuple[int, int]]:
        """(start, stop) rows of each block."""
        ends = self.cells.ends
        return [
            rows
            for pair in self.ranges
            for rows in cut(ends, *pair, entries=self.entries, tile=TILE_ROWS)
        ]

    @property
    def mean(self) -> Array:
        """(features,) mean profile."""
        return self._prepared[0] if self.known is None else self.known

    @property
    def sorted(self) -> SortedControl:
        """The cells as the rank-sum test wants them."""
        return self._prepared[1]

    def sort(self, advance: Advance, threads: int) -> SortedControl:
        """The same, which is kept; told on the way how many cells are done."""
        if "_prepared" in vars(self):
            advance(len(self))
        else:
            vars(self)["_prepared"] = self._prepare(advance, threads)
        return self.sorted

    @cached_property
    def _prepared(self) -> tuple[Array, SortedControl]:
        return self._prepare(lambda _: None, 1)

    def _prepare(self, advance: Advance, threads: int) -> tuple[Array, SortedControl]:
        """Mean and sorted cells; the first reading gives the mean, where nobody has it."""
        whole = list(self.blocks()) if len(self._borders) == 1 else None
        ends = self.cells.ends
        times = readings(sum(int(ends[stop] - ends[start]) for start, stop in self.ranges))
        read, sums = 0, np.zeros((self.cells.width, 2))

        def blocks() -> Iterator[Rows]:
            nonlocal read
            for block in whole or self.blocks(threads):
                if self.known is None and read < len(self):
                    add_to(sums, block)
                yield block
                before, read = read, read + len(block)
                advance(read // times - before // times)

        found = SortedControl.streamed(blocks, self.cells.width, threads)
        return np.asarray(sums[:, 0] / len(self)), found
