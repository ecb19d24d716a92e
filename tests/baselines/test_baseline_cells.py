import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcspec.baselines.cells import dispersed, drawn_rows, unchanged
from vcspec.model.matrix import Rows, rows_of_dense

MOST = float(np.log1p(10_000))


def control(cells: int = 20, features: int = 15, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    values = draw.gamma(1.0, 1.0, (cells, features)) * (draw.random((cells, features)) < 0.6)
    values[:, 3] = 0  # a feature that no control cell expresses
    return values.astype(np.float32)


def naive_rows(available: int, wanted: int, key: str) -> list[int]:
    """Whole rounds of every row, and for the rest the rows with the smallest hashes."""
    rounds, rest = divmod(wanted - 1, available)
    order = sorted(
        range(available), key=lambda row: hashlib.sha256(f"{key}:{rounds}:{row}".encode()).digest()
    )
    return sorted([*range(available)] * rounds + order[: rest + 1])


@given(st.integers(1, 30), st.integers(1, 90), st.text(max_size=5))
def test_rows_are_drawn_by_hash_and_equally_often(available: int, wanted: int, key: str) -> None:
    found = drawn_rows(available, wanted, key)
    assert found.tolist() == naive_rows(available, wanted, key)
    often = np.bincount(found, minlength=available)
    assert often.max() - often.min() <= 1


def test_another_condition_draws_other_rows() -> None:
    assert drawn_rows(50, 10, "x|A").tolist() != drawn_rows(50, 10, "x|B").tolist()


def test_unchanged_cells_are_control_cells() -> None:
    values = control()
    found = unchanged(rows_of_dense(values), cells=7, key="x|A").dense()
    np.testing.assert_array_equal(found, values[naive_rows(20, 7, "x|A")])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1_000), st.integers(2, 50), st.floats(0, 3))
def test_dispersed_cells_have_the_wanted_mean(seed: int, cells: int, scale: float) -> None:
    draw = np.random.default_rng(seed)
    mean = draw.gamma(1.0, scale + 1e-9, 15) * (draw.random(15) < 0.8)
    found = dispersed(rows_of_dense(control(seed=seed)), mean, cells=cells, most=1e9, key="k")
    assert len(found) == cells
    assert found.data.dtype == np.float32
    wanted = found.dense().astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(wanted, mean, rtol=3e-7, atol=1e-9)


MASK = 2**64 - 1


def split_mix_64(state: int) -> int:
    """What the generator of Steele, Lea & Flood 2014 gives out next in that state."""
    z = state + 0x9E3779B97F4A7C15 & MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def naive_feature(values: np.ndarray, place: int, mean: float, cells: int, key: str) -> list[float]:
    """The standard's text, feature by feature: `values` are those of all control cells."""
    column = [float(values[row, place]) for row in naive_rows(len(values), cells, key)]
    heights = [value for value in column if value > 0]
    typical = float(np.median(values[values > 0]))
    height = sum(heights) / len(heights) if heights else typical
    more = int(np.ceil(round(max(mean * cells - sum(column), 0) / height, 9)))
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    width = values.shape[1]
    silent = [cell for cell in range(cells) if column[cell] == 0]
    tickets = {cell: split_mix_64((cell * width + place) ^ seed) for cell in silent}
    for cell in sorted(silent, key=tickets.__getitem__)[:more]:
        column[cell] = height
    total = sum(column)
    return [value * mean * cells / total if total else 0.0 for value in column]


@pytest.mark.parametrize("key", ["x|A", "y|A+B"])
@pytest.mark.parametrize("level", [0.0, 0.1, 0.7, 2.0])
def test_dispersed_cells_follow_the_standards_text(key: str, level: float) -> None:
    values, mean = control(), level * np.linspace(0.1, 1.5, 15)
    found = dispersed(rows_of_dense(values), mean, cells=9, most=1e9, key=key).dense()
    for feature in range(15):
        wanted = naive_feature(values, feature, mean[feature], 9, key)
        np.testing.assert_allclose(found[:, feature], wanted, rtol=3e-7, atol=1e-12)


def test_a_feature_that_falls_is_scaled_down_and_nothing_else() -> None:
    values = control()
    drawn = values[naive_rows(20, 9, "x|A")].astype(np.float64)
    found = dispersed(rows_of_dense(values), drawn.mean(axis=0) / 2, cells=9, most=1e9, key="x|A")
    np.testing.assert_allclose(found.dense(), drawn / 2, rtol=2e-7)


def test_a_silent_feature_sounds_in_as_few_cells_as_bring_it_near_its_mean() -> None:
    values = control()
    typical = float(np.median(values[values > 0]))
    mean = np.zeros(15)
    mean[3] = typical * 2.2 / 10  # what 2.2 typical cells of 10 would give
    found = dispersed(rows_of_dense(values), mean, cells=10, most=1e9, key="k").dense()
    assert (found[:, 3] > 0).sum() == 3
    assert np.unique(found[found > 0]).size == 1
    assert found.sum(axis=0)[3] == pytest.approx(mean[3] * 10, rel=1e-6)
    assert not np.delete(found, 3, axis=1).any()


def test_a_rise_that_is_worth_a_whole_number_of_cells_is_not_worth_one_more() -> None:
    values = np.zeros((4, 1), dtype=np.float32)
    values[0] = 0.1
    mean = np.array([3 * float(np.float32(0.1)) / 4 * (1 + 1e-15)])
    found = dispersed(rows_of_dense(values), mean, cells=4, most=MOST, key="k").dense()
    assert (found > 0).sum() == 3


def test_zeros_that_are_stored_change_nothing() -> None:
    values, mean = control(), np.full(15, 0.3)
    rows = rows_of_dense(values)
    column = np.arange(values.size) % 15
    indptr = np.arange(0, values.size + 1, 15)
    full = Rows(indptr, column, values.ravel(), 15)
    assert len(full.data) > len(rows.data)
    one, two = (dispersed(found, mean, cells=9, most=MOST, key="k") for found in (rows, full))
    np.testing.assert_array_equal(one.dense(), two.dense())


def test_a_silent_feature_with_a_large_mean_sounds_in_every_cell() -> None:
    mean = np.zeros(15)
    mean[3] = 50.0
    found = dispersed(rows_of_dense(control()), mean, cells=10, most=1e9, key="k").dense()
    np.testing.assert_array_equal(found[:, 3], np.full(10, 50.0, dtype=np.float32))


def test_no_value_passes_the_most_and_none_is_negative() -> None:
    mean = np.full(15, 9.0)
    found = dispersed(rows_of_dense(control()), mean, cells=30, most=MOST, key="k").dense()
    assert found.max() <= np.float32(MOST)
    assert found.min() >= 0
    now = found.astype(np.float64).mean(axis=0)
    capped = (found == np.float32(MOST)).any(axis=0)
    assert capped.any()
    assert (now[capped] <= 9.0).all()
    np.testing.assert_allclose(now[~capped], 9.0, rtol=3e-7)


def test_dispersed_cells_are_the_same_every_time() -> None:
    rows, mean = rows_of_dense(control()), np.linspace(0, 2, 15)
    one, two = (dispersed(rows, mean, cells=12, most=MOST, key="k").dense() for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_control_cells_that_are_all_silent_still_give_the_mean() -> None:
    rows = rows_of_dense(np.zeros((4, 3), dtype=np.float32))
    mean = np.array([0.0, 0.25, 2.0])
    found = dispersed(rows, mean, cells=8, most=MOST, key="k").dense()
    np.testing.assert_allclose(found.mean(axis=0), mean, rtol=1e-6)
