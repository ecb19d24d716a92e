"""Stated deviations against integrals and correlations written out."""

from dataclasses import replace

import numpy as np
import pytest
from comparisons import of_means
from scipy import integrate, stats

from vcspec.metrics import compute


def stated(seed=0, conditions=8, features=6):
    rng = np.random.default_rng(seed)
    truth, prediction = rng.normal(size=(2, conditions, features))
    pair = of_means(truth, prediction)
    deviation = np.abs(rng.normal(size=(conditions, features)))
    deviation[0, 0] = 0
    return replace(pair, prediction=replace(pair.prediction, deviation=deviation))


def test_the_probability_score_is_the_integral_of_its_definition():
    pair = stated()
    found = compute(["crps"], pair)["crps"]
    for row in range(2):
        parts = []
        for t, p, d in zip(
            pair.truth.mean[row],
            pair.prediction.mean[row],
            pair.prediction.deviation[row],
            strict=True,
        ):
            if d == 0:
                parts.append(abs(t - p))
                continue
            below = integrate.quad(lambda x, p=p, d=d: stats.norm.cdf(x, p, d) ** 2, -60, t)[0]
            above = integrate.quad(lambda x, p=p, d=d: stats.norm.sf(x, p, d) ** 2, t, 60)[0]
            parts.append(below + above)
        assert found.values[row] == pytest.approx(np.mean(parts), abs=1e-6)


def test_the_gap_of_coverage_is_counted():
    pair = stated(1)
    found = compute(["interval-coverage-gap"], pair)["interval-coverage-gap"]
    inside = [
        np.mean(np.abs(t - p) <= 1.959964 * d)
        for t, p, d in zip(
            pair.truth.mean, pair.prediction.mean, pair.prediction.deviation, strict=True
        )
    ]
    np.testing.assert_allclose(found.values, np.abs(np.array(inside) - 0.95), atol=1e-9)


def test_the_size_of_the_effect_is_taken_out_of_both():
    pair = stated(2, conditions=20)
    found = compute(["spread-error"], pair)["spread-error"]
    ranks = [
        stats.rankdata(values)
        for values in (
            pair.prediction.deviation.mean(axis=1),
            np.sqrt(((pair.truth.mean - pair.prediction.mean) ** 2).mean(axis=1)),
            np.sqrt((pair.truth.mean**2).mean(axis=1)),
        )
    ]
    ab, ac, bc = (np.corrcoef(*pair_)[0, 1] for pair_ in (ranks[:2], ranks[::2], ranks[1:]))
    partial = (ab - ac * bc) / np.sqrt((1 - ac**2) * (1 - bc**2))
    np.testing.assert_allclose(found.values, partial, atol=1e-9)


def test_deviations_that_follow_the_effect_alone_say_nothing():
    rng = np.random.default_rng(3)
    effect = rng.uniform(1, 5, size=(30, 1))
    truth = effect * rng.choice([-1, 1], size=(30, 40))
    pair = of_means(truth, truth + effect * rng.normal(size=(30, 40)))
    copied = replace(pair.prediction, deviation=np.tile(effect, (1, 40)))
    found = compute(["spread-error"], replace(pair, prediction=copied))["spread-error"]
    assert np.nanmax(np.abs(found.values)) < 1e-9


def test_without_deviations_there_is_no_score():
    pair = of_means(np.ones((2, 3)), np.ones((2, 3)))
    for name in ("crps", "interval-coverage-gap", "spread-error"):
        assert set(compute([name], pair)[name].reasons) == {"no-stated-deviation"}
