"""Whether the predicted change has the shape of the true one, whatever its size."""

import numpy as np

from vcspec.metrics.changes import (
    Mask,
    change,
    fold_change,
    is_constant,
    is_empty,
    is_finite,
    settled,
    share,
    significant,
    where_significant,
)
from vcspec.metrics.ordering import mid_ranks
from vcspec.metrics.suite import UNDEFINED_PREDICTION, metric
from vcspec.model.comparison import Comparison, Scores
from vcspec.model.matrix import Array


@metric("pearson-delta")
def pearson_delta(comparison: Comparison) -> Scores:
    """Linear agreement of the changes from control, over features."""
    absent = np.zeros(len(comparison), dtype=bool)
    return _correlation(change(comparison.truth), change(comparison.prediction), absent)


@metric("pearson-delta-centred")
def pearson_delta_centred(comparison: Comparison) -> Scores:
    """Linear agreement of what sets the condition apart from the average perturbation."""
    absent = ~is_finite(comparison.centre)
    centre = np.where(absent[:, np.newaxis], 0, comparison.centre)
    truth, prediction = comparison.truth.mean - centre, comparison.prediction.mean - centre
    return _correlation(settled(truth), settled(prediction), absent)


@metric("cosine-delta")
def cosine_delta(comparison: Comparison) -> Scores:
    """Cosine of the angle between the changes from control."""
    truth, prediction = change(comparison.truth), change(comparison.prediction)
    scores = Scores.of(_cosine(truth, prediction), is_empty(truth), "constant-truth")
    return scores.undefined_where(is_empty(prediction), UNDEFINED_PREDICTION)


@metric("spearman-lfc")
def spearman_lfc(
    comparison: Comparison, *, alpha: float, fewest: int, pseudocount: float
) -> Scores:
    """Agreement in rank of the fold changes of the features that respond in the truth."""
    found = significant(comparison.truth, alpha)
    few = found.sum(axis=1) < fewest
    ranks = [
        mid_ranks(np.where(found, fold_change(side, pseudocount), np.nan))
        for side in (comparison.truth, comparison.prediction)
    ]
    truth, prediction = (_centred(np.where(found, rank, 0), found) for rank in ranks)
    scores = where_significant(_cosine(truth, prediction), found)
    scores = scores.undefined_where(few, "too-few-significant-features")
    scores = scores.undefined_where(is_empty(truth), "constant-truth")
    return scores.undefined_where(is_empty(prediction), UNDEFINED_PREDICTION)


def _correlation(truth: Array, prediction: Array, absent: Mask) -> Scores:
    """Pearson correlation over features, but where the reference point is absent."""
    everything = np.ones(truth.shape, dtype=bool)
    value = _cosine(_centred(truth, everything), _centred(prediction, everything))
    scores = Scores.of(value, absent, "no-reference-point")
    scores = scores.undefined_where(is_constant(truth), "constant-truth")
    return scores.undefined_where(is_constant(prediction), UNDEFINED_PREDICTION)


def _centred(values: Array, member: Mask) -> Array:
    """Values of the members less their mean; 0 elsewhere."""
    size = np.maximum(member.sum(axis=1, keepdims=True), 1)
    mean = np.where(member, values, 0).sum(axis=1, keepdims=True) / size
    return np.where(member, values - mean, 0)


def _cosine(left: Array, right: Array) -> Array:
    """(conditions,) cosine in [-1, 1]; NaN where a side is zero."""
    lengths = [np.sqrt(np.square(side).sum(axis=1)) for side in (left, right)]
    return np.clip(share((left * right).sum(axis=1), lengths[0] * lengths[1]), -1, 1)
