"""Uncertainty over conditions: percentile bootstrap with draws that no generator makes."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import Array
from vcspec.statistics.mixing import STEP, splitmix64

RESAMPLES = 1_000
SEED = 0
COVERAGE = 0.95


@lru_cache(maxsize=8)
def resamples(conditions: int, *, number: int = RESAMPLES, seed: int = SEED) -> NDArray[np.int64]:
    """(number, conditions) positions drawn with replacement; the same for ever.

    Draw (b, i) is the SplitMix64 hash of its place, scaled to the number of conditions.
    """
    place = np.arange(number * conditions, dtype=np.uint64).reshape(number, conditions)
    with np.errstate(over="ignore"):
        z = splitmix64((place + np.uint64(seed << 32)) * STEP)
    share = (z >> np.uint64(11)).astype(np.float64) / 2.0**53
    drawn = np.minimum((share * conditions).astype(np.int64), conditions - 1)
    drawn.flags.writeable = False
    return drawn


def percentiles(values: Array) -> tuple[float, float]:
    """Borders of the central 95 % of `values`, (resamples,)."""
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


@lru_cache(maxsize=8)
def weights(contexts: tuple[str, ...]) -> Array:
    """(resamples, conditions) how often each condition is drawn.

    Of one context, conditions are drawn. Of several, contexts are drawn, and within each context
    its conditions: what a context's conditions share makes no interval narrower.

    Args:
        contexts: (conditions,) names.
    """
    names = list(dict.fromkeys(contexts))
    codes = np.array([names.index(name) for name in contexts], dtype=np.int64)
    of_context = _counts(len(names), seed=SEED)
    out = np.empty((RESAMPLES, len(contexts)))
    for number in range(len(names)):
        rows = np.flatnonzero(codes == number)
        inside = _counts(len(rows), seed=SEED if len(names) == 1 else SEED + 1 + number)
        out[:, rows] = of_context[:, number : number + 1] * inside
    out.flags.writeable = False
    return out


def _counts(number: int, *, seed: int) -> Array:
    """(resamples, number) how often each of `number` things is drawn."""
    drawn = resamples(number, seed=seed)
    places = drawn + np.arange(RESAMPLES)[:, np.newaxis] * number
    found = np.bincount(places.ravel(), minlength=RESAMPLES * number)
    return found.reshape(RESAMPLES, number).astype(np.float64)


def weighted_means(values: Array, drawn: Array) -> Array:
    """(resamples,) means of `values`, (conditions,), under the weights `drawn`."""
    return np.asarray((drawn * values).sum(axis=1) / drawn.sum(axis=1))


def mean_interval(values: Array, contexts: Sequence[str]) -> tuple[float, float] | None:
    """95 % interval of the mean of `values`, (conditions,); None for fewer than two."""
    if len(values) < 2:
        return None
    return percentiles(weighted_means(values, weights(tuple(contexts))))


def anchored_interval(
    value: Array, floor: Array, replicate: Array, contexts: Sequence[str]
) -> tuple[float, float] | None:
    """95 % interval of (value − floor) / (replicate − floor) over conditions that have all three.

    Value, floor and replicate are resampled together. Higher is better. None for fewer than two
    conditions, and where the replicate does not beat the floor in every resample, as the quotient
    then has no bounded distribution.
    """
    if len(value) < 2:
        return None
    drawn = weights(tuple(contexts))
    means = [weighted_means(values, drawn) for values in (value, floor, replicate)]
    span = means[2] - means[1]
    if (span > 0).all():
        return percentiles((means[0] - means[1]) / span)
    return None
