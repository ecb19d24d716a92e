"""Values without counts behind them: intensities, z-scores, places in rankings."""

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from support import tiny

import vcspec
from vcspec.actions.beside import read_table
from vcspec.actions.curate import write_dataset
from vcspec.actions.difficulty import difficulty
from vcspec.actions.hidden import hidden
from vcspec.actions.probe import probe
from vcspec.actions.split import split
from vcspec.actions.validate import validate
from vcspec.model.curated import Curated
from vcspec.model.errors import UsageError
from vcspec.standard import standard

LINES = [f"line{number}" for number in range(6)]
DRUGS = [f"D{number}" for number in range(5)]
FEATURES = 40


def signatures(
    folder: Path,
    space: str,
    *,
    repeats: int = 2,
    controls: int = 4,
    scale: float = 1.0,
    middle: float = 0.0,
) -> Path:
    """Changes that the lines share, as rows of one replicate each; controls are the middle."""
    draw = np.random.default_rng(2)
    shared = draw.normal(0, 1, (len(DRUGS), FEATURES))
    rows, labels = [], []
    for line in LINES:
        own = draw.normal(0, 0.3, (len(DRUGS), FEATURES))
        changes = {"control": np.zeros(FEATURES), **dict(zip(DRUGS, shared + own, strict=True))}
        for drug, change in changes.items():
            shape = (controls if drug == "control" else repeats, FEATURES)
            is_exact = drug == "control" and not middle
            noise = np.zeros(shape) if is_exact else draw.normal(0, 0.2, shape)
            rows.append(middle + scale * (change + noise))
            labels += [(line, drug)] * shape[0]
    context, perturbation = np.array(labels, dtype=object).T
    values = np.concatenate(rows).astype(np.float32)
    curated = Curated(
        tiny.rows_of_dense(values),
        np.array([f"s{number}" for number in range(len(values))], dtype=object),
        np.array([f"F{number}" for number in range(FEATURES)], dtype=object),
        {"context": context, "perturbation": perturbation},
    )
    place = folder / "data.zarr"
    write_dataset(place, tiny.dataset_document(values={"space": space}), curated, overwrite=False)
    return place


@pytest.fixture(params=[("zscore", 1, 0), ("rank-score", 0.2, 0), ("intensity", 1, 9)])
def benchmark(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A space, and a folder with a sound dataset, a split of contexts, and its reference."""
    space, scale, middle = request.param
    data = signatures(tmp_path, space, repeats=6, scale=scale, middle=middle)
    report = validate(data, level="full")
    assert (report.verdict, report.codes) == ("valid", ())
    plan = tiny.plan(strategy="holdout-contexts", parameters={"hold_out": ["line0", "line3"]})
    split(data, tmp_path / "split.zarr", plan)
    report = validate(tmp_path / "split.zarr", level="full", dataset=data)
    assert (report.verdict, report.findings) == ("valid", ())
    vcspec.reference(tmp_path / "split.zarr", data, tmp_path / "ref.zarr")
    assert validate(tmp_path / "ref.zarr", level="full").verdict == "valid"
    return space, tmp_path


def scored(folder: Path, name: str, level: str) -> vcspec.Scorecard:
    target = folder / f"{name}-{level}.zarr"
    vcspec.baseline(name, folder / "split.zarr", folder / "data.zarr", target, level=level)
    assert validate(target).verdict == "valid"
    return vcspec.score(target)


def test_baselines_are_scored_as_a_naive_reading_scores_them(benchmark: tuple[str, Path]) -> None:
    space, folder = benchmark
    best = scored(folder, "perturbation-mean", "profiles")
    assert f"space:{space} " in best.signature
    truth, wanted = by_hand(folder / "data.zarr")
    error = np.abs(truth - wanted).mean()
    assert best.value("mae") == pytest.approx(error, rel=1e-4)
    assert best.value("pearson-delta") > 0.8
    assert best.value("discrimination-cosine") > 0.9
    none = scored(folder, "no-change", "profiles")
    assert none.value("mae") > error
    cells = scored(folder, "perturbation-mean", "cells")  # shifted to the same mean
    assert cells.value("mae") == pytest.approx(error, rel=1e-4)


def test_rows_that_are_given_back_are_told_by_their_bits(benchmark: tuple[str, Path]) -> None:
    _, folder = benchmark
    found, opened = (
        anndata.read_zarr(folder / "data.zarr"),
        vcspec.open_split(folder / "split.zarr"),
    )
    rows = np.asarray(found.X.todense())[(found.obs["context"] == "line1").to_numpy()]
    for name, factor in (("pasted", 1.0), ("moved", 1.001)):
        with opened.writer(folder / f"{name}.zarr", model="m") as out:
            for place, condition in enumerate(out.conditions):
                number = opened.cells_per_condition
                out[condition] = factor * rows[4 + place : 4 + place + number].astype(np.float64)
        flags = {one["name"] for one in vcspec.score(folder / f"{name}.zarr").document["flags"]}
        assert ("copies-training" in flags) == (name == "pasted")


def test_difficulty_needs_no_counts_and_the_null_panel_does(benchmark: tuple[str, Path]) -> None:
    _, folder = benchmark
    found = difficulty(folder / "split.zarr").document
    assert found["transfer"]["gain"] > 5 * found["transfer"]["error"]
    assert found["contrasts"]["depth"]["test"] is None
    with pytest.raises(UsageError, match="null panel is made of log1p"):
        probe(folder / "split.zarr")


def by_hand(data: Path) -> tuple[Any, Any]:
    """(conditions, features) of the tested truth, and of the mean change of the trained lines."""
    found = anndata.read_zarr(data)
    values = np.asarray(found.X.todense(), dtype=float)

    def mean(line: str, drug: str) -> Any:
        rows = (found.obs["context"] == line) & (found.obs["perturbation"] == drug)
        return values[rows.to_numpy()].mean(axis=0)

    tested, trained = ["line0", "line3"], ["line1", "line2", "line4", "line5"]
    change = {
        drug: np.mean([mean(line, drug) - mean(line, "control") for line in trained], axis=0)
        for drug in DRUGS
    }
    pairs = [(line, drug) for line in tested for drug in DRUGS]
    truth = np.array([mean(*pair) for pair in pairs])
    return truth, np.array([mean(line, "control") + change[drug] for line, drug in pairs])


def test_what_needs_counts_has_no_value(tmp_path: Path) -> None:
    data = signatures(tmp_path, "zscore", repeats=6)
    plan = tiny.plan(strategy="holdout-contexts", parameters={"hold_out": ["line0"]})
    split(data, tmp_path / "split.zarr", plan)
    vcspec.reference(tmp_path / "split.zarr", data, tmp_path / "ref.zarr", suites=["catalogue"])
    vcspec.baseline("perturbation-mean", tmp_path / "split.zarr", data, tmp_path / "m.zarr")
    card = vcspec.score(tmp_path / "m.zarr", suites=["catalogue"])
    for name, entry in standard().metrics.items():
        if {"linear", "pooled"} & set(entry["needs"]):
            assert card.value(name) is None, name


def test_a_tree_of_signatures_is_made_of_the_changes(tmp_path: Path) -> None:
    data = signatures(tmp_path, "zscore")
    plan = tiny.plan(strategy="holdout-context-branches", parameters={"fraction": "0.5"})
    split(data, tmp_path / "split.zarr", plan)
    assert validate(tmp_path / "split.zarr", level="full", dataset=data).verdict == "valid"


def test_a_tree_of_changes_is_not_made_where_these_are_withheld(tmp_path: Path) -> None:
    data = signatures(tmp_path, "zscore")
    how = {"strategy": "holdout-context-branches", "parameters": {"fraction": "0.5"}}
    with pytest.raises(UsageError, match=r"which are to be withheld; .*--table"):
        hidden(data, tmp_path / "hidden", tiny.plan(**how))
    assert not (tmp_path / "hidden").exists()
    rows = "\n".join(f"{line},{number}" for number, line in enumerate(LINES))
    (tmp_path / "lines.csv").write_text(f"context,size\n{rows}\n")
    beside = read_table(tmp_path / "lines.csv")
    hidden(data, tmp_path / "hidden", tiny.plan(**how, beside=beside))
    public = tmp_path / "hidden" / "public" / "split.zarr"
    assert validate(public, level="full").verdict == "valid"


def test_counts_do_not_answer_a_split_of_signatures(tmp_path: Path) -> None:
    data = signatures(tmp_path, "zscore")
    plan = tiny.plan(strategy="holdout-contexts", parameters={"hold_out": ["line0"]})
    split(data, tmp_path / "split.zarr", plan)
    opened = vcspec.open_split(tmp_path / "split.zarr")
    values = {"space": "log1p", "target_sum": 1000, "total": "features"}
    with opened.writer(tmp_path / "m.zarr", level="profiles", values=values) as out:
        for condition in opened.conditions:
            out[condition] = np.ones((1, FEATURES), dtype=np.float32)
    assert "VCS510" in validate(tmp_path / "m.zarr", split=tmp_path / "split.zarr").codes


def test_intensities_are_not_negative(tmp_path: Path) -> None:
    data = signatures(tmp_path, "intensity", middle=-3)
    assert validate(data).codes == ("VCS304",)


def test_a_reference_of_large_values_that_hardly_vary_does_not_contradict_itself(
    tmp_path: Path,
) -> None:
    data = signatures(tmp_path, "intensity", repeats=6, controls=7, middle=345678.9)
    plan = tiny.plan(strategy="holdout-contexts", parameters={"hold_out": ["line0", "line3"]})
    split(data, tmp_path / "split.zarr", plan)
    place = tmp_path / "ref.zarr"
    vcspec.reference(tmp_path / "split.zarr", data, place, suites=["distributions"])
    report = validate(place, level="full")
    assert (report.verdict, report.codes) == ("valid", ())
    assert "VCS608" in report.checked
