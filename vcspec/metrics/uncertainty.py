"""Whether a prediction knows how far it may be off, where it states a deviation of its means."""

import numpy as np

from vcspec.metrics.contexts import Outcome, Rows, by_context
from vcspec.metrics.ordering import mid_ranks
from vcspec.metrics.suite import UNDEFINED_PREDICTION, metric
from vcspec.model.comparison import Comparison, Scores
from vcspec.model.matrix import Array


@metric("interval-coverage-gap")
def interval_coverage_gap(comparison: Comparison, *, coverage: float, deviates: float) -> Scores:
    """How far the share of features inside the stated interval is from what it should be."""
    gap = np.abs(comparison.truth.mean - comparison.prediction.mean)
    inside = (gap <= deviates * _stated(comparison)).mean(axis=1)
    return Scores.defined(np.abs(inside - coverage))


@metric("crps")
def crps(comparison: Comparison) -> Scores:
    """Continuous ranked probability score of a normal distribution, mean over features."""
    from scipy.special import ndtr

    deviation = _stated(comparison)
    gap = comparison.truth.mean - comparison.prediction.mean
    safe = np.where(deviation > 0, deviation, 1)
    z = gap / safe
    density = np.exp(-np.square(z) / 2) / np.sqrt(2 * np.pi)
    spread = safe * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi))
    return Scores.defined(np.where(deviation > 0, spread, np.abs(gap)).mean(axis=1))


@metric("spread-error")
def spread_error(comparison: Comparison, *, fewest: int) -> Scores:
    """Rank correlation of stated and true error, the size of the true effect taken out of both."""
    stated = _stated(comparison).mean(axis=1)
    error = np.sqrt(np.square(comparison.truth.mean - comparison.prediction.mean).mean(axis=1))
    effect = np.sqrt(np.square(comparison.truth.delta).mean(axis=1))

    def value(rows: Rows) -> Outcome:
        if len(rows) < fewest:
            return "too-few-conditions"
        spread, size, moved = (_ranks(np.round(part[rows], 12)) for part in (stated, error, effect))
        spread, size = (_without(part, moved) for part in (spread, size))
        if not size.any():
            return "constant-across-conditions"
        if not spread.any():
            return UNDEFINED_PREDICTION
        length = np.sqrt(np.square(spread).sum() * np.square(size).sum())
        return float(np.clip((spread * size).sum() / length, -1, 1))

    return by_context(comparison, value)


def _stated(comparison: Comparison) -> Array:
    assert comparison.prediction.deviation is not None  # needs `deviation`
    return comparison.prediction.deviation


def _ranks(values: Array) -> Array:
    ranks = mid_ranks(values[np.newaxis])[0]
    return np.asarray(ranks - ranks.mean())


def _without(values: Array, confound: Array) -> Array:
    """What a straight line through the confound leaves of the values."""
    whole = float(np.square(confound).sum())
    if not whole:
        return values
    return np.round(values - confound * float((values * confound).sum()) / whole, 12)
