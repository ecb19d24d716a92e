"""Controls: the cells that conditions are compared with, sorted while they are read."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vcspec.engine.cells import Cells, Scale
from vcspec.engine.plan import cut
from vcspec.model.matrix import Array, Rows
from vcspec.statistics.moments import add_to
from vcspec.statistics.ranksum import SortedControl
from vcspec.statistics.tree import TILE_ROWS

AT_ONCE = 4_194_304  # stored values that are read together


@dataclass(frozen=True, eq=False)
class StoredControl:
    """The control cells of one context, in one or several ranges of rows; never held as cells.

    Attributes:
        cells: where they are.
        ranges: (start, stop) rows, in order.
        scale: how stored values become log1p.
        totals: (rows of all cells,) totals, where the scale needs them.
        known: (features,) mean profile, where somebody has it already.
    """

    cells: Cells
    ranges: tuple[tuple[int, int], ...]
    scale: Scale
    totals: NDArray[np.float64] | None = None
    known: Array | None = None

    def blocks(self) -> Iterator[Rows]:
        """The control cells as log1p values, block by block."""
        for start, stop in self.ranges:
            for first, last in cut(self.cells.ends, start, stop, entries=AT_ONCE, tile=TILE_ROWS):
                totals = None if self.totals is None else self.totals[first:last]
                yield self.scale.log1p(self.cells.rows(first, last), totals)

    @cached_property
    def mean(self) -> Array:
        """(features,) mean profile."""
        if self.known is not None:
            return self.known
        sums = np.zeros((self.cells.width, 2))
        for block in self.blocks():
            add_to(sums, block)
        return np.asarray(sums[:, 0] / sum(stop - start for start, stop in self.ranges))

    @cached_property
    def sorted(self) -> SortedControl:
        """The cells as the rank-sum test wants them."""
        return SortedControl.streamed(self.blocks, self.cells.width)
