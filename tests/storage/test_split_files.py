import collections
import gzip
import hashlib
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from vcspec.model.errors import Refused, Unreadable
from vcspec.storage.split_files import read_split_file

SIDES = {"train": ["ctrl", "A+ctrl"], "val": [], "test": ["B+ctrl"]}


def test_json_and_pickles_of_dictionaries_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(SIDES))
    (tmp_path / "s.pkl").write_bytes(pickle.dumps({**SIDES, "test": {"B+ctrl"}}))
    for name in ("s.json", "s.pkl"):
        found = read_split_file(tmp_path / name)
        assert (found.name, dict(found.groups), found.table.rows) == (name, SIDES, ())
        assert len(found.sha256) == 64


class Running:
    def __reduce__(self):
        return (os.system, ("touch /tmp/vcspec-was-run",))


def test_a_pickle_runs_nothing(tmp_path: Path) -> None:
    trap = Path("/tmp/vcspec-was-run")
    trap.unlink(missing_ok=True)
    (tmp_path / "s.pkl").write_bytes(pickle.dumps({"train": Running()}))
    with pytest.raises(Refused, match="only dictionaries, lists, sets, arrays"):
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


def test_a_subgroup_that_is_no_list_cannot_be_tested(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps({**SIDES, "test_subgroup": {"seen1": 5}}))
    with pytest.raises(Unreadable, match="no list of names in its subgroup 'seen1'; expected one"):
        read_split_file(tmp_path / "s.json", "seen1")


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
        assert read_split_file(tmp_path / "s.csv").table.left_out == left_out


@pytest.mark.parametrize(
    "text",
    [
        "c1,train\nc2,test\n",
        ",split_seed42\nc1,train\nc2,test\n",
        "cell_id,split\nc1,train\nc2,test\n",
        "batch\tCELL\tRole\nb\tc1\ttrain\nb\tc2\ttest\n",
        "\ufeffbarcode,split,sample_count\nc1,train,1\nc2,test,3\n",
        "cell_barcode,batch,split_1\nc1,b,train\nc2,b,test\n",
        ",batch,transfer_split_seed1\nc1,b,train\nc2,b,test\n",
        ",cell_id,split\n0,c1,train\n1,c2,test\n",
        "my_cells,split_1,batch\nc1,train,b\nc2,test,b\n",
        "split_cell;side\nc1;train\nc2;test\n",
        "cell;split\nc1;train\nc2;test\n",
        "cell\tsplit\nc1\ttrain\nc2\ttest\n",
        "# made by somebody, in 2024\n#\ncell,split\nc1,train\nc2,test\n",
        ",perturbation,split\nc1,A,train\nc2,A,test\n",
    ],
)
def test_tables_of_cells_are_read_with_and_without_a_header(text: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    assert read_split_file(tmp_path / "s.csv").table.rows == [("c1", "train"), ("c2", "test")]


def test_a_cell_whose_name_has_split_in_it_is_no_header(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("split-1,train\nsplit-2,test\n")
    found = read_split_file(tmp_path / "s.csv").table
    assert found.rows == [("split-1", "train"), ("split-2", "test")]


def test_a_header_of_unknown_words_is_told_as_one(tmp_path: Path) -> None:
    for text, assumed in (
        ("my_cells,fold_kind\nc1,train\nc2,test\n", "my_cells, fold_kind"),
        ("c1,later\nc2,test\nc3,later\n", ""),
        ("c1,later\n", ""),
    ):
        (tmp_path / "s.csv").write_text(text)
        found = read_split_file(tmp_path / "s.csv").table
        assert (found.assumed, len(found.rows)) == (assumed, text.count("\nc") + (not assumed))


@pytest.mark.parametrize("name", ["s.csv.gz", "s.csv", "s.json.gz", "s.pkl.gz"])
def test_packed_files_are_read(name: str, tmp_path: Path) -> None:
    data = {
        "json": json.dumps(SIDES).encode(),
        "pkl": pickle.dumps(SIDES),
        "csv": b"cell,split\nc1,train\n",
    }[name.split(".")[1]]
    packed = gzip.compress(data, mtime=0)
    (tmp_path / name).write_bytes(packed)
    found = read_split_file(tmp_path / name)
    assert found.sha256 == hashlib.sha256(packed).hexdigest()
    assert found.groups == SIDES if "csv" not in name else found.table.rows == [("c1", "train")]


def test_subgroups_lie_beside_packed_sides(tmp_path: Path) -> None:
    (tmp_path / "n_0.75.pkl.gz").write_bytes(gzip.compress(pickle.dumps(SIDES)))
    parts = gzip.compress(pickle.dumps({"test_subgroup": {"seen1": ["B+D"]}}))
    (tmp_path / "n_0.75_subgroup.pkl.gz").write_bytes(parts)
    assert read_split_file(tmp_path / "n_0.75.pkl.gz", "seen1").groups["test"] == ["B+D"]


@pytest.mark.parametrize(
    ("text", "columns", "left_out"),
    [
        (
            "context,perturbation,role,reason\nx,A,test,-\nx,B,excluded,why\n",
            ["context", "perturbation", "role", "reason"],
            [],
        ),
        (
            ",perturbation,my_split,note\n0,A,test,n\n1,B,train,n\n",
            ["perturbation", "role"],
            ["number 1", "note"],
        ),
    ],
)
def test_tables_of_conditions_are_read_by_their_columns(
    text: str, columns: list[str], left_out: list[str], tmp_path: Path
) -> None:
    (tmp_path / "s.csv").write_text(text)
    found = read_split_file(tmp_path / "s.csv", columns=["context", "perturbation"]).table
    assert [sorted(row) for row in found.conditions] == [sorted(columns)] * 2
    assert [row["perturbation"] for row in found.conditions] == ["A", "B"]
    assert (found.rows, found.left_out) == ((), left_out)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_pickles_of_numpy_are_read(protocol: int, tmp_path: Path) -> None:
    held = collections.defaultdict(list)
    held["train"] = np.array(["ctrl", "A+ctrl"])
    held["val"] = np.array([], dtype=object)
    held["test"] = [np.str_("B+ctrl")]
    held["seed"] = np.int64(3)
    held["test_subgroup"] = {"seen": np.array(["B+ctrl"], dtype=object), "new": np.array([b"A+B"])}
    (tmp_path / "s.pkl").write_bytes(pickle.dumps(held, protocol=protocol))
    assert read_split_file(tmp_path / "s.pkl").groups == SIDES
    assert read_split_file(tmp_path / "s.pkl", "new").groups["test"] == ["A+B"]


def test_text_of_numpy_that_is_no_text_is_no_name(tmp_path: Path) -> None:
    whole = pickle.dumps({"train": np.array(["ctrl"])})
    letter = "c".encode("utf-32-le")
    assert whole.count(letter) == 1
    (tmp_path / "s.pkl").write_bytes(whole.replace(letter, b"\xff" * 4))
    with pytest.raises(Unreadable, match="an array of text holds numbers that are no letters"):
        read_split_file(tmp_path / "s.pkl")


def test_arrays_of_several_axes_and_other_types_are_no_names(tmp_path: Path) -> None:
    for array in (np.array([["A"]]), np.array(["2020-01-01"], dtype="M8[D]")):
        (tmp_path / "s.pkl").write_bytes(pickle.dumps({"train": array}))
        with pytest.raises(Unreadable, match=r"one axis is expected|arrays of 'M8' are not read"):
            read_split_file(tmp_path / "s.pkl")


@pytest.mark.parametrize(
    "found", [np.ma.array([1]), np.random.default_rng(0), collections.OrderedDict(), range(3)]
)
def test_nothing_else_of_numpy_is_read(found: object, tmp_path: Path) -> None:
    (tmp_path / "s.pkl").write_bytes(pickle.dumps({"train": found}))
    with pytest.raises(Refused, match="the pickle asks for"):
        read_split_file(tmp_path / "s.pkl")


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
        ("s.csv", b"c1," + 200_000 * b"x", "is no table"),
        ("s.csv.gz", gzip.compress(b"c1,train\n", mtime=0)[:-9], "no whole gzip file"),
    ],
)
def test_what_is_no_split_is_an_error(name: str, data: bytes, match: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Unreadable, match=match):
        read_split_file(tmp_path / name)
    with pytest.raises(Unreadable, match="cannot be read"):
        read_split_file(tmp_path / "none.csv")
