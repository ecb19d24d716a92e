"""From cells to a Side: the mean profile and the differential expression of each condition."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vcspec.model.comparison import Expression, Side, Space
from vcspec.model.matrix import Array, Rows
from vcspec.statistics.cellwise import (
    NOTHING_MORE,
    Cellwise,
    Piece,
    Taking,
    cellwise,
    with_cellwise,
)
from vcspec.statistics.expression import benjamini_hochberg
from vcspec.statistics.moments import mean_profile
from vcspec.statistics.ranksum import SortedControl


@dataclass(frozen=True, eq=False)
class Control:
    """The control cells of one context.

    Attributes:
        rows: log1p values.
        piece: the same cells with their amounts; None where they are known by log1p values alone.
    """

    rows: Rows
    piece: Piece | None = None

    def cellwise(self, taking: Taking, space: Space | None) -> Cellwise:
        """What is wanted of the control cells beyond their mean."""
        piece = self.piece or Piece.of(self.rows)
        return cellwise(lambda: [piece], len(self.rows), self.rows.width, taking, space)

    @cached_property
    def mean(self) -> Array:
        """(features,) mean profile."""
        return mean_profile(self.rows)

    @cached_property
    def sorted(self) -> SortedControl:
        """The cells as the rank-sum test wants them."""
        return SortedControl.of(self.rows)


Cells = Callable[[], Rows | Piece]


def side(
    conditions: Iterable[tuple[Cells, Control]],
    *,
    taking: Taking = NOTHING_MORE,
    space: Space | None = None,
    workers: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> Side:
    """Mean profile and differential expression of each condition, in the order given.

    A condition is the unit of work and is computed from its own cells alone, so the number of
    workers cannot change a bit.

    Args:
        conditions: for each condition what reads its cells (log1p values, or a piece where their
            amounts are known), and its control.
        taking: what is taken beyond means and tests.
        space: what drawn cells are seen in.
        workers: threads; None means one a processor.
        advance: told of each condition that is done.
    """
    tasks = list(conditions)
    controls = list({id(control): control for _, control in tasks}.values())
    for control in controls:
        control.sorted  # noqa: B018 - prepared here, once, and not by several threads at a time

    def one(task: tuple[Cells, Control]) -> tuple[Array, Array, Array, Array, Cellwise]:
        cells, control = task
        found = cells()
        rows = found.log1p if isinstance(found, Piece) else found
        test = control.sorted.compare(rows)
        more = Cellwise()
        if taking:
            piece = found if isinstance(found, Piece) else Piece.of(found)
            more = cellwise(lambda: [piece], len(rows), rows.width, taking, space)
        return mean_profile(rows), control.mean, test.z, test.p_value, more

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        results = []
        for result in pool.map(one, tasks):
            results.append(result)
            if advance is not None:
                advance(1)
        known = list(pool.map(lambda control: control.cellwise(taking, space), controls))
    mean, base, z, p_value = (np.array([row[at] for row in results]) for at in range(4))
    found = Side(mean, base, Expression(z, p_value, benjamini_hochberg(p_value)))
    if not taking:
        return found
    number = [id(control) for control in controls]
    order = np.array([number.index(id(control)) for _, control in tasks], dtype=np.int64)
    return with_cellwise(found, [row[4] for row in results], known, order)


def profile_side(means: Array, controls: Sequence[Array]) -> Side:
    """A side that is known by its mean profiles alone."""
    return Side(means, np.array(controls), None)
