"""The demo: a whole benchmark in a folder."""

import re
import shlex
import sys

import pytest

import vcspec
from vcspec.actions.demo import MODEL, demo
from vcspec.cli import main
from vcspec.model.errors import UsageError
from vcspec.render.scorecard_text import render_comparison
from vcspec.standard import standard

MODELS = (*standard().claims["unseen-combination"]["baselines"], MODEL)


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    """The folder of the default demo, the commands that it announced, and its scorecards."""
    folder = tmp_path_factory.mktemp("demo") / "vcspec-demo"
    commands: list[str] = []
    cards = demo("simulated-screen", folder, announce=commands.append)
    return folder, commands, cards


def test_every_artefact_is_sound_and_says_that_it_is_simulated(benchmark):
    folder, _, cards = benchmark
    for name in ("dataset", "split", "reference", *MODELS):
        report = vcspec.validate(folder / f"{name}.zarr", level="full")
        assert (report.verdict, report.codes) == ("valid", ()), name
        assert '"simulated":true' in (folder / f"{name}.zarr/zarr.json").read_text().replace(
            " ", ""
        ).replace("\n", "")
    assert all(card.document["simulated"] for card in cards)
    assert "simulated" in (folder / "README.md").read_text().lower()


def test_the_table_holds_every_model_metric_floor_and_replicate(benchmark):
    _, _, cards = benchmark
    text = render_comparison(cards)
    for word in (*MODELS, *cards[0].metrics, "floor", "replicate", "↑", "↓"):
        assert word in text
    assert re.search(r"\[-?\d", text), "no interval is printed"


def test_models_that_know_something_beat_no_change_where_it_matters(benchmark):
    cards = dict(zip(MODELS, benchmark[2], strict=True))
    for metric in ("pearson-delta", "discrimination-cosine", "de-auprc", "de-overlap-50"):
        assert cards["ridge"].value(metric) > cards["no-change"].value(metric) + 0.1
    assert cards["no-change"].value("discrimination-l2") == pytest.approx(0.5, abs=0.1)


def test_every_announced_command_stands_in_the_readme_and_can_be_run(benchmark, monkeypatch):
    folder, commands, _ = benchmark
    readme = (folder / "README.md").read_text()
    assert all(command in readme for command in commands)
    before = (folder / "ridge.json").read_bytes()
    monkeypatch.chdir(folder)
    for command in commands[1:3] + commands[-1:]:
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code, command
    assert (folder / "ridge.json").read_bytes() == before


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        demo("simulated-screen", tmp_path, announce=print)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_the_demo_runs_on_real_cells(tmp_path, source_mirror, monkeypatch):
    monkeypatch.setenv("VCSPEC_SOURCE_MIRROR", str(source_mirror))
    monkeypatch.setenv("VCSPEC_CACHE", str(tmp_path / "cache"))
    cards = demo("norman-mcfaline", tmp_path / "demo", announce=lambda _: None)
    additive = dict(zip(MODELS, cards, strict=True))["additive"]
    # Pairs of this screen are known to be close to additive: 0.71 to 0.99 by the source's counts.
    assert additive.value("pearson-delta") > 0.7
    assert not additive.document["simulated"]
