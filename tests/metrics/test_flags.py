"""Flags on a panel of honest and of dishonest predictions of one simulated truth."""

from dataclasses import replace

import numpy as np
import pytest

from vcspec.metrics.flags import Observed, raised
from vcspec.model.comparison import Comparison, Side

CONDITIONS, FEATURES = 12, 200
RNG = np.random.default_rng(0)
CONTROL = np.tile(RNG.uniform(0, 2, FEATURES), (CONDITIONS, 1))
SHARED = RNG.normal(size=FEATURES) * 0.3
EFFECT = SHARED + RNG.normal(size=(CONDITIONS, FEATURES)) * (
    RNG.random((CONDITIONS, FEATURES)) < 0.2
)
SPREAD = np.full((CONDITIONS, FEATURES), 0.5)


def observed(effect, *, variance=SPREAD, copied=0.0, metrics=None, lost=()):
    mean = CONTROL + effect
    predicted = np.ones(CONDITIONS, dtype=bool)
    predicted[list(lost)] = False
    comparison = Comparison(
        Side(CONTROL + EFFECT, CONTROL, None, variance=SPREAD),
        Side(mean, CONTROL, None, variance=variance),
        np.repeat([0, 1], CONDITIONS // 2),
        CONTROL,
        np.zeros(FEATURES, dtype=bool),
    )
    return Observed(comparison, predicted, copied, metrics or {}, ("a", "b"))


def names(*arguments, **options):
    return {found["name"] for found in raised(observed(*arguments, **options))}


def noise(seed, size):
    return np.random.default_rng(seed).normal(size=(CONDITIONS, FEATURES)) * size


HONEST = {
    "truth": EFFECT,
    "shrunken by half": EFFECT / 2,
    "enlarged by half": EFFECT * 1.5,
    **{f"noisy {seed}": EFFECT + noise(seed, 0.1 + 0.05 * seed) for seed in range(12)},
    **{f"weak {seed}": EFFECT * 0.6 + noise(seed, 0.1) for seed in range(12)},
    **{f"half shared {seed}": (EFFECT + SHARED) / 2 + noise(seed, 0.1) for seed in range(8)},
}
ATTACKS = {
    "constant": (np.tile(SHARED, (CONDITIONS, 1)), {}),
    "control-copy": (EFFECT * 0 + noise(0, 1e-3), {}),
    "amplified": (EFFECT * 10, {}),
    "shrunken": (EFFECT * 0.05, {}),
    "rescaled": (EFFECT - 0.6 * CONTROL, {}),
    "no-spread": (EFFECT, {"variance": SPREAD * 1e-4}),
    "duplicate-cells": (EFFECT, {"copied": 1.0}),
    "missing": (EFFECT, {"lost": [3]}),
}


def test_honest_predictions_carry_no_flag():
    assert {name: names(effect) for name, effect in HONEST.items() if names(effect)} == {}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_carries_its_flag(name):
    effect, options = ATTACKS[name]
    assert name in names(effect, **options)


def test_levels_are_held_against_those_of_the_control():
    """The statistic, by another way: the projection on the powers of the level."""
    effect = EFFECT - 0.6 * CONTROL
    (found,) = (one for one in raised(observed(effect)) if one["name"] == "rescaled")
    basis, _ = np.linalg.qr(CONTROL[0][:, np.newaxis] ** np.arange(4))
    halves = ((effect - EFFECT)[:6].mean(axis=0), (effect - EFFECT)[6:].mean(axis=0))
    lengths = [np.linalg.norm(basis.T @ half) for half in halves]
    typical = np.median(np.linalg.norm(EFFECT, axis=1))
    assert found["statistic"] == pytest.approx(np.mean(lengths) / typical, abs=1e-6)
    few = observed(effect)
    flat = np.where(CONTROL > 1, 1.0, 0.5)  # two levels, which any cubic explains
    side = few.comparison.prediction
    same = replace(side, mean=side.mean - CONTROL + flat, control=flat)
    few = replace(few, comparison=replace(few.comparison, prediction=same))
    assert "rescaled" not in {one["name"] for one in raised(few)}


def metric(value, replicate, *, anchored=0.5, direction="higher", informative=True):
    return {
        "direction": direction,
        "interval": {"low": value - 0.1, "high": value + 0.1},
        "replicate": replicate,
        "anchored": anchored,
        "calibration": {"informative": informative},
    }


def test_most_metrics_beyond_the_replicate_are_above_the_ceiling():
    beyond = {"a": metric(0.9, 0.5), "b": metric(0.1, 0.5, direction="lower")}
    within = {"c": metric(0.5, 0.5, direction="lower"), "d": metric(0.3, 0.5)}
    silent = {"e": metric(0.9, None)}
    assert "above-ceiling" in names(EFFECT, metrics={**beyond, **silent})
    assert "above-ceiling" in names(EFFECT, metrics={**beyond, "c": within["c"]})
    assert "above-ceiling" not in names(EFFECT, metrics={**beyond, **within})
    assert "above-ceiling" not in names(EFFECT, metrics={"a": beyond["a"], **silent})


def test_metrics_that_say_the_opposite_disagree():
    apart = {"a": metric(0, 1, anchored=0.9), "b": metric(0, 1, anchored=-0.5)}
    assert "metric-disagreement" in names(EFFECT, metrics=apart)
    blind = {**apart, "b": metric(0, 1, anchored=-0.5, informative=False)}
    assert "metric-disagreement" not in names(EFFECT, metrics=blind)


def test_what_cannot_be_looked_for_is_not_raised():
    assert names(EFFECT, variance=None, copied=None) == set()


def test_a_statistic_is_that_of_numpy():
    seen = observed(np.tile(SHARED, (CONDITIONS, 1)) + noise(1, 0.01))
    (found,) = (one for one in raised(seen) if one["name"] == "constant")
    moved = seen.comparison.prediction.mean - CONTROL
    expected = []
    for rows in (slice(0, 6), slice(6, 12)):
        table = np.corrcoef(moved[rows])
        expected.append((table.sum() - 6) / 30)
    assert found["statistic"] == pytest.approx(np.mean(expected), abs=1e-5)
    assert replace(seen, copied=None).copied is None
