import json
from pathlib import Path

import anndata
import numpy as np
import pytest
from support import tiny

from vcspec.actions.curate import write_dataset
from vcspec.actions.difficulty import MEASURES, difficulty
from vcspec.actions.reference import reference
from vcspec.actions.score import Reference
from vcspec.actions.split import split
from vcspec.cli import main
from vcspec.model.curated import Curated
from vcspec.model.errors import Mismatch, UsageError
from vcspec.render.difficulty_text import render_difficulty, render_summary
from vcspec.render.scorecard_text import number, share
from vcspec.rules.documents import schema_faults
from vcspec.rules.subject import Subject
from vcspec.storage.sealing import sealed_content
from vcspec.storage.zarr_store import ZarrStore

CONTEXTS = ("heart", "liver", "skin")


def screen(folder: Path, *, shared: bool, weak: str = "") -> Path:
    """A split that holds out the context `skin`; effects are shared between contexts, or are not.

    Args:
        folder: where dataset and split are written.
        shared: whether a perturbation does the same in every context.
        weak: a context whose cells hold few molecules.
    """
    draw = np.random.default_rng(3)
    names = [f"G{number:02d}" for number in range(60)]
    labels = ["control", *(f"G{number:02d}" for number in range(12))]
    base, rows, places = draw.lognormal(1, 0.5, 60), [], []
    one = {label: np.exp(draw.normal(0, 0.8, 60)) for label in labels}
    for context in CONTEXTS:
        own = one if shared else {label: np.exp(draw.normal(0, 0.8, 60)) for label in labels}
        depth = 0.1 if context == weak else 1.0
        for label in labels:
            fold = 1.0 if label == "control" else own[label]
            rows.append(draw.poisson(base * fold * depth, (20, 60)) + (np.arange(60) == 59))
            places += [(context, label)] * 20
    context, perturbation = np.array(places, dtype=object).T
    counts = np.concatenate(rows).astype(np.int32)
    curated = Curated(
        tiny.rows_of_dense(counts),
        np.array([f"c{number}" for number in range(len(counts))], dtype=object),
        np.array(names, dtype=object),
        {"context": context, "perturbation": perturbation},
    )
    write_dataset(folder / "data.zarr", tiny.dataset_document(), curated, overwrite=False)
    plan = tiny.plan(strategy="holdout-contexts", parameters={"hold_out": ["skin"]})
    split(folder / "data.zarr", folder / "split.zarr", plan)
    return folder / "split.zarr"


def test_conditions_are_measured_as_a_naive_reading_measures_them(tmp_path: Path) -> None:
    place = screen(tmp_path, shared=True)
    found = difficulty(place).document
    store = ZarrStore(str(tmp_path / "data.zarr"))
    by_key = {row["condition"]: row for row in found["conditions"]}
    assert {row["role"] for row in by_key.values()} == {"test", "train"}
    cells = {
        label: tiny.log1p(tiny.cells_of(store, "skin", label)).astype(float)
        for label in ("G03", "control")
    }
    change = (cells["G03"].mean(0) - cells["control"].mean(0)) ** 2
    noise = sum(one.var(0, ddof=1) / 20 for one in cells.values())
    row = by_key["skin|G03"]
    assert row["effect"] == pytest.approx(np.sqrt((change - noise).mean()), rel=1e-4)
    assert row["cells"] == 20
    totals = tiny.cells_of(store, "skin", "G03").sum(1)
    assert row["depth"] == pytest.approx(float(np.median(totals)))
    assert 0.5 < row["reliability"] <= 1
    assert found["contrasts"].keys() == MEASURES.keys()
    assert found["distances"]["contexts"]["skin"]["nearest"] in {"heart", "liver"}


def test_shared_effects_transfer_and_nothing_is_warned_of(tmp_path: Path) -> None:
    found = difficulty(screen(tmp_path, shared=True))
    transfer = found.document["transfer"]
    assert transfer["perturbations"] == 12
    assert transfer["gain"] > 10 * transfer["error"]
    assert found.warnings == []


def test_a_split_without_transfer_cannot_rank_models(tmp_path: Path) -> None:
    found = difficulty(screen(tmp_path, shared=False))
    (warning,) = found.warnings
    assert "cannot rank models that transfer effects" in warning


def test_a_held_out_context_that_is_harder_is_warned_of(tmp_path: Path) -> None:
    found = difficulty(screen(tmp_path, shared=True, weak="skin"))
    named = [warning.split(" is ")[0] for warning in found.warnings]
    assert "depth" in named
    assert "reliability" in named
    assert "the number of cells" not in named


def test_baselines_are_those_of_the_reference(tmp_path: Path) -> None:
    place = screen(tmp_path, shared=True)
    assert difficulty(place).document["baselines"] == {}
    reference(place, tmp_path / "data.zarr", tmp_path / "reference.zarr")
    document = difficulty(place).document
    (metric,) = document["baselines"]
    found = document["baselines"][metric]
    assert found["floor"]["value"] == max(
        value
        for name, value in found["values"].items()
        if "dupl" not in name and name != "replicate"
    )
    opened = Reference(Subject(ZarrStore(str(tmp_path / "reference.zarr"))))
    assert found["replicate_error"] == opened.error(metric) is not None
    anchors = opened.anchors(metric)
    low, high = anchors[found["floor"]["baseline"]], anchors["replicate"]
    kept = ~np.isnan(low) & ~np.isnan(high)
    assert found["calibration"]["better_share"] == pytest.approx((high > low)[kept].mean())
    text = render_difficulty(document, MEASURES)
    narrow = render_difficulty(document, MEASURES, width=80)
    assert max(map(len, narrow.split("\n"))) <= 80
    assert "…" not in narrow
    assert f"± {number(found['replicate_error'])}" in text
    assert share(found["calibration"]["better_share"]) in text


def test_documents_follow_their_schema_and_a_summary_names_no_condition(tmp_path: Path) -> None:
    place = screen(tmp_path, shared=True)
    reference(place, tmp_path / "data.zarr", tmp_path / "reference.zarr")
    found = difficulty(place)
    whole, summary = json.loads(found.to_json()), json.loads(found.to_json(summary=True))
    for document in (whole, summary):
        assert list(schema_faults(document, "1.0", "difficulty", base="")) == []
    assert whole == {**summary, "conditions": whole["conditions"]}
    roles = [row["role"] for row in whole["conditions"]]
    assert summary["counts"] == {role: roles.count(role) for role in ("test", "train")}
    assert summary["reference"] == sealed_content(tmp_path / "reference.zarr")
    lines = render_summary(summary)
    assert lines[0].startswith("difficulty of 12 tested conditions, medians, in brackets of 24")
    assert any(line.startswith("discrimination-cosine: best baseline ") for line in lines)
    data = anndata.read_zarr(tmp_path / "data.zarr")
    counts = np.asarray(data.X.todense(), dtype=float)
    values = np.log1p(counts * tiny.TARGET_SUM / counts.sum(axis=1, keepdims=True))
    is_control = (data.obs["perturbation"] == "control").to_numpy()
    heart, liver, skin = (
        values[is_control & (data.obs["context"] == name).to_numpy()].mean(axis=0)
        for name in CONTEXTS
    )
    away = min(np.linalg.norm(skin - heart), np.linalg.norm(skin - liver))
    between = np.linalg.norm(heart - liver)
    assert (
        f"Held-out contexts: {number(away)} from the nearest trained one (median), trained ones "
        f"{number(between)}"
    ) in lines


def test_why_nothing_is_known_is_said_as_it_is(tmp_path: Path) -> None:
    """One tested condition a context: what compares conditions has no value, however many cells."""
    place = screen(tmp_path, shared=True, weak="skin")
    data = tmp_path / "data.zarr"
    plan = tiny.plan(strategy="holdout-perturbations", parameters={"hold_out": ["G03"]})
    split(data, place, plan, overwrite=True)
    reference(place, data, tmp_path / "reference.zarr")
    *_, last = difficulty(place).warnings
    assert last == (
        "nothing tells whether the split can rank models: on none of discrimination-cosine has "
        "any baseline, or a replicate, a value"
    )


def test_a_reference_of_another_split_is_refused(screen: tiny.Screen, tmp_path: Path) -> None:
    plan = tiny.plan(seed=5, parameters={"fraction": "0.4"})
    split(screen.dataset, tmp_path / "other.zarr", plan)
    with pytest.raises(Mismatch, match="of another split"):
        difficulty(tmp_path / "other.zarr", dataset=screen.dataset, reference=screen.reference)


def test_the_dataset_has_to_be_found(screen: tiny.Screen, tmp_path: Path) -> None:
    split(screen.dataset, tmp_path / "alone.zarr", tiny.plan())
    with pytest.raises(UsageError, match="--dataset"):
        difficulty(tmp_path / "alone.zarr")


def test_the_text_says_what_differs_and_what_cannot_be(tmp_path: Path) -> None:
    document = difficulty(screen(tmp_path, shared=False, weak="skin")).document
    text = render_difficulty(document, MEASURES)
    assert "tiny/unseen@1.0.0  unseen-context  12 tested, 24 trained conditions  simulated" in text
    for words in ("depth: median total", "Context skin:", "correlation", "warning: depth is lower"):
        assert words in text


def test_the_command_writes_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = screen(tmp_path, shared=True)
    target = tmp_path / "difficulty.json"
    arguments = ["vcspec", "difficulty", str(place), "--format", "json", "-o", str(target)]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert json.loads(target.read_text()) == difficulty(place).document
    assert target.read_text().strip() == difficulty(place).to_json()
    monkeypatch.setattr("sys.argv", ["vcspec", "difficulty", str(place)])
    with pytest.raises(SystemExit):
        main()
    assert "The same perturbation elsewhere" in capsys.readouterr().out
