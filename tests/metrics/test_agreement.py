import warnings

import numpy as np
import pytest
from comparisons import FLAVOURS, agree, awkward, of_means
from scipy import stats

from vcspec.metrics import compute
from vcspec.standard import standard


def correlation(truth, prediction):
    if len(set(truth)) == 1:
        return np.nan
    return 0.0 if len(set(prediction)) == 1 else stats.pearsonr(truth, prediction).statistic


def rows(comparison):
    return range(len(comparison))


def changes(side, row):
    return np.round(side.mean[row] - side.control[row], 12)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_pearson_equals_scipy(flavour):
    c = awkward(1, flavour)
    expected = [correlation(changes(c.truth, i), changes(c.prediction, i)) for i in rows(c)]
    agree(compute(["pearson-delta"], c)["pearson-delta"], expected)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_centred_pearson_equals_scipy(flavour):
    c = awkward(1, flavour)
    expected = [
        correlation(c.truth.mean[i] - c.centre[i], c.prediction.mean[i] - c.centre[i])
        if np.isfinite(c.centre[i]).all()
        else np.nan
        for i in rows(c)
    ]
    scores = compute(["pearson-delta-centred"], c)["pearson-delta-centred"]
    agree(scores, expected)
    assert scores.reasons[-1] == "no-reference-point"


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_cosine_equals_a_loop_over_features(flavour):
    c = awkward(1, flavour)

    def cosine(truth, prediction):
        if not any(truth):
            return np.nan
        if not any(prediction):
            return 0.0
        dot = sum(t * p for t, p in zip(truth, prediction, strict=True))
        return dot / np.sqrt(sum(t * t for t in truth) * sum(p * p for p in prediction))

    expected = [cosine(changes(c.truth, i), changes(c.prediction, i)) for i in rows(c)]
    agree(compute(["cosine-delta"], c)["cosine-delta"], expected)


def clear_list(z, most):
    """The largest list of at most so many features, by |z|, that no tie straddles."""
    order = sorted(range(len(z)), key=lambda at: -abs(z[at]))
    for size in range(min(most, len(z)), 0, -1):
        if size == len(z) or abs(z[order[size - 1]]) > abs(z[order[size]]):
            return order[:size]
    return []


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("name", ["top-20", "top-100", "significant", "top-5"])
def test_pearson_equals_scipy_on_the_features_that_the_truth_chooses(flavour, name, monkeypatch):
    c = awkward(1, flavour)
    metric = f"pearson-delta-{name}"
    if name == "top-5":  # of the few features here
        metric = "pearson-delta-top-20"
        entry = {**standard().metrics[metric], "parameters": {"k": 5, "fewest": 3}}
        known = {**standard().metrics, metric: entry}
        monkeypatch.setitem(standard().__dict__, "metrics", known)

    def pearson(i):
        kept = np.flatnonzero(c.truth.expression.fdr[i] < 0.05)
        if name != "significant":
            kept = clear_list(c.truth.expression.z[i], int(name[4:]))
        truth, prediction = changes(c.truth, i)[kept], changes(c.prediction, i)[kept]
        if len(kept) < 3 or len(set(truth)) == 1:
            return np.nan
        return 0.0 if len(set(prediction)) == 1 else stats.pearsonr(truth, prediction).statistic

    agree(compute([metric], c)[metric], [pearson(i) for i in rows(c)])


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_spearman_equals_scipy_on_the_significant_features(flavour):
    c = awkward(1, flavour)

    def spearman(i):
        kept = c.truth.expression.fdr[i] < 0.05
        truth, prediction = changes(c.truth, i)[kept], changes(c.prediction, i)[kept]
        if kept.sum() < 3 or len(set(truth)) == 1:
            return np.nan
        return 0.0 if len(set(prediction)) == 1 else stats.spearmanr(truth, prediction).statistic

    scores = compute(["spearman-lfc"], c)["spearman-lfc"]
    agree(scores, [spearman(i) for i in rows(c)])
    assert scores.reasons[3] == "no-significant-features"
    if flavour == "tied":  # elsewhere float32 rounding makes the added constant uneven
        assert scores.reasons[6] == "constant-truth"


@pytest.mark.parametrize("name", ["pearson-delta", "cosine-delta"])
def test_predicting_nothing_scores_the_null_and_not_nothing(name):
    truth = np.array([[0.5, -1.0, 2.0, 0.0]])
    assert compute([name], of_means(truth, np.zeros((1, 4))))[name].values == [0.0]


def test_a_constant_change_is_constant_whatever_its_last_bits_are():
    control = np.random.default_rng(0).normal(size=200) * 3
    truth = control + np.random.default_rng(1).normal(size=200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = compute(["pearson-delta"], of_means(truth, control + 0.1, control))
    assert scores["pearson-delta"].values == [0.0]
