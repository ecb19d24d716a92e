import os
from pathlib import Path
from typing import Any

import pytest

from vcspec.model.errors import UsageError
from vcspec.storage.files import write_text


def test_a_text_replaces_the_one_before_and_keeps_its_bytes(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    write_text(target, "ü\nß\r\n")
    assert target.read_bytes() == "ü\nß\r\n".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_text_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_text(target, "\ud800")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", ["", ".", "..", "folder", "folder/"])
def test_a_folder_is_no_place_for_a_text(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "folder" / "full").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is a folder; name the file that is to be written"):
        write_text(Path(name), "text")
    with pytest.raises(UsageError, match="nowhere: no such folder; create it first"):
        write_text(Path("nowhere", "a.txt"), "text")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_nothing_takes_the_place_of_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(tmp_path / "pipe", "text")
        assert os.read(reader, 9) == b"text"
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_link_leads_to_the_new_text(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("old")
    (tmp_path / "link").symlink_to("folder/a.txt")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "a.txt").read_text() == "new"


def test_a_draft_that_cannot_take_its_place_is_removed(tmp_path: Path, monkeypatch: Any) -> None:
    def refused(_: Path, __: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(PermissionError):
        write_text(tmp_path / "a.txt", "text")
    assert not list(tmp_path.iterdir())
