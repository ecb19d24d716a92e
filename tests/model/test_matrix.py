import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vcspec.model.matrix import Rows, rows_of_dense, stack

WHOLE = np.array([[0.0, 1, 2], [0, 0, 0], [3, np.nan, 0], [0, 0, 4]])


def test_a_dense_block_is_the_same_as_rows() -> None:
    rows = rows_of_dense(WHOLE, first=7)
    np.testing.assert_array_equal(rows.dense(), WHOLE)
    assert (len(rows), rows.width, rows.first, len(rows.data)) == (4, 3, 7, 5)
    assert rows.row_of_entry.tolist() == [0, 0, 2, 2, 3]


@given(st.integers(0, 4), st.integers(0, 4))
def test_a_slice_is_the_slice(a: int, b: int) -> None:
    start, stop = sorted((a, b))
    found = rows_of_dense(WHOLE, first=7).slice(start, stop)
    np.testing.assert_array_equal(found.dense(), WHOLE[start:stop])
    assert found.first == 7 + start
    assert found.indptr[0] == 0


@given(st.lists(st.integers(0, 3), max_size=9))
def test_rows_are_taken_in_any_order_and_more_than_once(rows: list[int]) -> None:
    chosen = np.array(rows, dtype=np.int64)
    np.testing.assert_array_equal(rows_of_dense(WHOLE).take(chosen).dense(), WHOLE[chosen])


def test_blocks_are_stacked() -> None:
    rows = rows_of_dense(WHOLE, first=2)
    found = stack([rows.slice(0, 1), rows.slice(1, 1), rows.slice(1, 4)])
    np.testing.assert_array_equal(found.dense(), WHOLE)
    assert found.first == 2


def test_an_entry_keeps_the_data_type() -> None:
    rows = rows_of_dense(np.eye(2, dtype=np.uint16))
    assert rows.take(np.array([1])).data.dtype == np.uint16
    assert isinstance(rows, Rows)
