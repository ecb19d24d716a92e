"""Whether the prediction's evidence ranks the features that respond in the truth first.

Features are ranked by the size of z, which is the order of the p-values without the ties that their
underflow makes beyond |z| = 38, and which no multiple-testing adjustment flattens.
"""

from collections.abc import Callable

import numpy as np

from vcspec.metrics.changes import Mask, is_empty, share, significant, tested, where_significant
from vcspec.metrics.ordering import mid_ranks, tie_bounds
from vcspec.metrics.suite import metric
from vcspec.model.comparison import Comparison, Scores
from vcspec.model.matrix import Array

Area = Callable[[Mask, Array], Array]


@metric("de-auprc")
def de_auprc(comparison: Comparison, *, alpha: float) -> Scores:
    """Average precision of the predicted evidence for the truth's significant features."""
    return _recovery(comparison, alpha, average_precision)


@metric("de-auroc")
def de_auroc(comparison: Comparison, *, alpha: float) -> Scores:
    """Chance that a significant feature of the truth has more predicted evidence than another."""
    return _recovery(comparison, alpha, roc_area)


def average_precision(label: Mask, score: Array) -> Array:
    """(rows,) mean over the positives of the precision at their score; a tie is one threshold.

    NaN where a row has no positive. Equal to scikit-learn's `average_precision_score`.
    """
    order = np.argsort(-score, axis=1)
    hit = np.take_along_axis(label, order, axis=1)
    _, last = tie_bounds(np.take_along_axis(score, order, axis=1))
    hits_down_to = np.take_along_axis(np.cumsum(hit, axis=1), last, axis=1)
    return share((hit * hits_down_to / (last + 1)).sum(axis=1), label.sum(axis=1))


def roc_area(label: Mask, score: Array) -> Array:
    """(rows,) share of (positive, negative) pairs that the score orders well, ties one half.

    NaN where a row has one class only. Equal to scikit-learn's `roc_auc_score`.
    """
    positives, negatives = label.sum(axis=1), (~label).sum(axis=1)
    won = (mid_ranks(score) * label).sum(axis=1) - positives * (positives + 1) / 2
    return share(won, positives * negatives)


def _recovery(comparison: Comparison, alpha: float, area: Area) -> Scores:
    found = significant(comparison.truth, alpha)
    value = area(found, np.abs(tested(comparison.prediction).z))
    return where_significant(value, found).undefined_where(
        is_empty(~found), "all-features-significant"
    )
