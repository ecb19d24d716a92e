import pickle
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcspec.engine.spill import Spill, SpilledCells, scratch_folder
from vcspec.model.errors import Unreadable
from vcspec.model.matrix import Rows

TYPES = ["f4", "f8", "i4", "i8", "u2", "u4"]


def drawn(seed: int, rows: int, data_type: str, width: int = 7) -> Rows:
    """Rows of any length, also none."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(0, width + 1, rows)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    indices = [np.sort(draw.permutation(width)[:length]) for length in lengths]
    data = draw.integers(0, 60_000, int(indptr[-1])).astype(data_type)
    return Rows(indptr, np.concatenate([np.empty(0, np.int64), *indices]), data, width)


def spilled(folder: Path, rows: Rows, place: np.ndarray[Any, Any], step: int) -> SpilledCells:
    """The rows at their places, given `step` at a time."""
    spill = Spill(folder, np.diff(rows.indptr), place, rows.width, rows.data.dtype)
    for start in range(0, len(rows), step):
        spill.add(rows.slice(start, min(start + step, len(rows))))
    return spill.cells


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 9), st.sampled_from(TYPES), st.data()
)
def test_rows_in_any_order_come_back_row_by_row(
    seed: int, count: int, step: int, data_type: str, data: st.DataObject
) -> None:
    rows = drawn(seed, count, data_type)
    place = np.array(data.draw(st.permutations(range(count))), dtype=np.int64)
    start = data.draw(st.integers(0, count))
    stop = data.draw(st.integers(start, count))
    with scratch_folder() as folder:
        cells = spilled(folder, rows, place, step)
        found = cells.rows(start, stop)
        ends = cells.ends
    wanted = rows.take(np.argsort(place)[start:stop])
    np.testing.assert_array_equal(found.indptr, wanted.indptr)
    np.testing.assert_array_equal(found.indices, wanted.indices)
    np.testing.assert_array_equal(found.data, wanted.data)
    assert (found.data.dtype, found.first, found.width) == (data_type, start, rows.width)
    np.testing.assert_array_equal(np.diff(ends)[place], np.diff(rows.indptr))


def test_values_keep_their_bits() -> None:
    odd = np.array([np.nan, -0.0, np.inf, 1e-45, -np.nan], dtype=np.float32)
    rows = Rows(np.array([0, 2, 5]), np.array([0, 1, 0, 1, 2]), odd, 3)
    with scratch_folder() as folder:
        found = spilled(folder, rows, np.array([1, 0]), 2).rows(0, 2)
    np.testing.assert_array_equal(found.data.view("u4"), odd[[2, 3, 4, 0, 1]].view("u4"))


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_the_scratch_folder_is_gone_afterwards(
    error: type[BaseException] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def work() -> None:
        with scratch_folder() as folder:
            assert folder.parent == tmp_path
            spilled(folder, drawn(0, 9, "f4"), np.arange(9)[::-1], 4)
            if error is not None:
                raise error

    if error is None:
        work()
    else:
        with pytest.raises(error):
            work()
    assert list(tmp_path.iterdir()) == []


def test_what_travels_of_spilled_rows_does_not_grow_with_them() -> None:
    sizes = []
    for count in (10, 10_000):
        with scratch_folder() as folder:
            cells = spilled(folder, drawn(0, count, "f4"), np.arange(count), count)
            sizes.append(len(pickle.dumps(cells)))
            other = pickle.loads(pickle.dumps(cells)).rows(3, 7)
            np.testing.assert_array_equal(other.data, cells.rows(3, 7).data)
    assert sizes[0] == sizes[1] < 500


def test_scratch_files_that_a_worker_does_not_see_are_named() -> None:
    with scratch_folder() as folder:
        cells = spilled(folder, drawn(0, 9, "f4"), np.arange(9), 9)
        (folder / "data").write_bytes(b"")
        with pytest.raises(Unreadable, match="data is shorter"):
            cells.rows(0, 9)
    with pytest.raises(Unreadable, match="not there; workers on other machines"):
        cells.rows(0, 9)


def test_ctrl_c_is_passed_on_wherever_it_comes(tmp_path: Path) -> None:
    """A signal is handled when a function begins; functions of NumPy's swallow some of them."""
    rows, calls = drawn(0, 9, "f4"), 0

    def interrupt(_: FrameType, event: str, __: Any) -> None:
        nonlocal calls
        if event == "call":
            calls += 1
            if calls == last:
                sys.setprofile(None)
                raise KeyboardInterrupt

    def work() -> None:
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            sys.setprofile(interrupt)
            try:
                cells = spilled(Path(folder), rows, np.arange(9)[::-1], 4)
                len(cells.ends), cells.rows(2, 5)
            finally:
                sys.setprofile(None)

    last = 0
    work()
    assert calls > 50
    for last in range(1, calls + 1):  # noqa: B007 - `interrupt` reads it
        calls = 0
        with pytest.raises(KeyboardInterrupt):
            work()
