from itertools import pairwise

import numpy as np
import pytest
from conformance import naive_digests
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tables import AWKWARD

from vcspec.model.store import Column
from vcspec.statistics.columns import array_digest, column_digest, digest_of_pieces
from vcspec.statistics.tree import TILE_ROWS

NUMBERS = [0.0, -0.0, 1.5, np.inf, np.nan]
DATA_TYPES = {"string": object, "number": "float32", "integer": "int16", "boolean": "bool"}


def cut(column: Column, step: int) -> list[Column]:
    """The column in pieces of `step` rows."""
    borders = [*range(0, max(len(column), 1), step), len(column)]
    found = []
    for start, stop in pairwise(borders):
        missing = None if column.missing is None else column.missing[start:stop]
        missing = missing if missing is not None and missing.any() else None
        found.append(Column(column.sort, column.values[start:stop], missing))
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(DATA_TYPES)),
    st.integers(0, 3 * TILE_ROWS + 5),
    st.lists(st.integers(0, 3 * TILE_ROWS), max_size=4),
    st.integers(1, 3),
)
def test_a_column_in_pieces_has_the_digest_of_the_whole(sort, rows, absent, tiles):
    own = AWKWARD if sort == "string" else NUMBERS if sort == "number" else [0, 1, 1, 0, 1]
    values = np.resize(np.array(own, dtype=DATA_TYPES[sort]), rows)
    missing = np.isin(np.arange(rows), absent)
    column = Column(sort, values, missing if missing.any() else None)
    dtype = "string" if sort == "string" else DATA_TYPES[sort]
    vector = {"values": values.tolist(), "dtype": dtype, "missing": np.flatnonzero(missing)}
    wanted = naive_digests.column(vector)
    assert digest_of_pieces(cut(column, tiles * TILE_ROWS)) == column_digest(column) == wanted


def test_the_data_type_matters():
    values = np.array([1.0, 2.0])
    assert array_digest(values) != array_digest(values.astype(np.float32))


@pytest.mark.parametrize("data_type", ["float32", "float64"])
def test_every_nan_is_one_nan(data_type):
    plain = np.array([np.nan, 1.0], dtype=data_type)
    bits = plain.view(f"u{plain.itemsize}").copy()
    bits[0] |= 1 | (1 << (8 * plain.itemsize - 1))  # another payload, and the sign
    assert array_digest(bits.view(data_type)) == array_digest(plain)


def test_byte_order_and_the_sign_of_zero_do_not_matter():
    values = np.array([[1.5, -0.0], [3.0, 4.0]])
    assert array_digest(values.astype(">f8")) == array_digest(values + 0.0)


def test_the_shape_matters():
    values = np.arange(6.0)
    assert array_digest(values.reshape(2, 3)) != array_digest(values.reshape(3, 2))


def test_empty_text_is_not_a_missing_label():
    values = np.array(["A", ""], dtype=object)
    missing = Column("string", values, np.array([False, True]))
    assert column_digest(Column("string", values)) != column_digest(missing)


def test_borders_between_labels_matter():
    one, other = np.array(["ab", "c"], dtype=object), np.array(["a", "bc"], dtype=object)
    assert column_digest(Column("string", one)) != column_digest(Column("string", other))


def test_what_lies_under_a_mask_does_not_matter():
    mask = np.array([False, True])
    one, other = (Column("integer", np.array([1, hidden]), mask) for hidden in (7, 8))
    assert column_digest(one) == column_digest(other)
