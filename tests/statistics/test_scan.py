"""The scan against loops over plain numbers."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vcspec.model.matrix import Rows, rows_of_dense
from vcspec.model.tally import Tally
from vcspec.statistics import scan as module
from vcspec.statistics.kernels import compiled
from vcspec.statistics.scan import KEPT, TALLIED, Bounds, Scan, prints_of, scan

WIDTH = 5
ENTRY = st.tuples(
    st.integers(-1, WIDTH),
    st.sampled_from([0.0, -0.0, 1.0, 2.0, 2.5, -3.0, 8.1, 1e30, math.nan, math.inf, -math.inf]),
)
MATRIX = st.lists(st.lists(ENTRY, max_size=6), min_size=1, max_size=6)
MASK = 2**64 - 1
MOST, TOTALS = 5.0, (3.0, 40.0)
BOUNDS = Bounds(MOST, TOTALS)


def rows_of(entries: list[list[tuple[int, float]]], first: int = 0) -> Rows:
    flat = [entry for row in entries for entry in row]
    indptr = np.cumsum([0, *(len(row) for row in entries)])
    indices = np.array([column for column, _ in flat], dtype=np.int64)
    data = np.array([value for _, value in flat], dtype=np.float32)
    return Rows(indptr, indices, data, WIDTH, first=first)


def mixed(value: int) -> int:
    """SplitMix64's finaliser, on whole numbers."""
    z = (value + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def bits(value: float) -> int:
    return int(np.array(value, dtype=np.float64).view(np.uint64))


def naive_row(row: list[tuple[int, float]]) -> dict[str, Any]:
    columns = [column for column, _ in row]
    values = [float(np.float32(value)) for _, value in row]
    finite = [value for value in values if math.isfinite(value)]
    filled = [(c, v) for c, v in zip(columns, values, strict=True) if v != 0]
    return {
        "filled": min(len(filled), 255),
        "entries": len(filled),
        "total": math.fsum(finite),
        "heavy": int(natural(finite) > TOTALS[1]),
        "light": int(bool(filled) and natural(finite) < TOTALS[0]),
        "is_whole": all(value == math.floor(value) for value in finite),
        "above": int(max([0.0, *finite]) > MOST),
        "not_finite": len(values) - len(finite),
        "negative": sum(value < 0 for value in finite),
        "fractional": sum(value != math.floor(value) for value in finite),
        "out_of_range": sum(not 0 <= column < WIDTH for column in columns),
        "twice": len(columns) - len(set(columns)),
        "unsorted": sum(b < a for a, b in pairwise(columns)),
        "fingerprint": 0
        if any(not 0 <= column < WIDTH for column in columns)
        else sum(mixed(bits(v) ^ mixed(c & MASK)) for c, v in filled) & MASK,
    }


def natural(values: list[float]) -> float:
    return math.fsum(math.expm1(min(value, 88)) for value in values)


def finite_or_0(entry: tuple[int, float]) -> float:
    return entry[1] if math.isfinite(entry[1]) else 0.0


def same(found: Scan, entries: list[list[tuple[int, float]]], *, bounded: bool = True) -> None:
    expected = [naive_row(row) for row in entries]
    if bounded:
        assert len(found.total) == 0
    else:
        beyond = [max([0.0, *map(finite_or_0, row)]) > 2**53 for row in entries]
        expected = [
            {**row, "above": int(one), "heavy": 0, "light": 0}
            for row, one in zip(expected, beyond, strict=True)
        ]
    assert found.entries == sum(row["entries"] for row in expected)
    for name in set(KEPT) - ({"total"} if bounded else set()):
        values = getattr(found, name)
        wanted = np.array([row[name] for row in expected], dtype=np.float64)
        if values.dtype.kind == "f":
            np.testing.assert_allclose(values, wanted, rtol=1e-12, atol=1e-12, err_msg=name)
        elif name != "fingerprint":
            np.testing.assert_array_equal(values, wanted.astype(values.dtype), err_msg=name)
    assert found.fingerprint.tolist() == [row["fingerprint"] for row in expected]
    for name in TALLIED:
        counts = [row[name] for row in expected]
        rows = tuple(row for row, count in enumerate(counts) if count)
        assert getattr(found, name) == Tally(sum(counts), len(rows), rows[:5]), name


WAYS = ["_by_numpy", *(["_by_kernel"] if compiled() else [])]


@pytest.fixture(params=WAYS, autouse=True)
def way(request, monkeypatch):
    """Every test runs with and without the compiled kernel."""
    if request.param == "_by_numpy":
        monkeypatch.setattr(module, "compiled", lambda: None)


SAME_WAY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@SAME_WAY
@given(MATRIX)
def test_every_note_on_a_row_is_what_a_loop_finds(entries):
    same(scan([rows_of(entries)], BOUNDS), entries)
    same(scan([rows_of(entries)]), entries, bounded=False)


@SAME_WAY
@given(MATRIX, st.integers(0, 6))
def test_how_rows_are_blocked_does_not_matter(entries, cut):
    blocks = [rows_of(entries[:cut]), rows_of(entries[cut:], first=cut)]
    same(scan((block for block in blocks if len(block)), BOUNDS), entries)


def test_dense_and_sparse_rows_have_one_fingerprint():
    dense = np.array([[0, 1, 2, 0, 3], [3, 0, 2, 1, 0]], dtype=np.float32)
    backwards = rows_of([[(4, 3.0), (2, 2.0), (1, 1.0), (0, 0.0)], [(3, 1.0), (2, 2.0), (0, 3.0)]])
    one, other = scan([rows_of_dense(dense)]), scan([backwards])
    assert one.fingerprint.tolist() == other.fingerprint.tolist()
    assert one.fingerprint[0] != one.fingerprint[1]


@pytest.mark.parametrize("data_type", ["int32", "uint16", "float64"])
def test_counts_of_any_type_are_whole(data_type):
    found = scan([rows_of_dense(np.array([[0, 7], [65535, 1]], dtype=data_type))])
    assert (found.fractional, found.total.tolist()) == (Tally(), [7, 65536])


def test_prints_count_the_rows_that_repeat_one_of_their_group():
    fingerprint = np.array([5, 5, 5, 7, 5, 9, 9, 8, 8], dtype=np.uint64)
    filled = np.array([30, 30, 30, 30, 30, 30, 30, 3, 3], dtype=np.uint8)
    found = prints_of(fingerprint, np.array([0, 4, 9]), filled)
    assert found[:, 3:].tolist() == [[4, 2], [3, 1]]  # the last two rows are too poor to tell
    later = prints_of(fingerprint, np.array([4, 7]), filled)
    assert later[:, 3:].tolist() == [[3, 1]]
