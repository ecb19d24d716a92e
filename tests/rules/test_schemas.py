"""Types, signs and vocabularies, value by value."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcspec.model.store import Column
from vcspec.rules.schemas import failed_checks, is_sound
from vcspec.storage.columns import plain_column


@pytest.mark.parametrize(
    ("kind", "values", "wrong"),
    [
        ("string", ["a", ""], []),
        ("string", [1, "a"], [1]),
        ("integer", [1, np.int8(2), -3], []),
        ("integer", [1, 2.0], [2.0]),
        ("integer", [True], [True]),
        ("number", [1, 2.5, np.float32(1)], []),
        ("number", [True, "1"], [True, "1"]),
        ("boolean", [True, np.True_], []),
        ("boolean", [1], [1]),
    ],
)
def test_a_column_holds_what_its_layout_says(kind, values, wrong):
    entry = {"name": "column", "type": kind}
    found = failed_checks(np.array(values, dtype=object), entry, ())
    assert found.get("type", []) == wrong


def test_a_sign_is_asked_for_where_the_layout_asks():
    entry = {"name": "cells", "type": "number", "positive": True}
    assert failed_checks(np.array([1.0, 0.0, -2.0]), entry, ())["positive"] == [0.0, -2.0]


def test_a_closed_list_is_closed():
    entry = {"name": "role", "type": "string"}
    values = np.array(["test", "holdout"], dtype=object)
    assert failed_checks(values, entry, ("train", "test")) == {"vocabulary": ["holdout"]}


VALUES = st.one_of(
    st.lists(st.sampled_from(["a", "b", ""]), min_size=1),
    st.lists(st.booleans(), min_size=1),
    st.lists(st.integers(-1, 2), min_size=1),
    st.lists(st.sampled_from([-1.0, 0.0, 2.5, np.nan]), min_size=1),
)


@settings(max_examples=60, deadline=None)
@given(
    VALUES,
    st.sampled_from(["string", "integer", "number", "boolean"]),
    st.booleans(),
    st.sampled_from([(), ("a", "b")]),
    st.booleans(),
)
def test_what_a_quick_look_lets_pass_the_schema_lets_pass(values, kind, positive, terms, masked):
    entry = {"name": "a", "type": kind, "positive": positive and kind in {"integer", "number"}}
    plain = plain_column(np.array(values))
    mask = np.arange(len(values)) == 0 if masked else None
    column = Column(plain.sort, plain.values, mask)
    present = plain.values[1:] if masked else plain.values
    passed = failed_checks(np.unique(present), entry, terms) == {}
    sound = is_sound(column, entry, terms)
    assert passed or not sound
    if len(present) and not terms and not any(value != value for value in present):  # noqa: PLR0124
        assert sound == passed
