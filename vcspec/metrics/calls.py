"""Which features the prediction calls changed, and in which direction."""

import numpy as np

from vcspec.metrics.changes import (
    Mask,
    change,
    fold_change,
    is_empty,
    share,
    significant,
    where_significant,
)
from vcspec.metrics.contexts import Outcome, Rows, by_context
from vcspec.metrics.ordering import chance_of_top, mid_ranks, untied_size
from vcspec.metrics.suite import UNDEFINED_PREDICTION, metric
from vcspec.model.comparison import Comparison, Scores


@metric("direction-match")
def direction_match(comparison: Comparison, *, alpha: float) -> Scores:
    """Share of the features that respond in the truth whose predicted change has its sign."""
    true_sign = np.sign(change(comparison.truth))
    directed = significant(comparison.truth, alpha) & (true_sign != 0)
    agreement = true_sign * np.sign(change(comparison.prediction))
    value = share(((1 + agreement) / 2 * directed).sum(axis=1), directed.sum(axis=1))
    return where_significant(value, directed)


@metric("de-precision")
def de_precision(comparison: Comparison, *, alpha: float) -> Scores:
    """Share of the predicted calls that are true."""
    found, called = _calls(comparison, alpha)
    value = share((found & called).sum(axis=1), called.sum(axis=1))
    scores = where_significant(value, found)
    return scores.undefined_where(is_empty(called), UNDEFINED_PREDICTION)


@metric("de-recall")
def de_recall(comparison: Comparison, *, alpha: float) -> Scores:
    """Share of the true calls that are predicted."""
    found, called = _calls(comparison, alpha)
    return where_significant(share((found & called).sum(axis=1), found.sum(axis=1)), found)


@metric("de-jaccard")
def de_jaccard(comparison: Comparison, *, alpha: float) -> Scores:
    """Calls that both sides make, over calls that either makes."""
    found, called = _calls(comparison, alpha)
    value = share((found & called).sum(axis=1), (found | called).sum(axis=1))
    return where_significant(value, found)


@metric("de-f1")
def de_f1(comparison: Comparison, *, alpha: float) -> Scores:
    """Harmonic mean of precision and recall of the calls."""
    found, called = _calls(comparison, alpha)
    both = 2 * (found & called).sum(axis=1)
    return where_significant(share(both, found.sum(axis=1) + called.sum(axis=1)), found)


@metric("common-degs-f1")
def common_degs_f1(comparison: Comparison, *, alpha: float, fold: float) -> Scores:
    """Harmonic mean of precision and recall of calls that are also large."""
    found, called = (
        significant(side, alpha) & (np.abs(fold_change(side, 1.0)) >= np.log2(fold))
        for side in (comparison.truth, comparison.prediction)
    )
    both = 2 * (found & called).sum(axis=1)
    return where_significant(share(both, found.sum(axis=1) + called.sum(axis=1)), found)


@metric("wrong-direction-50")
def wrong_direction(comparison: Comparison, *, k: int) -> Scores:
    """Share of the largest true changes that are predicted the other way; no change is one half."""
    truth, prediction = change(comparison.truth), change(comparison.prediction)
    size = np.abs(truth)
    length = untied_size(size, np.full(len(truth), min(k, truth.shape[1])))
    chosen = chance_of_top(size, np.maximum(length, 1)) * (truth != 0)
    against = (1 - np.sign(truth) * np.sign(prediction)) / 2
    value = share((chosen * against).sum(axis=1), chosen.sum(axis=1))
    scores = Scores.of(value, is_empty(truth), "constant-truth")
    return scores.undefined_where(length == 0, "tied-truth")


@metric("direction-yield")
def direction_yield(comparison: Comparison, *, alpha: float) -> Scores:
    """Calls of the right direction, over as many as either side makes."""
    found, called = _calls(comparison, alpha)
    right = np.sign(change(comparison.truth)) * np.sign(change(comparison.prediction)) > 0
    most = np.maximum(called.sum(axis=1), found.sum(axis=1))
    return where_significant(share((called & right).sum(axis=1), most), found)


@metric("lfc-nmae")
def lfc_nmae(comparison: Comparison, *, alpha: float, fewest: int, pseudocount: float) -> Scores:
    """Absolute error of the significant fold changes, over their size; 1 for no change."""
    found = significant(comparison.truth, alpha)
    truth, prediction = (
        np.where(found, fold_change(side, pseudocount), 0)
        for side in (comparison.truth, comparison.prediction)
    )
    value = share(np.abs(prediction - truth).sum(axis=1), np.abs(truth).sum(axis=1))
    scores = where_significant(value, found)
    few = found.sum(axis=1) < fewest
    scores = scores.undefined_where(few, "too-few-significant-features")
    return scores.undefined_where(is_empty(truth), "constant-truth")


@metric("de-count-spearman")
def de_count_spearman(comparison: Comparison, *, alpha: float, fewest: int) -> Scores:
    """Whether the prediction knows which conditions respond most; one value a context."""
    found, called = (mask.sum(axis=1) for mask in _calls(comparison, alpha))

    def value(rows: Rows) -> Outcome:
        if len(rows) < fewest:
            return "too-few-conditions"
        truth, prediction = (
            mid_ranks(counts[rows][np.newaxis].astype(np.float64)) for counts in (found, called)
        )
        truth, prediction = truth - truth.mean(), prediction - prediction.mean()
        if not truth.any():
            return "constant-across-conditions"
        if not prediction.any():
            return UNDEFINED_PREDICTION
        length = np.sqrt(np.square(truth).sum() * np.square(prediction).sum())
        return float((truth * prediction).sum() / length)

    return by_context(comparison, value)


def _calls(comparison: Comparison, alpha: float) -> tuple[Mask, Mask]:
    return significant(comparison.truth, alpha), significant(comparison.prediction, alpha)
