from pathlib import Path

import pytest
from support import tiny

from vcspec.model.errors import Refused, Unreadable
from vcspec.storage.json_store import JsonStore
from vcspec.storage.opening import open_store
from vcspec.storage.zarr_store import ZarrStore


def test_a_folder_is_a_zarr_store_and_a_json_file_a_scorecard(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    (tmp_path / "card.json").write_text("{}")
    assert isinstance(open_store(str(screen.split)), ZarrStore)
    assert isinstance(open_store(f"file://{screen.split}"), ZarrStore)
    assert isinstance(open_store(str(tmp_path / "card.json")), JsonStore)


def test_a_folder_that_is_called_json_is_a_zarr_store(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    assert isinstance(open_store(str(tmp_path / "a.json")), ZarrStore)


def test_nothing_is_unreadable(tmp_path: Path) -> None:
    for name in ("a.zarr", "a.json", "a" * 300):
        with pytest.raises(Unreadable):
            open_store(str(tmp_path / name))


def test_an_unsafe_place_is_refused() -> None:
    with pytest.raises(Refused):
        open_store("zip://a::memory://b")
