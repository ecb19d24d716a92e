import hashlib
import json
from pathlib import Path

import pytest

from vcspec.model.store import Damaged
from vcspec.standard import standard
from vcspec.storage.json_store import NAME, JsonStore


def store(tmp_path: Path, data: bytes) -> JsonStore:
    (tmp_path / "card.json").write_bytes(data)
    return JsonStore(tmp_path / "card.json")


def test_the_document_is_that_of_the_root(tmp_path: Path) -> None:
    data = json.dumps({"kind": "scorecard", "a": [1]}).encode()
    found = store(tmp_path, data)
    assert found.skeleton.document == {"kind": "scorecard", "a": [1]}
    assert found.skeleton.objects[NAME].size == len(data)
    assert found.read(NAME) == data
    assert found.digests([NAME]) == [hashlib.sha256(data).hexdigest()]


def test_a_document_that_is_not_strict_is_told(tmp_path: Path) -> None:
    found = store(tmp_path, b'{"a": 1, "a": 2}').skeleton
    assert "stands twice" in found.broken[NAME]


def test_no_more_is_read_than_is_needed_to_refuse_it(tmp_path: Path) -> None:
    with (tmp_path / "card.json").open("wb") as file:
        file.truncate(2**40)
    found = JsonStore(tmp_path / "card.json")
    assert len(found.read(NAME)) == standard().limits["document_bytes"] + 1
    assert "bytes" in found.skeleton.broken[NAME]


def test_there_is_nothing_else_in_it(tmp_path: Path) -> None:
    found = store(tmp_path, b"{}")
    for asked in (
        lambda: found.array("/X"),
        lambda: found.span("/X", 0, 1),
        lambda: found.column("/obs", "a"),
        lambda: found.column_part("/obs", "a", 0, 1),
        lambda: found.pieces("/obs", "a"),
        lambda: found.rows("/X", 0, 1),
        lambda: found.blocks("/X"),
    ):
        with pytest.raises(Damaged, match="scorecard"):
            asked()
