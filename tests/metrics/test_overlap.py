from itertools import permutations

import numpy as np
import pytest
from comparisons import FLAVOURS, agree, awkward, of_means

from vcspec.metrics import compute
from vcspec.metrics.overlap import de_overlap, effect_overlap


def top(size, order, m):
    return set(sorted(order, key=lambda feature: -size[feature])[:m])


def expected_overlap(truth, prediction, k, features):
    """Mean over all orders in which ties may fall; `truth` and `prediction`: feature → size."""
    ranked = sorted(truth.values(), reverse=True)
    lists = [
        m
        for m in range(1, min(k, len(ranked)) + 1)
        if m == len(ranked) or ranked[m - 1] > ranked[m]
    ]
    if not lists:
        return np.nan
    m = max(lists)
    best = top(truth, list(truth), m)
    orders = [[f for f in order if f in prediction] for order in permutations(range(features))]
    return np.mean([len(best & top(prediction, order, m)) / m for order in orders])


@pytest.mark.parametrize("seed", range(12))
def test_ties_are_scored_as_the_mean_over_their_orders(seed):
    rng = np.random.default_rng(seed)
    truth, prediction = rng.integers(-3, 4, size=(2, 6)).astype(float)
    for k in (1, 2, 3, 5):
        sizes = [dict(enumerate(np.abs(side))) for side in (truth, prediction)]
        agree(effect_overlap(of_means(truth, prediction), k=k), [expected_overlap(*sizes, k, 6)])


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("k", [1, 2, 50])
def test_overlap_of_significant_features_equals_the_mean_over_orders(flavour, k):
    c = awkward(1, flavour, features=6)

    def sizes(side, i):
        lfc = np.abs(np.round((side.mean[i] - side.control[i]) / np.log(2), 12))
        return {f: lfc[f] for f in range(6) if side.expression.fdr[i, f] < 0.05}

    expected = [
        expected_overlap(sizes(c.truth, i), sizes(c.prediction, i), k, 6)
        if sizes(c.truth, i)
        else np.nan
        for i in range(len(c))
    ]
    agree(de_overlap(c, k=k, alpha=0.05, pseudocount=1.0), expected)


@pytest.mark.parametrize("constant", [0.0, 0.1, -2.0])
def test_a_constant_prediction_scores_k_over_features(constant):
    truth = np.random.default_rng(0).normal(size=(5, 137))
    control = np.random.default_rng(1).normal(size=137)
    scores = compute(
        ["effect-overlap-50"], of_means(truth, np.tile(control + constant, (5, 1)), control)
    )
    np.testing.assert_allclose(scores["effect-overlap-50"].values, 50 / 137, rtol=0, atol=1e-9)


def test_a_truth_with_few_effects_is_compared_on_those():
    truth = np.zeros(200)
    truth[:7] = np.arange(1, 8)
    comparison = of_means(truth, truth[::-1])
    assert effect_overlap(of_means(truth, truth), k=50).values == [1.0]
    assert effect_overlap(comparison, k=50).values == [0.0]


def test_reasons_name_what_the_truth_lacks():
    flat = of_means(np.ones(60), np.arange(60))
    assert effect_overlap(flat, k=50).reasons == ("tied-truth",)
    assert effect_overlap(flat, k=60).reasons == ("too-few-features",)
    assert (
        compute(["de-overlap-50"], awkward(1, "tied"))["de-overlap-50"].reasons[3]
        == "no-significant-features"
    )
