"""Uncertainty over conditions: percentile bootstrap with draws that no generator makes."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import Array
from vcspec.statistics.mixing import STEP, splitmix64

RESAMPLES = 1_000
SEED = 0
COVERAGE = 0.95
BLOCK = 4_194_304  # draws at a time
FEW = 2_000  # conditions of which several sets of draws are kept


def resamples(
    conditions: int, *, first: int = 0, number: int = RESAMPLES, seed: int = SEED
) -> NDArray[np.int64]:
    """(number, conditions) positions drawn with replacement; the same for ever.

    Draw (b, i) is the SplitMix64 hash of its place, scaled to the number of conditions; b begins
    with `first`.
    """
    start = first * conditions
    place = np.arange(start, start + number * conditions, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = splitmix64((place + np.uint64(seed << 32)) * STEP)
    share = (z >> np.uint64(11)).astype(np.float64) / 2.0**53
    drawn = np.minimum((share * conditions).astype(np.int64), conditions - 1)
    return drawn.reshape(number, conditions)


def percentiles(values: Array) -> tuple[float, float]:
    """Borders of the central 95 % of `values`, (resamples,)."""
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def weights(contexts: Sequence[str]) -> NDArray[np.uint32]:
    """(resamples, conditions) how often each condition is drawn.

    Of one context, conditions are drawn. Of several, contexts are drawn, and within each context
    its conditions: what a context's conditions share makes no interval narrower.

    Args:
        contexts: (conditions,) names.
    """
    return (_few if len(contexts) <= FEW else _many)(tuple(contexts))


def _weights(contexts: tuple[str, ...]) -> NDArray[np.uint32]:
    names = {name: number for number, name in enumerate(dict.fromkeys(contexts))}
    codes = np.array([names[name] for name in contexts], dtype=np.int64)
    rows = [np.flatnonzero(codes == number) for number in range(len(names))]
    out = np.empty((RESAMPLES, len(contexts)), dtype=np.uint32)
    for block in _blocks(len(contexts)):
        of_context = _counts(len(names), block, seed=SEED)
        for number, own in enumerate(rows):
            seed = SEED if len(names) == 1 else SEED + 1 + number
            inside = _counts(len(own), block, seed=seed)
            out[block.start : block.stop, own] = of_context[:, number : number + 1] * inside
    out.flags.writeable = False
    return out


_few, _many = lru_cache(maxsize=16)(_weights), lru_cache(maxsize=1)(_weights)


def _blocks(conditions: int) -> Iterator[range]:
    """Resamples at a time, so that what is made of them needs little memory."""
    step = max(1, BLOCK // max(conditions, 1))
    for start in range(0, RESAMPLES, step):
        yield range(start, min(start + step, RESAMPLES))


def _counts(number: int, block: range, *, seed: int) -> NDArray[np.int64]:
    """(resamples of the block, number) how often each of `number` things is drawn."""
    drawn = resamples(number, first=block.start, number=len(block), seed=seed)
    places = drawn + np.arange(len(block))[:, np.newaxis] * number
    return np.bincount(places.ravel(), minlength=len(block) * number).reshape(len(block), number)


def resampled_sums(rows: Array, contexts: Sequence[str]) -> Array:
    """(resamples, rows) sums of each of the rows, (rows, conditions), over what is drawn."""
    drawn = weights(contexts)
    out = np.empty((RESAMPLES, len(rows)))
    for block in _blocks(drawn.shape[1]):
        part = drawn[block.start : block.stop].astype(np.float64)
        for number, row in enumerate(rows):
            out[block.start : block.stop, number] = (part * row).sum(axis=1)
    return out


def resampled_means(rows: Array, contexts: Sequence[str]) -> Array:
    """(resamples, rows) means of each of the rows, (rows, conditions), over what is drawn."""
    found = resampled_sums(np.array([*rows, np.ones(len(contexts))]), contexts)
    return np.asarray(found[:, :-1] / found[:, -1:])


def mean_interval(values: Array, contexts: Sequence[str]) -> tuple[float, float] | None:
    """95 % interval of the mean of `values`, (conditions,); None for fewer than two."""
    if len(values) < 2:
        return None
    return percentiles(resampled_means(values[np.newaxis], contexts)[:, 0])


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
    value, floor, replicate = resampled_means(np.array([value, floor, replicate]), contexts).T
    span = replicate - floor
    if (span > 0).all():
        return percentiles((value - floor) / span)
    return None
