"""Stores that are brought from one folder into another."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from vcspec.model.errors import Unreadable
from vcspec.model.manifest import Entry
from vcspec.storage import transfer
from vcspec.storage.objects import LocalObjects
from vcspec.storage.transfer import Contents, bring

BODIES = {"zarr.json": b"{}", "X/c/0": os.urandom(700_001), "X/c/1": b"", "obs/c/0": b"obs"}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A folder of objects large, small and empty."""
    for name, body in BODIES.items():
        (tmp_path / "store" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "store" / name).write_bytes(body)
    return tmp_path / "store"


CONTENTS = Contents(
    "",
    {},
    tuple(
        Entry(name, len(body), hashlib.sha256(body).hexdigest()) for name, body in BODIES.items()
    ),
    {},
)


def lying(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_each_object_is_opened_once_however_large(store: Path, tmp_path: Path) -> None:
    objects = LocalObjects(store)
    bring(objects, CONTENTS, tmp_path / "goal")
    assert lying(tmp_path / "goal") == BODIES
    assert objects.requests == len(BODIES)
    assert objects.bytes_read == sum(map(len, BODIES.values()))


def test_what_is_right_stays_and_all_else_is_brought_or_removed(
    store: Path, tmp_path: Path
) -> None:
    goal = tmp_path / "goal"
    bring(LocalObjects(store), CONTENTS, goal)
    (goal / "X/c/0").write_bytes(bytes(700_001))
    (goal / "guest").write_bytes(b"guest")
    (goal / "zarr.json").unlink()
    (goal / "zarr.json").symlink_to(store / "zarr.json")
    objects = LocalObjects(store)
    bring(objects, CONTENTS, goal)
    assert lying(goal) == BODIES
    assert not (goal / "zarr.json").is_symlink()
    assert objects.bytes_read == 700_001 + 2


def test_a_system_that_takes_a_part_at_a_time_gets_all(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = transfer._write

    class Slow:
        def __init__(self, file: Any) -> None:
            self.file = file

        def write(self, rest: memoryview) -> int:
            return int(self.file.write(rest[:1_000]))

    monkeypatch.setattr(transfer, "_write", lambda file, piece: whole(Slow(file), piece))
    bring(LocalObjects(store), CONTENTS, tmp_path / "goal")
    assert lying(tmp_path / "goal") == BODIES


def test_an_object_that_is_not_as_listed_is_not_left(store: Path, tmp_path: Path) -> None:
    (store / "X/c/0").write_bytes(bytes(700_001))
    with pytest.raises(Unreadable, match="X/c/0 came as"):
        bring(LocalObjects(store), CONTENTS, tmp_path / "goal")
    assert not (tmp_path / "goal" / "X/c/0").exists()
