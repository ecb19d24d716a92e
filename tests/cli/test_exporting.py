import json
import shutil
import sys
from pathlib import Path

import pytest

from vcspec.cli import main
from vcspec.render.exports import DESCRIPTIONS, FORMATS, STATEMENTS


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs `vcspec export ARGUMENTS` in this process; returns exit code, stdout, stderr."""

    def call(*arguments: object):
        monkeypatch.setattr(sys, "argv", ["vcspec", "export", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        printed = capsys.readouterr()
        return end.value.code or 0, printed.out, printed.err

    return call


def test_every_format_has_a_writer():
    assert sorted(FORMATS) == sorted([*DESCRIPTIONS, *STATEMENTS])


@pytest.mark.parametrize("format", FORMATS)
def test_a_store_is_described_on_stdout_and_in_a_file(format, run, screen, tmp_path):
    options = [] if format == "in-toto" else ["--author", "Doe, Jane"]
    code, out, _ = run(screen.split, "--format", format, *options)
    assert code == 0
    assert "tiny/unseen" in out
    target = tmp_path / "out"
    code, none, err = run(screen.split, "--format", format, "-o", target, *options)
    assert (code, none) == (0, "")
    assert str(target) in err
    assert target.read_text(encoding="utf-8") == out


def test_what_is_left_out_is_told_on_stderr_and_quiet_silences_it(run, screen):
    code, out, err = run(screen.dataset, "--format", "croissant")
    assert code == 0
    assert json.loads(out)["name"] == "tiny"
    assert "note: Croissant has no url" in err
    assert run(screen.dataset, "--format", "croissant", "--quiet")[2] == ""


def test_the_card_ends_with_the_section_by_hand(run, screen, tmp_path):
    about = tmp_path / "about.md"
    about.write_text("## By hand\n\n<b>as it stands</b>\n")
    code, _, _ = run(screen.dataset, "--format", "card", "--about", about, "-o", tmp_path / "c.md")
    assert code == 0
    assert (tmp_path / "c.md").read_text().endswith("\n\n" + about.read_text())
    code, _, err = run(screen.dataset, "--format", "card", "--about", tmp_path / "none.md")
    assert code == 3
    assert "none.md" in err


def test_a_file_of_citations_without_authors_is_a_matter_of_usage(run, screen):
    code, out, err = run(screen.dataset, "--format", "cff")
    assert (code, out) == (2, "")
    assert "--author" in err


@pytest.mark.parametrize(
    ("format", "option"),
    [("cff", "--about"), ("croissant", "--report"), ("card", "--split"), ("in-toto", "--url")],
)
def test_an_option_that_says_nothing_to_the_format_is_refused(format, option, run, screen):
    code, _, err = run(screen.dataset, "--format", format, option, "x")
    assert code == 2
    assert f"{option} says nothing to the format {format}" in err


def test_a_report_stands_in_for_a_new_validation(run, screen, tmp_path):
    report = tmp_path / "report.json"
    argv = ["vcspec", "validate", str(screen.dataset), "--level", "full", "--format", "json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [*argv, "-o", str(report)])
        with pytest.raises(SystemExit):
            main()
    code, out, _ = run(screen.dataset, "--format", "in-toto", "--report", report)
    assert code == 0
    assert json.loads(out)["predicate"]["result"] == "PASSED"


def test_a_failed_store_is_stated_and_an_unsealed_one_is_not(run, screen, tmp_path):
    store = tmp_path / "data.zarr"
    shutil.copytree(screen.dataset, store)
    (store / "X" / "data" / "c" / "0").unlink()
    code, out, _ = run(store, "--format", "in-toto")
    assert code == 0
    assert json.loads(out)["predicate"]["result"] == "FAILED"
    Path(store / "manifest.json").unlink()
    assert run(store, "--format", "in-toto")[0] == 2
