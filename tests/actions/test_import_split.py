import hashlib
import json
from pathlib import Path
from typing import Any

import anndata
import pytest
from support import tiny

import vcspec
from vcspec.actions.import_split import import_split
from vcspec.actions.validate import validate
from vcspec.cli import main
from vcspec.model.errors import Invalid, UsageError

HELD = ["G05", "G06", "G07"]
REST = ["G00", "G01", "G02", "G03", "G04"]
GEARS = {
    "train": ["ctrl", *(f"{name}+ctrl" for name in REST), "G01+G00", "G02+G03"],
    "test": [f"ctrl+{name}" for name in HELD],
}


def imported(screen: tiny.Screen, folder: Path, text: str, name: str, **more: Any) -> Any:
    (folder / name).write_text(text)
    plan = tiny.plan(parameters=more.pop("parameters", {}))
    return import_split(screen.dataset, folder / "split.zarr", folder / name, plan, **more)


def test_a_dictionary_of_gears_becomes_the_split_that_it_is(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    found = imported(screen, tmp_path, json.dumps(GEARS), "s.json", claim="unseen-perturbation")
    report = validate(tmp_path / "split.zarr", level="full", dataset=screen.dataset)
    assert (report.verdict, report.findings) == ("valid", ())
    own, other = (
        anndata.read_zarr(place).obs["role"] for place in (tmp_path / "split.zarr", screen.split)
    )
    assert list(own.astype(str)) == list(other.astype(str))
    assert found.notes == (
        "2 conditions excluded: not in the imported split: liver|G04+G05, skin|G04+G05",
    )
    document = vcspec.open_split(tmp_path / "split.zarr").document
    assert document["strategy"]["name"] == "imported"
    assert document["strategy"]["parameters"]["file"] == "s.json"
    assert len(document["strategy"]["parameters"]["sha256"]) == 64


def test_the_two_files_of_gears_become_a_split_of_one_subgroup(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    mixed = {**GEARS, "test": [*GEARS["test"], "G04+G05"]}
    parts = {"test_subgroup": {"unseen_single": GEARS["test"], "combo_seen1": ["G04+G05"]}}
    with pytest.raises(UsageError, match="`--set subgroup=NAME` for a split of GEARS"):
        imported(screen, tmp_path, json.dumps(mixed), "s.json")
    subgroups = json.dumps(parts)
    (tmp_path / "s_subgroup.json").write_text(subgroups)
    options = {"subgroup": "unseen_single"}
    found = imported(screen, tmp_path, json.dumps(mixed), "s.json", parameters=options)
    assert found.claim == "unseen-perturbation"
    opened = vcspec.open_split(tmp_path / "split.zarr")
    assert {c.perturbation for c in opened.having("test")} == set(HELD)
    parameters = opened.document["strategy"]["parameters"]
    assert parameters["subgroup_file"] == "s_subgroup.json"
    assert parameters["subgroup_sha256"] == hashlib.sha256(subgroups.encode()).hexdigest()
    assert validate(tmp_path / "split.zarr", level="full", dataset=screen.dataset).exit_code == 0


def test_columns_that_are_not_read_are_told(screen: tiny.Screen, tmp_path: Path) -> None:
    rows = [f"{line},3" for line in cells_of(screen).splitlines()]
    text = "\n".join(["cell,split,sample_count", *rows])
    found = imported(screen, tmp_path, text, "s.csv", claim="unseen-perturbation")
    assert "columns of the file that are left out: sample_count" in found.notes


def test_a_table_of_conditions_becomes_the_split_that_it_is_of(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    whole = anndata.read_zarr(screen.split).obs
    text = whole[["context", "perturbation", "role", "reason"]].to_csv(index=False)
    found = imported(screen, tmp_path, text, "conditions.csv", claim="unseen-perturbation")
    assert found.notes == ()
    own = anndata.read_zarr(tmp_path / "split.zarr").obs
    for name in ("role", "reason"):
        assert list(own[name].astype(str)) == list(whole[name].astype(str))


def test_a_header_of_unknown_words_is_left_out_and_told(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    text = "my_cells,kind\n" + cells_of(screen)
    found = imported(screen, tmp_path, text, "s.csv", claim="unseen-perturbation")
    told = "the first line looks like a header, and is left out: my_cells, kind"
    assert told in found.notes
    assert not any("not in the dataset" in note for note in found.notes)


def test_labels_in_another_spelling_are_read_and_told(screen: tiny.Screen, tmp_path: Path) -> None:
    other = {side: [n.lower().replace("+", "_") for n in names] for side, names in GEARS.items()}
    found = imported(screen, tmp_path, json.dumps(other), "s.json", claim="unseen-perturbation")
    own, whole = (
        anndata.read_zarr(place).obs["role"] for place in (tmp_path / "split.zarr", screen.split)
    )
    assert list(own.astype(str)) == list(whole.astype(str))
    assert any("labels are read as the dataset spells them" in note for note in found.notes)


def cells_of(screen: tiny.Screen, word: str = "test") -> str:
    obs = anndata.read_zarr(screen.dataset).obs
    lines = [
        f"{cell},{word if row.perturbation in HELD else 'train'}"
        for cell, row in obs.iterrows()
        if row.perturbation != "G04+G05"
    ]
    return "\n".join(lines) + "\n"


def test_a_table_of_cells_becomes_the_same_split(screen: tiny.Screen, tmp_path: Path) -> None:
    text = cells_of(screen) + "strange-cell,test\n"
    found = imported(screen, tmp_path, text, "s.csv", claim="unseen-perturbation")
    own, other = (
        anndata.read_zarr(place).obs["role"] for place in (tmp_path / "split.zarr", screen.split)
    )
    assert list(own.astype(str)) == list(other.astype(str))
    assert found.notes[0] == "1 cells of the file are not in the dataset"
    assert found.notes[1] == f"{2 * tiny.CELLS} cells of the dataset are on no side"


@pytest.mark.parametrize("form", ["cells", "labels"])
def test_roles_of_the_standard_are_sides_too(
    screen: tiny.Screen, tmp_path: Path, form: str
) -> None:
    roles = {"G00": "Anchor", "G01": "excluded", "G02": "inference-input", "G02+G03": "anchor"}
    roles |= dict.fromkeys(HELD, "test") | {"G04+G05": "excluded"}  # with a tested member
    obs = anndata.read_zarr(screen.dataset).obs
    if form == "cells":
        lines = [f"{cell},{roles.get(row.perturbation, 'train')}" for cell, row in obs.iterrows()]
        text, name = "\n".join(["cell,split", *lines]), "s.csv"
    else:
        sides: dict[str, list[str]] = {}
        for label in obs["perturbation"].unique():
            sides.setdefault(roles.get(label, "train").casefold(), []).append(label)
        text, name = json.dumps(sides), "s.json"
    imported(screen, tmp_path, text, name, claim="unseen-perturbation")
    table = anndata.read_zarr(tmp_path / "split.zarr").obs
    for label, role in roles.items():
        own = table[table["perturbation"] == label]
        assert list(own["role"]) == [role.casefold()] * len(tiny.CONTEXTS)
    reasons = table["reason"][table["perturbation"] == "G01"]
    assert set(reasons) == {"excluded in the imported split"}


def test_the_one_claim_that_holds_is_taken(screen: tiny.Screen, tmp_path: Path) -> None:
    obs = anndata.read_zarr(screen.dataset).obs
    text = "".join(
        f"{cell},{'train' if row.context == 'liver' else 'test'}\n" for cell, row in obs.iterrows()
    )
    found = imported(screen, tmp_path, text, "s.csv")
    assert found.claim == "unseen-context"
    opened = vcspec.open_split(tmp_path / "split.zarr")
    assert [c.key for c in opened.having("inference-input")] == ["skin|control"]


def test_a_claim_that_does_not_hold_is_refused_with_the_findings(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    leaky = {**GEARS, "train": [*GEARS["train"], "G04+G05"]}
    with pytest.raises(Invalid) as error:
        imported(screen, tmp_path, json.dumps(leaky), "s.json", claim="unseen-perturbation")
    assert error.value.report.codes == ("VCS402",)
    with pytest.raises(UsageError, match="support no claim"):
        imported(screen, tmp_path, json.dumps(leaky), "s.json")
    with pytest.raises(UsageError, match="no claim 'everything'"):
        imported(screen, tmp_path, json.dumps(GEARS), "s.json", claim="everything")
    assert [place.name for place in tmp_path.iterdir()] == ["s.json"]


def test_conditions_with_a_few_cells_elsewhere_may_be_kept(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    lines = cells_of(screen).splitlines()
    first = next(at for at, line in enumerate(lines) if line.endswith(",test"))
    lines[first] = lines[first].replace("test", "train")
    text = "\n".join(lines)
    strict = imported(screen, tmp_path, text, "s.csv", claim="unseen-perturbation")
    assert any("on several sides, and excluded" in note for note in strict.notes)
    lenient = imported(
        screen, tmp_path, text, "s.csv", claim="unseen-perturbation",
        parameters={"minority": "0.1"}, overwrite=True,
    )  # fmt: skip
    assert any("went where most" in note for note in lenient.notes)
    with pytest.raises(UsageError, match=r"minority is '0\.7'"):
        imported(screen, tmp_path, text, "s.csv", parameters={"minority": "0.7"})


def test_a_parameter_that_no_import_has_is_refused(screen: tiny.Screen, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no parameter 'shots'; it has minority, subgroup"):
        imported(screen, tmp_path, cells_of(screen, "test"), "s.csv", parameters={"shots": "0.3"})


def test_a_file_about_something_else_is_an_error(screen: tiny.Screen, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no condition the role train"):
        imported(screen, tmp_path, "a,train\nb,test\n", "s.csv")
    with pytest.raises(UsageError, match="not a side, and left out: 'later'"):
        imported(screen, tmp_path, cells_of(screen, "later"), "s.csv")


def test_the_command_imports_and_says_what_did_not_fit(
    screen: tiny.Screen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "s.json").write_text(json.dumps(GEARS))
    arguments = [
        "vcspec", "split", str(screen.dataset), "--from", str(tmp_path / "s.json"),
        "--claim", "unseen-perturbation", "-o", str(tmp_path / "out.zarr"),
    ]  # fmt: skip
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    said = capsys.readouterr().err
    assert "did not fit: 2 conditions excluded" in said
    assert "claim: unseen-perturbation" in said
    monkeypatch.setattr("sys.argv", [*arguments, "--strategy", "holdout-contexts"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
