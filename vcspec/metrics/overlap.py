"""Whether the features that move most are the same on both sides.

A tie within the prediction is scored as the mean over all orders of the tied features. A tie in the
truth that straddles the k-th place shortens the list to the features above the tie, so that the
truth itself always scores 1 and a constant always scores list / features.
"""

from dataclasses import replace

import numpy as np

from vcspec.metrics.changes import (
    Mask,
    change,
    fold_change,
    share,
    significant,
    where_significant,
)
from vcspec.metrics.ordering import chance_of_top, untied_size
from vcspec.metrics.suite import UNDEFINED_PREDICTION, metric
from vcspec.model.comparison import Comparison, Scores
from vcspec.model.matrix import Array


@metric("effect-overlap-50")
def effect_overlap(comparison: Comparison, *, k: int) -> Scores:
    """Share of the features of largest true change that are among those of largest predicted."""
    truth, prediction = np.abs(change(comparison.truth)), np.abs(change(comparison.prediction))
    everything = np.ones(truth.shape, dtype=bool)
    value, tied = _overlap((truth, prediction), (everything, everything), k)
    trivial = np.full(len(truth), truth.shape[1] <= k)
    return Scores.of(value, trivial, "too-few-features").undefined_where(tied, "tied-truth")


@metric("de-overlap-20")
@metric("de-overlap-50")
@metric("de-overlap-100")
@metric("de-overlap-200")
@metric("de-overlap-500")
@metric("des")
def de_overlap(comparison: Comparison, *, k: int, alpha: float, pseudocount: float) -> Scores:
    """Share of the most changed significant features of the truth that the prediction finds."""
    sides = comparison.truth, comparison.prediction
    found, called = (significant(side, alpha) for side in sides)
    truth, prediction = (np.abs(fold_change(side, pseudocount)) for side in sides)
    value, tied = _overlap((truth, prediction), (found, called), k)
    return where_significant(value, found).undefined_where(tied, "tied-truth")


@metric("effect-iou-50")
def effect_iou(comparison: Comparison, *, k: int) -> Scores:
    """The same lists as a share of what either holds."""
    overlap = effect_overlap(comparison, k=k)
    return replace(overlap, values=overlap.values / (2 - overlap.values))


@metric("de-precision-at-20")
@metric("de-precision-at-50")
@metric("de-precision-at-100")
@metric("de-precision-at-200")
@metric("de-precision-at-500")
def de_precision_at(comparison: Comparison, *, k: int, alpha: float, pseudocount: float) -> Scores:
    """Share of the most changed calls of the prediction that the truth calls at all."""
    sides = comparison.truth, comparison.prediction
    found, called = (significant(side, alpha) for side in sides)
    size = np.where(called, np.abs(fold_change(comparison.prediction, pseudocount)), -1.0)
    length = np.minimum(called.sum(axis=1), k)
    hits = (chance_of_top(size, np.maximum(length, 1)) * called * found).sum(axis=1)
    scores = where_significant(share(hits, length), found)
    return scores.undefined_where(length == 0, UNDEFINED_PREDICTION)


def _overlap(size: tuple[Array, Array], members: tuple[Mask, Mask], k: int) -> tuple[Array, Mask]:
    """Overlap of the lists of largest members, truth first, and where the truth has no list."""
    truth, prediction = (
        np.where(member, values, -1.0) for member, values in zip(members, size, strict=True)
    )
    length = untied_size(truth, np.minimum(members[0].sum(axis=1), k))
    tied, length = length == 0, np.maximum(length, 1)
    both = chance_of_top(truth, length) * chance_of_top(prediction, length) * members[1]
    return both.sum(axis=1) / length, tied
