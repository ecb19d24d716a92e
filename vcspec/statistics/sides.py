"""From cells to a Side: the mean profile and the differential expression of each condition."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vcspec.model.comparison import Expression, Side
from vcspec.model.matrix import Array, Rows
from vcspec.statistics.expression import benjamini_hochberg
from vcspec.statistics.moments import mean_profile
from vcspec.statistics.ranksum import SortedControl


@dataclass(frozen=True, eq=False)
class Control:
    """The control cells of one context, log1p."""

    rows: Rows

    @cached_property
    def mean(self) -> Array:
        """(features,) mean profile."""
        return mean_profile(self.rows)

    @cached_property
    def sorted(self) -> SortedControl:
        """The cells as the rank-sum test wants them."""
        return SortedControl.of(self.rows)


Cells = Callable[[], Rows]


def side(conditions: Iterable[tuple[Cells, Control]], *, workers: int | None = None) -> Side:
    """Mean profile and differential expression of each condition, in the order given.

    A condition is the unit of work and is computed from its own cells alone, so the number of
    workers cannot change a bit.

    Args:
        conditions: for each condition what reads its log1p cells, and its control.
        workers: threads; None means one a processor.
    """
    tasks = list(conditions)
    for control in {id(control): control for _, control in tasks}.values():
        control.sorted  # noqa: B018 - prepared here, once, and not by several threads at a time

    def one(task: tuple[Cells, Control]) -> tuple[Array, Array, Array, Array]:
        cells, control = task
        rows = cells()
        test = control.sorted.compare(rows)
        return mean_profile(rows), control.mean, test.z, test.p_value

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        results = list(pool.map(one, tasks))
    mean, base, z, p_value = (np.array(part) for part in zip(*results, strict=True))
    return Side(mean, base, Expression(z, p_value, benjamini_hochberg(p_value)))


def profile_side(means: Array, controls: Sequence[Array]) -> Side:
    """A side that is known by its mean profiles alone."""
    return Side(means, np.array(controls), None)
