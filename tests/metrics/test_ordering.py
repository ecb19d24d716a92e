import numpy as np
import pytest
from scipy import stats

from vcspec.metrics.ordering import chance_of_top, mid_ranks, untied_size


@pytest.mark.parametrize("seed", range(5))
def test_mid_ranks_equal_scipy(seed):
    values = np.random.default_rng(seed).integers(-4, 5, size=(6, 15)).astype(float)
    np.testing.assert_array_equal(mid_ranks(values), stats.rankdata(values, axis=1))


def test_nan_does_not_touch_the_ranks_of_numbers():
    values = np.array([[3.0, np.nan, -np.inf, 3.0, np.nan, np.inf]])
    assert mid_ranks(values)[0, [0, 2, 3, 5]].tolist() == [2.5, 1.0, 2.5, 4.0]


def test_untied_size_stops_before_a_tie_that_straddles_the_limit():
    score = np.array([[5.0, 4.0, 3.0, 3.0, 1.0]])
    found = [int(untied_size(score, np.array([limit]))[0]) for limit in range(1, 6)]
    assert found == [1, 2, 2, 4, 5]


def test_chances_sum_to_the_size_of_the_list():
    score = np.random.default_rng(0).integers(0, 4, size=(7, 11)).astype(float)
    for size in range(1, 12):
        chances = chance_of_top(score, np.full(7, size))
        np.testing.assert_allclose(chances.sum(axis=1), size)
        assert chances.min() >= 0
        assert chances.max() <= 1
