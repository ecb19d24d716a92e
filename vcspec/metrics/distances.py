"""How far the predicted mean profile is from the true one."""

import numpy as np

from vcspec.metrics.changes import change, is_constant, share, tested
from vcspec.metrics.suite import metric
from vcspec.model.comparison import Comparison, Scores
from vcspec.model.matrix import Array


def _squared_gap(comparison: Comparison) -> Array:
    return np.square(comparison.prediction.mean - comparison.truth.mean)


@metric("mae")
def mae(comparison: Comparison) -> Scores:
    """How far the typical feature is off; log1p units."""
    gap = np.abs(comparison.prediction.mean - comparison.truth.mean)
    return Scores.defined(gap.mean(axis=1))


@metric("mse")
def mse(comparison: Comparison) -> Scores:
    """Squared gap, large errors weighing most; squared log1p units."""
    return Scores.defined(_squared_gap(comparison).mean(axis=1))


@metric("rmse")
def rmse(comparison: Comparison) -> Scores:
    """Square root of the squared gap; log1p units."""
    return Scores.defined(np.sqrt(_squared_gap(comparison).mean(axis=1)))


@metric("r2-delta")
def r2_delta(comparison: Comparison) -> Scores:
    """Share of the variance of the true change, over features, that is predicted; at most 1."""
    truth, prediction = change(comparison.truth), change(comparison.prediction)
    error = np.square(truth - prediction).sum(axis=1)
    variation = np.square(truth - truth.mean(axis=1, keepdims=True)).sum(axis=1)
    return Scores.of(1 - share(error, variation), is_constant(truth), "constant-truth")


@metric("weighted-mse")
def weighted_mse(comparison: Comparison) -> Scores:
    """Squared gap where the truth responds; undefined where all features respond alike."""
    response = np.abs(tested(comparison.truth).z)
    lowest, highest = response.min(axis=1, keepdims=True), response.max(axis=1, keepdims=True)
    flat = is_constant(response)
    weight = np.square((response - lowest) / np.where(flat[:, np.newaxis], 1, highest - lowest))
    value = share((weight * _squared_gap(comparison)).sum(axis=1), weight.sum(axis=1))
    return Scores.of(value, flat, "no-weights")
