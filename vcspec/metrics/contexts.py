"""Metrics that have one value a context, which all of its conditions hold."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vcspec.metrics.changes import share
from vcspec.model.comparison import Comparison, Scores
from vcspec.model.matrix import Array

DECIMALS = 10  # of every value, as `compute` gives it

Rows = NDArray[np.int64]
Outcome = float | str
"""A value, or why there is none."""


def contexts(comparison: Comparison) -> Iterator[Rows]:
    """Numbers of the conditions of each context."""
    for context in sorted(set(comparison.context.tolist())):
        yield np.flatnonzero(comparison.context == context)


def of_contexts(values: Array, contexts: Sequence[str]) -> Array:
    """One value for each context, in the order of their first conditions.

    Conditions of a context hold the same value but for those that are gated, which hold the worst:
    their mean counts each of them, wherever it stands. NaN where no condition has a value.

    Args:
        values: (..., conditions) of a metric that has one value a context.
        contexts: (conditions,) names.
    """
    names, known = np.array(contexts, dtype=object), ~np.isnan(values)
    found = []
    for name in dict.fromkeys(contexts):
        here = names == name
        total = np.where(known, values, 0)[..., here].sum(axis=-1)
        found.append(share(total, known[..., here].sum(axis=-1)))
    return np.asarray(
        np.round(np.stack(found, axis=-1), DECIMALS)
    )  # so that equal values are their own mean


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
