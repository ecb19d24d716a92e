"""One look at a column tells what looking at every value tells."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.tables import AWKWARD, Drawn, drawn, table_of

from vcspec.model import store as port
from vcspec.model.finding import SHOWN
from vcspec.model.store import Column
from vcspec.rules import survey as module
from vcspec.rules.survey import NO_LABEL, absent, label_problem, names_twice, survey
from vcspec.storage import columns

COLUMNS = st.one_of(
    drawn(st.sampled_from(AWKWARD)),
    drawn(st.text(max_size=8)),
    drawn(st.integers(-2, 2)),
    drawn(st.sampled_from([0.5, -1.0, np.nan])),
)


@pytest.fixture(scope="module", autouse=True)
def _small_pieces():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "PIECE_ROWS", 8)
        patch.setattr(port, "PIECE_ROWS", 8)
        yield


@settings(max_examples=100, deadline=None)
@example(
    column=Drawn([" A", "A", "nan"], [False, True, False], "categorical", 1), is_condition=False
)
@given(COLUMNS, st.booleans())
def test_piece_by_piece_is_seen_what_the_whole_column_holds(column: Drawn, is_condition) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = table_of(Path(folder) / "a.zarr", column)
        seen = survey(store.pieces("/obs", "a"), is_condition=is_condition, is_index=True)
        twice = names_twice(store.pieces("/obs", "a"), seen.hashes)
        whole = store.column("/obs", "a")
    texts = [str(value) for value in whole.values.astype(object)]
    is_text = whole.sort == "string"
    bad = {t for t in texts if is_text and label_problem(t, is_condition=is_condition)}
    gone = [
        row
        for row, (text, missing) in enumerate(zip(texts, column.is_absent, strict=True))
        if missing or text == "nan" or (is_text and NO_LABEL.match(text))
    ]
    assert (seen.sort, seen.rows) == (whole.sort, len(texts))
    assert (seen.absent, seen.absent_rows) == (len(gone), tuple(gone[:SHOWN]))
    assert (len(seen.malformed), seen.examples) == (len(bad), tuple(sorted(bad)[:SHOWN]))
    assert twice == sorted({text for text in texts if texts.count(text) > 1})


def test_names_that_share_a_hash_alone_are_not_the_same(monkeypatch) -> None:
    monkeypatch.setattr(module, "hash", len, raising=False)
    pieces = [
        Column("string", np.array(names, dtype=object)) for names in (["a", "b", "ccc"], ["d", "b"])
    ]
    seen = survey(pieces, is_condition=False, is_index=True)
    assert seen.hashes.tolist() == [1]
    assert names_twice(pieces, seen.hashes) == ["b"]


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
        ("A\x00", "a control or invisible character"),
        ("e\u0301", "another Unicode form than NFC"),
        ("A|B", "the separator |"),
    ],
)
def test_labels_that_look_alike_must_be_alike(label, problem):
    assert label_problem(label, is_condition=True) == problem


def test_row_names_may_hold_the_separator():
    assert label_problem("study|line|A", is_condition=False) == ""


@pytest.mark.parametrize(
    "text", ["", "  ", " \t\n    ", "nan", "NaN", "None", "NA", "<NA>", "null", "none\n", "<na>\n"]
)
def test_text_that_stands_for_nothing_is_missing(text):
    column = Column("string", np.array(["A", text], dtype=object))
    assert absent(column).tolist() == [False, True]


def test_masked_values_and_nan_are_missing():
    masked = Column("integer", np.array([1, 2]), np.array([True, False]))
    numbers = Column("number", np.array([1.0, np.nan]))
    assert (absent(masked).tolist(), absent(numbers).tolist()) == ([True, False], [False, True])
