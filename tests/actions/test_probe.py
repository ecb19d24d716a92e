"""The null panel on simulated screens: what passes, and that no headline metric lets it."""

import json
from pathlib import Path
from typing import Any

import pytest
from support import tiny

from vcspec.actions.curate import curate
from vcspec.actions.probe import Probe, probe
from vcspec.actions.reference import reference
from vcspec.actions.split import split
from vcspec.model.errors import UsageError
from vcspec.render.probe_text import render_probe
from vcspec.standard import standard

HEADLINE = standard().suites["core-1.0"]["headline"]


@pytest.fixture(scope="module")
def found(screen: tiny.Screen) -> Probe:
    """The panel on the tiny screen."""
    return probe(screen.split, dataset=screen.dataset, reference=screen.reference)


def test_every_arm_is_scored_by_every_metric(found: Probe) -> None:
    arms = standard().arms
    assert found.document["arms"].keys() == arms.keys()
    for name, runs in found.document["arms"].items():
        assert [run["strength"] for run in runs] == arms[name]["strengths"]
        for run in runs:
            assert list(run["metrics"]) == standard().suites["core-1.0"]["metrics"]
    assert json.loads(found.to_json()) == found.document


def test_offences_are_what_passes(found: Probe) -> None:
    passing = [
        (name, run["strength"], metric)
        for name, runs in found.document["arms"].items()
        for run in runs
        for metric, one in run["metrics"].items()
        if one["passes"]
    ]
    told = [(one["arm"], one["strength"], one["metric"]) for one in found.offences]
    assert sorted(told) == sorted(passing)
    assert passing  # differential expression lets copies of cells pass on any screen


def test_the_truth_is_perfect_in_every_metric(found: Probe) -> None:
    for run in found.document["arms"]["truth"]:
        for metric, one in run["metrics"].items():
            perfect = standard().metrics[metric]["perfect"]
            assert one["value"] == pytest.approx(perfect, abs=1e-6), metric


def test_files_are_found_beside_the_split(screen: tiny.Screen, found: Probe) -> None:
    assert probe(screen.split).to_json() == found.to_json()


def test_what_is_not_there_is_named(screen: tiny.Screen, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(screen.split, tmp_path / "split.zarr")
    with pytest.raises(UsageError, match="--dataset"):
        probe(tmp_path / "split.zarr")


def test_text_marks_what_passes(found: Probe) -> None:
    text = render_probe(found.document, every=True)
    assert "!" in text
    assert "few-cells" in text


def as_counted(metric: str) -> Any:
    """Sums over the splits of the library: passes without information, gains of transforms."""
    rows = [table[metric] for table in standard().invariance.values()]
    return [sum(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("metric", HEADLINE)
def test_no_headline_metric_let_anything_pass_on_the_splits_of_the_library(metric: str) -> None:
    empty, all_empty, turned, all_turned = as_counted(metric)
    assert (empty, turned) == (0, 0)
    assert all_empty > 300
    assert all_turned >= 40


def test_no_headline_metric_lets_anything_pass_on_a_simulated_screen(tmp_path: Path) -> None:
    data, place = tmp_path / "data.zarr", tmp_path / "split.zarr"
    curate("simulated-screen", data)
    plan = tiny.plan(strategy="holdout-combinations", parameters={"fraction": "0.4"}, seed=7)
    split(data, place, plan)
    reference(place, data, tmp_path / "reference.zarr")
    found = probe(place)
    assert [one for one in found.offences if one["metric"] in HEADLINE] == []
    assert found.offences
