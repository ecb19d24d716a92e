"""Golden values: what the kit states, what a naive scorer computes, and what ours computes."""

import math
import tomllib
from collections.abc import Mapping
from typing import Any

import naive_scorer
import numpy as np
import pytest
from kit import STORES

from vcspec.actions.reference import reference
from vcspec.actions.score import score
from vcspec.model.scorecard import Scorecard
from vcspec.standard import definition_digest
from vcspec.storage.sealing import sealed_content
from vcspec.storage.zarr_store import ZarrStore

GOLDEN = tomllib.loads(naive_scorer.GOLDEN.read_text("utf-8"))
AGAIN = "the stores changed: python tests/conformance/naive_scorer.py"
SUITE = list(GOLDEN["definitions"])
SCORED = [
    pytest.param(name, metric, id=f"{name}: {metric}")
    for name in GOLDEN["scores"]
    for metric in SUITE
]
SUMMARY = ("value", "interval", "floor", "replicate", "anchored", "anchored_interval")


def close(one: float, other: float) -> bool:
    within = GOLDEN["tolerance"]
    return math.isclose(one, other, rel_tol=0, abs_tol=within["absolute"]) or math.isclose(
        one, other, rel_tol=within["relative"]
    )


def differences(found: Any, stated: Any, where: str = "") -> list[str]:
    """Where two trees of values differ by more than the tolerance."""
    if isinstance(stated, Mapping) and isinstance(found, Mapping):
        names = dict.fromkeys([*stated, *found])
        return [
            line
            for name in names
            for line in differences(found.get(name), stated.get(name), f"{where}/{name}")
        ]
    if isinstance(stated, list) and isinstance(found, list | tuple) and len(stated) == len(found):
        pairs = zip(found, stated, strict=True)
        return [line for n, pair in enumerate(pairs) for line in differences(*pair, f"{where}/{n}")]
    both = [value for value in (found, stated) if isinstance(value, int | float)]
    same = close(both[0], both[1]) if len(both) == 2 else found == stated
    return [] if same else [f"{where}: found {found}, stated {stated}"]


def shaped(card: Scorecard, metric: str) -> dict[str, Any]:
    """A scorecard's entry in the shape of golden.toml: a reason where there is no number."""
    entry, row = card.document["metrics"][metric], card.metrics.index(metric)
    found = {name: entry["reasons"].get(name, entry[name]) for name in SUMMARY}
    for name in ("interval", "anchored_interval"):
        if isinstance(found[name], Mapping):
            found[name] = [found[name]["low"], found[name]["high"]]
    return {
        **found,
        "values": by_condition(card.values[row], card.reasons[row]),
        "defined": entry["defined"],
        "undefined": entry["undefined"],
        "contexts": {
            name: next(iter(part["undefined"])) if part["value"] is None else part["value"]
            for name, part in entry["contexts"].items()
        },
    }


def by_condition(values: np.ndarray, reasons: tuple[str, ...]) -> list[float | str]:
    return [reason or float(value) for value, reason in zip(values, reasons, strict=True)]


@pytest.fixture(scope="module")
def recomputed() -> dict[str, Any]:
    return naive_scorer.golden()


@pytest.fixture(scope="module")
def cards() -> dict[str, Scorecard]:
    references = {"split": "reference", "screen-split": "screen-reference"}
    return {
        name: score(
            STORES / f"{name}.zarr",
            split=STORES / f"{split}.zarr",
            reference=STORES / f"{references[split]}.zarr",
        )
        for name, split in naive_scorer.PREDICTIONS.items()
    }


@pytest.mark.parametrize("part", sorted(set(GOLDEN) - {"made"}))
def test_a_naive_scorer_computes_what_the_kit_states(part, recomputed):
    assert differences(recomputed[part], GOLDEN[part]) == [], AGAIN


def test_the_kit_states_every_part_that_the_naive_scorer_computes(recomputed):
    assert set(GOLDEN) == set(recomputed)


@pytest.mark.parametrize(("name", "metric"), SCORED)
def test_we_score_what_the_kit_states(name, metric, cards):
    assert differences(shaped(cards[name], metric), GOLDEN["scores"][name][metric]) == []


@pytest.mark.parametrize("name", sorted(GOLDEN["conditions"]))
def test_we_compute_the_anchors_that_the_kit_states(name, tmp_path):
    dataset = STORES / f"{naive_scorer.SPLITS[name]}.zarr"
    reference(STORES / f"{name}.zarr", dataset, tmp_path / "reference.zarr")
    store = ZarrStore(str(tmp_path / "reference.zarr"))
    subjects, metrics = (
        [str(name) for name in store.array(f"/uns/{axis}")] for axis in ("subjects", "metrics")
    )
    assert [str(key) for key in store.column("/obs", "_index").values] == GOLDEN["conditions"][name]
    values = store.array("/uns/anchors")
    found = {
        subject: {metric: numbers(values[i, j]) for j, metric in enumerate(metrics)}
        for i, subject in enumerate(subjects)
    }
    assert differences(found, without_reasons(GOLDEN["anchors"][name])) == []


def numbers(values: np.ndarray) -> list[float | None]:
    return [None if math.isnan(value) else float(value) for value in values]


def without_reasons(stated: Any) -> Any:
    """The stated values as a reference holds them, which keeps no reasons."""
    if isinstance(stated, Mapping):
        return {name: without_reasons(part) for name, part in stated.items()}
    return [None if isinstance(value, str) else value for value in stated]


def test_the_reference_of_the_kit_holds_what_the_naive_scorer_finds():
    store = ZarrStore(str(STORES / "reference.zarr"))
    kit = naive_scorer.kit("split")
    truth = list(naive_scorer.truths(kit).values())
    for path, attribute in (("X", "mean"), ("layers/z", "z"), ("layers/fdr", "fdr")):
        stated = np.array([getattr(side, attribute) for side in truth])
        np.testing.assert_allclose(store.array(f"/{path}"), stated, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted(GOLDEN["content"]))
def test_stores_are_sealed_with_the_content_that_the_kit_states(name):
    assert sealed_content(STORES / f"{name}.zarr") == GOLDEN["content"][name], AGAIN


@pytest.mark.parametrize("metric", SUITE)
def test_definitions_have_the_digests_that_the_kit_states(metric):
    assert definition_digest("1.0", metric) == GOLDEN["definitions"][metric]


@pytest.mark.parametrize("metric", SUITE)
def test_every_metric_has_golden_numbers_and_a_replicate_in_the_larger_stores(metric):
    stated = GOLDEN["scores"]["screen-predictions"][metric]
    assert all(isinstance(value, float) for value in stated["values"])
    assert isinstance(stated["value"], float)
    assert isinstance(stated["replicate"], float)
