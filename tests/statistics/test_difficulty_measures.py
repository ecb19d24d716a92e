import itertools

import numpy as np
import pytest
from support import tiny

from vcspec.statistics.difficulty import (
    contrast,
    correlation,
    correlations,
    effect_size,
    greatest,
    nearest,
)
from vcspec.statistics.moments import moments


def test_a_contrast_is_the_share_of_pairs_in_which_the_tested_one_has_more() -> None:
    test, train = np.array([3.0, 1.0, 5.0, 4.0, np.nan]), np.array([2.0, 2.0, 1.0, 0.0, 4.5])
    found = contrast(test, train)
    pairs = list(itertools.product(test[:4], train))
    share = sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)
    assert found.auc == pytest.approx(share)
    assert (found.test, found.train) == (3.5, 2.0)
    assert found.p_value is not None
    assert 0 < found.p_value < 1


def test_a_side_of_few_conditions_is_not_compared() -> None:
    found = contrast(np.array([1.0, 2.0, np.nan, np.nan]), np.arange(9.0))
    assert (found.test, found.auc, found.p_value) == (1.5, None, None)


def test_an_effect_is_free_of_sampling_noise() -> None:
    draw = np.random.default_rng(0)
    sizes = []
    for _ in range(300):
        cells, control = draw.normal(1, 1, (20, 40)), draw.normal(1, 1, (50, 40))
        moment = [moments(tiny.rows_of_dense(one.astype(np.float32))) for one in (cells, control)]
        change = (cells.mean(0) - control.mean(0)) ** 2
        noise = cells.var(0, ddof=1) / 20 + control.var(0, ddof=1) / 50
        naive = max(0.0, float((change - noise).mean())) ** 0.5
        sizes.append(effect_size(*moment))
        assert sizes[-1] == pytest.approx(naive, abs=1e-4)
    assert sum(size == 0 for size in sizes) > 100  # about half are below zero before the root


def test_one_cell_has_no_effect_size() -> None:
    one, many = (moments(tiny.rows_of_dense(np.ones((n, 3), dtype=np.float32))) for n in (1, 5))
    assert np.isnan(effect_size(one, many))
    assert np.isnan(effect_size(many, one))


def test_correlations_are_pearsons() -> None:
    draw = np.random.default_rng(1)
    left, right = draw.normal(size=(2, 30))
    assert correlation(left, right) == pytest.approx(np.corrcoef(left, right)[0, 1])
    assert np.isnan(correlation(left, np.ones(30)))
    others = [right, np.ones(30), -left]
    every = correlations([left, right], others)
    for one, row in zip([left, right], every, strict=True):
        wanted = [correlation(one, other) for other in others]
        assert row == pytest.approx(wanted, nan_ok=True)
        assert np.isnan(row[1])
    assert correlations([], others).shape == (0, 3)
    assert correlations([left], []).shape == (1, 0)


def test_the_greatest_is_of_those_that_exist() -> None:
    assert greatest(np.array([np.nan, -0.5, 0.2])) == 0.2
    assert np.isnan(greatest(np.array([np.nan])))
    assert np.isnan(greatest(np.array([])))


def test_the_nearest_profile_is_the_one_at_the_least_distance() -> None:
    places, distances = nearest(np.array([[0.0, 0.0], [9.0, 9.0]]), np.array([[3.0, 4.0], [9, 8]]))
    assert places.tolist() == [0, 1]
    assert distances.tolist() == [5, 1]
