"""Metrics that have one value a context, which all of its conditions hold."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from vcspec.model.comparison import Comparison, Scores

Rows = NDArray[np.int64]
Outcome = float | str
"""A value, or why there is none."""


def contexts(comparison: Comparison) -> Iterator[Rows]:
    """Numbers of the conditions of each context."""
    for context in sorted(set(comparison.context.tolist())):
        yield np.flatnonzero(comparison.context == context)


def by_context(comparison: Comparison, value: Callable[[Rows], Outcome]) -> Scores:
    """The value of each context, or the reason why it has none, at all of its conditions."""
    values, reasons = np.full(len(comparison), np.nan), [""] * len(comparison)
    for rows in contexts(comparison):
        found = value(rows)
        if not isinstance(found, str):
            values[rows] = found
            continue
        for row in rows:
            reasons[row] = found
    return Scores(values, tuple(reasons))
