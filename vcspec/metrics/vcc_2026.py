"""Differential expression as the Virtual Cell Challenge 2026 takes it.

Features count where the control has more than `gate` per million; p-values are adjusted among
these. Fold changes are of arithmetic means per million. The own target leaves afterwards.

Source: cell-eval2 0.20.0, https://github.com/ArcInstitute/cell-eval2.
"""

from dataclasses import dataclass

import numpy as np

from vcspec.metrics.changes import Mask, is_empty, share, tested
from vcspec.metrics.contexts import Outcome, Rows, by_context
from vcspec.metrics.suite import metric
from vcspec.model.comparison import Comparison, Scores, Side
from vcspec.model.matrix import Array

MILLION = 1e6
NOTHING_TO_FIND = "no-significant-features"


@dataclass(frozen=True)
class Rule:
    """What the challenge fixes.

    Attributes:
        alpha: false discovery rate of a call.
        gate: per million of the control, above which a feature counts.
        epsilon: per million, added to both means of a fold change.
    """

    alpha: float
    gate: float
    epsilon: float


@dataclass(frozen=True, eq=False)
class Calls:
    """One side's table; every array (conditions, features).

    Attributes:
        called: whether a feature is called; never the own target.
        change: log2 fold change.
        p_value: of the test.
        fdr: adjusted among the features that count, 1 elsewhere.
    """

    called: Mask
    change: Array
    p_value: Array
    fdr: Array


@metric("vcc-2026-direction-yield")
def direction_yield(comparison: Comparison, *, alpha: float, gate: float, epsilon: float) -> Scores:
    """Calls of the right direction, over as many as either side makes."""
    truth, prediction = _both(comparison, Rule(alpha, gate, epsilon))
    called = prediction.called & (truth.change != 0)
    right = called & (np.sign(prediction.change) == np.sign(truth.change))
    most = np.maximum(called.sum(axis=1), truth.called.sum(axis=1))
    return Scores.of(share(right.sum(axis=1), most), most == 0, NOTHING_TO_FIND)


@metric("vcc-2026-direction-reach")
def direction_reach(
    comparison: Comparison, *, alpha: float, gate: float, epsilon: float, purity: float
) -> Scores:
    """How far down the prediction's own order the true calls stay right in direction."""
    truth, prediction = _both(comparison, Rule(alpha, gate, epsilon))
    listed = truth.called & (truth.change != 0)
    order = np.lexsort(
        (
            -np.abs(prediction.change),
            prediction.p_value,
            prediction.fdr,
            ~prediction.called,
            ~listed,
        ),
        axis=1,
    )
    right = listed & (np.sign(prediction.change) == np.sign(truth.change))
    hits = np.cumsum(np.take_along_axis(right, order, axis=1), axis=1)
    depth = np.arange(1, hits.shape[1] + 1)
    pure = (hits >= purity * depth) & (depth <= listed.sum(axis=1, keepdims=True))
    deepest = np.where(pure, depth, 0).max(axis=1, initial=0)
    number = truth.called.sum(axis=1)
    return Scores.of(share(deepest, number), number == 0, NOTHING_TO_FIND)


@metric("vcc-2026-jaccard")
def jaccard(comparison: Comparison, *, alpha: float, gate: float, epsilon: float) -> Scores:
    """Calls that both sides make, over calls that either makes; 1 where neither makes any."""
    truth, prediction = _both(comparison, Rule(alpha, gate, epsilon))
    either = truth.called | prediction.called
    value = share((truth.called & prediction.called).sum(axis=1), either.sum(axis=1))
    return Scores.defined(np.where(is_empty(either), 1.0, value))


@metric("vcc-2026-lfc-nmae")
def lfc_nmae(
    comparison: Comparison, *, alpha: float, gate: float, epsilon: float, fewest: int
) -> Scores:
    """Absolute error of the true calls' fold changes, over their size; 1 for no change."""
    truth, prediction = _both(comparison, Rule(alpha, gate, epsilon))
    error = np.where(truth.called, np.abs(prediction.change - truth.change), 0).sum(axis=1)
    size = np.where(truth.called, np.abs(truth.change), 0).sum(axis=1)
    scores = Scores.of(share(error, size), is_empty(truth.called), NOTHING_TO_FIND)
    few = truth.called.sum(axis=1) < fewest
    scores = scores.undefined_where(few, "too-few-significant-features")
    return scores.undefined_where(size == 0, "constant-truth")


def _both(comparison: Comparison, rule: Rule) -> tuple[Calls, Calls]:
    own = _own_targets(comparison)
    sides = comparison.truth, comparison.prediction
    truth, prediction = (_calls(side, own, rule) for side in sides)
    return truth, prediction


def _own_targets(comparison: Comparison) -> Mask:
    """(conditions, features) whether a feature is a target of the condition's perturbation."""
    own = np.zeros(comparison.truth.mean.shape, dtype=bool)
    for row, targets in enumerate(comparison.targets):
        own[row, targets] = True
    return own


def _calls(side: Side, own: Mask, rule: Rule) -> Calls:
    assert side.linear is not None  # needs `linear`
    assert side.control_linear is not None
    unit = MILLION / side.control_linear.sum(axis=1, keepdims=True)
    mean, control = side.linear * unit, side.control_linear * unit
    counts = control > rule.gate
    p_value = tested(side).p_value
    fdr = _adjusted(p_value, counts)
    change = np.log2((mean + rule.epsilon) / (control + rule.epsilon))
    return Calls((fdr < rule.alpha) & counts & ~own, change, p_value, fdr)


def _adjusted(p_value: Array, counts: Mask) -> Array:
    """Benjamini-Hochberg among the features that count, row by row; 1 elsewhere."""
    order = np.argsort(np.where(counts, p_value, np.inf), axis=1)
    number = counts.sum(axis=1, keepdims=True)
    place = np.arange(1, p_value.shape[1] + 1)
    raw = np.take_along_axis(p_value, order, axis=1) * number / place
    raw = np.where(place <= number, raw, 1.0)
    smallest_above = np.minimum.accumulate(raw[:, ::-1], axis=1)[:, ::-1]
    adjusted = np.empty_like(raw)
    np.put_along_axis(adjusted, order, np.minimum(smallest_above, 1), axis=1)
    return adjusted


@metric("vcc-2026-mse-ratio")
def mse_ratio(comparison: Comparison) -> Scores:
    """Squared error less what noise adds to it, over the same of no change; one value a context."""
    truth, prediction = comparison.truth.pooled, comparison.prediction.pooled
    assert truth is not None  # needs `pooled`
    assert prediction is not None
    kept = ~_own_targets(comparison)
    number = kept.sum(axis=1)
    gap = np.where(kept, np.square(prediction.profile - truth.profile), 0).sum(axis=1)
    change = np.where(kept, np.square(truth.profile - truth.control), 0).sum(axis=1)
    own = np.minimum(prediction.noise, truth.noise)

    def value(rows: Rows) -> Outcome:
        weight = kept[rows] / np.maximum(number[rows, np.newaxis], 1)
        middle = share((weight * prediction.profile[rows]).sum(axis=0), weight.sum(axis=0))
        spread = np.nansum(weight * np.square(prediction.profile[rows] - middle))
        credit = float((own[rows] / np.maximum(number[rows], 1)).sum())
        given = min(1.0, spread / credit) if credit > 0 else 1.0
        error = share(gap[rows] - given * own[rows] - truth.noise[rows], number[rows])
        effect = share(change[rows] - truth.noise[rows] - truth.control_noise[rows], number[rows])
        if not effect.sum() > 0:  # nor where own targets are all there is
            return "no-true-effect"
        return float(error.sum() / effect.sum())

    return by_context(comparison, value)
