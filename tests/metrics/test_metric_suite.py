import threading
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from comparisons import FLAVOURS, awkward, of_means

from vcspec.engine.executors import threads
from vcspec.metrics import METRICS, compute, suite
from vcspec.model.errors import UnknownName
from vcspec.standard import standard

ALL = sorted(METRICS.names)
TOGETHER = [
    name
    for name, entry in standard().metrics.items()
    if entry["per"] == "context" or entry["parameters"].get("ranked") == "predictions"
]
"""Metrics that look at the predictions of several conditions at once; broken ones say no change."""


def test_scores_come_in_the_order_of_the_names():
    names = ["rmse", "de-recall", "mae"]
    assert list(compute(names, awkward(0, "tied"))) == names


def test_an_unknown_metric_is_refused():
    with pytest.raises(UnknownName, match="pearson-delta"):
        compute(["pearson-alpha"], awkward(0, "tied"))


@pytest.mark.parametrize("at_once", [1, 131_072])
def test_scores_by_several_threads_have_the_same_bits(monkeypatch, at_once):
    monkeypatch.setattr(suite, "AT_ONCE", at_once)
    comparison = awkward(0, "tied")
    used: set[str] = set()

    def noted(name, part):
        used.add(threading.current_thread().name)
        return scores_of(name, part)

    scores_of = suite._scores
    wanted = compute(ALL, comparison)
    monkeypatch.setattr(suite, "_scores", noted)
    with threads(3) as executor:
        found = compute(ALL, comparison, executor)
    assert list(found) == list(wanted)
    for name in ALL:
        assert found[name].values.tobytes() == wanted[name].values.tobytes()
        assert found[name].reasons == wanted[name].reasons
    assert threading.current_thread().name not in used


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_a_prediction_that_is_not_finite_disturbs_no_other_condition(bad):
    sound = awkward(1, "tied")
    mean = sound.prediction.mean.copy()
    mean[1, 3] = bad
    broken = replace(sound, prediction=replace(sound.prediction, mean=mean))
    before, after = compute(ALL, sound), compute(ALL, broken)
    others = np.arange(len(sound)) != 1
    for name in ALL:
        if name not in TOGETHER:
            np.testing.assert_array_equal(after[name].values[others], before[name].values[others])
        truth_reason = before[name].reasons[1]
        assert after[name].reasons[1] == (truth_reason or "non-finite-prediction")
        assert np.isnan(after[name].values[1])


@pytest.mark.parametrize("extreme", [3e38, -3e38])
def test_the_largest_predictions_still_have_values_in_range(extreme):
    sound = awkward(1, "tied")
    mean = sound.prediction.mean.copy()
    mean[:, ::2] = extreme
    wild = replace(sound, prediction=replace(sound.prediction, mean=mean))
    for name, scores in compute(ALL, wild).items():
        low, high = standard().metrics[name]["range"]
        defined = np.array([not reason for reason in scores.reasons])
        assert np.all((scores.values[defined] >= low) & (scores.values[defined] <= high))


def test_metrics_of_cells_are_undefined_for_profiles():
    comparison = of_means([[1.0, 2.0, 0.0]], [[1.0, 1.0, 0.0]])
    scores = compute(["de-recall", "weighted-mse", "mae"], comparison)
    assert scores["de-recall"].reasons == scores["weighted-mse"].reasons == ("needs-cells",)
    assert scores["mae"].reasons == ("",)


def test_a_metric_of_cells_called_directly_says_what_is_missing():
    with pytest.raises(LookupError, match="no cells"):
        METRICS["de-recall"](of_means([[1.0]], [[1.0]]), alpha=0.05)


def test_metrics_that_are_one_number_where_little_responds_are_never_averaged():
    """As lists of k features are those of all that respond, wherever these are no more than k."""
    screens = [awkward(seed, flavour) for seed in range(3) for flavour in FLAVOURS]
    names = [name for name in standard().metrics if "top-100" not in name]  # fewer features here
    found = [compute(names, screen) for screen in screens]
    values = {name: np.concatenate([one[name].values for one in found]) for name in names}
    for one, other in combinations(names, 2):
        both = ~np.isnan(values[one]) & ~np.isnan(values[other])
        left, right = values[one][both], values[other][both]
        if both.sum() > 20 and np.ptp(left) and np.allclose(left, right, atol=1e-9):
            assert other in standard().metrics[one]["not_averaged_with"], (one, other)
