import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.reencode import Layout, reencode

from vcspec.model.matrix import AnyArray, Rows, rows_of_dense
from vcspec.model.store import Damaged
from vcspec.statistics.content import content_of, has_column, matrix_leaf, tiles
from vcspec.statistics.tree import merkle_root
from vcspec.storage.zarr_store import ZarrStore

STORES = Path(__file__).parents[2] / "spec" / "1.0" / "conformance" / "stores"
DATASET = STORES / "dataset.zarr"
LAYOUTS = st.builds(
    Layout,
    matrix=st.sampled_from(["csr", "csc", "dense"]),
    zarr_format=st.sampled_from([2, 3]),
    chunk=st.integers(30, 3_000),
    sharded=st.booleans(),
    big_endian=st.booleans(),
    labels=st.sampled_from(["plain", "categorical", "nullable"]),
    zstd=st.booleans(),
)
SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 5))
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, -2.5, 0.1, 1e30, np.inf, np.nan])


@st.composite
def matrices(draw) -> AnyArray:
    rows, columns = draw(SHAPES)
    values = draw(st.lists(NUMBERS, min_size=rows * columns, max_size=rows * columns))
    return np.array(values, dtype=np.float32).reshape(rows, columns)


def digest(blocks: Sequence[Rows]) -> bytes:
    return merkle_root([matrix_leaf(tile, "/X") for tile in tiles(blocks)])


def shuffled(dense: AnyArray, seed: int) -> Rows:
    """The same matrix with every zero stored, and the entries of each row in any order."""
    draw = np.random.default_rng(seed)
    order = np.array([draw.permutation(dense.shape[1]) for _ in dense])
    indptr = np.arange(len(dense) + 1) * dense.shape[1]
    data = np.take_along_axis(dense, order, axis=1).reshape(-1)
    return Rows(indptr, order.reshape(-1), data, dense.shape[1])


@settings(max_examples=15, deadline=None)
@given(LAYOUTS)
def test_how_a_store_is_laid_out_does_not_matter(layout):
    with tempfile.TemporaryDirectory() as folder:
        other = reencode(DATASET, Path(folder) / "other.zarr", layout)
        assert content_of(ZarrStore(str(other))) == content_of(ZarrStore(str(DATASET)))


@pytest.mark.parametrize("name", ["dataset-csc", "dataset-dense", "dataset-v2"])
def test_the_kit_has_one_dataset_in_four_layouts(name):
    other = content_of(ZarrStore(str(STORES / f"{name}.zarr")))
    assert other == content_of(ZarrStore(str(DATASET)))


@given(matrices(), st.integers(0, 2**32 - 1))
def test_stored_zeros_and_the_order_of_entries_do_not_matter(dense, seed):
    assert digest([shuffled(dense, seed)]) == digest([rows_of_dense(dense)])


@given(st.integers(1, 2_600), st.lists(st.integers(1, 2_599), max_size=6))
def test_how_rows_are_blocked_does_not_matter(rows, cuts):
    whole = rows_of_dense(np.arange(rows * 2, dtype=np.float32).reshape(rows, 2))
    borders = [0, *sorted({cut for cut in cuts if cut < rows}), rows]
    blocks = [whole.slice(start, stop) for start, stop in pairwise(borders)]
    assert digest(blocks) == digest([whole])


@given(matrices(), st.data())
def test_any_other_value_gives_another_digest(dense, data):
    row = data.draw(st.integers(0, dense.shape[0] - 1))
    column = data.draw(st.integers(0, dense.shape[1] - 1))
    other = dense.copy()
    other[row, column] = np.nextafter(np.float32(7), np.float32(8))
    slightly = other.copy()
    slightly[row, column] = 7
    digests = {digest([rows_of_dense(values)]) for values in (dense, other, slightly)}
    assert len(digests) == 3


@pytest.mark.parametrize("axis", [0, 1])
def test_the_order_of_rows_and_of_features_matters(axis):
    dense = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
    assert digest([rows_of_dense(dense)]) != digest([rows_of_dense(np.flip(dense, axis))])


def test_an_empty_row_matters():
    dense = np.array([[1, 2]], dtype=np.float32)
    longer = np.array([[1, 2], [0, 0]], dtype=np.float32)
    assert digest([rows_of_dense(dense)]) != digest([rows_of_dense(longer)])


def test_an_entry_that_stands_twice_has_no_digest():
    twice = Rows(np.array([0, 2]), np.array([1, 1]), np.array([1.0, 2.0]), 3)
    with pytest.raises(Damaged, match="stands twice"):
        digest([twice])


def test_every_table_has_row_names():
    store = ZarrStore(str(DATASET))
    named = [has_column(store, "/obs", name) for name in ("_index", "context", "donor")]
    assert (named, has_column(store, "/raw", "_index")) == ([True, True, False], False)
