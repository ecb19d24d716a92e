from dataclasses import replace

import numpy as np
import pytest
from comparisons import FLAVOURS, agree, awkward, of_means

from vcspec.metrics import compute
from vcspec.model.comparison import Expression


def mean_of(values):
    return sum(values) / len(values)


def naive_r2(truth, prediction, base):
    true = [round(t - b, 12) for t, b in zip(truth, base, strict=True)]
    guess = [round(p - b, 12) for p, b in zip(prediction, base, strict=True)]
    if len(set(true)) == 1:
        return np.nan
    error = sum((g - t) ** 2 for g, t in zip(guess, true, strict=True))
    return 1 - error / sum((t - mean_of(true)) ** 2 for t in true)


def naive_weighted(truth, prediction, z):
    size = [abs(value) for value in z]
    low, high = min(size), max(size)
    if low == high:
        return np.nan
    weight = [((s - low) / (high - low)) ** 2 for s in size]
    gaps = zip(weight, truth, prediction, strict=True)
    return sum(w / sum(weight) * (p - t) ** 2 for w, t, p in gaps)


NAIVE = {
    "mae": lambda t, p, *_: mean_of([abs(b - a) for a, b in zip(t, p, strict=True)]),
    "mse": lambda t, p, *_: mean_of([(b - a) ** 2 for a, b in zip(t, p, strict=True)]),
    "rmse": lambda t, p, *_: mean_of([(b - a) ** 2 for a, b in zip(t, p, strict=True)]) ** 0.5,
    "r2-delta": lambda t, p, base, _: naive_r2(t, p, base),
    "weighted-mse": lambda t, p, _, z: naive_weighted(t, p, z),
}


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("name", NAIVE)
def test_distances_equal_a_loop_over_features(name, flavour):
    c = awkward(1, flavour)
    rows = zip(c.truth.mean, c.prediction.mean, c.truth.control, c.truth.expression.z, strict=True)
    agree(compute([name], c)[name], [NAIVE[name](*row) for row in rows])


def test_r2_does_not_forgive_a_prediction_that_is_too_large():
    truth = np.array([[0.0, 1.0, -1.0, 2.0]])
    right = compute(["r2-delta"], of_means(truth, 3 * truth))["r2-delta"].values[0]
    swapped = compute(["r2-delta"], of_means(3 * truth, truth))["r2-delta"].values[0]
    assert right < 0 < swapped


@pytest.mark.parametrize("features", range(4, 13))
def test_equal_weighted_features_have_no_variance_whatever_their_sum_rounds_to(features):
    """One feature has no weight; all others respond alike."""
    truth = np.full((1, features), 0.1)
    truth[0, 0] = 0
    pair = of_means(truth, truth * 2)
    z = np.where(truth > 0, 5.0, 0.0)
    pair = replace(pair, truth=replace(pair.truth, expression=Expression(z, z, z)))
    names = ["weighted-r2-delta-centred", "weighted-pearson-delta-centred"]
    assert {found.reasons for found in compute(names, pair).values()} == {("constant-truth",)}


def test_reasons_name_what_the_truth_lacks():
    scores = compute(["r2-delta", "weighted-mse"], awkward(1, "tied"))
    assert scores["r2-delta"].reasons[3] == "constant-truth"
    assert scores["weighted-mse"].reasons[3] == "no-weights"
