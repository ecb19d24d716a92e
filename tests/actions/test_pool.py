"""Scorecards of folds as one: what is refused, and that the rest is what a scorer would say."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rfc8785
from support import tiny

from vcspec.actions.compare import compare
from vcspec.actions.pool import pool
from vcspec.actions.predict import baseline
from vcspec.actions.reference import reference
from vcspec.actions.score import score
from vcspec.actions.split import split
from vcspec.actions.validate import validate
from vcspec.actions.verify import verify
from vcspec.cli import main
from vcspec.model.errors import Mismatch, UsageError
from vcspec.model.scorecard import Scorecard, table_digest
from vcspec.render.league_text import render_league
from vcspec.render.scorecard_text import render_scorecard
from vcspec.rules.documents import schema_faults
from vcspec.standard import standard
from vcspec.storage.zarr_store import ZarrStore

sys.path.insert(0, str(Path(__file__).parents[1] / "conformance"))
import naive_scorer

AMONG = set(standard().tasks["perturbation-response"]["among_conditions"])
STRATEGIES = ("holdout-perturbations", "holdout-contexts")


def made(folder: Path, screen: tiny.Screen, strategy: str, fold: str, **plan: Any) -> tiny.Screen:
    """Split, reference and predictions of one fold in `folder`."""
    folder.mkdir()
    places = (folder / f"{name}.zarr" for name in ("split", "ref", "model"))
    found = tiny.Screen(folder, screen.dataset, *places)
    parameters = {"fold": fold} | plan.pop("parameters", {})
    name = f"tiny/{strategy}-fold-{fold.replace('/', '-of-')}"
    stated = tiny.plan(id=name, strategy=strategy, parameters=parameters, **plan)
    split(found.dataset, found.split, stated)
    reference(found.split, found.dataset, found.reference)
    tiny.predict(found, found.predictions, dict(tiny.predicted(found)))
    return found


def scored(fold: tiny.Screen, **options: Any) -> Path:
    """The scorecard of a fold, beside its artefacts."""
    place = fold.folder / "card.json"
    place.write_text(score(fold.predictions, **options).to_json(), encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def families(
    screen: tiny.Screen, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[tiny.Screen]]:
    """Strategy → its two folds."""
    folder = tmp_path_factory.mktemp("families")
    return {
        strategy: [made(folder / f"{strategy}{k}", screen, strategy, f"{k}/2") for k in (1, 2)]
        for strategy in STRATEGIES
    }


@pytest.fixture(scope="module")
def cards(families: dict[str, list[tiny.Screen]]) -> dict[str, list[Path]]:
    """Strategy → the scorecards of its folds."""
    return {name: [scored(fold) for fold in folds] for name, folds in families.items()}


def read(place: Path) -> Any:
    return json.loads(place.read_text("utf-8"))


def changed(card: Path, target: Path, **members: Any) -> Path:
    """A copy of a card with members changed, its digest kept in order."""
    document = read(card) | members
    found = Scorecard.of(document)
    parts = (found.metrics, found.conditions, found.values, found.reasons)
    document["table"] = table_digest(*parts)
    target.write_bytes(rfc8785.dumps(document))
    return target


def naive(folds: list[tiny.Screen], places: list[Path], metric: str) -> dict[str, Any]:
    """What a second scorer says of the folds' values and anchors, put side by side by hand."""
    contexts: dict[str, str] = {}
    values: dict[str, Any] = {}
    anchors: dict[str, dict[str, Any]] = {}
    for fold, place in zip(folds, places, strict=True):
        table = read(place)["by_condition"]
        row = table["metrics"].index(metric)
        why = table["reasons"][row] or [""] * len(table["conditions"])
        for at, key in enumerate(table["conditions"]):
            contexts[key] = table["contexts"][at]
            values[key] = why[at] or table["values"][row][at]
        store = ZarrStore(str(fold.reference))
        subjects, metrics = (list(store.array(f"/uns/{n}")) for n in ("subjects", "metrics"))
        for number, name in enumerate(subjects):
            found = store.array("/uns/anchors")[number, metrics.index(metric)]
            for key, value in zip(table["conditions"], found, strict=True):
                known = "replicate-undefined" if np.isnan(value) else float(value)
                anchors.setdefault(str(name), {})[key] = known
    order = ZarrStore(str(folds[0].split)).column("/obs", "_index").values
    keys = [str(key) for key in order if str(key) in values]
    whole = {name: one for name, one in anchors.items() if one.keys() == values.keys()}
    tables = {name: {metric: [one[key] for key in keys]} for name, one in whole.items()}
    benchmark: Any = SimpleNamespace(context=contexts, with_role=lambda _: keys)
    return naive_scorer.summary(benchmark, tables, metric, {metric: [values[key] for key in keys]})


def bounds(found: dict[str, float] | None) -> list[float] | None:
    return None if found is None else [found["low"], found["high"]]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_pooled_card_says_what_a_second_scorer_says_of_all_conditions(
    strategy: str, families: dict[str, list[tiny.Screen]], cards: dict[str, list[Path]]
) -> None:
    found = pool(cards[strategy])
    compared = 0
    for metric in found.metrics:
        if strategy == "holdout-perturbations" and metric in AMONG:
            continue
        stated = found.document["metrics"][metric]
        expected = naive(families[strategy], cards[strategy], metric)
        for name in ("value", "replicate", "anchored"):
            number = None if isinstance(expected[name], str) else expected[name]
            assert stated[name] == pytest.approx(number, abs=1e-9), (metric, name)
            compared += number is not None
        for name in ("interval", "anchored_interval"):
            ends = None if isinstance(expected[name], str) else expected[name]
            assert bounds(stated[name]) == pytest.approx(ends, abs=1e-9), (metric, name)
        assert stated["floor"] == expected["floor"], metric
        assert (stated["defined"], stated["undefined"]) == (
            expected["defined"],
            expected["undefined"],
        )
        for context, part in stated["contexts"].items():
            other = expected["contexts"][context]
            assert part["value"] == (None if isinstance(other, str) else pytest.approx(other))
    assert compared > 20


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_condition_keeps_the_value_that_its_fold_gave_it(
    strategy: str, cards: dict[str, list[Path]]
) -> None:
    found = pool(cards[strategy][::-1])  # the order in which cards are given says nothing
    assert found.to_json() == pool(cards[strategy]).to_json()
    parts = [Scorecard.of(read(place)) for place in cards[strategy]]
    keys = [key for part in parts for key in part.conditions]
    assert sorted(found.conditions) == sorted(keys)
    assert found.document["conditions"] == len(set(keys)) == len(keys)
    for part in parts:
        where = [found.conditions.index(key) for key in part.conditions]
        for metric in found.metrics:
            if strategy == "holdout-contexts" or metric not in AMONG:
                mine, theirs = (c.values[c.metrics.index(metric)] for c in (found, part))
                np.testing.assert_array_equal(mine[where], theirs)


def test_metrics_among_conditions_have_no_value_where_contexts_lie_in_several_folds(
    cards: dict[str, list[Path]],
) -> None:
    found = pool(cards["holdout-perturbations"])
    stated = found.document["metrics"]["discrimination-cosine"]
    size = found.document["conditions"]
    assert (stated["value"], stated["status"]) == (None, "undefined")
    assert stated["undefined"] == {"other-folds": size}
    assert stated["reasons"]["value"] == "other-folds"
    assert stated["floor"] is stated["replicate"] is stated["anchored"] is None
    folds = stated["strata"]["fold"]
    for place, (name, part) in zip(cards["holdout-perturbations"], folds.items(), strict=True):
        own = read(place)["metrics"]["discrimination-cosine"]
        assert name in {"1/2", "2/2"}
        told = {key: own[key] for key in ("value", "defined", "undefined", "interval", "replicate")}
        assert part == {**told, "floor": own["floor"]["value"]}
    assert set(found.document["systematic_variation"].values()) == {None}
    text = render_scorecard(found)
    assert "other-folds" in text
    assert "compare conditions of a context, which several folds test" in text
    whole = pool(cards["holdout-contexts"])
    assert whole.value("discrimination-cosine") is not None
    assert None not in whole.document["systematic_variation"].values()


def test_a_pooled_card_follows_its_schema_and_says_what_it_was_made_of(
    cards: dict[str, list[Path]], tmp_path: Path
) -> None:
    found = pool(cards["holdout-contexts"])
    document = json.loads(found.to_json())
    assert list(schema_faults(document, "1.0", "scorecard", base="")) == []
    (tmp_path / "card.json").write_text(found.to_json(), encoding="utf-8")
    assert validate(tmp_path / "card.json").verdict == "valid"
    parts = [read(place) for place in cards["holdout-contexts"]]
    inputs = document["inputs"]
    assert [fold["fold"] for fold in inputs["folds"]] == ["1/2", "2/2"]
    assert inputs["strategy"] == {
        "name": "holdout-contexts",
        "seed": 1,
        "parameters": {},
        "folds": 2,
    }
    for fold, part in zip(inputs["folds"], parts, strict=True):
        for name in ("split", "reference", "predictions"):
            assert fold[name] == part["inputs"][name]
    assert document["claim"] == parts[0]["claim"] == "unseen-context"
    assert document["model"] == parts[0]["model"]
    assert " split:tiny/holdout-contexts@2-of-2-folds#" in found.signature
    flags = [{**flag, "fold": f"{k}/2"} for k, p in enumerate(parts, 1) for flag in p["flags"]]
    assert document["flags"] == flags


def test_strata_are_those_of_the_union(
    families: dict[str, list[tiny.Screen]], cards: dict[str, list[Path]]
) -> None:
    """The border between strong and weak is that of all conditions, not of each fold's own."""
    strategy = "holdout-perturbations"
    counts = {
        key: int((row < 0.05).sum())
        for fold, place in zip(families[strategy], cards[strategy], strict=True)
        for key, row in zip(
            read(place)["by_condition"]["conditions"],
            ZarrStore(str(fold.reference)).array("/layers/fdr"),
            strict=True,
        )
    }
    border = np.median([count for count in counts.values() if count])
    strata = pool(cards[strategy]).document["metrics"]["mae"]["strata"]
    sizes = {name: part["defined"] for name, part in strata["effect"].items()}
    expected = {
        "strong": sum(count >= border for count in counts.values()),
        "weak": sum(0 < count < border for count in counts.values()),
        "null": sum(not count for count in counts.values()),
    }
    assert sizes == {name: number for name, number in expected.items() if number}
    assert sum(part["defined"] for part in strata["training-contexts"].values()) == len(counts)


def other_seed(folder: Path, screen: tiny.Screen) -> Path:
    return scored(made(folder, screen, "holdout-perturbations", "2/2", seed=5))


def other_number(folder: Path, screen: tiny.Screen) -> Path:
    return scored(made(folder, screen, "holdout-perturbations", "2/3"))


def other_parameters(folder: Path, screen: tiny.Screen) -> Path:
    plan = {"parameters": {"validation": "0.3"}}
    return scored(made(folder, screen, "holdout-perturbations", "2/2", **plan))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (other_seed, "/strategy/seed is 1 in one and 5 in the other"),
        (other_number, "/strategy/folds is 2 in one and 3 in the other"),
        (other_parameters, "/strategy/parameters/validation is absent in one and 0.3 in"),
    ],
)
def test_folds_of_other_families_are_refused(
    make: Callable[[Path, tiny.Screen], Path],
    named: str,
    screen: tiny.Screen,
    cards: dict[str, list[Path]],
    tmp_path: Path,
) -> None:
    other = make(tmp_path / "other", screen)
    with pytest.raises(Mismatch, match="not folds of one family") as raised:
        pool([cards["holdout-perturbations"][0], other])
    assert named in str(raised.value)


@pytest.mark.parametrize(
    ("member", "value", "named"),
    [
        ("model", {"name": "another", "version": "0"}, "/model/name"),
        ("simulated", False, "/simulated"),
        ("level", "profiles", "/level"),
        ("suites", ["core-1.0", "vcc-2025"], "/suites"),
        ("bootstrap", {"resamples": 10, "seed": 0}, "/bootstrap/resamples"),
        ("tool", {"vcspec": "0.0.0"}, "/tool/vcspec"),
    ],
)
def test_cards_that_differ_in_the_question_are_refused(
    member: str, value: Any, named: str, cards: dict[str, list[Path]], tmp_path: Path
) -> None:
    first, second = cards["holdout-perturbations"]
    shutil.copytree(second.parent, tmp_path / "second")
    other = changed(second, tmp_path / "second" / "card.json", **{member: value})
    with pytest.raises(Mismatch, match=named):
        pool([first, other])


def test_strategies_are_not_mixed(cards: dict[str, list[Path]]) -> None:
    with pytest.raises(Mismatch, match="/claim is"):
        pool([cards["holdout-perturbations"][0], cards["holdout-contexts"][1]])


def test_a_fold_that_is_missing_or_there_twice_is_told(
    screen: tiny.Screen, cards: dict[str, list[Path]], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="two folds or more"):
        pool(cards["holdout-perturbations"][:1])
    first = cards["holdout-perturbations"][0]
    with pytest.raises(UsageError, match="the same scorecard"):
        pool([first, first])
    shutil.copytree(first.parent, tmp_path / "again")
    again = changed(first, tmp_path / "again" / "card.json", training="not declared", coverage=0.5)
    with pytest.raises(UsageError, match="both of fold 1/2"):
        pool([first, again])
    thirds = [
        scored(made(tmp_path / f"third{k}", screen, "holdout-perturbations", f"{k}/3"))
        for k in (1, 3)
    ]
    with pytest.raises(UsageError, match="no scorecard is of fold 2/3"):
        pool(thirds)
    found = pool(thirds, partial=True).document
    assert found["inputs"]["missing"] == ["2/3"]
    assert "@2-of-3-folds#" in found["signature"]
    assert "folds without a scorecard: 2/3" in render_scorecard(pool(thirds, partial=True))


def test_folds_that_test_one_condition_twice_are_refused(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    """Pairs of which one member is new: a pair stands in the fold of either member."""
    folds = []
    for k in (1, 2):
        folder = tmp_path / f"fold{k}"
        folds.append(scored(made(folder, screen, "holdout-one-member", f"{k}/2")))
    keys = [set(read(place)["by_condition"]["conditions"]) for place in folds]
    if not keys[0] & keys[1]:
        pytest.fail("the folds do not overlap; the test needs others")
    with pytest.raises(Mismatch, match=r"both test \S+; pooled folds test each condition once"):
        pool(folds)


def test_a_split_that_is_no_fold_is_refused(screen: tiny.Screen, tmp_path: Path) -> None:
    places = []
    for number, name in enumerate(("no-change", "context-mean")):
        folder = tmp_path / str(number)
        folder.mkdir()
        baseline(name, screen.split, screen.dataset, folder / "model.zarr")
        card = score(folder / "model.zarr", split=screen.split, reference=screen.reference)
        (folder / "card.json").write_text(card.to_json(), encoding="utf-8")
        places.append(folder / "card.json")
    given = {"splits": [screen.split], "references": [screen.reference]}
    with pytest.raises(UsageError, match="tiny/unseen, which is no fold"):
        pool(places, **given)


def test_what_was_pooled_is_not_pooled_again(cards: dict[str, list[Path]], tmp_path: Path) -> None:
    (tmp_path / "pooled.json").write_text(pool(cards["holdout-contexts"]).to_json(), "utf-8")
    with pytest.raises(UsageError, match="pooled already"):
        pool([tmp_path / "pooled.json", cards["holdout-contexts"][0]])


def test_splits_and_references_are_found_beside_or_named(
    families: dict[str, list[tiny.Screen]], cards: dict[str, list[Path]], tmp_path: Path
) -> None:
    folds, places = families["holdout-contexts"], cards["holdout-contexts"]
    alone = [Path(shutil.copy(place, tmp_path / f"{at}.json")) for at, place in enumerate(places)]
    with pytest.raises(UsageError, match="name it with --split"):
        pool(alone)
    splits = [fold.split for fold in folds]
    with pytest.raises(UsageError, match="name it with --reference"):
        pool(alone, splits=splits)
    found = pool(alone, splits=splits, references=[fold.reference for fold in folds])
    assert found.to_json() == pool(places).to_json()


def copied(fold: tiny.Screen, folder: Path) -> tiny.Screen:
    """The fold again, for a test that changes it."""
    shutil.copytree(fold.folder, folder)
    places = (folder / f"{name}.zarr" for name in ("split", "ref", "model"))
    return tiny.Screen(folder, fold.dataset, *places)


def without_one(fold: tiny.Screen, folder: Path) -> tuple[tiny.Screen, str]:
    """A copy of the fold whose predictions lack a condition, and its key."""
    part = copied(fold, folder)
    whole = replace(part, predictions=part.predictions.rename(folder / "whole.zarr"))
    (lost, _), *rest = tiny.predicted(whole)
    tiny.predict_some(whole, part.predictions, dict(rest))
    return part, lost


def test_what_is_missing_gets_the_worst_value_of_all_folds(
    families: dict[str, list[tiny.Screen]], tmp_path: Path
) -> None:
    first, second = families["holdout-contexts"]
    part, lost = without_one(second, tmp_path / "part")
    far = copied(first, tmp_path / "far")
    shutil.rmtree(far.predictions)
    tiny.predict(far, far.predictions, {key: cells + 1 for key, cells in tiny.predicted(far)})
    places = [scored(far), scored(part, partial=True)]
    found = pool(places)
    assert found.document["missing"] == [lost]
    assert found.document["coverage"] == pytest.approx(1 - 1 / len(found.conditions))
    place, row = found.conditions.index(lost), found.metrics.index("mae")
    assert found.values[row, place] == np.delete(found.values[row], place).max()
    own = read(places[1])["by_condition"]
    assert own["values"][row][own["conditions"].index(lost)] < found.values[row, place]
    assert found.values[found.metrics.index("pearson-delta"), place] == -1


def test_folds_that_were_scored_without_a_reference_are_pooled_without_anchors(
    families: dict[str, list[tiny.Screen]], tmp_path: Path
) -> None:
    places = []
    for at, fold in enumerate(families["holdout-contexts"]):
        card = score(fold.predictions, dataset=fold.dataset)
        places.append(tmp_path / f"{at}.json")
        places[-1].write_text(card.to_json(), encoding="utf-8")
    splits = [fold.split for fold in families["holdout-contexts"]]
    document = pool(places, splits=splits).document
    stated = document["metrics"]["mae"]
    assert stated["value"] is not None
    assert stated["reasons"]["floor"] == "no-reference"
    assert {*stated["strata"]} == {"training-contexts", "fold"}
    assert document["inputs"]["folds"][0]["reference"] is None
    assert " reference:none " in document["signature"]
    with_reference = scored(families["holdout-contexts"][1])
    with pytest.raises(Mismatch, match="/inputs/reference is None in one and given in the other"):
        pool([places[0], with_reference], splits=splits)


def test_pooled_cards_are_compared_and_never_with_single_ones(
    families: dict[str, list[tiny.Screen]], cards: dict[str, list[Path]], tmp_path: Path
) -> None:
    strategy = "holdout-contexts"
    pooled = []
    for name in ("", "no-change"):
        places = cards[strategy]
        if name:
            places = []
            for at, fold in enumerate(families[strategy]):
                store = tmp_path / f"{name}{at}.zarr"
                baseline(name, fold.split, fold.dataset, store)
                card = score(store, split=fold.split, reference=fold.reference)
                places.append(fold.folder / f"{name}.json")
                places[-1].write_text(card.to_json(), encoding="utf-8")
        pooled.append(tmp_path / f"pooled{name}.json")
        pooled[-1].write_text(pool(places).to_json(), encoding="utf-8")
    league = compare(pooled)
    document = json.loads(league.to_json())
    assert list(schema_faults(document, "1.0", "comparison", base="")) == []
    assert [len(model["predictions"]) for model in document["models"]] == [2, 2]
    assert "tiny/holdout-contexts@2-of-2-folds" in render_league(league)
    folds = [one["fold"] for one in read(pooled[0])["inputs"]["folds"]]
    assert list(compare(pooled, within="fold").document["agreement"]["parts"]) == folds
    with pytest.raises(Mismatch, match="different questions"):
        compare([pooled[0], cards[strategy][0]])


def test_a_pooled_card_is_verified_by_pooling_again(
    cards: dict[str, list[Path]], tmp_path: Path
) -> None:
    for place in cards["holdout-contexts"]:
        shutil.copytree(place.parent, tmp_path / place.parent.name)
    target = tmp_path / "pooled.json"
    target.write_text(pool(cards["holdout-contexts"]).to_json(), encoding="utf-8")
    assert verify(target).identical
    other = read(target)
    other["metrics"]["mae"]["value"] += 0.01
    target.write_bytes(rfc8785.dumps(other))
    found = verify(target)
    assert (found.agrees, found.difference) == (False, "/metrics/mae/value")
    shutil.rmtree(tmp_path / cards["holdout-contexts"][0].parent.name)
    with pytest.raises(UsageError, match="of fold 1/2 stands beside"):
        verify(target)


def test_what_folds_declare_of_their_training_is_kept_apart_where_it_differs(
    families: dict[str, list[tiny.Screen]], tmp_path: Path
) -> None:
    places = []
    for at, fold in enumerate(families["holdout-contexts"]):
        mine = copied(fold, tmp_path / str(at))
        shutil.rmtree(mine.predictions)
        declared = {"datasets": ["tiny", f"extra-{at}"], "corpora": [], "priors": []}
        tiny.predict(mine, mine.predictions, dict(tiny.predicted(mine)), training=declared)
        places.append(scored(mine))
    training = pool(places).document["training"]
    assert training["datasets"] == ["extra-0", "extra-1", "tiny"]
    assert training["by_fold"]["2/2"]["datasets"] == ["tiny", "extra-1"]


def test_the_command_writes_the_pooled_card(
    cards: dict[str, list[Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = tmp_path / "pooled.json"
    places = map(str, cards["holdout-contexts"])
    monkeypatch.setattr("sys.argv", ["vcspec", "pool", *places, "-o", str(target), "--strata"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert target.read_text("utf-8") == pool(cards["holdout-contexts"]).to_json()
    shown = capsys.readouterr().out
    assert "tiny/holdout-contexts@2-of-2-folds" in shown
    assert "by fold" in shown
