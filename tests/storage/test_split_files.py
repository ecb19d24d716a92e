import hashlib
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


def test_subgroups_are_read_from_the_file_that_gears_saves_beside_the_sides(tmp_path: Path) -> None:
    (tmp_path / "n_simulation_1_0.75.pkl").write_bytes(pickle.dumps(SIDES))
    with pytest.raises(Unreadable, match=r"nor is there a file n_simulation_1_0.75_subgroup\.pkl"):
        read_split_file(tmp_path / "n_simulation_1_0.75.pkl", "seen1")
    parts = {"test_subgroup": {"seen0": ["A+B"], "seen1": ["B+D"]}, "val_subgroup": {"seen0": []}}
    data = pickle.dumps(parts)
    (tmp_path / "n_simulation_1_0.75_subgroup.pkl").write_bytes(data)
    found = read_split_file(tmp_path / "n_simulation_1_0.75.pkl", "seen1")
    assert found.groups == {**SIDES, "test": ["B+D"], "": ["A+B", "B+ctrl"]}
    sums = [hashlib.sha256(one).hexdigest() for one in (pickle.dumps(SIDES), data)]
    assert found.sha256 == sums[0]
    assert found.subgroups == ("n_simulation_1_0.75_subgroup.pkl", sums[1])
    with pytest.raises(
        Unreadable, match=r"_subgroup\.pkl has no subgroup 'x'; it has seen0, seen1"
    ):
        read_split_file(tmp_path / "n_simulation_1_0.75.pkl", "x")
    assert read_split_file(tmp_path / "n_simulation_1_0.75.pkl").subgroups is None


def test_a_table_has_no_subgroup(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("c1,train\nc2,test\n")
    with pytest.raises(Unreadable, match="is a table, which has no subgroup 'seen1'"):
        read_split_file(tmp_path / "s.csv", "seen1")


def test_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    for text, left_out in (
        ("barcode,split,sample_count\nc1,train,1\n", ["sample_count"]),
        ("c1,train,1\n", ["number 3"]),
        ("c1,train\n", []),
    ):
        (tmp_path / "s.csv").write_text(text)
        assert read_split_file(tmp_path / "s.csv").left_out == left_out


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
