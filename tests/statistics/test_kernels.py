"""The compiled kernels against numpy, bit for bit where both are exact."""

import ctypes
import runpy
from contextlib import contextmanager, nullcontext
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from support.children import ROOT

from vcspec.model.matrix import Rows, rows_of_dense, stack
from vcspec.statistics import compression, content, distances, kernels, moments, ranksum
from vcspec.statistics.kernels import call, compiled, narrow, real, scratch

pytestmark = pytest.mark.skipif(compiled() is None, reason="no compiler was at hand")
MODULES = (compression, content, distances, moments, ranksum)
DRAWN = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 2**32 - 1)


@contextmanager
def without_kernels():
    """Whatever runs inside takes numpy's way."""
    with pytest.MonkeyPatch.context() as patch:
        for module in MODULES:
            patch.setattr(module, "compiled", lambda: None)
        yield


def matrix(draw, rows, width, *, levels):
    """Values with many ties, negative ones, stored zeros, and empty rows and columns."""
    values = draw.integers(-2, levels, (rows, width)) * 0.5
    return np.where(draw.random((rows, width)) < draw.random(), values, 0).astype(np.float32)


def with_stored_zeros(block):
    indptr = np.arange(len(block) + 1, dtype=np.int64) * block.shape[1]
    indices = np.tile(np.arange(block.shape[1], dtype=np.int32), len(block))
    return Rows(indptr, indices, block.ravel(), block.shape[1])


@DRAWN
@given(SEEDS, st.integers(1, 60), st.integers(1, 5), st.integers(2, 400), st.booleans())
def test_rank_sums_have_the_same_bits(seed, cells, conditions, levels, stored):
    draw = np.random.default_rng(seed)
    made = with_stored_zeros if stored else rows_of_dense
    control = made(matrix(draw, int(draw.integers(1, 200)), 7, levels=levels))
    blocks = [made(matrix(draw, cells, 7, levels=levels)) for _ in range(conditions)]
    borders = np.arange(conditions + 1) * cells
    found = ranksum.SortedControl.of(control).compare_all(stack(blocks), borders)
    with without_kernels():
        wanted = ranksum.SortedControl.of(control).compare_all(stack(blocks), borders)
    for name in ("u", "ties", "z", "p_value"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)


@pytest.mark.parametrize("clumped", [False, True])
def test_rank_sums_of_large_blocks_have_the_same_bits(clumped):
    """Large enough for lines of the cache, and for controls that are sorted in buckets."""
    draw = np.random.default_rng(0)
    values = draw.lognormal(0, 1, (3_000, 400))
    values = np.round(values) if clumped else values
    block = np.where(draw.random(values.shape) < 0.9, values, 0).astype(np.float32)
    control, rows = rows_of_dense(block[:900]), rows_of_dense(block[900:])
    borders = np.array([0, 1, 700, 1_400, 2_100])
    assert 2 * len(rows.data) > 2**20
    more = stack([rows, rows])
    twice = np.concatenate([borders, borders[1:] + 2_100])
    found = ranksum.SortedControl.of(control).compare_all(more, twice)
    with without_kernels():
        wanted = ranksum.SortedControl.of(control).compare_all(rows, borders)
    for name in ("u", "ties", "z", "p_value"):
        values = getattr(found, name)
        np.testing.assert_array_equal(values[:4], getattr(wanted, name), err_msg=name)
        np.testing.assert_array_equal(values[4:], getattr(wanted, name), err_msg=name)


def uneven(draw, cells, width, *, share, shift):
    """Distinct values among which runs of equal ones stand, some longer than what is looked at."""
    values = draw.lognormal(shift, 1, (cells, width))
    values = np.where(draw.random(values.shape) < 0.4, np.round(values), values)
    return np.where(draw.random(values.shape) < share, values, 0).astype(np.float32)


@pytest.mark.parametrize(
    ("cells", "control_cells", "share", "shift"),
    [
        pytest.param(300, 800, 0.9, 0.0, id="as the control"),
        pytest.param(300, 800, 0.9, 9.0, id="all above the control"),
        pytest.param(300, 800, 0.9, -30.0, id="all below it"),
        pytest.param(300, 7, 0.9, 0.0, id="a control smaller than what is looked at"),
        pytest.param(300, 16, 1.0, 0.0, id="a control as large"),
        pytest.param(300, 800, 0.02, 0.0, id="few values"),
        pytest.param(1, 5_000, 0.3, 0.0, id="one cell against very many"),
    ],
)
def test_wherever_values_lie_rank_sums_have_the_same_bits(cells, control_cells, share, shift):
    draw = np.random.default_rng(1)
    control = rows_of_dense(uneven(draw, control_cells, 30, share=0.9, shift=0.0))
    rows = rows_of_dense(uneven(draw, 3 * cells, 30, share=share, shift=shift))
    borders = np.arange(4) * cells
    found = ranksum.SortedControl.of(control).compare_all(rows, borders)
    with without_kernels():
        wanted = ranksum.SortedControl.of(control).compare_all(rows, borders)
    for name in ("u", "ties", "z", "p_value"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)


def test_values_that_all_lie_in_one_place_cost_no_more_than_sorting():
    """Distinct values above the whole control: to meet each with all others would take hours."""
    draw = np.random.default_rng(2)
    control = rows_of_dense(draw.random((50, 1), dtype=np.float32))
    rows = rows_of_dense(draw.permutation(1_000_000).astype(np.float32).reshape(-1, 1) + 2)
    found = ranksum.SortedControl.of(control).compare(rows)
    assert found.u.tolist() == [1_000_000 * 50]


@DRAWN
@given(SEEDS, st.integers(1, 6))
def test_a_condition_in_parts_comes_out_as_if_it_were_whole(seed, parts):
    draw = np.random.default_rng(seed)
    control = ranksum.SortedControl.of(rows_of_dense(matrix(draw, 40, 9, levels=6)))
    rows = rows_of_dense(matrix(draw, 60, 9, levels=6))
    cuts = [0, 7, 7, 31, 60]
    found = control.compare_in_parts(
        lambda: (rows.slice(*pair) for pair in pairwise(cuts)), parts=parts
    )
    np.testing.assert_array_equal(found.z[0], control.compare(rows).z)
    np.testing.assert_array_equal(found.u[0], control.compare(rows).u)


@DRAWN
@given(SEEDS, st.sampled_from(["float32", "float64", "int32", "uint16"]))
def test_moments_have_the_same_bits(seed, data_type):
    draw = np.random.default_rng(seed)
    block = (draw.random((30, 6)) * 100 * (draw.random((30, 6)) < 0.5)).astype(data_type)
    found = moments.moments(rows_of_dense(block))
    with without_kernels():
        wanted = moments.moments(rows_of_dense(block))
    assert found.total.tobytes() == wanted.total.tobytes()
    assert found.squares.tobytes() == wanted.squares.tobytes()
    np.testing.assert_allclose(found.squares, (block.astype(float) ** 2).sum(axis=0))


@DRAWN
@given(SEEDS, st.sampled_from([np.float32, np.float64]))
def test_dense_blocks_lose_their_zeros_and_keep_their_nan(seed, data_type):
    draw = np.random.default_rng(seed)
    block = matrix(draw, int(draw.integers(0, 9)), 5, levels=3).astype(data_type)
    block[draw.random(block.shape) < 0.1] = np.nan
    found, wanted = compression.compressed(block, first=3), rows_of_dense(block, first=3)
    assert found.first == 3
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))


@DRAWN
@given(SEEDS, st.integers(1, 9), st.integers(1, 9), st.integers(1, 2_100), st.booleans())
def test_distances_are_those_of_scipy_and_equal_rows_are_equally_far(seed, n, m, width, squared):
    draw = np.random.default_rng(seed)
    left, right = draw.normal(size=(n, width)), draw.normal(size=(m, width))
    right[-1] = right[0]
    found = distances.pairwise(left, right, squared=squared)
    with without_kernels():
        wanted = distances.pairwise(left, right, squared=squared)
    assert found.tobytes() == wanted.tobytes()
    checked = cdist(left, right, "sqeuclidean" if squared else "cityblock")
    np.testing.assert_allclose(found, checked, rtol=1e-12)
    assert found[:, 0].tobytes() == found[:, -1].tobytes()
    assert distances.pairwise(right, right, squared=squared)[0, m - 1] == 0


def energy(one, other):
    """From all gaps of both samples in extended precision."""

    def mean(left, right):
        gaps = [np.sqrt(np.square(row.astype(np.longdouble) - right).sum(axis=1)) for row in left]
        return np.sum(gaps) / (len(left) * (len(right) - (left is right)))

    return float(2 * mean(one, other) - mean(one, one) - mean(other, other))


@pytest.mark.parametrize("compiled_ones", [True, False])
def test_energy_distances_are_those_of_all_pairs(compiled_ones):
    draw = np.random.default_rng(1)
    samples = [draw.normal(shift, 1, (size, 3)) for shift, size in ((0, 9), (1, 12), (0, 2))]
    wanted = np.array([[energy(a, b) if a is not b else 0.0 for b in samples] for a in samples])
    with nullcontext() if compiled_ones else without_kernels():
        found = distances.energy_distances(samples)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
    assert np.isnan(distances.energy_distances([samples[0], samples[1][:1]])[0, 1])


@pytest.mark.parametrize("compiled_ones", [True, False])
def test_cells_that_nearly_stand_on_both_sides_are_as_near_as_they_are(compiled_ones):
    """Of their inner products nothing but rounding is left, whose root is no rounding any more."""
    draw = np.random.default_rng(2)
    one = draw.normal(100, 3, (9, 11))
    other = np.concatenate([one[:7] * (1 + 1e-15), one[7:] + 1e-6, one[:1]])
    with nullcontext() if compiled_ones else without_kernels():
        found = distances.energy_distances([one, other])[0, 1]
    assert found == pytest.approx(energy(one, other), abs=1e-10)


@DRAWN
@given(SEEDS, st.integers(1, 40), st.integers(1, 40), st.integers(1, 30), st.booleans())
def test_energy_distances_have_the_same_bits(seed, n, m, width, many):
    """Of few cells and, as if there were many, in single precision."""
    draw = np.random.default_rng(seed)
    samples = [draw.lognormal(0, 2, (size, width)) for size in (n, m)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "MANY", 1 if many else 10_000)
        found = distances.energy_distances(samples)
        with without_kernels():
            wanted = distances.energy_distances(samples)
    assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    ("near", "far", "scale"),
    [
        pytest.param(0.1, 0.0, 1.0, id="like samples"),
        pytest.param(300.0, 0.0, 1.0, id="samples far from each other"),
        pytest.param(0.1, 30.0, 1.0, id="like samples, as far from a third as float32 allows"),
        pytest.param(0.1, 3e6, 1.0, id="like samples far from a third"),
        pytest.param(0.1, 0.0, 1e-30, id="so small that float32 has no squares"),
        pytest.param(0.1, 0.0, 1e25, id="so large that float32 has no squares"),
    ],
)
def test_many_distances_are_off_by_less_than_one_in_hundred_millions(near, far, scale):
    draw = np.random.default_rng(3)
    samples = [draw.normal(shift, 1, (300, 20)) * scale for shift in (0, near, far)]
    found = distances.energy_distances(samples)
    typical = np.sqrt(2 * 20) * scale
    assert distances.MANY <= 300 * 300
    for one, other in ((0, 1), (0, 2), (1, 2)):
        wanted = energy(samples[one], samples[other])
        assert abs(found[one, other] - wanted) < 1e-8 * max(typical, wanted)


def test_copies_are_at_no_distance_and_what_is_not_finite_has_none():
    draw = np.random.default_rng(4)
    one = draw.normal(5, 1, (400, 7))
    same = np.tile(one[:1], (400, 1))
    shuffled = one[draw.permutation(400)]
    found = distances.energy_distances([one, shuffled, same, same + 1e-9])
    assert found[0, 1] == pytest.approx(energy(one, shuffled), abs=1e-8)
    assert found[2, 3] == pytest.approx(2 * 1e-9 * np.sqrt(7), rel=1e-5)
    for hole in (np.nan, np.inf):
        broken = one.copy()
        broken[3, 2] = hole
        assert not np.isfinite(distances.energy_distances([broken, same])[0, 1])


@pytest.mark.parametrize("widest", [256, 128])
def test_processors_with_narrower_registers_come_to_the_same_bits(widest, tmp_path, monkeypatch):
    draw = np.random.default_rng(5)
    control = rows_of_dense(uneven(draw, 800, 30, share=0.9, shift=0.0))
    rows = rows_of_dense(uneven(draw, 900, 30, share=0.5, shift=0.2))
    samples = [draw.normal(shift, 1, (size, 11)) for shift, size in ((0, 301), (0.1, 170))]

    def outcome():
        ranks = ranksum.SortedControl.of(control).compare_all(rows, np.arange(4) * 300)
        return [ranks.u, ranks.ties, ranks.p_value, distances.energy_distances(samples)]

    found = outcome()
    build = runpy.run_path(str(ROOT / "hatch_build.py"))
    library = tmp_path / "narrow.so"
    # The kernels that are here were compiled with this checkout: there is a compiler.
    assert build["compile_kernels"](ROOT / build["FOLDER"], library, f"-DVCSPEC_WIDEST={widest}")
    narrow_library = kernels._declared(ctypes.CDLL(str(library)))
    monkeypatch.setattr(kernels, "compiled", lambda: narrow_library)
    for one, other in zip(found, outcome(), strict=True):
        np.testing.assert_array_equal(one, other)


@DRAWN
@given(SEEDS)
def test_bytes_that_are_canonical_are_digested_as_they_lie(seed):
    draw = np.random.default_rng(seed)
    rows = rows_of_dense(matrix(draw, 6, 5, levels=4))
    rows = Rows(rows.indptr, rows.indices.astype(np.int32), rows.data, rows.width, 1_024)
    quick = content.raw_leaf(rows)
    assert quick == content.matrix_leaf(rows, "/X")
    with without_kernels():
        assert content.raw_leaf(rows) == quick


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize(
    ("indices", "values"),
    [
        ([0, 1, 0], [1, 0, 2]),
        ([1, 0, 0], [1, 1, 2]),
        ([0, 0, 0], [1, 1, 2]),
        ([0, 1, 0], [1, np.nan, 2]),
    ],
    ids=["stored zero", "falling", "twice", "NaN"],
)
def test_bytes_that_are_not_canonical_are_not(indices, values, kernels):
    entries = np.array(indices, np.int32), np.array(values, np.float32)
    rows = Rows(np.array([0, 2, 3]), *entries, 2)
    if kernels:
        assert content.raw_leaf(rows) is None
    else:
        with without_kernels():
            assert content.raw_leaf(rows) is None


@pytest.mark.parametrize("column", [-1, 2, 2**31 - 1])
def test_a_column_outside_the_matrix_is_an_error_and_never_a_write(column):
    entries = np.array([0, column], np.int32), np.ones(2, np.float32)
    rows = Rows(np.array([0, 2]), *entries, 2)
    control = ranksum.SortedControl.of(rows_of_dense(np.ones((2, 2), np.float32)))
    for use in (control.compare, moments.moments, ranksum.SortedControl.of):
        with pytest.raises(ValueError, match="outside the matrix"):
            use(rows)


def test_numbers_that_do_not_fit_become_a_column_that_no_matrix_has():
    assert narrow(np.array([3, 2**40, -(2**40), -5])).tolist() == [3, -1, -1, -1]
    assert narrow(np.array([7], dtype=np.uint16)).dtype == np.int32


def test_values_stay_in_the_smallest_type_that_holds_them():
    types = {"float32": "float32", "uint16": "float32", "int32": "float64", "float64": "float64"}
    for given_type, wanted in types.items():
        assert real(np.ones(1, dtype=given_type)).dtype == wanted


def test_scratch_is_taken_again_and_belongs_to_the_thread():
    from concurrent.futures import ThreadPoolExecutor

    first = scratch("test", 10, np.int64)
    assert np.shares_memory(first, scratch("test", 5, np.int64))
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(scratch, "test", 10, np.int64).result()
    assert not np.shares_memory(first, other)


def test_a_kernel_takes_contiguous_arrays_alone():
    with pytest.raises(ValueError, match="contiguous"):
        call("vcs_count", 2, np.ones(4, np.int32)[::2])
