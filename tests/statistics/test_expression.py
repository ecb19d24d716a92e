import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from vcspec.model.matrix import rows_of_dense
from vcspec.statistics.expression import (
    benjamini_hochberg,
    differential_expression,
    log_fold_change,
)
from vcspec.statistics.ranksum import SortedControl


@given(hnp.arrays(np.float64, (3, 9), elements=st.sampled_from([0, 1e-300, 0.01, 0.04, 0.5, 1.0])))
def test_adjustment_equals_scipy(p_value):
    expected = stats.false_discovery_control(p_value, axis=-1)
    np.testing.assert_allclose(benjamini_hochberg(p_value), expected, rtol=1e-14)


def test_each_condition_is_adjusted_by_itself():
    rng = np.random.default_rng(0)
    control = rng.poisson(1, (50, 30)).astype(np.float32)
    blocks = [rng.poisson(rate, (20, 30)).astype(np.float32) for rate in (1, 2, 5)]
    sorted_control = SortedControl.of(rows_of_dense(control))
    together = differential_expression(map(rows_of_dense, blocks), sorted_control)
    assert together.fdr.shape == (3, 30)
    for row, block in enumerate(blocks):
        alone = differential_expression([rows_of_dense(block)], sorted_control)
        assert together.z[row].tobytes() == alone.z[0].tobytes()
        assert together.fdr[row].tobytes() == alone.fdr[0].tobytes()
        expected = stats.false_discovery_control(together.p_value[row])
        np.testing.assert_allclose(together.fdr[row], expected, rtol=1e-14)


def test_no_conditions_are_an_empty_table():
    control = SortedControl.of(rows_of_dense(np.ones((3, 7), dtype=np.float32)))
    assert differential_expression([], control).z.shape == (0, 7)


def test_pseudocount_one_is_the_change_over_ln_2():
    mean, control = np.random.default_rng(0).gamma(1, size=(2, 50))
    plain = np.log2((np.expm1(mean) + 1) / (np.expm1(control) + 1))
    found = log_fold_change(mean, control, pseudocount=1.0)
    np.testing.assert_allclose(found, plain, rtol=1e-12)
    assert log_fold_change(np.array([2e3]), np.array([0.0]), pseudocount=1.0) == pytest.approx(
        2e3 / np.log(2)
    )


def test_pseudocount_zero_is_the_ratio_of_geometric_means():
    mean, control = np.array([0.0, 0.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0, 1.0])
    found = log_fold_change(mean, control, pseudocount=0.0)
    assert found[:3].tolist() == [0.0, -np.inf, np.inf]
    assert found[3] == pytest.approx(np.log2(np.expm1(2.0) / np.expm1(1.0)))
