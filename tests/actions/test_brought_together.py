"""Rows that are not stored together, or not by condition, are brought together on disk, aloud."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny
from support.reencode import Layout, reencode

from vcspec.actions.score import score
from vcspec.actions.validate import validate
from vcspec.engine import spill
from vcspec.engine.settings import Settings
from vcspec.model.errors import Invalid, Unreadable
from vcspec.storage import compressed
from vcspec.storage.zarr_store import ZarrStore

BY_COLUMNS, SCATTERED = "compressed by columns", "do not stand together"


def scattered(store: Path) -> np.ndarray[Any, Any]:
    """Rows in an order in which no condition stands together."""
    rows = len(ZarrStore(str(store)).row_lengths("/X"))
    return np.arange(rows).reshape(-1, tiny.CELLS).T.ravel()


@pytest.fixture
def by_columns(screen: tiny.Screen, tmp_path: Path) -> Path:
    """Predictions compressed by columns, whose conditions stand together."""
    return reencode(screen.predictions, tmp_path / "columns.zarr", Layout("csc"))


@pytest.fixture
def scattered_columns(screen: tiny.Screen, tmp_path: Path) -> Path:
    """Predictions compressed by columns, whose conditions do not stand together."""
    place = tmp_path / "scattered.zarr"
    return reencode(screen.predictions, place, Layout("csc"), scattered(screen.predictions))


@pytest.fixture
def scattered_rows(screen: tiny.Screen, tmp_path: Path) -> Path:
    """Predictions compressed by rows, whose conditions do not stand together."""
    order = scattered(screen.predictions)
    return reencode(screen.predictions, tmp_path / "rows.zarr", Layout(), order)


def scored(store: Path, screen: tiny.Screen, settings: Settings | None = None) -> str:
    options = {"split": screen.split, "reference": screen.reference}
    return score(store, **options, settings=settings or Settings()).to_json()


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where scratch files go."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def taken(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes that each scratch folder held when it was removed."""
    found = []
    remove = shutil.rmtree

    def look(folder: Any, *rest: Any, **options: Any) -> None:
        if Path(folder).parent == scratch:
            found.append(sum(file.stat().st_size for file in Path(folder).rglob("*")))
        remove(folder, *rest, **options)

    monkeypatch.setattr(shutil, "rmtree", look)
    return found


@pytest.fixture
def required(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes that a score asked room for."""
    sizes = []
    original = spill.require_room

    def require_room(size: int, *rest: Any) -> None:
        sizes.append(size)
        original(size, *rest)

    monkeypatch.setattr(spill, "require_room", require_room)
    return sizes


def test_room_is_asked_for_what_scratch_files_take(
    scattered_columns: Path,
    screen: tiny.Screen,
    scratch: Path,
    taken: list[int],
    required: list[int],
) -> None:
    scored(scattered_columns, screen)
    store = ZarrStore(str(scattered_columns))
    values, rows = store.skeleton.nodes["/X/data"].elements, len(store.row_lengths("/X"))
    width = np.dtype(store.value_type("/X")).itemsize
    # By column two whole numbers of 4 bytes and the value, by condition one and the value.
    assert required == [values * (8 + width + 4 + width)]
    names = 1_000 * len(taken) + 8 * rows  # of arrays within a file; and offsets of rows
    assert required[0] <= sum(taken) <= required[0] + names
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("act", "name", "why"),
    [
        ("validate", "columns", BY_COLUMNS),
        ("validate", "scattered", BY_COLUMNS),
        ("score", "columns", BY_COLUMNS),
        ("score", "scattered", BY_COLUMNS),
        ("score", "rows", SCATTERED),
    ],
)
@pytest.mark.usefixtures("by_columns", "scattered_columns", "scattered_rows")
def test_validate_and_score_say_why(
    act: str, name: str, why: str, screen: tiny.Screen, tmp_path: Path, *, scratch: Path
) -> None:
    said: list[str] = []
    settings, store = Settings(announce=said.append), tmp_path / f"{name}.zarr"
    if act == "validate":
        assert not validate(store, level="full", settings=settings).errors
    else:
        scored(store, screen, settings)
    (told,) = [text for text in said if "scratch files" in text]
    assert f"{name}.zarr: " in told
    assert why in told
    assert f"MB of scratch files in {scratch}" in told


def test_measured_cells_may_be_compressed_by_columns(
    screen: tiny.Screen, tmp_path: Path, scratch: Path
) -> None:
    place, said = tmp_path / "columns.zarr", list[str]()
    reencode(screen.dataset, place, Layout("csc"))
    cards = [
        score(screen.predictions, dataset=dataset, settings=Settings(announce=said.append))
        for dataset in (screen.dataset, place)
    ]
    assert cards[0].to_json() == cards[1].to_json()
    told = [text for text in said if "scratch files" in text]
    assert told
    assert all(f"columns.zarr: its matrix is {BY_COLUMNS}; " in text for text in told)
    assert list(scratch.iterdir()) == []


def test_measured_cells_that_are_damaged_by_columns_are_reported(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    place = reencode(screen.dataset, tmp_path / "columns.zarr", Layout("csc"))
    for chunk in (place / "X/indices/c").iterdir():
        chunk.write_bytes(b"no chunk")
    with pytest.raises(Invalid, match=r"columns\.zarr"):
        score(screen.predictions, dataset=place)


@pytest.mark.parametrize("act", [validate, score])
def test_a_disk_without_room_is_refused_before_anything_is_written(
    act: Callable[..., Any],
    scattered_columns: Path,
    screen: tiny.Screen,
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage = shutil.disk_usage(scratch)._replace(free=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *_, **__: pytest.fail("it wrote"))
    asked = {"level": "full"} if act is validate else {"reference": screen.reference}
    with pytest.raises(Unreadable, match=r"0 MB are free; set TMPDIR"):
        act(scattered_columns, split=screen.split, **asked)


def test_columns_are_gathered_once(
    by_columns: Path,
    scattered_columns: Path,
    screen: tiny.Screen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = []
    gathered = compressed.gathered

    def counted(*arguments: Any) -> Any:
        times.append(1)
        return gathered(*arguments)

    monkeypatch.setattr(compressed, "gathered", counted)
    for store in (by_columns, scattered_columns):
        times.clear()
        scored(store, screen)
        assert len(times) == 1


@pytest.mark.parametrize("matrix", ["csr", "csc", "dense"])
def test_lengths_of_rows_are_those_of_blocks(
    matrix: Any, screen: tiny.Screen, tmp_path: Path
) -> None:
    store = ZarrStore(str(reencode(screen.dataset, tmp_path / "a.zarr", Layout(matrix))))
    blocks = list(store.blocks("/X", 1_500))
    assert len(blocks) > 3
    lengths = np.concatenate([np.diff(block.indptr) for block in blocks])
    np.testing.assert_array_equal(store.row_lengths("/X"), lengths)
    assert (store.scratch_bytes("/X") > 0) == (matrix == "csc")
