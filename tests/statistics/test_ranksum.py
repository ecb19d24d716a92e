import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from vcspec.model.matrix import Rows, rows_of_dense
from vcspec.statistics import ranksum
from vcspec.statistics.kernels import compiled
from vcspec.statistics.ranksum import SortedControl, two_sided

VALUES = st.sampled_from([-2.5, -1.0, -0.0, 0.0, 1e-6, 0.5, 1.0, 1.5, 3.0])
CELLS = hnp.arrays(np.float32, st.tuples(st.integers(1, 12), st.just(5)), elements=VALUES)


def compare(cells, control):
    return SortedControl.of(rows_of_dense(control)).compare(rows_of_dense(cells))


def scipy_test(cells, control):
    with np.errstate(invalid="ignore", divide="ignore"):
        found = stats.mannwhitneyu(
            cells.astype(float), control.astype(float), method="asymptotic", use_continuity=True
        )
    together = np.concatenate([cells, control])
    same = (together == together[0]).all(axis=0)
    return found.statistic, np.where(same, 1.0, found.pvalue)


def agree_with_scipy(cells, control):
    found = compare(cells, control)
    u, p_value = scipy_test(cells, control)
    np.testing.assert_array_equal(found.u, u)
    np.testing.assert_allclose(found.p_value, p_value, rtol=1e-13)
    gap = u - len(cells) * len(control) / 2
    np.testing.assert_array_equal(np.sign(found.z), np.sign(gap) * (p_value < 1))
    np.testing.assert_allclose(2 * stats.norm.sf(np.abs(found.z)), p_value, rtol=1e-12)


@given(CELLS, CELLS)
@settings(deadline=None)
def test_ties_zeros_and_negatives_equal_scipy(cells, control):
    agree_with_scipy(cells, control)


@pytest.mark.parametrize("sizes", [(1, 1), (1, 300), (200, 1), (150, 400)])
@pytest.mark.parametrize("stored", [0.05, 0.5, 1.0])
def test_real_values_equal_scipy(sizes, stored):
    rng = np.random.default_rng(0)
    cells, control = (
        np.where(rng.random((n, 20)) < stored, rng.normal(size=(n, 20)), 0).astype(np.float32)
        for n in sizes
    )
    agree_with_scipy(cells, control)


def test_stored_zeros_and_minus_zeros_are_zeros():
    dense = np.array([[0.0, 2.0], [1.0, 0.0], [-1.0, 0.0]], dtype=np.float32)
    data = np.array([0.0, 2.0, 1.0, -0.0, -1.0, 0.0], dtype=np.float32)
    explicit = Rows(np.array([0, 2, 4, 6]), np.array([0, 1, 0, 1, 0, 1]), data, width=2)
    control = np.array([[0.0, 0.0], [0.5, 1.0]], dtype=np.float32)
    stored = Rows(np.array([0, 2, 4]), np.array([0, 1, 0, 1]), control.ravel(), width=2)
    plain = compare(dense, control)
    for found in (
        SortedControl.of(rows_of_dense(control)).compare(explicit),
        SortedControl.of(stored).compare(explicit),
        SortedControl.of(stored).compare(rows_of_dense(dense)),
    ):
        np.testing.assert_array_equal(found.u, plain.u)
        np.testing.assert_array_equal(found.ties, plain.ties)


def test_values_are_compared_as_float32():
    tiny = 1e-12
    cells, control = np.array([[1.0 + tiny]]), np.array([[1.0]])
    assert compare(cells, control).u == [0.5]


def test_without_variance_nothing_differs():
    cells, control = np.full((4, 2), 3, np.float32), np.full((5, 2), 3, np.float32)
    found = compare(cells, control)
    assert found.z.tolist() == [0.0, 0.0]
    assert found.p_value.tolist() == [1.0, 1.0]


def test_one_cell_that_differs_among_very_many_is_variance():
    cells, control = 300_000.0, 700_000.0
    both = cells + control
    all_but_one = np.array([(both - 1) ** 3 - (both - 1), both**3 - both])
    u = np.array([cells * control / 2 + control / 2, cells * control / 2])
    z, p = two_sided(u, all_but_one, cells=int(cells), control_cells=int(control))
    # One value of a million is higher: U moves by half the control, with variance n m / 4.
    assert z[0] == pytest.approx((control / 2 - 0.5) / np.sqrt(cells * control / 4), rel=1e-6)
    assert (z[1], p[1]) == (0.0, 1.0)


def test_without_continuity_it_is_the_plain_normal_approximation():
    rng = np.random.default_rng(1)
    cells, control = rng.poisson(2, (30, 9)).astype("f4"), rng.poisson(3, (50, 9)).astype("f4")
    found = compare(cells, control)
    _, p = two_sided(found.u, found.ties, cells=30, control_cells=50, continuity=False)
    plain = stats.mannwhitneyu(
        cells.astype(float), control.astype(float), method="asymptotic", use_continuity=False
    )
    np.testing.assert_allclose(p, plain.pvalue, rtol=1e-13)


def test_the_order_of_cells_and_entries_does_not_matter():
    rng = np.random.default_rng(2)
    cells, control = rng.normal(size=(2, 30, 6)).round(1).astype(np.float32)
    plain = compare(cells, control)
    mixed = compare(rng.permutation(cells), rng.permutation(control))
    assert plain.z.tobytes() == mixed.z.tobytes()


@pytest.mark.parametrize("held", [0, 40, 10**6])
def test_a_control_is_read_twice_where_it_is_too_large_to_be_held(monkeypatch, held):
    monkeypatch.setattr(ranksum, "HELD", held)
    draw = np.random.default_rng(11)
    control = draw.poisson(1.0, (30, 8)).astype(np.float32)
    whole = rows_of_dense(control)
    times = []

    def blocks():
        times.append(1)
        return [whole.slice(at, at + 5) for at in range(0, 30, 5)]

    found, wanted = SortedControl.streamed(blocks, 8), SortedControl.of(whole)
    np.testing.assert_array_equal(found.values, wanted.values)
    np.testing.assert_array_equal(found.start, wanted.start)
    assert found.cells == 30
    if compiled() is not None:
        assert len(times) == (1 if held > len(whole.data) else 2)
