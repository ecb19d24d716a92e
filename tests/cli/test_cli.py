"""The command line as a person meets it: what is printed where, and the exit code."""

import json
import os
import re
import shutil
import subprocess
import sys
from unittest.mock import Mock

import anndata
import numpy as np
import pandas as pd
import pytest
import rfc8785
from support import tiny
from support.children import printed

from vcspec import __version__
from vcspec.__main__ import main
from vcspec.actions.curate import write_dataset
from vcspec.actions.predict import open_split
from vcspec.actions.split import split
from vcspec.cli import COMMANDS, SUMMARIES, cli
from vcspec.engine.settings import settings_in_force
from vcspec.model.errors import Mismatch
from vcspec.storage.zarr_store import ZarrStore


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs `vcspec ARGUMENTS` in this process; returns exit code, stdout, stderr."""

    def call(*arguments: object):
        monkeypatch.setattr(sys, "argv", ["vcspec", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        printed = capsys.readouterr()
        return end.value.code or 0, printed.out, printed.err

    return call


@pytest.fixture
def folder(screen, tmp_path):
    """A copy of sound artefacts that a test may damage."""
    for place in (screen.dataset, screen.split, screen.reference, screen.predictions):
        shutil.copytree(place, tmp_path / place.name)
    return tmp_path


def test_help_names_every_command_and_the_exit_codes(run):
    code, out, _ = run("--help")
    assert code == 0
    assert all(name in out and SUMMARIES[name] in out for name in COMMANDS)
    assert "Exit codes" in out


def test_help_loads_neither_numpy_nor_zarr_nor_rich():
    probe = (
        "import sys; sys.argv = ['vcspec', '--help']\n"
        "from vcspec.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'zarr', 'anndata', 'pandas', 'rich', 'jsonschema'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(run, name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(name, "--help")
    assert code == 0
    assert out.startswith("Usage: vcspec " + name)
    assert cli.get_command(None, name).help
    assert max(map(len, out.splitlines())) <= 80


def test_the_version_is_printed(run):
    assert run("--version") == (0, f"vcspec, version {__version__}\n", "")


def test_sound_predictions_are_valid(run, folder):
    code, out, err = run("validate", folder / "model.zarr")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("valid: 0 errors, 0 warnings")


def test_several_artefacts_end_with_the_worst_code(run, folder):
    code, out, _ = run("validate", folder / "model.zarr", folder / "nothing.zarr")
    assert code == 3
    assert "VCS001" in out


def test_a_place_that_does_not_exist_cannot_be_checked(run, tmp_path):
    code, out, _ = run("validate", tmp_path / "nothing.zarr")
    assert code == 3
    assert "no such path" in out
    assert out.splitlines()[-1].startswith("unknown:")


def test_a_file_that_is_no_store_cannot_be_checked(run, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    assert run("validate", tmp_path / "notes.txt")[0] == 3


def test_an_unsafe_place_is_refused(run):
    code, out, _ = run("validate", "reference::https://example.org/x.json")
    assert code == 4
    assert out.splitlines()[-1].startswith("refused:")


def test_an_unknown_version_ends_with_4(run, folder):
    path = folder / "model.zarr" / "zarr.json"
    path.write_text(path.read_text().replace('"spec": "1.0"', '"spec": "9.9"'))
    code, out, _ = run("validate", folder / "model.zarr", "--level", "metadata")
    assert code == 4
    assert "VCS002" in out


def test_invalid_predictions_are_refused_by_the_scorer_with_the_report_on_stderr(run, folder):
    (folder / "model.zarr" / "X" / "data" / "c" / "0").unlink()
    code, out, err = run("score", folder / "model.zarr")
    assert (code, out) == (1, "")
    assert "VCS205" in err


def test_json_is_all_that_stands_on_stdout(run, folder):
    code, out, _ = run("validate", folder / "model.zarr", "--format", "json")
    assert code == 0
    assert json.loads(out)["reports"][0]["verdict"] == "valid"
    code, out, err = run("score", folder / "model.zarr", "--format", "json")
    assert (code, err) == (0, "")
    assert rfc8785.dumps(json.loads(out)).decode() == out


def test_a_report_goes_to_a_file(run, folder):
    target = folder / "report.sarif"
    code, out, err = run("validate", folder / "model.zarr", "--format", "sarif", "-o", target)
    assert (code, out) == (0, "")
    assert json.loads(target.read_text())["version"] == "2.1.0"
    assert str(target) in err


def test_strict_turns_warnings_into_failure(run, folder):
    shutil.rmtree(folder / "model.zarr" / "manifest")
    (folder / "model.zarr" / "manifest.json").unlink()
    assert run("validate", folder / "model.zarr", "--level", "full")[0] == 0
    assert run("validate", folder / "model.zarr", "--level", "full", "--strict")[0] == 1
    assert run("seal", folder / "model.zarr")[0] == 0
    assert run("validate", folder / "model.zarr", "--level", "full", "--strict")[0] == 0


def test_a_scorecard_is_printed_written_verified_and_validated(run, folder):
    card, table = folder / "card.json", folder / "card.scores.zarr"
    code, out, err = run("score", folder / "model.zarr", "-o", card, "--table", table)
    assert code == 0
    assert "pearson-delta" in out
    assert "simulated data" in out
    assert (
        out.rstrip().splitlines()[-1].startswith("vcspec/1.0 simulated task:perturbation-response")
    )
    assert str(card) in err
    assert run("validate", card)[0] == 0
    code, _, err = run("verify", card)
    assert code == 0
    assert "identical" in err
    import xarray as xr

    values = xr.open_zarr(table, consolidated=False)["value"]
    assert float(values.sel(metric="mae").mean()) == pytest.approx(
        json.loads(card.read_text())["metrics"]["mae"]["value"]
    )


@pytest.fixture
def cards(run, folder):
    """Scorecards of the model and of no change."""
    model, other = folder / "model.zarr", folder / "other.zarr"
    split, data = folder / "split.zarr", folder / "data.zarr"
    assert run("baseline", "no-change", "--split", split, "--dataset", data, "-o", other)[0] == 0
    for store in (model, other):
        assert run("score", store, "-q", "-o", store.with_suffix(".json"))[0] == 0
    return [folder / "model.json", folder / "other.json"]


def test_models_are_compared_and_other_questions_refused(run, folder, cards):
    code, out, _ = run("compare", *cards)
    assert code == 0
    assert "mean rank" in out
    assert "no-change" in out
    code, out, _ = run("compare", *cards, "--format", "json")
    assert json.loads(out)["kind"] == "comparison"
    code, out, _ = run("compare", *cards, "--format", "csv", "-o", folder / "ranks.csv")
    assert (code, out) == (0, "")
    assert (folder / "ranks.csv").read_text().startswith("metric,model,value")
    code, _, err = run("compare", cards[0])
    assert code == 2
    assert "two or more" in err


def test_agreement_and_pairs_are_told_when_asked(run, cards):
    code, out, _ = run("compare", *cards, "--within", "effect")
    assert code == 0
    assert "Kendall's tau within effect: mean" in out
    code, out, _ = run("compare", *cards, "--within", "effect", "--format", "csv")
    assert out.startswith("within,part,metric,other,kendall\neffect,")
    code, out, _ = run("compare", *cards, "--pairs", "--format", "csv")
    assert out.startswith("metric,model,other,difference")
    code, _, err = run("compare", *cards, "--pairs", "--within", "effect", "--format", "csv")
    assert code == 2
    assert "one table" in err


def test_values_are_printed_by_context(run, folder):
    code, out, _ = run("score", folder / "model.zarr", "--contexts")
    assert code == 0
    by_context = out.partition("by context")[2]
    assert "liver" in by_context
    assert "skin" in by_context
    assert "de-auroc" in by_context


def test_values_are_printed_by_stratum_with_their_intervals(run, folder):
    code, out, _ = run("score", folder / "model.zarr", "--strata", "-o", folder / "card.json")
    assert code == 0
    by_stratum = out.partition("by effect")[2]
    parts = json.loads((folder / "card.json").read_text())["metrics"]["mae"]["strata"]["effect"]
    bounds = [part["interval"] for part in parts.values() if part["interval"]]
    assert bounds
    for around in bounds:
        assert f"[{around['low']:.3g}, {around['high']:.3g}]" in by_stratum


def test_what_each_metric_can_tell_on_the_data_is_printed(run, folder):
    code, out, _ = run("score", folder / "model.zarr", "--calibration", "-o", folder / "card.json")
    assert code == 0
    rows = [line.split() for line in out.partition("calibration")[2].splitlines()]
    told = {row[0]: row for row in rows if row}
    metrics = json.loads((folder / "card.json").read_text())["metrics"]
    assert any(found["calibration"]["informative"] for found in metrics.values())
    for name, found in metrics.items():
        assert told[name][-1] == ("yes" if found["calibration"]["informative"] else "no")
        assert f"{found['calibration']['better_share']:.0%}" in told[name]
        if found["replicate_error"] is not None:
            assert "±" in told[name]


def test_a_changed_number_is_found(run, folder):
    card = folder / "card.json"
    run("score", folder / "model.zarr", "-o", card)
    document = json.loads(card.read_text())
    document["metrics"]["mae"]["value"] /= 2
    card.write_bytes(rfc8785.dumps(document))
    code, _, err = run("verify", card)
    assert code == 1
    assert "/metrics/mae/value" in err


def test_a_reformatted_scorecard_is_found(run, folder):
    card = folder / "card.json"
    run("score", folder / "model.zarr", "-o", card)
    card.write_text(json.dumps(json.loads(card.read_text()), indent=1))
    code, out, _ = run("validate", card)
    assert code == 1
    assert "VCS611" in out


def test_other_kinds_are_not_scored(run, folder):
    code, _, err = run("score", folder / "data.zarr")
    assert code == 2
    assert "'dataset'" in err


def test_the_chain_of_commands_from_dataset_to_score(run, folder):
    made = folder / "made"
    made.mkdir()
    split, reference, zero = made / "s.zarr", made / "r.zarr", made / "zero.zarr"
    arguments = ("--strategy", "holdout-contexts", "--hold-out", "skin", "-o", split)
    code, _, err = run("split", folder / "data.zarr", *arguments)
    assert code == 0
    assert "inference-input 1" in err
    assert run("reference", split, "--dataset", folder / "data.zarr", "-o", reference)[0] == 0
    assert run("template", split, zero, "--level", "profiles")[0] == 0
    code, out, _ = run("score", zero)
    assert code == 0
    assert "needs-cells" in out
    made_of = ("--split", split, "--dataset", folder / "data.zarr", "-o", made / "pm.zarr")
    assert run("baseline", "perturbation-mean", *made_of)[0] == 0
    assert run("score", made / "pm.zarr", "--reference", reference)[0] == 0


@pytest.mark.parametrize(
    "command",
    [
        ("reference", "split.zarr"),
        ("baseline", "no-change", "--split", "split.zarr"),
        ("probe", "split.zarr", "--format", "json"),
        ("difficulty", "split.zarr"),
    ],
)
def test_a_dataset_that_lies_beside_its_split_need_not_be_named(run, folder, monkeypatch, command):
    monkeypatch.chdir(folder)
    made = () if command[0] == "probe" else ("-o", "made")
    assert run(*command, *made)[0] in {0, 1}  # 1: of the panel, something passes
    shutil.rmtree("data.zarr")
    code, _, err = run(*command, *(("-o", "more") if made else ()))
    assert code == 2
    assert "no dataset of split.zarr lies beside it; name it with --dataset" in err


def test_a_selector_that_matches_nothing_is_an_error_with_near_names(run, folder):
    arguments = ("--strategy", "holdout-contexts", "--hold-out", "skim", "-o", folder / "x.zarr")
    code, _, err = run("split", folder / "data.zarr", *arguments)
    assert code == 2
    assert "skin" in err
    assert not (folder / "x.zarr").exists()


HOLD_OUT = ("--strategy", "holdout-contexts", "--hold-out", "skin")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--card", "norman-mcfaline/unseen-combination", "--seed", 9), "leave --seed out"),
        (("--card", "norman-mcfaline/unseen-combination", "--fold", "1/2"), "leave --fold out"),
        (("--from", "gears.pkl", "--fraction", 0.5), "leave --fraction out"),
        (("--from", "gears.pkl", "--hidden"), "--hidden goes with --strategy or --card"),
        ((*HOLD_OUT, "--claim", "unseen-context"), "leave --claim out"),
        ((*HOLD_OUT, "--hidden", "--overwrite"), "leave --overwrite out"),
        ((*HOLD_OUT, "--suite", "core-1.0"), "--suite goes with --hidden"),
        (("other.zarr", *HOLD_OUT), "vcspec merge .*data.zarr other.zarr --id NAME -o merged.zarr"),
    ],
)
def test_what_would_be_ignored_is_refused(run, folder, given, told):
    code, _, err = run("split", folder / "data.zarr", *given, "-o", folder / "ignored")
    assert code == 2
    assert re.search(told, " ".join(err.split()))
    assert not (folder / "ignored").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--engine", "threads", "--scheduler", "tcp://host:1"), "say --engine dask, or leave"),
        (("--memory", ""), "'' is no number of bytes; write 512MiB"),
        (("--memory", "5TB"), "'5TB' is no number of bytes; write 512MiB"),
    ],
)
def test_settings_that_say_nothing_or_two_things_are_refused(run, folder, given, told):
    code, out, err = run("validate", folder / "model.zarr", *given)
    assert (code, out) == (2, "")
    assert told in " ".join(err.split())


@pytest.mark.parametrize(
    ("given", "engine"),
    [
        ((), "threads"),
        (("--engine", "threads"), "threads"),
        (("--engine", "dask"), "dask"),
        (("--scheduler", "tcp://host:1"), "dask"),
        (("--engine", "dask", "--scheduler", "tcp://host:1"), "dask"),
    ],
)
def test_a_scheduler_that_is_named_is_used(run, folder, monkeypatch, given, engine):
    found = []

    def look(*_, **__):
        found.append(settings_in_force().engine)
        raise Mismatch

    monkeypatch.setattr("vcspec.actions.validate.validate", look)
    run("validate", folder / "model.zarr", *given)
    assert found == [engine]


def test_a_split_is_told_with_its_difficulty(run, folder, monkeypatch):
    arguments = ("--strategy", "holdout-contexts", "--hold-out", "skin", "--overwrite")
    made = ("-o", folder / "made.zarr")
    told = ("split", folder / "data.zarr", *arguments, *made)
    _, out, err = run(*told)
    assert "tested conditions, medians, in brackets of" in err
    assert "Nearest trained change: correlation" in err
    assert not out
    assert "tested: skin|G00, skin|G00+G01, skin|G01, skin|G02, … 7 more" in err
    assert "claim: unseen-context (vcspec explain unseen-context)" in err
    assert "no context has two tested conditions" not in err
    arguments = ("--strategy", "holdout-perturbations", "--hold-out", "G00", "--no-difficulty")
    _, _, err = run("split", folder / "data.zarr", *arguments, "-o", folder / "singles.zarr")
    assert "tested: liver|G00, skin|G00\n" in err
    assert "warning: no context has two tested conditions" in err
    assert "excluded: 2, combination of a held-out perturbation" in err
    assert "tested conditions, medians" not in run(*told, "--no-difficulty")[2]
    assert run(*told, "--quiet")[2] == ""
    monkeypatch.setattr("vcspec.cli.splitting.SOON", 10)
    _, _, err = run(*told)
    assert "tested conditions, medians" not in err
    assert f"vcspec difficulty {folder / 'made.zarr'} --dataset" in err
    assert "tested conditions, medians" in run(*told, "--difficulty")[2]


def test_quiet_scores_are_printed_unless_a_file_has_them(run, folder):
    code, out, err = run("score", folder / "model.zarr", "--quiet")
    assert (code, err) == (0, "")
    assert "pearson-delta" in out
    code, out, err = run("score", folder / "model.zarr", "--quiet", "-o", folder / "card.json")
    assert (code, out, err) == (0, "", "")


def test_folds_have_ids_of_their_own(run, folder):
    ids = set()
    for fold in ("1/2", "2/2"):
        made = folder / f"fold{fold[0]}.zarr"
        arguments = ("--strategy", "holdout-perturbations", "--fold", fold, "-o", made)
        assert run("split", folder / "data.zarr", *arguments)[0] == 0
        ids.add(open_split(made).document["id"])
    assert ids == {f"tiny/holdout-perturbations-fold-{k}-of-2" for k in (1, 2)}


@pytest.mark.filterwarnings("ignore:Writing zarr v2 data")
def test_a_template_filled_by_anndata_becomes_predictions_by_the_command_it_tells(run, tmp_path):
    """Also where a condition has more than a context and a perturbation."""
    made = tiny.curated()
    obs = {**made.obs, "study": np.full(len(made.cells), "one", dtype=object)}
    document = tiny.dataset_document(condition=["study", "context", "perturbation"])
    whole = tiny.Curated(made.rows, made.cells, made.features, obs)
    write_dataset(tmp_path / "data.zarr", document, whole, overwrite=False)
    divided = tmp_path / "split.zarr"
    split(tmp_path / "data.zarr", divided, tiny.plan())
    code, _, err = run("template", divided, tmp_path / "empty.zarr", "--level", "profiles")
    assert (
        code,
        "6 rows (1 for each of 6 conditions) × 80 features; values log1p:1000" in err,
    ) == (0, True)
    filled = anndata.read_zarr(tmp_path / "empty.zarr")
    filled.X = np.full(filled.shape, 0.5, dtype=np.float32)
    filled.write_h5ad(tmp_path / "filled.h5ad")
    told = err.splitlines()[-1].partition("vcspec ")[2].split()
    here = {"FILE.h5ad": tmp_path / "filled.h5ad"}
    code, _, err = run(*(here.get(word, word) for word in told))
    assert code == 0, err
    assert run("validate", tmp_path / "empty.zarr", "--split", divided)[0] == 0
    written = anndata.read_zarr(tmp_path / "empty.zarr")
    np.testing.assert_array_equal(written.X.toarray(), filled.X)
    filled.write_zarr(tmp_path / "bare.zarr")
    code, out, _ = run("validate", tmp_path / "bare.zarr")
    assert (code, "also where AnnData has read" in out) == (1, True)


def test_a_split_of_a_file_with_any_name_is_sound(run, folder):
    (folder / "data.zarr").rename(folder / "My Data (2).zarr")
    arguments = ("--strategy", "holdout-perturbations", "--fraction", "0.4")
    made = folder / "made.zarr"
    assert run("split", folder / "My Data (2).zarr", *arguments, "-o", made)[0] == 0
    assert open_split(made).document["id"] == "tiny/holdout-perturbations"


def test_existing_stores_are_not_overwritten_unasked(run, folder):
    code, _, err = run("template", folder / "split.zarr", folder / "model.zarr")
    assert code == 2
    assert "--overwrite" in err


def test_interruption_ends_with_130(run, folder, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vcspec.actions.validate.validate", interrupted)
    code, out, err = run("validate", folder / "model.zarr")
    assert (code, out) == (130, "")
    assert "interrupted" in err


def test_a_bug_is_told_without_secrets(run, folder, monkeypatch):
    bug = Mock(side_effect=RuntimeError("https://me:hunter2@host/x?sig=hunter2"))
    monkeypatch.setattr("vcspec.actions.validate.validate", bug)
    code, _, err = run("validate", str(folder / "model.zarr"))
    assert (code, "host/x" in err, "hunter2" in err) == (5, True, False)


def test_no_error_fakes_a_line_of_its_own(run, folder, monkeypatch):
    refusal = Mock(side_effect=Mismatch("withdrawn: bad\nvcspec: all is well\x1b[2J"))
    monkeypatch.setattr("vcspec.actions.validate.validate", refusal)
    code, _, err = run("validate", str(folder / "model.zarr"))
    assert (code, err.count("\n"), "\x1b" in err) == (1, 1, False)


def test_a_bug_ends_with_5_and_says_so(run, folder, monkeypatch):
    monkeypatch.setattr("vcspec.actions.validate.validate", Mock(side_effect=ZeroDivisionError))
    code, _, err = run("validate", folder / "model.zarr")
    assert code == 5
    assert "this is a bug in vcspec" in err


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("VCS504", "feature-missing"),
        ("vcs504", "feature-missing"),
        ("pearson-delta", "Pearson"),
        ("cell-eval-direction-match", "random_predictions"),
        ("core-1.0", "headline"),
        ("perturbation-response", "question"),
        ("holdout-contexts", "claim"),
        ("additive", "formula"),
        ("predictions", "element"),
        ("role", "inference-input"),
        ("IID", "same-conditions"),
        ("rescaled", "flag"),
        ("gears", "convention"),
        ("zscore", "space zscore"),
        ("strategies", "holdout-perturbations"),
        ("strategy", "Hold out perturbations"),
        ("baselines", "no-change"),
        ("vocabularies", "rank-score"),
    ],
)
def test_entries_of_the_standard_are_explained(run, name, holds):
    code, out, _ = run("explain", name)
    assert code == 0
    assert holds in out


def test_every_entry_is_found_from_the_list_of_sorts(run):
    _, out, _ = run("explain", "--format", "json")
    for sort in json.loads(out):
        listed = json.loads(run("explain", sort, "--format", "json")[1])
        assert listed
        assert all(isinstance(line, str) and line for line in listed.values())
        assert run("explain", next(iter(listed)))[0] == 0


def test_an_unknown_entry_is_answered_with_near_names(run):
    code, _, err = run("explain", "pearson-dleta")
    assert code == 2
    assert "pearson-delta" in err
    near = run("explain", "constnat")[2].split("near: ")[1].split(";")[0].split(", ")
    assert len(near) == len(set(near))
    assert "vcspec explain" in run("explain", "foo")[2]


def test_an_unknown_strategy_is_answered_with_where_all_are_listed(run, folder):
    code, _, err = run("split", folder / "data.zarr", "--strategy", "foo", "-o", folder / "x.zarr")
    assert code == 2
    assert "`vcspec explain strategy` lists all" in err


def test_rules_are_listed(run):
    from vcspec.standard import standard

    code, out, _ = run("rules")
    assert code == 0
    assert all(rule in out for rule in standard().rules)
    assert json.loads(run("rules", "--format", "json")[1]).keys() == standard().rules.keys()


def test_an_anndata_file_becomes_a_dataset_and_says_what_was_changed(run, tmp_path):
    labels = ["B+A", "ctrl", "A+ctrl", "ctrl"]
    obs = pd.DataFrame(
        {"condition": labels, "cell_type": ["x"] * 4}, index=[f"c{i}" for i in range(4)]
    )
    counts = np.array([[1, 0, 2], [3, 1, 0], [0, 4, 1], [1, 1, 1]], dtype=np.float32)
    cells = anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=["A", "B", "C"]))
    cells.var["gene_name"] = ["A", "B", "C"]
    cells.write_h5ad(tmp_path / "in.h5ad")
    described = ("--id", "toy", "--title", "A toy", "--licence", "CC0-1.0", "--organism", "none")
    read = ("--as", "dataset", "--columns", "gears", "--values", "counts", "--simulated")
    code, out, err = run(
        "convert", tmp_path / "in.h5ad", tmp_path / "out.zarr", *read, *described,
        "--assay", "none", "--namespace", "simulated",
    )  # fmt: skip
    assert (code, out) == (0, "")
    assert "'B+A' → 'A+B'" in err
    assert run("validate", tmp_path / "out.zarr", "--level", "full", "--strict")[0] == 0
    wrong = [value.replace("counts", "log1p:10000") for value in read]
    code, _, err = run(
        "convert", tmp_path / "in.h5ad", tmp_path / "wrong.zarr", *wrong, *described,
        "--assay", "none", "--namespace", "simulated",
    )  # fmt: skip
    assert code == 1
    assert "VCS306" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.h5ad", "out.zarr"]


def test_profiles_of_images_say_what_they_are_and_what_they_lack(run, tmp_path):
    labels = {"compound": ["DMSO", "DMSO", "a", "b"], "line": ["A549"] * 4}
    values = np.array([[0.0, 0.1], [0.0, -0.1], [1.5, 0.5], [-1.0, 2.0]], dtype=np.float32)
    wells = anndata.AnnData(values, obs=pd.DataFrame(labels, index=list("abcd")))
    wells.write_h5ad(tmp_path / "in.h5ad")
    (tmp_path / "card.toml").write_text(
        'modality = "proteomics"\n[features]\ntype = "protein"\nnamespace = "cellprofiler"\n',
        encoding="utf-8",
    )
    code, _, err = run(
        "convert", tmp_path / "in.h5ad", tmp_path / "out.zarr", "--as", "dataset",
        "--card", tmp_path / "card.toml", "--modality", "imaging", "--feature-type", "morphology",
        "--map", "context=line", "--map", "perturbation=compound", "--control", "DMSO",
        "--values", "zscore", "--id", "wells", "--title", "Wells", "--licence", "CC0-1.0",
        "--organism", "NCBITaxon:9606", "--assay", "none",
    )  # fmt: skip
    assert code == 0, err
    assert f"valid, with warnings: VCS602, VCS603 (vcspec validate {tmp_path / 'out.zarr'})" in err
    document = ZarrStore(str(tmp_path / "out.zarr")).skeleton.document
    assert document["modality"] == "imaging"
    assert document["features"] == {"type": "morphology", "namespace": "cellprofiler"}


def test_predictions_need_a_split_a_model_and_a_value_space(run, tmp_path):
    code, _, err = run("convert", "x.h5ad", tmp_path / "out.zarr", "--as", "predictions")
    assert code == 2
    assert "--split, --values, --model" in err


@pytest.mark.parametrize(
    "command", ["validate", "score", "pool", "compare", "probe", "difficulty", "audit", "manifest"]
)
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_read(run, tmp_path, command):
    code, out, err = run(command, tmp_path / "absent", "-o", tmp_path / "nowhere" / "x.json")
    assert (code, out) == (2, "")
    assert "nowhere: no such folder; create it first" in err


def test_a_table_that_cannot_be_written_is_refused_before_anything_is_read(run, tmp_path):
    code, _, err = run("score", tmp_path / "absent", "--table", tmp_path / "nowhere" / "x.zarr")
    assert code == 2
    assert "nowhere: no such folder; create it first" in err


def test_a_home_where_nothing_can_be_written_is_no_obstacle(screen: tiny.Screen) -> None:
    """Not even root can make a folder below /proc."""
    nowhere = "/proc/none"
    names = ("HOME", "XDG_CACHE_HOME", "VCSPEC_CACHE", "USERPROFILE", "LOCALAPPDATA")
    script = "import sys; from vcspec.__main__ import main; sys.argv[0] = 'vcspec'; main()"
    given = ["--split", str(screen.split), "--reference", str(screen.reference)]
    for arguments in (["validate", "--level", "full"], ["score", *given]):
        command = [arguments[0], str(screen.predictions), *arguments[1:], "--format", "json"]
        said = printed(script, *command, environment=dict.fromkeys(names, nowhere))
        assert json.loads(said)


def test_idle_threads_of_blas_sleep_unless_the_user_wants_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "OPENBLAS_THREAD_TIMEOUT"
    monkeypatch.setattr(sys, "argv", ["vcspec", "--version"])
    for given, found in ((None, "4"), ("20", "20")):
        monkeypatch.delenv(name, raising=False)
        if given is not None:
            monkeypatch.setenv(name, given)
        with pytest.raises(SystemExit):
            main()
        assert os.environ[name] == found
