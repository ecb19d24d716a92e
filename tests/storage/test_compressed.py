from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcspec.model.matrix import stack
from vcspec.storage.compressed import gathered, row_bounds, spans


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 30), st.integers(1, 12)),
    entries=st.integers(1, 40),
    piece=st.integers(1, 25),
    seed=st.integers(0, 1_000),
    density=st.floats(0, 1),
)
def test_scattered_entries_come_together_as_the_rows_that_a_dense_matrix_has(
    shape: tuple[int, int], entries: int, piece: int, seed: int, density: float
) -> None:
    draw = np.random.default_rng(seed)
    whole = (draw.integers(1, 9, shape) * (draw.random(shape) < density)).astype(np.int16)
    column, row = np.nonzero(whole.T)  # column by column, as a matrix compressed by columns is
    value = whole[row, column]
    parts = ((row[a:b], column[a:b], value[a:b]) for a, b in spans(len(row), piece))
    counts = (whole != 0).sum(axis=1)
    blocks = list(gathered(parts, counts, shape[1], entries))
    assert [block.first for block in blocks] == np.cumsum([0, *map(len, blocks)])[:-1].tolist()
    found = stack(blocks)
    np.testing.assert_array_equal(found.dense(), whole)
    if len(row):
        assert found.data.dtype == np.int16
    assert all((np.diff(found.indices[a:b]) > 0).all() for a, b in pairs(found.indptr))


def pairs(indptr: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(indptr[:-1].tolist(), indptr[1:].tolist(), strict=True))


def test_entries_of_a_row_keep_the_order_in_which_they_came() -> None:
    row = np.array([1, 0, 1, 1])
    column = np.array([5, 2, 0, 3])
    (block,) = gathered([(row, column, np.arange(4.0))], np.array([1, 3]), 6, 100)
    assert block.indices.tolist() == [2, 5, 0, 3]
    assert block.data.tolist() == [1.0, 0.0, 2.0, 3.0]


def test_blocks_without_entries_have_the_data_type_of_the_others() -> None:
    entry = (np.zeros(5, dtype=int), np.arange(5), np.ones(5, dtype=np.int32))
    blocks = list(gathered([entry], np.array([5, 0, 0]), 5, 4))
    assert [len(block) for block in blocks] == [1, 2]
    assert [block.data.dtype for block in blocks] == [np.int32, np.int32]


def test_nothing_stays_in_the_scratch_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    entry = (np.array([0, 1]), np.array([0, 0]), np.ones(2))
    reading = gathered([entry], np.array([1, 1]), 1, 1)
    next(reading)
    assert list(tmp_path.iterdir())
    reading.close()
    assert not list(tmp_path.iterdir())


def test_blocks_hold_about_as_many_entries_as_asked_and_at_least_one_row() -> None:
    counts = np.array([3, 3, 10, 0, 0, 1, 2, 9])
    assert row_bounds(counts, 6).tolist() == [0, 2, 3, 7, 8]
    assert row_bounds(np.array([], dtype=int), 6).tolist() == [0]
    assert row_bounds(np.zeros(4, dtype=int), 6).tolist() == [0, 4]


def test_spans_follow_each_other() -> None:
    assert list(spans(7, 3)) == [(0, 3), (3, 6), (6, 7)]
    assert list(spans(0, 3)) == []
