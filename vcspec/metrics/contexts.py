"""Metrics that have one value a context, which all of its conditions hold."""

import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vcspec.model.comparison import Comparison, Scores
from vcspec.model.matrix import Array

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
    names = np.array(contexts, dtype=object)
    parts = [values[..., names == name] for name in dict.fromkeys(contexts)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=RuntimeWarning)  # a context without any value
        means = [np.nanmean(part, axis=-1) for part in parts]
        same = [np.nanmin(part, axis=-1) == np.nanmax(part, axis=-1) for part in parts]
        first = [np.nanmin(part, axis=-1) for part in parts]  # equal values have no other mean
    return np.stack([np.where(*own) for own in zip(same, first, means, strict=True)], axis=-1)


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
