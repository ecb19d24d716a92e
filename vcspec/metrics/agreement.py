"""Whether the predicted change has the shape of the true one, whatever its size."""

import numpy as np

from vcspec.metrics.changes import (
    Mask,
    change,
    fold_change,
    is_constant,
    is_empty,
    is_finite,
    log_ratio,
    settled,
    share,
    significant,
    tested,
    where_significant,
)
from vcspec.metrics.distances import response_weights
from vcspec.metrics.ordering import chance_of_top, mid_ranks, untied_size
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


@metric("pearson")
def pearson(comparison: Comparison) -> Scores:
    """Linear agreement of the profiles, which mostly says which features are abundant."""
    truth, prediction = (settled(side.mean) for side in (comparison.truth, comparison.prediction))
    found = _correlation(truth, prediction, np.zeros(len(truth), dtype=bool))
    values = np.where(is_constant(prediction) & ~is_constant(truth), 0.0, found.values)
    return Scores.of(values, is_constant(truth), "constant-truth")


@metric("weighted-pearson-delta-centred")
def weighted_pearson_delta_centred(comparison: Comparison) -> Scores:
    """Linear agreement of what sets the condition apart, features weighted by the true response."""
    weight, flat = response_weights(comparison)
    absent = ~is_finite(comparison.centre)
    centre = np.where(absent[:, np.newaxis], 0, comparison.centre)
    truth, prediction = (
        _weighed(settled(side.mean - centre), weight)
        for side in (comparison.truth, comparison.prediction)
    )
    scores = Scores.of(_cosine(truth, prediction), absent, "no-reference-point")
    scores = scores.undefined_where(flat, "no-weights")
    scores = scores.undefined_where(is_empty(truth), "constant-truth")
    return scores.undefined_where(is_empty(prediction), UNDEFINED_PREDICTION)


@metric("pearson-delta-top-20")
@metric("pearson-delta-top-100")
def pearson_delta_top(comparison: Comparison, *, k: int, fewest: int) -> Scores:
    """Linear agreement of the changes of the features that the truth is surest of."""
    evidence = np.abs(tested(comparison.truth).z)
    size = untied_size(evidence, np.full(len(evidence), min(k, evidence.shape[1])))
    few = size < fewest
    chosen = (chance_of_top(evidence, np.maximum(size, 1)) > 0) & ~few[:, np.newaxis]
    return _correlation_among(comparison, chosen, (few, "tied-truth"))


@metric("pearson-delta-significant")
def pearson_delta_significant(comparison: Comparison, *, alpha: float, fewest: int) -> Scores:
    """Linear agreement of the changes of the features that respond in the truth."""
    found = significant(comparison.truth, alpha)
    none, few = is_empty(found), found.sum(axis=1) < fewest
    lacking = (none, "no-significant-features"), (few, "too-few-significant-features")
    return _correlation_among(comparison, found, *lacking)


@metric("spearman-delta")
def spearman_delta(comparison: Comparison) -> Scores:
    """Agreement in rank of the changes from control, over all features."""
    return _rank_correlation(change(comparison.truth), change(comparison.prediction))


@metric("cosine-log-means")
@metric("spearman-log-means")
def of_log_means(comparison: Comparison, *, offset: float, ranks: bool) -> Scores:
    """Agreement of log2((mean + offset) / (control + offset)) of means of log1p values."""
    sides = comparison.truth, comparison.prediction
    truth, prediction = (log_ratio(side, offset) for side in sides)
    if ranks:
        return _rank_correlation(truth, prediction)
    scores = Scores.of(_cosine(truth, prediction), is_empty(truth), "constant-truth")
    return scores.undefined_where(is_empty(prediction), UNDEFINED_PREDICTION)


@metric("pearson-delta-components")
@metric("spearman-delta-components")
def delta_components(comparison: Comparison, *, ranks: bool) -> Scores:
    """Agreement of the changes along the pinned axes."""
    assert comparison.space is not None  # needs `space`
    axes = comparison.space.loadings
    truth, prediction = (
        settled(side.delta @ axes) for side in (comparison.truth, comparison.prediction)
    )
    if ranks:
        return _rank_correlation(truth, prediction)
    return _correlation(truth, prediction, np.zeros(len(truth), dtype=bool))


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


def _correlation_among(comparison: Comparison, chosen: Mask, *lacking: tuple[Mask, str]) -> Scores:
    """Pearson correlation of the changes over the chosen features, where nothing is lacking."""
    weight = chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1)
    truth, prediction = (
        _weighed(change(side), weight) for side in (comparison.truth, comparison.prediction)
    )
    scores = Scores.of(_cosine(truth, prediction), *lacking[0])
    for where, reason in (*lacking[1:], (is_empty(truth), "constant-truth")):
        scores = scores.undefined_where(where, reason)
    return scores.undefined_where(is_empty(prediction), UNDEFINED_PREDICTION)


def _rank_correlation(truth: Array, prediction: Array) -> Scores:
    """Spearman correlation over features."""
    absent = np.zeros(len(truth), dtype=bool)
    return _correlation(mid_ranks(truth), mid_ranks(prediction), absent)


def _weighed(values: Array, weight: Array) -> Array:
    """Values less their weighted mean, by the root of their weight; 0 for a constant row."""
    middle = (weight * values).sum(axis=1, keepdims=True)
    seen = np.where(weight > 0, values, np.nan)
    flat = np.nanmax(seen, axis=1, initial=-np.inf) == np.nanmin(seen, axis=1, initial=np.inf)
    return np.where(flat[:, np.newaxis], 0, np.sqrt(weight) * (values - middle))


def _centred(values: Array, member: Mask) -> Array:
    """Values of the members less their mean; 0 elsewhere."""
    size = np.maximum(member.sum(axis=1, keepdims=True), 1)
    mean = np.where(member, values, 0).sum(axis=1, keepdims=True) / size
    return np.where(member, values - mean, 0)


def _cosine(left: Array, right: Array) -> Array:
    """(conditions,) cosine in [-1, 1]; NaN where a side is zero."""
    lengths = [np.sqrt(np.square(side).sum(axis=1)) for side in (left, right)]
    return np.clip(share((left * right).sum(axis=1), lengths[0] * lengths[1]), -1, 1)
