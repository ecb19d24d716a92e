import json
import os
import pickle
from pathlib import Path

import pytest

from vcspec.model.errors import Refused, Unreadable
from vcspec.storage.split_files import read_split_file

SIDES = {"train": ["ctrl", "A+ctrl"], "val": [], "test": ["B+ctrl"]}


def test_json_and_pickles_of_dictionaries_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(SIDES))
    (tmp_path / "s.pkl").write_bytes(pickle.dumps({**SIDES, "test": {"B+ctrl"}}))
    for name in ("s.json", "s.pkl"):
        found = read_split_file(tmp_path / name)
        assert (found.name, dict(found.groups), found.rows) == (name, SIDES, ())
        assert len(found.sha256) == 64


class Running:
    def __reduce__(self):
        return (os.system, ("touch /tmp/vcspec-was-run",))


def test_a_pickle_runs_nothing(tmp_path: Path) -> None:
    trap = Path("/tmp/vcspec-was-run")
    trap.unlink(missing_ok=True)
    (tmp_path / "s.pkl").write_bytes(pickle.dumps({"train": Running()}))
    with pytest.raises(Refused, match="only dictionaries, lists, sets and text"):
        read_split_file(tmp_path / "s.pkl")
    assert not trap.exists()


def test_a_subgroup_is_tested_alone(tmp_path: Path) -> None:
    parts = {"test_subgroup": {"seen0": ["A+B"], "seen1": ["B+D"]}}
    (tmp_path / "s.json").write_text(json.dumps({**SIDES, **parts}))
    found = read_split_file(tmp_path / "s.json", "seen1").groups
    assert found["test"] == ["B+D"]
    assert found[""] == ["A+B", "B+ctrl"]
    with pytest.raises(Unreadable, match="no subgroup 'seen2'; it has seen0, seen1"):
        read_split_file(tmp_path / "s.json", "seen2")


@pytest.mark.parametrize(
    "text",
    [
        "c1,train\nc2,test\n",
        ",split_seed42\nc1,train\nc2,test\n",
        "cell_id,split\nc1,train\nc2,test\n",
        "batch\tCELL\tRole\nb\tc1\ttrain\nb\tc2\ttest\n",
        "\ufeffbarcode,split,sample_count\nc1,train,1\nc2,test,3\n",
    ],
)
def test_tables_of_cells_are_read_with_and_without_a_header(text: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    assert read_split_file(tmp_path / "s.csv").rows == [("c1", "train"), ("c2", "test")]


@pytest.mark.parametrize(
    ("name", "data", "match"),
    [
        ("s.json", b"{", "is not JSON"),
        ("s.json", b'{"train": 3}', "no lists of names"),
        ("s.pkl", b"\x80\x04nonsense", "no pickle of a dictionary"),
        ("s.pkl", pickle.dumps([1]), "holds a list; expected a dictionary"),
        ("s.csv", b"c1\nc2\n", "fewer than two columns"),
        ("s.csv", b"c1,train\nc2\n", "2 fields, as its first row, in row 2"),
        ("s.csv", b"\xff\xfe", "not UTF-8"),
        ("s.csv", b"", "fewer than two columns"),
    ],
)
def test_what_is_no_split_is_an_error(name: str, data: bytes, match: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Unreadable, match=match):
        read_split_file(tmp_path / name)
    with pytest.raises(Unreadable, match="cannot be read"):
        read_split_file(tmp_path / "none.csv")
