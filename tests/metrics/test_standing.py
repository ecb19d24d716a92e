"""Standings against loops, scipy's ranks and taus, and numpy's eigenvalues."""

import numpy as np
import pytest
from scipy import stats

from vcspec.metrics.interval import resamples
from vcspec.metrics.standing import (
    Means,
    best_shares,
    better_share,
    effective_number,
    interval_of,
    kendall,
    mean_agreement,
    mean_ranks,
    means_of,
    means_within,
    rank_ranges,
    ranks_of,
    tiers,
)

CONTEXTS = ["x"] * 5 + ["y"] * 7


def drawn_values(seed=0, models=4):
    """(models, conditions) values of models that grow better; hard conditions are shared."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=len(CONTEXTS))
    skill = np.arange(models)[:, np.newaxis] * 0.2
    return hard + skill + rng.normal(size=(models, len(CONTEXTS))) * 0.3


def test_means_are_those_of_the_conditions_that_all_models_define():
    values = drawn_values()
    values[1, 3] = np.nan
    found = means_of(values, ["x"] * 12, "higher", "condition")
    kept = np.delete(values, 3, axis=1)
    np.testing.assert_allclose(found.value, kept.mean(axis=1), atol=1e-9)
    for draw in (0, 1, 999):
        row = [at for at in resamples(len(CONTEXTS))[draw] if at != 3]
        np.testing.assert_allclose(found.drawn[draw], values[:, row].mean(axis=1), atol=1e-9)


def test_lower_is_turned_round():
    values = drawn_values()
    up, down = (means_of(values, CONTEXTS, way, "condition") for way in ("higher", "lower"))
    np.testing.assert_array_equal(up.value, -down.value)


def test_a_metric_with_one_value_a_context_is_drawn_by_context():
    values = np.repeat([[1.0, 2.0], [3.0, 3.0]], [5, 7], axis=1)
    found = means_of(values, CONTEXTS, "higher", "context")
    np.testing.assert_array_equal(found.value, [1.5, 3.0])
    assert set(found.drawn[:, 0]) == {1.0, 1.5, 2.0}


def test_one_context_leaves_such_a_metric_without_uncertainty():
    found = means_of(np.ones((2, 4)), ["x"] * 4, "higher", "context")
    assert found.drawn is None
    assert rank_ranges(found) is best_shares(found) is tiers(found) is None
    assert better_share(found, 0, 1) is None


def test_a_metric_that_no_condition_defines_for_all_has_no_means():
    values = np.array([[1.0, np.nan], [np.nan, 1.0]])
    assert means_of(values, ["x", "x"], "higher", "condition") is None


def test_draws_that_hold_no_condition_repeat_the_one_before():
    values = np.full((2, 12), np.nan)
    values[:, :2] = [[1.0, 2.0], [3.0, 4.0]]
    found = means_of(values, CONTEXTS, "higher", "condition")
    number = np.isin(resamples(12), [0, 1]).sum(axis=1)
    assert (number == 0).any()
    assert found.drawn.shape == (1000, 2)
    assert not np.isnan(found.drawn).any()
    empty = int(np.flatnonzero((number[1:] == 0) & (number[:-1] > 0))[0]) + 1
    np.testing.assert_array_equal(found.drawn[empty], found.drawn[empty - 1])


def test_ranks_are_scipys():
    means = np.round(np.random.default_rng(1).normal(size=(50, 5)), 1)
    expected = [stats.rankdata(-row) for row in means]
    np.testing.assert_array_equal(ranks_of(means), expected)


def test_mean_ranks_are_means_of_ranks_in_every_draw():
    parts = [means_of(drawn_values(seed), CONTEXTS, "higher", "condition") for seed in (1, 2)]
    found = mean_ranks(parts)
    for draw in (0, 500):
        expected = np.mean([stats.rankdata(-part.drawn[draw]) for part in parts], axis=0)
        np.testing.assert_allclose(found.drawn[draw], -expected)


def test_a_pair_counts_draws_and_halves_of_ties():
    means = Means(np.zeros(2), np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [2.0, 1.0]]))
    assert better_share(means, 0, 1) == 0.625
    assert better_share(means, 1, 0) == 0.375
    assert best_shares(means) == [0.625, 0.375]


def test_ranges_cover_the_ranks_of_95_percent_of_draws():
    means = means_of(drawn_values(), CONTEXTS, "higher", "condition")
    ranks = np.array([stats.rankdata(-row, method="ordinal") for row in means.drawn])
    for model, (low, high) in enumerate(rank_ranges(means)):
        inside = (ranks[:, model] >= low) & (ranks[:, model] <= high)
        assert inside.mean() >= 0.95
        assert ((ranks[:, model] < low).mean() <= 0.025) & (
            (ranks[:, model] > high).mean() <= 0.025
        )


def test_equal_models_have_the_whole_range_and_one_tier():
    means = Means(np.zeros(3), np.zeros((100, 3)))
    assert rank_ranges(means) == [(1, 3)] * 3
    assert tiers(means) == [1, 1, 1]


def test_a_tier_opens_where_the_interval_of_the_difference_leaves_out_zero():
    values = drawn_values(models=5)
    means = means_of(values, CONTEXTS, "higher", "condition")
    found = tiers(means)
    order = sorted(range(5), key=lambda model: -means.value[model])
    tier, first = 1, order[0]
    for model in order:
        gap = means.drawn[:, first] - means.drawn[:, model]
        if interval_of(gap)[0] > 0:
            tier, first = tier + 1, model
        assert found[model] == tier
    assert len(set(found)) > 1


def test_tau_is_scipys_within_each_part():
    rng = np.random.default_rng(3)
    values = np.round(rng.normal(size=(3, 5, len(CONTEXTS))), 1)
    means = means_within(values, CONTEXTS)
    assert list(means) == ["x", "y"]
    taus = {name: kendall(found) for name, found in means.items()}
    names = np.array(CONTEXTS)
    expected = {
        name: [
            [
                stats.kendalltau(
                    *(np.round(values[m][:, names == name].mean(axis=1), 10) for m in (one, other))
                ).statistic
                for other in range(3)
            ]
            for one in range(3)
        ]
        for name in means
    }
    for name, found in taus.items():
        np.testing.assert_allclose(found, expected[name], atol=1e-9)
    mean = np.mean(list(expected.values()), axis=0)
    np.testing.assert_allclose(mean_agreement(list(taus.values())), mean, atol=1e-9)


def test_means_within_a_part_are_those_of_conditions_that_all_models_define():
    values = np.array([[[1.0, 2.0, 5.0], [3.0, np.nan, np.nan]]])
    means = means_within(values, ["x", "x", "y"])
    np.testing.assert_array_equal(means["x"], [[1.0, 3.0]])
    np.testing.assert_array_equal(means["y"], [[np.nan, np.nan]])


def test_a_metric_that_holds_all_models_equal_agrees_with_nothing():
    values = np.stack([np.ones(3), np.arange(3.0), np.full(3, np.nan)])
    found = kendall(values)
    assert np.isnan(found[[0, 2]]).all()
    assert found[1, 1] == 1
    np.testing.assert_array_equal(mean_agreement([found, found]), found)
    other = kendall(values[[1, 1, 1]])
    np.testing.assert_array_equal(mean_agreement([found, other]), other)


def test_the_effective_number_is_that_of_the_eigenvalues():
    values = np.random.default_rng(4).normal(size=(4, 3, 12))
    values[1] += 2 * values[0]
    centred = values - values.mean(axis=1, keepdims=True)
    flat = centred.reshape(4, -1)
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    eigen = np.linalg.eigvalsh(unit @ unit.T)
    assert effective_number(values) == pytest.approx(eigen.sum() ** 2 / (eigen**2).sum(), rel=1e-9)


def test_copies_of_a_metric_are_one():
    values = drawn_values()[np.newaxis]
    assert effective_number(np.concatenate([values, 3 * values + 1])) == pytest.approx(1)


def test_metrics_without_differences_are_no_metrics():
    assert effective_number(np.ones((2, 3, 4))) is None
    assert effective_number(np.full((2, 3, 4), np.nan)) is None
