"""Dispersions beside scanpy's formulas, written out bin by bin over the cells themselves."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from vcspec.model.matrix import rows_of_dense
from vcspec.statistics.dispersion import cell_ranger, seurat
from vcspec.statistics.moments import moments

FEATURES = 400


def screen(seed: int) -> np.ndarray:
    """log1p values of 120 cells; the last five features are silent."""
    draw = np.random.default_rng(seed)
    mean = draw.lognormal(0, 1.5, FEATURES)
    counts = draw.negative_binomial(2, 2 / (2 + mean), (120, FEATURES)).astype(float)
    counts[:, -5:] = 0
    return np.log1p(counts * 1e4 / counts.sum(axis=1, keepdims=True))


def naive_seurat(values: np.ndarray) -> np.ndarray:
    amounts = np.expm1(values)
    mean, variance = amounts.mean(axis=0), amounts.var(axis=0, ddof=1)
    mean[mean == 0] = 1e-12
    with np.errstate(divide="ignore"):
        dispersion = np.log(np.where(variance == 0, np.nan, variance / mean))
    bins = pd.cut(pd.Series(np.log1p(mean)), bins=20)
    score = np.full(len(mean), np.nan)
    for one in bins.unique():
        own = np.flatnonzero(bins == one)
        known = dispersion[own][~np.isnan(dispersion[own])]
        if len(known) > 1:
            score[own] = (dispersion[own] - known.mean()) / known.std(ddof=1)
        elif len(known) == 1:
            score[own] = dispersion[own] / known[0]
    return score


def naive_cell_ranger(values: np.ndarray) -> np.ndarray:
    mean, variance = values.mean(axis=0), values.var(axis=0, ddof=1)
    mean[mean == 0] = 1e-12
    dispersion = variance / mean
    edges = [-np.inf, *np.percentile(mean, np.arange(10, 105, 5)), np.inf]
    score = np.full(len(mean), np.nan)
    for low, high in pairwise(edges):
        own = np.flatnonzero((mean > low) & (mean <= high))
        if len(own):
            centre = np.median(dispersion[own])
            width = np.median(abs(dispersion[own] - centre)) / 0.6744897501960817
            score[own] = (dispersion[own] - centre) / width
    return score


def first(score: np.ndarray, number: int) -> set[int]:
    return set(np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable")[:number].tolist())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("number", [1, 50, 200])
def test_the_most_dispersed_features_are_those_of_the_formula(seed: int, number: int) -> None:
    values = screen(seed)
    amounts = moments(rows_of_dense(np.expm1(values)))
    assert seurat(amounts, number) == first(naive_seurat(values), number)
    log1p = moments(rows_of_dense(values))
    assert cell_ranger(log1p, number) == first(naive_cell_ranger(values), number)


def test_a_feature_alone_in_its_bin_has_dispersion_one() -> None:
    values = screen(0)
    values[:, 0] += 6.0  # far above all others
    score = naive_seurat(values)
    assert score[0] == 1.0
    number = int((score > 1.0).sum())
    amounts = moments(rows_of_dense(np.expm1(values)))
    assert 0 not in seurat(amounts, number)
    assert 0 in seurat(amounts, number + 1)
