"""The null panel on simulated screens: what passes, and that no headline metric lets it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny

from vcspec.actions.curate import curate
from vcspec.actions.probe import Probe, Stage, probe, verdict
from vcspec.actions.reference import reference
from vcspec.actions.split import split
from vcspec.baselines.arms import submission
from vcspec.cards import dataset_card, split_card, split_ids
from vcspec.model.comparison import Scores
from vcspec.model.errors import UsageError
from vcspec.model.spaces import AS_MEASURED
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


def test_what_cannot_be_judged_is_held_against_nothing(screen: tiny.Screen) -> None:
    stage = Stage.of(screen.split, screen.dataset, screen.reference, HEADLINE)
    scores = stage.scored(list(stage.scene.honest))[HEADLINE[0]]
    values = np.full(len(scores.values), np.nan)
    for defined, judged in ((0, False), (1, False), (2, True)):
        values[:defined] = 1.0
        found = verdict(
            stage,
            standard().arms["noise"],
            HEADLINE[0],
            Scores(values.copy(), scores.reasons),
            scores,
        )
        assert (found["against"] is not None, found["passes"]) == (judged, judged)


def test_files_are_found_beside_the_split(screen: tiny.Screen, found: Probe) -> None:
    assert probe(screen.split).to_json() == found.to_json()


def test_what_is_not_there_is_named(screen: tiny.Screen, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(screen.split, tmp_path / "split.zarr")
    with pytest.raises(UsageError, match="--dataset"):
        probe(tmp_path / "split.zarr")


def test_a_reference_for_other_suites_is_refused_with_how_to_make_it(screen: tiny.Screen) -> None:
    with pytest.raises(UsageError, match=r"--suite core-1\.0 --suite systema -o "):
        probe(screen.split, suites=("systema",))


def test_a_metric_is_held_against_the_baseline_that_its_null_names(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    reference(screen.split, screen.dataset, tmp_path / "reference.zarr", suites=("catalogue",))
    metrics = list(standard().suites["catalogue"]["metrics"])
    stage = Stage.of(screen.split, screen.dataset, tmp_path / "reference.zarr", metrics)
    named = set()
    for metric in metrics:
        stated = standard().metrics[metric]["null"]
        if stated in standard().baselines:
            found = stage.null({"null": "metric"}, metric)
            np.testing.assert_array_equal(found, stage.reference.anchors(metric)[stated])
            named.add(stated)
    assert named == {"no-change", "context-mean"}


def test_text_marks_what_passes(found: Probe) -> None:
    text = render_probe(found.document, every=True)
    assert "!" in text
    assert "few-cells" in text


def test_text_says_where_a_headline_metric_cannot_be_judged(found: Probe) -> None:
    assert "cannot be judged here (values" not in render_probe(found.document)
    document = json.loads(found.to_json())
    for runs in document["arms"].values():
        for run in runs:
            for metric in HEADLINE:
                run["metrics"][metric]["against"] = None
    document["offences"] = []
    text = render_probe(document)
    assert f"cannot be judged here (values of fewer than two conditions): {HEADLINE[0]}" in text
    assert "No headline metric can be judged here." in text


def as_counted(metric: str) -> Any:
    """Sums over the splits of the library: passes without information, gains of transforms."""
    rows = [table[metric] for table in standard().invariance.values()]
    return [sum(column) for column in zip(*rows, strict=True)]


def test_the_published_splits_of_counted_cells_were_probed() -> None:
    counted = {
        name
        for name in split_ids()
        if dataset_card(split_card(name).document["dataset"]).document["values"]["space"]
        not in AS_MEASURED
    }
    assert counted | {"simulated-screen/unseen-combination"} == standard().invariance.keys()


@pytest.mark.parametrize("metric", HEADLINE)
def test_no_headline_metric_let_anything_pass_on_the_splits_of_the_library(metric: str) -> None:
    empty, all_empty, turned, all_turned = as_counted(metric)
    assert (empty, turned) == (0, 0)
    assert all_empty >= 600
    assert all_turned >= 360


def test_no_headline_metric_lets_anything_pass_on_a_simulated_screen(tmp_path: Path) -> None:
    data, place = tmp_path / "data.zarr", tmp_path / "split.zarr"
    curate("simulated-screen", data)
    plan = tiny.plan(strategy="holdout-combinations", parameters={"fraction": "0.4"}, seed=7)
    split(data, place, plan)
    reference(place, data, tmp_path / "reference.zarr")
    found = probe(place)
    assert [one for one in found.offences if one["metric"] in HEADLINE] == []
    assert found.offences
    stage = Stage.of(place, data, tmp_path / "reference.zarr", HEADLINE)
    assert list(beyond_their_null(stage)) == []


def beyond_their_null(stage: Stage) -> Iterator[tuple[str, float, str]]:
    """Arms that know what a baseline knows and pass a headline metric's own null all the same."""
    honest = stage.scored(list(stage.scene.honest))
    for name, arm in standard().arms.items():
        if arm["null"] == "metric":
            continue
        for strength in arm["strengths"]:
            scores = stage.scored(submission(name, stage.scene, strength))
            for metric in HEADLINE:
                held = {**arm, "null": "metric"}
                if verdict(stage, held, metric, scores[metric], honest[metric])["passes"]:
                    yield name, strength, metric
