"""A score whose truth is taken from the measured cells themselves."""

import json
import shutil
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
from support import tiny

from vcspec.actions import measured
from vcspec.actions.curate import write_dataset
from vcspec.actions.score import score
from vcspec.actions.validate import validate
from vcspec.actions.verify import verify
from vcspec.engine.settings import Settings
from vcspec.model.errors import Invalid, Mismatch, UsageError
from vcspec.render.scorecard_text import render_scorecard


@pytest.fixture(scope="module")
def alone(screen: tiny.Screen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with split, dataset and predictions, and no reference."""
    folder = tmp_path_factory.mktemp("alone")
    for store in (screen.split, screen.dataset, screen.predictions):
        shutil.copytree(store, folder / store.name)
    return folder


@pytest.fixture(scope="module")
def card(alone: Path):
    return score(alone / "model.zarr", dataset=alone / "data.zarr")


def test_every_value_is_the_one_beside_a_reference(card, screen):
    beside = score(screen.predictions)
    assert card.metrics == beside.metrics
    np.testing.assert_array_equal(card.values, beside.values)
    assert card.reasons == beside.reasons


def test_there_are_no_anchors_and_the_card_says_why(card):
    document = json.loads(card.to_json())
    assert document["inputs"]["reference"] is None
    for found in document["metrics"].values():
        assert (found["floor"], found["replicate"], found["anchored"]) == (None, None, None)
        for name in ("floor", "replicate", "anchored", "anchored_interval"):
            assert found["reasons"][name] == "no-reference"
    assert "reference:none" in card.signature
    assert "No reference" in render_scorecard(card)


def test_the_card_is_valid_and_can_be_verified(card, alone):
    (alone / "card.json").write_text(card.to_json(), encoding="utf-8")
    assert validate(alone / "card.json").codes == ()
    assert verify(alone / "card.json").identical


def test_what_was_kept_gives_the_same_bytes_and_needs_no_dataset(
    card, alone, tmp_path, monkeypatch
):
    monkeypatch.setenv("VCSPEC_CACHE", str(tmp_path))
    options = {"dataset": alone / "data.zarr", "cached": True}
    assert score(alone / "model.zarr", **options).to_json() == card.to_json()
    (kept,) = (tmp_path / "truth").iterdir()
    options["dataset"] = alone / "not-there.zarr"
    assert score(alone / "model.zarr", **options).to_json() == card.to_json()
    kept.write_bytes(kept.read_bytes()[:100])
    with pytest.raises(UsageError, match="not-there"):
        score(alone / "model.zarr", **options)


def test_a_cache_that_cannot_be_written_costs_no_score(card, alone, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("VCSPEC_CACHE", str(tmp_path / "file" / "cache"))
    said: list[str] = []
    settings = Settings(announce=said.append)
    options = {"dataset": alone / "data.zarr", "cached": True, "settings": settings}
    assert score(alone / "model.zarr", **options).to_json() == card.to_json()
    assert "set VCSPEC_CACHE" in said[-1]


def test_another_dataset_is_refused(alone, tmp_path):
    write_dataset(
        tmp_path / "other.zarr", tiny.dataset_document(), tiny.curated(seed=9), overwrite=False
    )
    with pytest.raises(Mismatch, match="is a split of"):
        score(alone / "model.zarr", dataset=tmp_path / "other.zarr")


def test_a_dataset_whose_values_were_changed_is_refused(alone, tmp_path):
    shutil.copytree(alone / "data.zarr", tmp_path / "data.zarr")
    chunk = next(path for path in (tmp_path / "data.zarr/X/data").rglob("*") if path.name == "0")
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"?")
    with pytest.raises(Invalid):
        score(alone / "model.zarr", dataset=tmp_path / "data.zarr")


def test_something_else_than_a_dataset_is_refused(alone):
    for place in (alone / "split.zarr", alone / "nothing.zarr"):
        with pytest.raises(UsageError, match="dataset"):
            score(alone / "model.zarr", dataset=place)


def test_the_dataset_is_gone_when_the_predictions_are_read(card, alone, monkeypatch):
    """What was noted on each of its rows would stay in memory beside the blocks."""
    opened, alive = [], []
    scoring = sys.modules[score.__module__]

    def noted(*arguments):
        found = subject_of(*arguments)
        opened.extend([weakref.ref(found), weakref.ref(found.store)])
        return found

    def side(*arguments, **options):
        alive.extend(one() is not None for one in opened)
        return predicted(*arguments, **options)

    subject_of, predicted = measured._opened, scoring.predicted_side
    monkeypatch.setattr(measured, "_opened", noted)
    monkeypatch.setattr(scoring, "predicted_side", side)
    found = score(alone / "model.zarr", dataset=alone / "data.zarr")
    assert found.to_json() == card.to_json()
    assert alive == [False, False]
