"""Features chosen by their dispersion among features of like mean, as scanpy's two flavours do.

Variance over mean, brought to one scale within bins of the mean: after Satija et al. 2015
(doi:10.1038/nbt.3192), flavour `seurat`, and Zheng et al. 2017 (doi:10.1038/ncomms14049), flavour
`cell_ranger`.
"""

from collections.abc import Callable

import numpy as np

from vcspec.model.matrix import AnyArray, Array
from vcspec.statistics.moments import Moments

LEAST_MEAN = 1e-12  # in the place of a mean of 0
BINS = 20  # of one width
PERCENTILES = np.arange(10, 105, 5)  # of the means, between which bins lie
NORMAL = 0.6744897501960817  # median absolute deviation of a normal variable of deviation 1

Scale = Callable[[Array], tuple[float, float]]


def seurat(amounts: Moments, number: int) -> set[int]:
    """Places of the features of largest normalised dispersion, flavour `seurat`.

    The logarithm of variance / mean, less its mean and over its deviation among the features of one
    of 20 bins of equal width of log1p of the mean; 1 for a feature alone in its bin.

    Args:
        amounts: moments of values before the logarithm: count × target sum / total.
        number: of features; of equal ones those that stand first.
    """
    mean, dispersion = _dispersion(amounts)
    with np.errstate(divide="ignore"):
        dispersion = np.where(dispersion > 0, np.log(dispersion), np.nan)
    mean = np.log1p(mean)
    edges = np.linspace(mean.min(), mean.max(), BINS + 1)[1:-1]
    return _first(_by_bin(dispersion, np.searchsorted(edges, mean, side="left"), _spread), number)


def cell_ranger(log1p: Moments, number: int) -> set[int]:
    """Places of the features of largest normalised dispersion, flavour `cell_ranger`.

    Variance / mean, less its median and over its median absolute deviation among the features
    between two of the percentiles 10, 15, … 100 of the mean.

    Args:
        log1p: moments of log1p values.
        number: of features; of equal ones those that stand first.
    """
    mean, dispersion = _dispersion(log1p)
    edges = np.percentile(mean, PERCENTILES)
    return _first(_by_bin(dispersion, np.searchsorted(edges, mean, side="left"), _middle), number)


def _dispersion(sums: Moments) -> tuple[Array, Array]:
    mean = np.where(sums.mean == 0, LEAST_MEAN, sums.mean)
    spread = np.maximum(sums.squares - sums.total**2 / sums.cells, 0)
    return mean, spread / max(1, sums.cells - 1) / mean


def _by_bin(dispersion: Array, bins: AnyArray, scale: Scale) -> Array:
    found = np.full(len(dispersion), np.nan)
    for one in np.unique(bins).tolist():
        own = (bins == one) & ~np.isnan(dispersion)
        if own.any():
            centre, width = scale(dispersion[own])
            with np.errstate(divide="ignore", invalid="ignore"):
                found[own] = (dispersion[own] - centre) / width
    return found


def _spread(values: Array) -> tuple[float, float]:
    if len(values) == 1:
        return 0.0, float(values[0])
    return float(values.mean()), float(values.std(ddof=1))


def _middle(values: Array) -> tuple[float, float]:
    centre = np.median(values)
    return float(centre), float(np.median(np.abs(values - centre)) / NORMAL)


def _first(score: Array, number: int) -> set[int]:
    order = np.argsort(np.where(np.isnan(score), np.inf, -score), kind="stable")
    return set(order[:number].tolist())
