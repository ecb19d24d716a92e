"""Controls: the cells that conditions are compared with, sorted while they are read."""

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vcspec.engine.budget import FEWEST_ENTRIES
from vcspec.engine.cells import Cells, Scale
from vcspec.engine.plan import cut
from vcspec.engine.settings import Settings
from vcspec.model.comparison import Space
from vcspec.model.matrix import Array, Rows
from vcspec.statistics.cellwise import Cellwise, Piece, Taking, cellwise
from vcspec.statistics.moments import add_to, mean_profile
from vcspec.statistics.ranksum import SortedControl
from vcspec.statistics.tree import TILE_ROWS


class Sortable(Protocol):
    """Control cells that can be sorted."""

    @property
    def sorted(self) -> SortedControl:
        """The cells, sorted."""


def all_sorted(controls: Sequence[Sortable], settings: Settings) -> list[SortedControl]:
    """The cells of every control, sorted; several are read and sorted at a time.

    Threads of their own do it, and give back the memory that they read into.
    """
    workers = settings.budget.workers
    with ThreadPoolExecutor(workers, thread_name_prefix="vcspec-controls") as pool:
        found = pool.map(lambda control: control.sorted, controls)
        return [next(found) for _ in settings.counted(controls, "controls sorted")]


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

    def blocks(self) -> Generator[Rows, None, None]:
        """The control cells as log1p values, block by block."""
        for start, stop in self.ranges:
            for first, last in cut(
                self.cells.ends, start, stop, entries=self.entries, tile=TILE_ROWS
            ):
                totals = None if self.totals is None else self.totals[first:last]
                yield self.scale.log1p(self.cells.rows(first, last), totals)

    def cellwise(self, taking: Taking, space: Space | None) -> Cellwise:
        """What is wanted of the control cells beyond their mean."""
        if self.taken is not None:
            return self.taken
        return cellwise(self._pieces, self._number, self.cells.width, taking, space)

    def _pieces(self) -> Generator[Piece, None, None]:
        for start, stop in self.ranges:
            for first, last in cut(
                self.cells.ends, start, stop, entries=self.entries, tile=TILE_ROWS
            ):
                totals = None if self.totals is None else self.totals[first:last]
                yield self.scale.piece(self.cells.rows(first, last), totals)

    @cached_property
    def mean(self) -> Array:
        """(features,) mean profile."""
        if self.known is not None:
            return self.known
        if self._of_one_block is not None:
            return self._of_one_block[0]
        sums = np.zeros((self.cells.width, 2))
        for block in self.blocks():
            add_to(sums, block)
        return np.asarray(sums[:, 0] / self._number)

    @cached_property
    def sorted(self) -> SortedControl:
        """The cells as the rank-sum test wants them."""
        if self._of_one_block is not None:
            return self._of_one_block[1]
        return SortedControl.streamed(self.blocks, self.cells.width)

    @property
    def _number(self) -> int:
        return sum(stop - start for start, stop in self.ranges)

    @cached_property
    def _of_one_block(self) -> tuple[Array, SortedControl] | None:
        """Mean and sorted cells from one reading, where that holds them all."""
        blocks = self.blocks()
        first = next(blocks)
        blocks.close()
        if len(first) < self._number:
            return None
        return mean_profile(first), SortedControl.of(first)
