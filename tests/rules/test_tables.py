"""Columns, value by value."""

import numpy as np
import pytest

from vcspec.model.store import Column
from vcspec.rules.schemas import failed_checks
from vcspec.rules.survey import absent, label_problem


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        ("control", ""),
        ("A+B", ""),
        ("10 µM dasatinib", ""),
        (" A", "white space at its ends"),
        ("A\u00a0", "white space at its ends"),
        ("A\tB", "a control or invisible character"),
        ("A\u200bB", "a control or invisible character"),
        ("e\u0301", "another Unicode form than NFC"),
        ("A|B", "the separator |"),
    ],
)
def test_labels_that_look_alike_must_be_alike(label, problem):
    assert label_problem(label, is_condition=True) == problem


def test_row_names_may_hold_the_separator():
    assert label_problem("study|line|A", is_condition=False) == ""


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


@pytest.mark.parametrize("text", ["", "  ", "nan", "NaN", "None", "NA", "<NA>", "null"])
def test_text_that_stands_for_nothing_is_missing(text):
    column = Column("string", np.array(["A", text], dtype=object))
    assert absent(column).tolist() == [False, True]


def test_masked_values_and_nan_are_missing():
    masked = Column("integer", np.array([1, 2]), np.array([True, False]))
    numbers = Column("number", np.array([1.0, np.nan]))
    assert (absent(masked).tolist(), absent(numbers).tolist()) == ([True, False], [False, True])
