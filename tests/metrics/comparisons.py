"""Small awkward comparisons for tests: ties, zeros, negatives, single cells, silent conditions.

Means, tests and adjustments come from numpy and scipy, never from vcspec.
"""

from functools import cache

import numpy as np
from scipy import stats

from vcspec.model.comparison import Comparison, Expression, Scores, Side

FLAVOURS = ("normal", "tied", "sparse", "negative")


def draw(rng, flavour, shape):
    values = rng.normal(size=shape)
    if flavour == "tied":
        values = np.round(values)
    if flavour == "sparse":
        values = np.where(rng.random(shape) < 0.7, 0, np.abs(np.round(values, 1)))
    if flavour == "negative":
        values = np.where(rng.random(shape) < 0.4, 0, np.round(values, 1))
    return values.astype(np.float32)


def expression(blocks, control):
    tests = [one_test(block.astype(float), control.astype(float)) for block in blocks]
    z, p_value = (np.array(part) for part in zip(*tests, strict=True))
    return Expression(z, p_value, stats.false_discovery_control(p_value, axis=1))


def one_test(cells, control):
    with np.errstate(invalid="ignore", divide="ignore"):
        found = stats.mannwhitneyu(cells, control, method="asymptotic")
    together = np.concatenate([cells, control])
    p_value = np.where((together == together[0]).all(axis=0), 1.0, found.pvalue)
    sign = np.sign(found.statistic - len(cells) * len(control) / 2)
    return sign * stats.norm.isf(p_value / 2), p_value


def side(blocks, control):
    mean = np.array([block.astype(float).mean(axis=0) for block in blocks])
    base = np.tile(control.astype(float).mean(axis=0), (len(blocks), 1))
    return Side(mean, base, expression(blocks, control))


@cache
def awkward(seed, flavour, features=24):
    """Eight conditions in contexts of three, four and one; some are degenerate."""
    rng = np.random.default_rng(seed)
    control = draw(rng, flavour, (30, features))
    sizes = (1, 2, 25, 40, 40, 30, 30, 30)
    effect = rng.normal(size=(8, features)) * (rng.random((8, features)) < 0.5) * 2
    truth = [
        draw(rng, flavour, (size, features)) + np.round(shift).astype(np.float32)
        for size, shift in zip(sizes, effect, strict=True)
    ]
    prediction = [
        draw(rng, flavour, (30, features)) + np.round(shift).astype(np.float32) for shift in effect
    ]
    truth[3] = control  # no effect in the truth
    prediction[4] = control  # no effect in the prediction
    prediction[5] = control + np.float32(1)  # a constant effect
    truth[6] = control + np.float32(3)  # every feature responds alike
    context = np.array([0, 0, 0, 1, 1, 1, 1, 2])
    centre = np.where(context[:, None] == 2, np.nan, rng.normal(size=(8, features)))
    is_target = rng.random(features) < 0.2
    sides = side(truth, control), side(prediction, control)
    targets = tuple(np.arange(row, row + row % 3) for row in range(8))
    return Comparison(*sides, context, centre, is_target, targets)


def of_means(truth, prediction, control=0.0):
    """A comparison of mean profiles only, one context, no targets."""
    truth, prediction = np.atleast_2d(truth).astype(float), np.atleast_2d(prediction).astype(float)
    base = np.zeros_like(truth) + control
    return Comparison(
        Side(truth, base, None),
        Side(prediction, base, None),
        np.zeros(len(truth), dtype=np.int64),
        base,
        np.zeros(truth.shape[1], dtype=bool),
        (np.zeros(0, dtype=np.int64),) * len(truth),
    )


def agree(scores: Scores, expected, tolerance=1e-9):
    """Values equal the expected ones, and are undefined, with a reason, where those are NaN."""
    np.testing.assert_allclose(scores.values, expected, rtol=tolerance, atol=tolerance)
    assert [bool(reason) for reason in scores.reasons] == list(np.isnan(expected))
