import json
import shutil
import uuid
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from support import tiny
from support.reencode import Layout, reencode

from vcspec.actions.curate import write_dataset
from vcspec.actions.predict import baseline, open_split
from vcspec.actions.reference import reference
from vcspec.actions.score import score
from vcspec.actions.split import split
from vcspec.actions.validate import validate
from vcspec.model.errors import Invalid, Mismatch, UsageError
from vcspec.model.scorecard import Scorecard, table_digest
from vcspec.render.scorecard_text import render_scorecard
from vcspec.standard import definition_digest, standard
from vcspec.storage.artefacts import write_arrays
from vcspec.storage.sealing import sealed_content
from vcspec.storage.zarr_store import ZarrStore

METRICS = standard().suites["core-1.0"]["metrics"]


@pytest.fixture(scope="module")
def card(screen: tiny.Screen) -> Scorecard:
    """The scorecard of the tiny model."""
    return score(screen.predictions)


def scored(screen: tiny.Screen, place: Path, **options: Any) -> Scorecard:
    return score(place, **{"split": screen.split, "reference": screen.reference, **options})


def truth(screen: tiny.Screen) -> dict[str, np.ndarray]:
    """The measured counts of every test condition."""
    store = ZarrStore(str(screen.dataset))
    return {key: tiny.cells_of(store, *key.split("|")) for key, _ in tiny.predicted(screen)}


def test_a_scorecard_is_valid_and_names_everything_that_was_read(
    card: Scorecard, screen: tiny.Screen, tmp_path: Path
) -> None:
    (tmp_path / "card.json").write_text(card.to_json(), encoding="utf-8")
    report = validate(tmp_path / "card.json")
    assert (report.verdict, report.codes) == ("valid", ())
    document = json.loads(card.to_json())
    inputs = document["inputs"]
    for name in ("dataset", "split", "reference"):
        assert inputs[name]["content"] == sealed_content(getattr(screen, name))
    assert inputs["predictions"] == sealed_content(screen.predictions)
    assert document["model"] == {"name": "a-model", "version": "0"}
    assert document["training"] == "not declared"
    assert (document["simulated"], document["conditions"], document["features"]) == (True, 6, 80)
    assert list(card.metrics) == METRICS
    for name, found in document["metrics"].items():
        assert found["definition"] == definition_digest("1.0", name)
    digest = table_digest(card.metrics, card.conditions, card.values, card.reasons)
    assert document["table"] == digest


def test_the_numbers_are_those_of_numpy(card: Scorecard, screen: tiny.Screen) -> None:
    store, by_key = ZarrStore(str(screen.dataset)), dict(tiny.predicted(screen))
    for row, key in enumerate(card.conditions):
        context, label = key.split("|")
        measured, control = (
            tiny.log1p(tiny.cells_of(store, context, name)).astype(float).mean(axis=0)
            for name in (label, "control")
        )
        model = by_key[key].astype(float).mean(axis=0)
        value = dict(zip(card.metrics, card.values[:, row], strict=True))
        assert value["mse"] == pytest.approx(((model - measured) ** 2).mean(), abs=1e-9)
        assert value["mae"] == pytest.approx(np.abs(model - measured).mean(), abs=1e-9)
        wanted = np.corrcoef(model - control, measured - control)[0, 1]
        assert value["pearson-delta"] == pytest.approx(wanted, abs=1e-9)
        change = measured - control
        wanted = 1 - ((model - measured) ** 2).sum() / ((change - change.mean()) ** 2).sum()
        assert value["r2-delta"] == pytest.approx(wanted, abs=1e-8)


def test_equal_inputs_give_equal_bytes(card: Scorecard, screen: tiny.Screen) -> None:
    assert scored(screen, screen.predictions).to_json() == card.to_json()


def test_the_truth_itself_is_perfect_on_every_metric(screen: tiny.Screen, tmp_path: Path) -> None:
    cells = {key: tiny.log1p(counts) for key, counts in truth(screen).items()}
    found = scored(screen, tiny.predict(screen, tmp_path / "truth.zarr", cells))
    for name, values, reasons in zip(found.metrics, found.values, found.reasons, strict=True):
        kept = values[[not reason for reason in reasons]]
        assert len(kept), name
        np.testing.assert_allclose(
            kept, standard().metrics[name]["perfect"], rtol=0, atol=1e-12, err_msg=name
        )
    for name in ("mse", "mae", "rmse", "weighted-mse"):
        assert found.value(name) == 0


@pytest.mark.parametrize("name", ["no-change", "context-mean"])
def test_the_baseline_that_is_the_floor_is_anchored_at_exactly_zero(
    name: str, screen: tiny.Screen, tmp_path: Path
) -> None:
    baseline(name, screen.split, screen.dataset, tmp_path / "model.zarr")
    found = scored(screen, tmp_path / "model.zarr").document["metrics"]
    own = [entry for entry in found.values() if (entry["floor"] or {}).get("baseline") == name]
    assert own
    anchored = [entry for entry in own if entry["anchored"] is not None]
    assert anchored
    for entry in anchored:
        assert entry["anchored"] == 0
        assert entry["anchored_interval"] in (None, {"low": 0, "high": 0})
        assert entry["value"] == entry["floor"]["value"]


LAYOUTS = [
    Layout("csc", 2, 3_000, labels="nullable", big_endian=True),
    Layout("dense", 3, 300, sharded=True, labels="categorical"),
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_the_bytes_do_not_depend_on_the_layout(
    layout: Layout, card: Scorecard, screen: tiny.Screen, tmp_path: Path
) -> None:
    place = reencode(screen.predictions, tmp_path / "other.zarr", layout)
    assert scored(screen, place).to_json() == card.to_json()


@pytest.mark.parametrize("processors", [1, 5])
def test_the_bytes_do_not_depend_on_the_number_of_workers(
    processors: int, card: Scorecard, screen: tiny.Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: processors)
    assert scored(screen, screen.predictions).to_json() == card.to_json()


def test_the_bytes_do_not_depend_on_the_order_in_which_conditions_were_given(
    card: Scorecard, screen: tiny.Screen, tmp_path: Path
) -> None:
    backwards = dict(reversed(list(tiny.predicted(screen))))
    place = tiny.predict(screen, tmp_path / "other.zarr", backwards)
    assert sealed_content(place) == sealed_content(screen.predictions)
    assert scored(screen, place).to_json() == card.to_json()


def test_the_order_of_the_cells_of_a_condition_does_not_matter(
    card: Scorecard, screen: tiny.Screen, tmp_path: Path
) -> None:
    draw = np.random.default_rng(0)
    shuffled = {key: draw.permutation(cells) for key, cells in tiny.predicted(screen)}
    found = scored(screen, tiny.predict(screen, tmp_path / "other.zarr", shuffled))
    assert found.document["inputs"]["predictions"] != card.document["inputs"]["predictions"]
    np.testing.assert_allclose(found.values, card.values, rtol=0, atol=1e-12)
    assert found.reasons == card.reasons


def test_counts_and_their_log1p_values_score_the_same(screen: tiny.Screen, tmp_path: Path) -> None:
    counts = {key: cells[::-1] + np.eye(10, 80, dtype=int) for key, cells in truth(screen).items()}
    space = {"space": "counts", "total": "features"}
    one = scored(screen, tiny.predict(screen, tmp_path / "counts.zarr", counts, values=space))
    cells = {key: tiny.log1p(found) for key, found in counts.items()}
    two = scored(screen, tiny.predict(screen, tmp_path / "log1p.zarr", cells))
    np.testing.assert_array_equal(one.values, two.values)
    assert ZarrStore(str(tmp_path / "counts.zarr")).array("/X/data").dtype == np.int32


def profiles(screen: tiny.Screen) -> dict[str, np.ndarray]:
    return {key: cells.astype(float).mean(axis=0) for key, cells in tiny.predicted(screen)}


def test_profiles_have_no_metric_that_tests_predicted_cells(
    card: Scorecard, screen: tiny.Screen, tmp_path: Path
) -> None:
    place = tiny.predict(screen, tmp_path / "p.zarr", profiles(screen), level="profiles")
    found = scored(screen, place)
    for row, name in enumerate(found.metrics):
        entry = found.document["metrics"][name]
        if "prediction-expression" in standard().metrics[name]["needs"]:
            assert (entry["status"], entry["value"]) == ("not-applicable", None)
            assert entry["undefined"] == {"needs-cells": 6}
            assert entry["reasons"]["anchored"] == "value-undefined"
        else:
            np.testing.assert_allclose(found.values[row], card.values[row], atol=1e-7)
    assert {entry["status"] for entry in found.document["metrics"].values()} == {
        "scored",
        "not-applicable",
    }


def test_a_control_pasted_as_a_profile_is_no_change_at_all(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    store = ZarrStore(str(screen.dataset))
    for data_type in (np.float64, np.float32):
        pasted = {}
        for key in profiles(screen):
            cells = tiny.log1p(tiny.cells_of(store, key.split("|")[0], "control"))
            mean = cells.astype(float).sum(axis=0) / len(cells)
            pasted[key] = mean.astype(data_type)
        place = tiny.predict(screen, tmp_path / "p.zarr", pasted, level="profiles", overwrite=True)
        found = scored(screen, place)
        row = found.metrics.index("pearson-delta")
        null = standard().metrics["pearson-delta"]["null"]
        np.testing.assert_array_equal(found.values[row], np.full(6, null))


def test_a_store_behind_fsspec_is_scored_like_a_local_one(
    card: Scorecard, screen: tiny.Screen
) -> None:
    base = f"memory://{uuid.uuid4().hex}"
    for name in ("split", "reference", "predictions"):
        filesystem, root = fsspec.core.url_to_fs(f"{base}/{name}.zarr")
        filesystem.put(f"{getattr(screen, name)}/", root, recursive=True)
    places = {name: f"{base}/{name}.zarr" for name in ("split", "reference")}
    assert score(f"{base}/predictions.zarr", **places).to_json() == card.to_json()


def test_split_and_reference_are_found_by_their_digest_whatever_they_are_called(
    card: Scorecard, screen: tiny.Screen, tmp_path: Path
) -> None:
    for name, place in {
        "model": screen.predictions,
        "z": screen.split,
        "a": screen.reference,
    }.items():
        shutil.copytree(place, tmp_path / f"{name}.zarr")
    split(screen.dataset, tmp_path / "decoy.zarr", tiny.plan(seed=9))
    assert score(tmp_path / "model.zarr").to_json() == card.to_json()


def alone(screen: tiny.Screen, tmp_path: Path, *names: str) -> Path:
    for name in ("predictions", *names):
        shutil.copytree(getattr(screen, name), tmp_path / f"{name}.zarr")
    return tmp_path / "predictions.zarr"


def test_without_its_split_a_prediction_cannot_be_checked(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match="no split at hand") as caught:
        score(alone(screen, tmp_path))
    assert caught.value.report.verdict == "unknown"
    assert caught.value.exit_code == 3


def test_what_is_refused_has_nothing_looked_for_that_it_names(
    screen: tiny.Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = alone(screen, tmp_path)
    (place / "link").symlink_to(screen.split)
    asked: list[Any] = []
    for name in ("vcspec.actions.validate.by_digest", "vcspec.actions.score._published"):
        monkeypatch.setattr(name, lambda *arguments, **_: asked.append(arguments))
    with pytest.raises(Invalid, match="VCS006") as caught:
        score(place)
    assert caught.value.exit_code == 4
    assert asked == []


def test_without_its_reference_a_prediction_cannot_be_scored(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no reference of split tiny/unseen"):
        score(alone(screen, tmp_path, "split"))


def test_a_reference_beside_the_split_is_found(
    card: Scorecard, screen: tiny.Screen, tmp_path: Path
) -> None:
    assert score(alone(screen, tmp_path), split=screen.split).to_json() == card.to_json()


def test_the_reference_of_another_split_is_a_mismatch(screen: tiny.Screen, tmp_path: Path) -> None:
    split(screen.dataset, tmp_path / "split.zarr", tiny.plan(seed=9))
    reference(tmp_path / "split.zarr", screen.dataset, tmp_path / "ref.zarr")
    with pytest.raises(Mismatch, match="predictions answer"):
        scored(screen, screen.predictions, reference=tmp_path / "ref.zarr")


def test_another_split_makes_the_predictions_invalid(screen: tiny.Screen, tmp_path: Path) -> None:
    split(screen.dataset, tmp_path / "split.zarr", tiny.plan(seed=9))
    with pytest.raises(Invalid) as caught:
        scored(screen, screen.predictions, split=tmp_path / "split.zarr")
    assert "VCS503" in caught.value.report.codes


@pytest.mark.parametrize(
    ("value", "code"), [(np.nan, "VCS509"), (np.inf, "VCS509"), (-1, "VCS513")]
)
def test_predictions_that_break_a_rule_are_not_scored(
    value: float, code: str, screen: tiny.Screen, tmp_path: Path
) -> None:
    cells = dict(tiny.predicted(screen))
    cells["skin|G06"] = cells["skin|G06"].copy()
    cells["skin|G06"][3, 5] = value
    place = tiny.predict(screen, tmp_path / "bad.zarr", cells)
    with pytest.raises(Invalid, match=code) as caught:
        scored(screen, place)
    assert code in caught.value.report.codes
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("kind", ["dataset", "split", "reference"])
def test_only_predictions_are_scored(kind: str, screen: tiny.Screen) -> None:
    with pytest.raises(UsageError, match=kind):
        score(getattr(screen, kind))


def test_nothing_is_not_scored(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        score(tmp_path / "nowhere.zarr")
    assert caught.value.exit_code == 3


def test_a_damaged_prediction_is_not_scored(screen: tiny.Screen, tmp_path: Path) -> None:
    place = alone(screen, tmp_path)
    chunk = place / "X" / "data" / "c" / "0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    with pytest.raises(Invalid) as caught:
        scored(screen, place)
    assert "VCS206" in caught.value.report.codes


def test_a_metric_that_the_split_cannot_support_is_undefined_with_its_reason(
    tmp_path: Path,
) -> None:
    write_dataset(tmp_path / "data.zarr", tiny.dataset_document(), tiny.curated(), overwrite=False)
    one = tiny.plan(parameters={"hold_out": ["G05"]})
    split(tmp_path / "data.zarr", tmp_path / "split.zarr", one)
    reference(tmp_path / "split.zarr", tmp_path / "data.zarr", tmp_path / "ref.zarr")
    baseline("no-change", tmp_path / "split.zarr", tmp_path / "data.zarr", tmp_path / "m.zarr")
    found = score(tmp_path / "m.zarr").document["metrics"]["discrimination-l2"]
    assert (found["status"], found["value"]) == ("undefined", None)
    assert found["undefined"] == {"single-condition-in-context": 2}
    assert found["reasons"]["value"] == "single-condition-in-context"


def partly(screen: tiny.Screen, place: Path, *, lacking: int = 0, broken: bool = False) -> Path:
    """Predictions that lack the first conditions, or hold a value that is not finite."""
    cells = dict(tiny.predicted(screen))
    keys = list(cells)
    kept = {key: cells[key].copy() for key in keys[lacking:]}
    if broken:
        kept[keys[-1]][0, 3] = np.nan
    tiny.predict_some(screen, place, kept)
    return place


def test_partial_predictions_are_refused_unless_asked_for(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    place = partly(screen, tmp_path / "part.zarr", lacking=1)
    with pytest.raises(Invalid):
        scored(screen, place)


@pytest.mark.parametrize("case", [{"lacking": 2}, {"broken": True}])
def test_what_partial_predictions_lack_scores_the_worst(
    screen: tiny.Screen, card: Scorecard, tmp_path: Path, case: Any
) -> None:
    place = partly(screen, tmp_path / "part.zarr", **case)
    found = scored(screen, place, partial=True)
    lost = [0, 1] if "lacking" in case else [len(card.conditions) - 1]
    document = json.loads(found.to_json())
    assert document["missing"] == [card.conditions[at] for at in lost]
    assert document["coverage"] == pytest.approx(1 - len(lost) / len(card.conditions))
    assert [one["name"] for one in document["flags"]].count("missing") == 1
    kept = [at for at in range(len(card.conditions)) if at not in lost]
    for row, name in enumerate(card.metrics):
        entry = standard().metrics[name]
        result = document["metrics"][name]
        assert result["defined"] == card.document["metrics"][name]["defined"]
        np.testing.assert_array_equal(found.values[row][kept], card.values[row][kept])
        worst = found.values[row][lost]
        worst = worst[~np.isnan(worst)]
        if entry["worst"] != "worst-seen":
            assert (worst == entry["worst"]).all(), name
        else:
            sign = 1 if entry["direction"] == "lower" else -1
            assert (sign * worst >= np.nanmax(sign * found.values[row][kept])).all(), name
    (tmp_path / "card.json").write_text(found.to_json(), encoding="utf-8")
    assert validate(tmp_path / "card.json").verdict == "valid"


@pytest.fixture(scope="module")
def by_contexts(
    screen: tiny.Screen, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Scorecard]:
    """A reference for metrics of which many have one value a context, and the whole card."""
    place = tmp_path_factory.mktemp("catalogue") / "ref.zarr"
    reference(screen.split, screen.dataset, place, suites=["catalogue"])
    return place, scored(screen, screen.predictions, reference=place)


@pytest.mark.parametrize("at", [0, 1, -1])
def test_where_a_lacking_condition_stands_in_its_context_does_not_matter(
    screen: tiny.Screen, by_contexts: tuple[Path, Scorecard], tmp_path: Path, at: int
) -> None:
    place, whole = by_contexts
    cells = dict(tiny.predicted(screen))
    key = list(cells)[at]
    spoilt = cells[key].copy()
    spoilt[0, 3] = np.nan
    ways = {
        "absent": {k: v for k, v in cells.items() if k != key},
        "broken": {**cells, key: spoilt},
    }
    found = {
        way: scored(
            screen,
            tiny.predict_some(screen, tmp_path / f"{way}.zarr", given),
            reference=place,
            partial=True,
        )
        for way, given in ways.items()
    }
    np.testing.assert_array_equal(found["absent"].values, found["broken"].values)
    seen = set()
    for name in whole.metrics:
        entry, stated = standard().metrics[name], found["absent"].document["metrics"][name]
        if entry["per"] != "context" or stated["value"] is None:
            continue
        seen.add(name)
        values = [one["value"] for one in stated["contexts"].values() if one["value"] is not None]
        assert stated["value"] == pytest.approx(np.mean(values), abs=1e-9), name
        before = whole.document["metrics"][name]["value"]
        sign = 1 if entry["direction"] == "higher" else -1
        assert sign * (stated["value"] - before) <= 1e-9, name
    assert seen >= {"vcc-2026-mse-ratio", "energy-to-control-pearson", "de-count-spearman"}


def test_several_suites_are_scored_in_one_pass(screen: tiny.Screen, tmp_path: Path) -> None:
    suites = [name for name in standard().suites if name != "core-1.0"]
    place = tmp_path / "ref.zarr"
    reference(screen.split, screen.dataset, place, suites=suites)
    assert validate(place, level="full", split=screen.split).verdict == "valid"
    found = scored(screen, screen.predictions, reference=place, suites=suites)
    wanted = [metric for name in suites for metric in standard().suites[name]["metrics"]]
    assert list(found.metrics) == list(dict.fromkeys(wanted))
    assert found.document["suites"] == suites
    assert found.document["composites"].keys() == {"vcc-2025", "vcc-2026"}
    again = scored(
        screen, screen.predictions, reference=None, dataset=screen.dataset, suites=suites
    )
    for row, name in enumerate(found.metrics):
        np.testing.assert_allclose(again.values[row], found.values[row], atol=1e-9, err_msg=name)


def test_a_suite_that_is_asked_for_twice_is_asked_for(
    card: Scorecard, screen: tiny.Screen, tmp_path: Path
) -> None:
    twice = scored(screen, screen.predictions, suites=["core-1.0", "core-1.0"])
    assert twice.to_json() == card.to_json()
    again = reference(screen.split, screen.dataset, tmp_path / "r.zarr", suites=["core-1.0"] * 2)
    assert again == sealed_content(screen.reference)


def test_a_suite_that_the_reference_was_not_made_for_says_so(screen: tiny.Screen) -> None:
    found = scored(screen, screen.predictions, suites=["vcc-2026", "systema"])
    assert found.document["metrics"]["pearson-delta"]["floor"] is not None
    for name in ("vcc-2026-jaccard", "vcc-2026-mse-ratio"):
        assert set(found.reasons[found.metrics.index(name)]) == {"not-in-reference"}
        assert found.document["metrics"][name]["reasons"]["floor"] == "not-in-reference"
    assert "vcspec reference --suite vcc-2026 --suite systema" in render_scorecard(found)
    usual = scored(screen, screen.predictions)
    assert "vcspec reference" not in render_scorecard(usual)


def test_stated_deviations_are_scored(screen: tiny.Screen, tmp_path: Path) -> None:
    profiles = {key: cells.astype(float) for key, cells in tiny.predicted(screen)}
    means = {k: cells.mean(axis=0).astype(np.float32)[np.newaxis] for k, cells in profiles.items()}
    split_ = open_split(screen.split)
    with split_.writer(tmp_path / "m.zarr", model="m", level="profiles") as out:
        for key, mean in means.items():
            out[key] = mean
    store = ZarrStore(str(tmp_path / "m.zarr"))
    columns = ("_index", "context", "perturbation")
    obs = {name: store.column("/obs", name).values for name in columns}
    order = [f"{c}|{p}" for c, p in zip(obs["context"], obs["perturbation"], strict=True)]
    deviation = np.array([profiles[key].std(axis=0) for key in order])
    arrays = {"X": tiny.dense_matrix(store), "layers/deviation": deviation}
    var = {"_index": store.column("/var", "_index").values}
    document = dict(store.skeleton.document or {})
    write_arrays(tmp_path / "stated.zarr", document, arrays, obs=obs, var=var)
    found = scored(screen, tmp_path / "stated.zarr", suites=["uncertainty"])
    assert found.value("crps") is not None
    row = list(found.metrics).index("interval-coverage-gap")
    keys = truth(screen)
    for at, key in enumerate(found.conditions):
        measured = tiny.log1p(keys[key]).astype(float).mean(axis=0)
        spread = deviation[order.index(key)]
        inside = np.abs(measured - means[key][0]) <= 1.959964 * spread
        assert found.values[row, at] == pytest.approx(abs(inside.mean() - 0.95), abs=1e-9)
    without = scored(screen, tmp_path / "m.zarr", suites=["uncertainty"])
    assert set(without.reasons[0]) == {"no-stated-deviation"}


def test_phenotypes_come_with_the_reference(screen: tiny.Screen, tmp_path: Path) -> None:
    table = tmp_path / "classes.csv"
    table.write_text("perturbation,phenotype\nG05,left\nG06,left\nG07,right\n", encoding="utf-8")
    place = tmp_path / "ref.zarr"
    reference(screen.split, screen.dataset, place, suites=["systema"], phenotypes=table)
    assert validate(place, level="full", split=screen.split).verdict == "valid"
    found = scored(screen, screen.predictions, reference=place)
    assert found.value("phenotype-auroc") is not None
    table.write_text("perturbation,phenotype\nG99,left\nG05,\n", encoding="utf-8")
    with pytest.raises(UsageError, match="gives no tested perturbation a phenotype; tested are"):
        reference(screen.split, screen.dataset, tmp_path / "b.zarr", phenotypes=table)
    table.write_text("G05\n", encoding="utf-8")
    with pytest.raises(UsageError, match="two columns"):
        reference(screen.split, screen.dataset, tmp_path / "b.zarr", phenotypes=table)


@pytest.mark.parametrize(("copies", "share"), [(1, 0.0), (2, 0.5), (5, 0.8)])
def test_cells_that_repeat_others_are_flagged_by_their_share(
    copies: int, share: float, screen: tiny.Screen, tmp_path: Path
) -> None:
    cells = {
        key: np.repeat(matrix[::copies], copies, axis=0)[: tiny.CELLS]
        for key, matrix in tiny.predicted(screen)
    }
    tiny.predict(screen, tmp_path / "copies.zarr", cells)
    found = {
        flag["name"]: flag for flag in scored(screen, tmp_path / "copies.zarr").document["flags"]
    }
    assert ("duplicate-cells" in found) == (share > 0.2)
    if share > 0.2:
        assert found["duplicate-cells"]["statistic"] == pytest.approx(share)


def test_copies_of_a_sparse_cell_are_flagged_and_silent_cells_are_not(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    sparse = np.zeros((tiny.CELLS, tiny.FEATURES), dtype=np.float32)
    sparse[:, [3, 8, 20, 31, 60]] = 2.5
    silent = {key: np.zeros_like(sparse) for key, _ in tiny.predicted(screen)}
    found = []
    for name, cells in (("copies", dict.fromkeys(silent, sparse)), ("silent", silent)):
        place = tiny.predict(screen, tmp_path / f"{name}.zarr", cells)
        flags = {one["name"]: one for one in scored(screen, place).document["flags"]}
        found.append(flags.get("duplicate-cells", {}).get("statistic"))
    assert found == [pytest.approx(0.9), None]
