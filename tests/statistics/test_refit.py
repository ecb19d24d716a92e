import numpy as np
import pytest

from vcspec.model.matrix import rows_of_dense
from vcspec.statistics.moments import moments
from vcspec.statistics.refit import standardised

VALUES = np.random.default_rng(0).gamma(2.0, 1.0, (50, 30))


@pytest.mark.parametrize("ddof", [0, 1])
def test_standardised_values_are_as_far_off_as_they_are_stored(ddof):
    scaled = (VALUES - VALUES.mean(axis=0)) / VALUES.std(axis=0, ddof=ddof)
    assert standardised(moments(rows_of_dense(scaled))) < 1e-12


def test_other_values_are_off_by_mean_or_deviation():
    off = np.maximum(abs(VALUES.mean(axis=0)), abs(VALUES.std(axis=0) - 1))
    other = np.maximum(abs(VALUES.mean(axis=0)), abs(VALUES.std(axis=0, ddof=1) - 1))
    expected = min(np.median(off), np.median(other))
    assert standardised(moments(rows_of_dense(VALUES))) == pytest.approx(expected)


def test_features_that_do_not_vary_are_left_out():
    assert standardised(moments(rows_of_dense(np.ones((4, 3))))) == np.inf
