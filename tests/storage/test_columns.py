import tempfile
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tables import AWKWARD, Drawn, drawn, table_of

from vcspec.model import store as port
from vcspec.model.store import Damaged
from vcspec.storage import columns
from vcspec.storage.columns import plain_column
from vcspec.storage.zarr_store import ZarrStore

VALUES = st.one_of(
    drawn(st.sampled_from(AWKWARD)), drawn(st.integers(-3, 3)), drawn(st.floats(width=32))
)


@pytest.fixture(scope="module", autouse=True)
def _small_pieces():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "PIECE_ROWS", 8)
        patch.setattr(port, "PIECE_ROWS", 8)
        yield


@settings(max_examples=60, deadline=None)
@given(VALUES, st.data())
def test_pieces_and_parts_are_the_column_cut(column: Drawn, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = table_of(Path(folder) / "a.zarr", column)
        whole, pieces = store.column("/obs", "a"), list(store.pieces("/obs", "a"))
        start = data.draw(st.integers(0, len(whole)))
        part = store.column_part("/obs", "_index", start, len(whole))
    missing = np.array(column.is_absent)
    assert [len(piece) for piece in pieces[:-1]] == [8] * (len(pieces) - 1)
    assert {piece.sort for piece in pieces} == {whole.sort} == {part.sort}
    for found, first in [(whole, 0), (part, start), *zip(pieces, range(0, 99, 8), strict=False)]:
        last = first + len(found)
        absent = found.missing if found.missing is not None else np.zeros(len(found), dtype=bool)
        assert absent.tolist() == missing[first:last].tolist()
        wanted = np.array(column.values, dtype=found.values.dtype)[first:last]
        np.testing.assert_array_equal(found.values[~absent], wanted[~absent])
        if whole.sort == "string":
            assert set(found.values[absent].tolist()) <= {""}
    assert sum(map(len, pieces)) == len(column.values)


@pytest.mark.parametrize("chunk", [1, 3, 8, 20, 40])
def test_no_chunk_is_decoded_for_one_piece_and_again_for_the_next(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = table_of(
        tmp_path / "a.zarr", Drawn([f"cell {n}" for n in range(40)], [], "plain", chunk)
    )
    read: list[tuple[int, int]] = []
    span = store.span
    monkeypatch.setattr(
        store, "span", lambda path, *where: read.append(where) or span(path, *where)
    )
    assert len(list(store.pieces("/obs", "a"))) == 5
    borders = [stop for _, stop in read[1:]]
    assert [start for start, _ in read[1:]] == [0, *borders[:-1]]
    assert all(border % chunk == 0 or border == 40 for border in borders)


def test_a_column_without_rows_is_one_piece_that_says_what_it_holds(tmp_path: Path) -> None:
    root = zarr.create_group(zarr.storage.LocalStore(tmp_path / "a.zarr"))
    table = root.create_group("obs")
    table.create_array("a", shape=(0,), chunks=(1,), dtype="f4")
    (piece,) = columns.pieces(ZarrStore(str(tmp_path / "a.zarr")), "/obs/a")
    assert (piece.sort, len(piece), piece.values.dtype) == ("number", 0, np.float32)


def test_codes_beyond_the_categories_are_damage_in_the_piece_that_holds_them(
    tmp_path: Path,
) -> None:
    place = tmp_path / "a.zarr"
    store = table_of(place, Drawn(["x", "y"] * 10, [False] * 20, "categorical", 6))
    zarr.open_array(str(place), path="obs/a/codes", mode="r+")[17] = 2
    pieces = store.pieces("/obs", "a")
    assert [len(next(pieces)), len(next(pieces))] == [8, 8]
    with pytest.raises(Damaged, match="codes outside"):
        next(pieces)


def test_a_plain_column_says_what_it_holds() -> None:
    assert plain_column(np.array(["a", "b"])).sort == "string"
    assert plain_column(np.array([b"a"])).sort == "string"
    assert plain_column(np.array([1, 2], dtype="u2")).sort == "integer"
    assert plain_column(np.array([1.5])).sort == "number"
    assert plain_column(np.array([True])).sort == "boolean"
    assert plain_column(np.array([1j])).sort == "other"
