"""Standing: which of several models is better, and how sure that is.

All models are scored on the same conditions, so every draw of conditions is taken by all of them
together: what makes a condition hard for everybody cancels out of a difference.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vcspec.metrics.changes import share
from vcspec.metrics.contexts import of_contexts
from vcspec.metrics.interval import percentiles, resampled_sums
from vcspec.model.matrix import Array

FLAT = 1e-9  # the length of a vector that is no more than rounding
DECIMALS = 10  # beyond them means differ by a processor's order of summation, and tie here


@dataclass(frozen=True, eq=False)
class Means:
    """What models reach, on the whole and in every resample.

    Attributes:
        value: (models,) the higher the better.
        drawn: (resamples, models) the same in each resample; None where there is nothing to draw
            from, and so no uncertainty can be stated.
    """

    value: Array
    drawn: Array | None


def means_of(values: Array, contexts: Sequence[str], direction: str, per: str) -> Means | None:
    """Means of one metric over the conditions that define it for every model, higher is better.

    Args:
        values: (models, conditions); NaN where undefined.
        contexts: (conditions,) names.
        direction: of the metric.
        per: `condition`, or `context` where a context has one value, repeated for its conditions.

    Returns:
        None where no condition defines the metric for every model.
    """
    oriented = values if direction == "higher" else -values
    if per == "context":
        oriented = of_contexts(oriented, contexts)
        contexts = ["all"] * oriented.shape[1]
    kept = np.asarray(~np.isnan(oriented).any(axis=0))
    if not kept.any():
        return None
    value = np.round(oriented[:, kept].mean(axis=1), DECIMALS)
    if kept.sum() < 2:
        return Means(value, None)
    sums = resampled_sums(np.array([*np.where(kept, oriented, 0), kept]), contexts)
    total, number = sums[:, :-1], sums[:, -1]
    drawn = np.round(total[number > 0] / number[number > 0, np.newaxis], DECIMALS)
    # So that all metrics keep the same draws, one without a condition repeats the one before.
    before = np.maximum(np.cumsum(number > 0) - 1, 0)
    return Means(value, drawn[before])


def ranks_of(means: Array) -> Array:
    """Ranks along the last axis, 1 the best (highest); equal ones share the mean of their ranks."""
    above = (means[..., np.newaxis, :] > means[..., np.newaxis]).sum(axis=-1)
    equal = (means[..., np.newaxis, :] == means[..., np.newaxis]).sum(axis=-1)
    return np.asarray(above + (equal + 1) / 2)


def mean_ranks(parts: Sequence[Means]) -> Means:
    """Mean over metrics of the models' ranks, negative so that higher is better.

    Metrics that cannot be resampled count with the same ranks in every resample.
    """
    value = -np.round(sum(ranks_of(part.value) for part in parts) / len(parts), DECIMALS)
    if all(part.drawn is None for part in parts):
        return Means(value, None)
    drawn = sum(ranks_of(part.value if part.drawn is None else part.drawn) for part in parts)
    return Means(value, -np.round(drawn / len(parts), DECIMALS))


def interval_of(drawn: Array) -> tuple[float, float]:
    """Central 95 % of `drawn`, (resamples,)."""
    low, high = percentiles(drawn)
    return round(low, DECIMALS), round(high, DECIMALS)


def rank_ranges(means: Means) -> list[tuple[int, int]] | None:
    """For each model the best and the worst rank of the central 95 % of resamples.

    A model of several equal ones may have any of their ranks: the best of them counts for the best,
    the worst for the worst.
    """
    if means.drawn is None:
        return None
    drawn = means.drawn
    better = (drawn[:, np.newaxis, :] > drawn[:, :, np.newaxis]).sum(axis=2)
    equal = (drawn[:, np.newaxis, :] == drawn[:, :, np.newaxis]).sum(axis=2)
    low = np.quantile(better + 1, 0.025, axis=0, method="inverted_cdf")
    high = np.quantile(better + equal, 0.975, axis=0, method="inverted_cdf")
    return [(int(a), int(b)) for a, b in zip(low, high, strict=True)]


def better_share(means: Means, one: int, other: int) -> float | None:
    """Share of resamples in which model `one` is better than `other`; equal counts one half."""
    if means.drawn is None:
        return None
    gap = means.drawn[:, one] - means.drawn[:, other]
    return round(float((gap > 0).mean() + (gap == 0).mean() / 2), DECIMALS)


def best_shares(means: Means) -> list[float] | None:
    """For each model the share of resamples in which it is the best; equal ones share."""
    if means.drawn is None:
        return None
    top = means.drawn == means.drawn.max(axis=1, keepdims=True)
    return [round(float(v), DECIMALS) for v in (top / top.sum(axis=1, keepdims=True)).mean(axis=0)]


def tiers(means: Means) -> list[int] | None:
    """Tier of each model, 1 the best.

    From the best mean downwards, a model opens a new tier where the interval of its difference from
    the first model of the current tier leaves out 0. Models of one tier cannot be told apart from
    its first on these conditions.
    """
    if means.drawn is None:
        return None
    order = np.lexsort((np.arange(len(means.value)), -means.value))
    found, tier, first = np.zeros(len(order), dtype=int), 1, order[0]
    for model in order:
        low, _ = percentiles(means.drawn[:, first] - means.drawn[:, model])
        if low > 0:
            tier, first = tier + 1, model
        found[model] = tier
    return [int(number) for number in found]


def means_within(values: Array, parts: Sequence[str]) -> dict[str, Array]:
    """Part → (metrics, models) means over those of its conditions that define a metric for all.

    Args:
        values: (metrics, models, conditions); NaN where undefined.
        parts: (conditions,) names of the parts that they belong to.

    Returns:
        NaN where no condition of the part defines the metric for every model.
    """
    names = np.array(parts, dtype=object)
    return {name: _common_means(values[:, :, names == name]) for name in dict.fromkeys(parts)}


def _common_means(values: Array) -> Array:
    """(metrics, models) means over the conditions that define the metric for every model."""
    kept = ~np.isnan(values).any(axis=1, keepdims=True)
    total = np.where(kept, values, 0).sum(axis=2)
    return np.round(share(total, np.broadcast_to(kept.sum(axis=2), total.shape)), DECIMALS)


def kendall(means: Array) -> Array:
    """(metrics, metrics) Kendall's tau-b between the metrics' orders of models.

    NaN where one of the two has no order: it holds all models equal, or has no means.

    Args:
        means: (metrics, models), the higher the better; NaN where undefined.

    Source: Kendall 1945, doi:10.1093/biomet/33.3.239.
    """
    first, second = np.triu_indices(means.shape[1], 1)
    signs = np.nan_to_num(np.sign(means[:, first] - means[:, second]))
    moved = np.abs(signs).sum(axis=1)
    both = np.sqrt(moved[:, np.newaxis] * moved)
    return share(signs @ signs.T, both)


def mean_agreement(taus: Sequence[Array]) -> Array:
    """(metrics, metrics) mean over the parts that define a tau; NaN where none does."""
    known = ~np.isnan(np.array(taus))
    total = np.where(known, taus, 0).sum(axis=0)
    return share(total, known.sum(axis=0))


def effective_number(values: Array) -> float | None:
    """How many independent metrics the metrics amount to.

    The participation ratio of the eigenvalues of their correlation matrix, k² / Σ r², over models
    and the conditions that define every metric, each condition's mean over models taken off first.
    Metrics that are undefined everywhere, or equal for all models, are left out; None where none
    is left.

    Args:
        values: (metrics, models, conditions); NaN where undefined.

    Source: Bretherton et al. 1999, doi:10.1175/1520-0442(1999)012<1990:TENOSD>2.0.CO;2.
    """
    used = values[~np.isnan(values).all(axis=(1, 2))]
    part = used[:, :, ~np.isnan(used).any(axis=(0, 1))]
    flat = (part - part.mean(axis=1, keepdims=True)).reshape(len(part), math.prod(part.shape[1:]))
    norm = np.sqrt(np.square(flat).sum(axis=1))
    flat = flat[norm > FLAT] / norm[norm > FLAT, np.newaxis]
    if not len(flat):
        return None
    return round(len(flat) ** 2 / float(np.square(flat @ flat.T).sum()), DECIMALS)
