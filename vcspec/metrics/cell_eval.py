"""Columns of cell-eval 0.8.2 whose definition is the package's own, its faults included.

Fold changes are geometric without pseudocount, hence infinite where one side lacks a feature;
tables are float32; ties stand in the order of the features; what is empty scores 0.

Source: cell-eval 0.8.2, https://github.com/ArcInstitute/cell-eval.
"""

import numpy as np

from vcspec.metrics.changes import Mask, is_empty, share, tested, where_significant
from vcspec.metrics.contexts import Outcome, Rows, by_context
from vcspec.metrics.ordering import mid_ranks
from vcspec.metrics.ranking import average_precision, roc_area
from vcspec.metrics.suite import UNDEFINED_PREDICTION, metric
from vcspec.model.comparison import Comparison, Scores, Side
from vcspec.model.matrix import Array
from vcspec.statistics.expression import log_fold_change

LEAST = 1e-10  # the smallest rate that its areas tell apart


@metric("cell-eval-overlap-all")
@metric("cell-eval-overlap-50")
@metric("cell-eval-overlap-100")
@metric("cell-eval-overlap-200")
@metric("cell-eval-overlap-500")
@metric("cell-eval-precision-all")
@metric("cell-eval-precision-50")
@metric("cell-eval-precision-100")
@metric("cell-eval-precision-200")
@metric("cell-eval-precision-500")
def overlap(comparison: Comparison, *, k: int, alpha: float, cut: str) -> Scores:
    """Overlap of both lists of calls, cut to the number of calls of one side."""
    truth, prediction = comparison.truth, comparison.prediction
    found, called = _called(truth, alpha), _called(prediction, alpha)
    counted = found if cut == "truth" else called
    length = np.minimum(counted.sum(axis=1), k if k else counted.shape[1])
    both = _first(truth, found, length) & _first(prediction, called, length)
    value = share(both.sum(axis=1), length)
    return Scores.defined(np.where(is_empty(found) | is_empty(called), 0.0, value))


@metric("cell-eval-direction-match")
def direction_match(comparison: Comparison, *, alpha: float) -> Scores:
    """Share of the true calls with the same sign in the prediction, 0 a sign of its own."""
    found = _called(comparison.truth, alpha)
    same = np.sign(_change(comparison.truth)) == np.sign(_change(comparison.prediction))
    return where_significant(share((found & same).sum(axis=1), found.sum(axis=1)), found)


@metric("cell-eval-spearman-lfc")
def spearman_lfc(comparison: Comparison, *, alpha: float) -> Scores:
    """Rank correlation of the true calls' fold changes, infinite ones ranked first or last."""
    found = _called(comparison.truth, alpha)
    ranks = [
        mid_ranks(np.where(found, _change(side).astype(np.float64), np.nan))
        for side in (comparison.truth, comparison.prediction)
    ]
    size = np.maximum(found.sum(axis=1, keepdims=True), 1)
    truth, prediction = (
        np.where(found, rank - np.where(found, rank, 0).sum(axis=1, keepdims=True) / size, 0)
        for rank in ranks
    )
    length = np.sqrt(np.square(truth).sum(axis=1) * np.square(prediction).sum(axis=1))
    scores = where_significant(share((truth * prediction).sum(axis=1), length), found)
    scores = scores.undefined_where(is_empty(truth), "constant-truth")
    return scores.undefined_where(is_empty(prediction), UNDEFINED_PREDICTION)


@metric("cell-eval-pr-auc")
def pr_auc(comparison: Comparison, *, alpha: float) -> Scores:
    """Average precision of the true calls by the prediction's adjusted p-values."""
    return _area(comparison, alpha, precise=True)


@metric("cell-eval-roc-auc")
def roc_auc(comparison: Comparison, *, alpha: float) -> Scores:
    """ROC area of the true calls by the prediction's adjusted p-values."""
    return _area(comparison, alpha, precise=False)


@metric("cell-eval-de-spearman")
def de_spearman(comparison: Comparison, *, alpha: float) -> Scores:
    """Rank correlation of the numbers of calls, over conditions that have true ones."""
    sides = comparison.truth, comparison.prediction
    found, called = (_called(side, alpha).sum(axis=1) for side in sides)

    def value(rows: Rows) -> Outcome:
        kept = rows[found[rows] > 0]
        if not len(kept):
            return 1.0
        truth, prediction = (
            mid_ranks(counts[kept][np.newaxis].astype(np.float64)) for counts in (found, called)
        )
        truth, prediction = truth - truth.mean(), prediction - prediction.mean()
        if not truth.any():
            return "constant-across-conditions"
        if not prediction.any():
            return UNDEFINED_PREDICTION
        length = np.sqrt(np.square(truth).sum() * np.square(prediction).sum())
        return float((truth * prediction).sum() / length)

    return by_context(comparison, value)


def _area(comparison: Comparison, alpha: float, *, precise: bool) -> Scores:
    found = _called(comparison.truth, alpha)
    rate = tested(comparison.prediction).fdr.astype(np.float32)
    evidence = -np.log10(np.clip(rate, np.float32(LEAST), 1)).astype(np.float64)
    value = (average_precision if precise else roc_area)(found, evidence)
    return where_significant(value, found).undefined_where(
        is_empty(~found), "all-features-significant"
    )


def _called(side: Side, alpha: float) -> Mask:
    return np.asarray(tested(side).fdr.astype(np.float32) < alpha)


def _change(side: Side) -> Array:
    """(conditions, features) log2 fold change of means not below 0, float32."""
    mean, control = (np.maximum(part, 0) for part in (side.mean, side.control))
    return np.asarray(log_fold_change(mean, control, pseudocount=0).astype(np.float32))


def _first(side: Side, called: Mask, length: Array) -> Mask:
    """The calls of largest fold change, as many as `length`; equal ones in their order."""
    size = np.where(called, np.abs(_change(side)), -1)
    order = np.argsort(-size, axis=1, kind="stable")
    chosen = np.zeros_like(called)
    listed = np.arange(called.shape[1]) < length[:, np.newaxis]
    np.put_along_axis(chosen, order, listed, axis=1)
    return chosen & called
