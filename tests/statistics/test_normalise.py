import numpy as np
import pytest

from vcspec.model.errors import UsageError
from vcspec.model.matrix import rows_of_dense
from vcspec.statistics.normalise import amounts_of, log1p_rows

COUNTS = np.array([[0, 3, 1, 0], [0, 0, 0, 0], [7, 0, 0, 2]], dtype=np.float32)


def test_counts_become_log1p_of_their_share():
    expected = [
        [np.log1p(count * 1e4 / sum(cell)) if sum(cell) else 0.0 for count in cell]
        for cell in COUNTS.astype(float)
    ]
    found = log1p_rows(rows_of_dense(COUNTS), space="counts", target_sum=1e4).dense()
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array(expected, dtype=np.float32))


def test_the_total_of_a_panel_can_come_from_all_measured_features():
    totals = np.array([100.0, 50.0, 0.0])
    found = log1p_rows(rows_of_dense(COUNTS), space="counts", target_sum=10, totals=totals).dense()
    np.testing.assert_array_equal(found[0], np.log1p([0, 0.3, 0.1, 0]).astype(np.float32))
    np.testing.assert_array_equal(found[2], 0)


@pytest.mark.parametrize("dtype", [np.int32, np.uint16, np.float32, np.float64])
def test_the_dtype_of_the_counts_does_not_matter(dtype):
    one, other = (
        log1p_rows(rows_of_dense(COUNTS.astype(kind)), space="counts", target_sum=1e4).dense()
        for kind in (dtype, np.int64)
    )
    assert one.tobytes() == other.tobytes()


def test_log1p_values_are_only_cast():
    values = rows_of_dense(np.array([[0.1, 0.0, -2.5]]))
    found = log1p_rows(values, space="log1p", target_sum=1e4)
    assert found.data.dtype == np.float32
    np.testing.assert_array_equal(found.data, values.data.astype(np.float32))


def test_other_spaces_are_refused():
    with pytest.raises(UsageError, match="embedding"):
        log1p_rows(rows_of_dense(COUNTS), space="embedding", target_sum=1e4)


def test_values_beyond_what_numbers_hold_are_infinite_without_a_word():
    rows = rows_of_dense(np.array([[1e200, 1.0]]))
    with np.errstate(all="raise"):
        found = log1p_rows(rows, space="zscore").dense()
        amounts = amounts_of(rows, space="log1p").dense()
    np.testing.assert_array_equal(found, [[np.inf, 1.0]])
    np.testing.assert_array_equal(amounts, [[np.inf, np.expm1(1.0)]])
