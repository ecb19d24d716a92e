"""Whole numbers, each once, as numpy gives them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vcspec.statistics.distinct import distinct

TYPES = [np.int8, np.int64, np.uint64]


@pytest.mark.parametrize("data_type", TYPES)
@given(data=st.data())
def test_distinct_numbers_are_those_of_numpy(data_type, data):
    values = data.draw(arrays.arrays(data_type, st.integers(0, 12)))
    found = distinct(values)
    assert found.dtype == data_type
    assert found.tolist() == np.unique(values).tolist()
