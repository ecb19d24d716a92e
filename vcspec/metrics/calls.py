"""Which features the prediction calls changed, and in which direction."""

import numpy as np

from vcspec.metrics.changes import Mask, change, is_empty, share, significant, where_significant
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


def _calls(comparison: Comparison, alpha: float) -> tuple[Mask, Mask]:
    return significant(comparison.truth, alpha), significant(comparison.prediction, alpha)
