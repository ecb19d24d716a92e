"""How far the predicted mean profile is from the true one."""

import numpy as np

from vcspec.metrics.changes import Mask, change, is_constant, is_finite, settled, share, tested
from vcspec.metrics.suite import metric
from vcspec.model.comparison import Comparison, Scores, Side
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


@metric("r2")
def r2(comparison: Comparison) -> Scores:
    """Share of the variance of the true profile, over features, that is predicted; at most 1."""
    truth = comparison.truth.mean
    variation = np.square(truth - truth.mean(axis=1, keepdims=True)).sum(axis=1)
    value = 1 - share(_squared_gap(comparison).sum(axis=1), variation)
    return Scores.of(value, is_constant(settled(truth)), "constant-truth")


@metric("weighted-mse")
def weighted_mse(comparison: Comparison) -> Scores:
    """Squared gap where the truth responds; undefined where all features respond alike."""
    weight, flat = response_weights(comparison)
    return Scores.of((weight * _squared_gap(comparison)).sum(axis=1), flat, "no-weights")


@metric("weighted-r2-delta-centred")
def weighted_r2_delta_centred(comparison: Comparison) -> Scores:
    """Share of the weighted variance of what sets the condition apart that is predicted."""
    weight, flat = response_weights(comparison)
    absent = ~is_finite(comparison.centre)
    centre = np.where(absent[:, np.newaxis], 0, comparison.centre)
    truth = settled(comparison.truth.mean - centre)
    middle = (weight * truth).sum(axis=1, keepdims=True)
    variation = (weight * np.square(truth - middle)).sum(axis=1)
    counted = weight > 0  # their sum is rounded, and no zero where they are equal
    lowest = np.where(counted, truth, np.inf).min(axis=1)
    highest = np.where(counted, truth, -np.inf).max(axis=1)
    value = 1 - share((weight * _squared_gap(comparison)).sum(axis=1), variation)
    scores = Scores.of(value, absent, "no-reference-point").undefined_where(flat, "no-weights")
    return scores.undefined_where(lowest == highest, "constant-truth")


@metric("mse-components")
def mse_components(comparison: Comparison) -> Scores:
    """Squared gap along the pinned axes."""
    assert comparison.space is not None  # needs `space`
    gap = (comparison.prediction.mean - comparison.truth.mean) @ comparison.space.loadings
    return Scores.defined(np.square(gap).mean(axis=1))


@metric("rmse-signed-log-p")
def rmse_signed_log_p(comparison: Comparison, *, smallest: float) -> Scores:
    """Root mean squared gap of the evidence with its sign; in powers of ten of p."""

    def evidence(side: Side) -> Array:
        found = tested(side)
        return np.asarray(-np.sign(found.z) * np.log10(np.maximum(found.p_value, smallest)))

    gap = evidence(comparison.prediction) - evidence(comparison.truth)
    return Scores.defined(np.sqrt(np.square(gap).mean(axis=1)))


def response_weights(comparison: Comparison) -> tuple[Array, Mask]:
    """(conditions, features) weights that sum to 1, largest where the truth responds most.

    Returns:
        the weights, 0 where all features of a condition respond alike; and where they do.
    """
    response = np.abs(tested(comparison.truth).z)
    lowest, highest = response.min(axis=1, keepdims=True), response.max(axis=1, keepdims=True)
    flat = is_constant(response)
    weight = np.square((response - lowest) / np.where(flat[:, np.newaxis], 1, highest - lowest))
    total = weight.sum(axis=1, keepdims=True)
    return weight / np.where(total > 0, total, 1), flat
