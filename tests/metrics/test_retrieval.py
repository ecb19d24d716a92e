import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from comparisons import FLAVOURS, agree, awkward, of_means
from scipy.spatial.distance import cdist

from vcspec.metrics import compute
from vcspec.metrics.retrieval import GAPS

DISCRIMINATION = ["discrimination-l1", "discrimination-l2", "discrimination-cosine"]


def distance(name, left, right):
    if name.endswith("l1"):
        return sum(abs(a - b) for a, b in zip(left, right, strict=True))
    if name.endswith("cosine"):
        norms = np.sqrt((left**2).sum()), np.sqrt((right**2).sum())
        return 1 - (left * right).sum() / norms[0] / norms[1] if all(norms) else 1.0
    return np.sqrt(((left - right) ** 2).sum())


def naive(name, c):
    kept = ~c.is_target
    out = []
    for i in range(len(c)):
        rivals = [j for j in range(len(c)) if c.context[j] == c.context[i]]
        truth = [np.round(c.truth.mean[j] - c.truth.control[j], 12)[kept] for j in rivals]
        own = rivals.index(i)
        guess = np.round(c.prediction.mean[i] - c.prediction.control[i], 12)[kept]
        gaps = [distance(name, guess, t) for t in truth]
        closer = sum(gap < gaps[own] - 1e-12 for gap in gaps)
        tied = sum(abs(gap - gaps[own]) <= 1e-12 for gap in gaps)
        silent = name.endswith("cosine") and not any(truth[own])
        alone = len(rivals) == 1
        out.append(np.nan if silent or alone else 1 - (closer + (tied - 1) / 2) / (len(rivals) - 1))
    return out


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("name", DISCRIMINATION)
def test_discrimination_equals_a_loop_over_pairs(name, flavour):
    c = awkward(1, flavour)
    scores = compute([name], c)[name]
    agree(scores, naive(name, c))
    assert scores.reasons[-1] == "single-condition-in-context"


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_centroid_accuracy_equals_a_loop_over_pairs(flavour):
    c = awkward(1, flavour)
    expected = []
    for i in range(len(c)):
        rivals = [j for j in range(len(c)) if c.context[j] == c.context[i] and j != i]
        own = np.linalg.norm(c.prediction.mean[i] - c.truth.mean[i])
        farther = [np.linalg.norm(c.prediction.mean[i] - c.truth.mean[j]) > own for j in rivals]
        expected.append(np.mean(farther) if rivals else np.nan)
    agree(compute(["centroid-accuracy"], c)["centroid-accuracy"], expected)


@pytest.mark.parametrize("name", DISCRIMINATION)
def test_the_same_prediction_for_all_conditions_scores_one_half(name):
    truth = np.random.default_rng(0).normal(size=(9, 30))
    for guess in (np.zeros(30), truth.mean(axis=0), np.random.default_rng(1).normal(size=30)):
        scores = compute([name], of_means(truth, np.tile(guess, (9, 1))))
        assert scores[name].values.mean() == pytest.approx(0.5, abs=1e-9)


def test_a_silent_prediction_scores_one_half_in_each_condition_by_cosine():
    truth = np.random.default_rng(0).normal(size=(9, 30))
    scores = compute(["discrimination-cosine"], of_means(truth, np.zeros((9, 30))))
    np.testing.assert_array_equal(scores["discrimination-cosine"].values, 0.5)


@pytest.mark.parametrize("name", DISCRIMINATION)
def test_spiking_target_features_earns_nothing(name):
    rng = np.random.default_rng(0)
    conditions, features = 9, 30
    truth = rng.normal(size=(conditions, features)) * 0.1
    truth[np.arange(conditions), np.arange(conditions)] -= 5  # each knocks its own target down
    spiked = np.zeros((conditions, features))
    spiked[:, :conditions] = 3 * (1 - 2 * np.eye(conditions))
    comparison = of_means(truth, spiked)
    comparison = replace(comparison, is_target=np.arange(features) < conditions)
    assert compute([name], comparison)[name].values.mean() == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("name", DISCRIMINATION)
def test_a_panel_of_targets_only_is_undefined(name):
    comparison = replace(awkward(1, "normal"), is_target=np.ones(24, dtype=bool))
    assert not np.isfinite(compute([name], comparison)[name].values).any()


def test_the_size_of_an_effect_does_not_change_the_cosine_rank():
    c = awkward(1, "normal")
    grown = replace(c.prediction, mean=c.prediction.control + 8 * c.prediction.delta)
    name = "discrimination-cosine"
    before, after = (
        compute([name], which)[name].values for which in (c, replace(c, prediction=grown))
    )
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("distance", ["cosine", "pearson"])
def test_angles_are_those_of_scipy_and_no_side_is_copied(distance):
    draw = np.random.default_rng(0)
    sides = draw.normal(0.2, 1, (110, 20_000)), draw.normal(0.2, 1, (100, 20_000))
    sides[0][3], sides[1][99] = 0, 0
    tracemalloc.start()
    found = GAPS[distance](*sides)
    top = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert top < sides[1].nbytes
    wanted = cdist(*sides, "cosine" if distance == "cosine" else "correlation")
    np.testing.assert_allclose(found, np.nan_to_num(wanted, nan=1), rtol=1e-9)
    assert (found[3] == 1).all()
    assert (found[:, 99] == 1).all()


def test_nothing_is_compared_where_the_own_targets_are_all_features():
    c = of_means([[1.0], [2.0], [3.0]], [[2.0], [1.0], [3.0]])
    c = replace(c, targets=(np.array([0]), np.array([], dtype=np.int64), np.array([0])))
    for name in ("l1", "l2", "cosine"):
        found = compute([f"cell-eval-discrimination-{name}"], c)
        reasons = found[f"cell-eval-discrimination-{name}"].reasons
        assert reasons == ("too-few-features", "", "too-few-features")
