"""Whether a prediction is nearer to its own truth than to the truths of other conditions.

Only conditions of the same context compete, so that telling contexts apart earns nothing.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from vcspec.metrics.changes import change, is_empty
from vcspec.metrics.suite import metric
from vcspec.model.comparison import Comparison, Scores
from vcspec.model.matrix import Array
from vcspec.statistics.distances import pairwise

Gap = Callable[[Array, Array], Array]


@metric("discrimination-l1", across=True)
def discrimination_l1(comparison: Comparison) -> Scores:
    """Share of competing truths that are farther than the own one; sum of absolute gaps."""
    return _discrimination(comparison, partial(pairwise, squared=False))


@metric("discrimination-l2", across=True)
def discrimination_l2(comparison: Comparison) -> Scores:
    """Share of competing truths that are farther than the own one; Euclidean distance."""
    return _discrimination(comparison, _squared)


@metric("discrimination-cosine", across=True)
def discrimination_cosine(comparison: Comparison) -> Scores:
    """Share of competing truths that point farther away than the own one; cosine distance."""
    kept = ~comparison.is_target
    silent = is_empty(change(comparison.truth)[:, kept])
    return _discrimination(comparison, _cosine_gap).undefined_where(silent, "constant-truth")


@metric("centroid-accuracy", across=True)
def centroid_accuracy(comparison: Comparison) -> Scores:
    """Share of competing truths that are strictly farther than the own one; Euclidean distance."""

    def rank(own: Array, gaps: Array) -> Array:
        return np.asarray((gaps > own).sum(axis=1), dtype=np.float64)

    truth, prediction = comparison.truth.mean, comparison.prediction.mean
    return _among_context(comparison, (prediction, truth), _squared, rank)


def _discrimination(comparison: Comparison, gap: Gap) -> Scores:
    kept = ~comparison.is_target

    def rank(own: Array, gaps: Array) -> Array:
        tied_others = (gaps == own).sum(axis=1) - 1
        return np.asarray((gaps > own).sum(axis=1) + tied_others / 2)

    sides = change(comparison.prediction)[:, kept], change(comparison.truth)[:, kept]
    scores = _among_context(comparison, sides, gap, rank)
    return scores.undefined_where(np.full(len(comparison), not kept.any()), "too-few-features")


def _among_context(
    comparison: Comparison,
    sides: tuple[Array, Array],
    gap: Gap,
    beaten: Callable[[Array, Array], Array],
) -> Scores:
    """Share of the context's other conditions that each prediction beats."""
    values, alone = np.full(len(comparison), np.nan), np.zeros(len(comparison), dtype=bool)
    for context in np.unique(comparison.context):
        rows = np.flatnonzero(comparison.context == context)
        if len(rows) == 1:
            alone[rows] = True
            continue
        gaps = gap(sides[0][rows], sides[1][rows])  # (predictions, truths)
        values[rows] = beaten(np.diagonal(gaps)[:, np.newaxis], gaps) / (len(rows) - 1)
    return Scores.of(values, alone, "single-condition-in-context")


def _squared(left: Array, right: Array) -> Array:
    """Squared Euclidean distance, which orders like the distance itself."""
    return pairwise(left, right, squared=True)


def _cosine_gap(left: Array, right: Array) -> Array:
    """Cosine distance from half the squared gap of the directions; 1 where a side is zero."""
    norms = [np.sqrt(np.square(side).sum(axis=1, keepdims=True)) for side in (left, right)]
    directions = [
        side / np.where(norm > 0, norm, 1) for side, norm in zip((left, right), norms, strict=True)
    ]
    silent = (norms[0] == 0) | (norms[1].T == 0)
    return np.where(silent, 1.0, _squared(directions[0], directions[1]) / 2)
