import numpy as np
import pytest

from vcspec.model.errors import UsageError
from vcspec.model.matrix import rows_of_dense, stack
from vcspec.statistics.moments import mean_profile, moments

CELLS = np.random.default_rng(0).poisson(0.7, (40, 25)).astype(np.float32) * np.float32(0.1)


def test_the_mean_counts_absent_entries_as_zero():
    expected = CELLS.astype(float).mean(axis=0)
    np.testing.assert_allclose(mean_profile(rows_of_dense(CELLS)), expected, rtol=1e-14)


@pytest.mark.parametrize("cut", [0, 1, 17, 40])
def test_blocks_of_the_same_rows_give_the_same_bits(cut):
    whole = rows_of_dense(CELLS)
    parts = stack([whole.slice(0, cut), whole.slice(cut, 40)])
    assert mean_profile(parts).tobytes() == mean_profile(whole).tobytes()


def test_a_feature_that_nobody_has_is_zero():
    assert mean_profile(rows_of_dense(np.zeros((3, 4), dtype=np.float32))).tolist() == [0.0] * 4


def test_no_cells_have_no_mean():
    with pytest.raises(UsageError, match="without cells"):
        mean_profile(rows_of_dense(CELLS).slice(3, 3))


@pytest.mark.parametrize("cells", [2, 40])
def test_the_error_of_a_mean_is_that_of_the_cells(cells):
    variance = CELLS[:cells].astype(float).var(axis=0, ddof=1)
    expected = np.sqrt((variance / cells).sum())
    assert moments(rows_of_dense(CELLS[:cells])).error == pytest.approx(expected, rel=1e-6)


def test_of_one_cell_no_error_is_known():
    assert moments(rows_of_dense(CELLS[:1])).error == 0.0
