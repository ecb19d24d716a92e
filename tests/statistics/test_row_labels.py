from itertools import groupby, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vcspec.model.store import Column
from vcspec.statistics.labels import Labels, labels_of, stretches

LABELS = st.sampled_from(["a", "b", "", "a|b", "b|a", "long label"])
TABLES = st.lists(st.tuples(LABELS, LABELS, LABELS), min_size=1, max_size=40)


def pieces(values: list[str], step: int, *, categorical: bool) -> list[Column]:
    texts = np.array(values, dtype=object)
    categories, codes = np.unique(texts, return_inverse=True)
    more = (codes, categories) if categorical else (None, None)
    found = []
    for start in range(0, len(values), step):
        here = slice(start, start + step)
        own = (more[0][here], more[1]) if categorical else more
        found.append(Column("string", texts[here], None, *own))
    return found


def plain(values: list[str]) -> Labels:
    return labels_of([Column("string", np.array(values, dtype=object))])


@given(st.lists(LABELS, min_size=1), st.integers(1, 20), st.integers(1, 99), st.booleans())
def test_labels_are_the_values(values, times, step, categorical):
    values = [value for value in values for _ in range(times)]
    found = labels_of(pieces(values, step, categorical=categorical))
    assert [found.of(row) for row in range(len(found))] == values
    assert sorted(found.names) == sorted(set(values))
    for label in [*found.names, "absent"]:
        assert found.are(label).tolist() == [value == label for value in values]
    assert found.codes.dtype.itemsize <= 4


def test_categories_that_nobody_has_or_that_stand_twice_are_no_labels_of_their_own():
    codes = np.array([2, 0, -1, 2])
    categories = np.array(["x", "unused", "x"], dtype=object)
    values = np.array(["x", "x", "", "x"], dtype=object)
    found = labels_of([Column("string", values, codes < 0, codes, categories)])
    assert (found.names, found.codes.tolist()) == (("", "x"), [1, 1, 0, 1])


def test_numbers_are_labels_as_they_are_written():
    assert labels_of([Column("integer", np.array([5, 7, 5]))]).names == ("5", "7")


def test_long_runs_take_no_memory_for_their_rows():
    values = ["a"] * 500 + ["b"] * 500
    found = labels_of(pieces(values, 300, categorical=True))
    assert found.kept.tolist() == [0, 0, 1, 1, 1]
    assert found.borders.tolist() == [0, 300, 500, 600, 900, 1_000]
    assert stretches([found]).borders.tolist() == [0, 500, 1_000]


@given(TABLES, st.integers(1, 12))
def test_stretches_are_rows_with_equal_keys(rows, times):
    rows = [row for row in rows for _ in range(times)]
    keys = ["|".join(row) for row in rows]
    found = stretches([plain(list(column)) for column in zip(*rows, strict=True)])
    groups = [(key, len(list(group))) for key, group in groupby(keys)]
    lengths = [stop - start for start, stop in pairwise(found.borders.tolist())]
    named = [found.keys[code] for code in found.codes.tolist()]
    assert list(zip(named, lengths, strict=True)) == groups
    assert list(found.keys) == list(dict.fromkeys(keys))
    assert found.sizes() == {key: keys.count(key) for key in found.keys}
    assert found.numbers().tolist() == [[key for key, _ in groups].count(k) for k in found.keys]


def test_many_columns_of_many_labels_are_told_apart():
    codes = np.repeat(np.arange(3_000, dtype=np.int32), 2)
    names = tuple(f"label {number}" for number in range(3_000))
    found = stretches([Labels(codes, None, names)] * 8)
    assert (len(found.keys), found.codes.tolist()) == (3_000, list(range(3_000)))
