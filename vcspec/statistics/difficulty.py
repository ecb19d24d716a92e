"""How hard a condition is to predict: its effect, how well that repeats, how near others are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import mannwhitneyu

from vcspec.model.matrix import Array
from vcspec.statistics.moments import Moments

FEWEST = 4  # cells that are cut in two halves, and conditions of a side that are compared


@dataclass(frozen=True)
class Contrast:
    """A quantity of the tested conditions beside that of the trained ones.

    Attributes:
        test: median over the tested conditions.
        train: median over the trained ones.
        auc: chance that a tested condition has more than a trained one, ties counting half; 0.5
            where nothing differs. None where a side has fewer than four.
        p_value: two-sided, of the rank-sum test over conditions. None likewise.
    """

    test: float
    train: float
    auc: float | None
    p_value: float | None


def contrast(test: Array, train: Array) -> Contrast:
    """Tested beside trained conditions, those without a value left out.

    Args:
        test: (tested conditions,) values, NaN where there is none.
        train: (trained conditions,) likewise.
    """
    left, right = test[~np.isnan(test)], train[~np.isnan(train)]
    medians = [float(np.median(side)) if len(side) else float("nan") for side in (left, right)]
    if min(len(left), len(right)) < FEWEST:
        return Contrast(medians[0], medians[1], None, None)
    found = mannwhitneyu(left, right, alternative="two-sided")
    auc = float(found.statistic) / (len(left) * len(right))
    return Contrast(medians[0], medians[1], auc, float(found.pvalue))


def effect_size(condition: Moments, control: Moments) -> float:
    """Root mean square over features of the change of the mean, its sampling noise taken off.

    sqrt(max(0, mean over features of (m - c)² - v_m / n - v_c / k)): m and c the means, v the
    unbiased variances, n and k the numbers of cells. NaN where either has fewer than two cells.
    """
    if min(condition.cells, control.cells) < 2:
        return float("nan")
    change = (condition.mean - control.mean) ** 2
    noise = sum(_variance(one) / one.cells for one in (condition, control))
    return float(np.sqrt(max(0.0, float((change - noise).mean()))))


def _variance(one: Moments) -> Array:
    """(features,) unbiased variance; rounding below zero is zero."""
    spread = one.squares - one.total**2 / one.cells
    return np.asarray(np.maximum(spread, 0) / (one.cells - 1))


def correlation(left: Array, right: Array) -> float:
    """Pearson's r over features; NaN where either is constant."""
    a, b = left - left.mean(), right - right.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else float("nan")


def correlations(left: Sequence[Array], right: Sequence[Array]) -> Array:
    """(left, right) Pearson's r of each pair over features; NaN where either is constant."""
    if not len(left) or not len(right):
        return np.empty((len(left), len(right)))
    others = np.array([_unit(one) for one in right])
    return np.array([others @ _unit(one) for one in left])


def _unit(values: Array) -> Array:
    """(features,) the values without their mean, of length 1; NaN where they are constant."""
    centred = values - values.mean()
    size = float(np.sqrt(centred @ centred))
    return np.asarray(centred / size if size > 0 else np.full(len(values), np.nan))


def greatest(found: Array) -> float:
    """The greatest of the values that exist; NaN where none does."""
    known = found[~np.isnan(found)]
    return float(known.max()) if len(known) else float("nan")


def nearest(profiles: Array, others: Array) -> tuple[Array, Array]:
    """For each profile the place of the nearest of the others, and its Euclidean distance.

    Args:
        profiles: (profiles, features).
        others: (others, features), one at least.
    """
    distances = cdist(profiles, others)
    places = distances.argmin(axis=1)
    return places, distances[np.arange(len(profiles)), places]
