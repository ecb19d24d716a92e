"""Scorecards beside each other: what is refused, and what is said of the rest."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rfc8785
from scipy import stats
from support import tiny

from vcspec.actions.compare import compare
from vcspec.actions.predict import baseline
from vcspec.actions.score import score
from vcspec.actions.validate import validate
from vcspec.model.errors import Invalid, Mismatch, UsageError
from vcspec.model.league import AGREEMENT_COLUMNS, COLUMNS, PAIR_COLUMNS
from vcspec.model.scorecard import Scorecard, table_digest
from vcspec.render.league_text import render_csv, render_league
from vcspec.rules.documents import schema_faults
from vcspec.standard import standard

HEADLINE = standard().suites["core-1.0"]["headline"]


@pytest.fixture(scope="module")
def cards(screen: tiny.Screen, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Scorecards of the tiny model and of two baselines."""
    folder = tmp_path_factory.mktemp("cards")
    stores = [screen.predictions]
    for name in ("no-change", "context-mean"):
        stores.append(folder / f"{name}.zarr")
        baseline(name, screen.split, screen.dataset, stores[-1])
    places = []
    for store in stores:
        card = score(store, split=screen.split, reference=screen.reference)
        places.append(folder / f"{store.stem}.json")
        places[-1].write_text(card.to_json(), encoding="utf-8")
    return places


def changed(card: Path, target: Path, pointer: str, value: Any) -> Path:
    """A copy of a card with one member changed, its digest kept in order."""
    document = json.loads(card.read_text("utf-8"))
    *way, last = pointer.split("/")[1:]
    place = document
    for part in way:
        place = place[part]
    place[last] = value
    if "by_condition" in document:
        found = Scorecard.of(document)
        parts = (found.metrics, found.conditions, found.values, found.reasons)
        document["table"] = table_digest(*parts)
    target.write_bytes(rfc8785.dumps(document))
    return target


def test_a_comparison_follows_its_schema_and_is_canonical(cards: list[Path]) -> None:
    league = compare(cards)
    document = json.loads(league.to_json())
    assert list(schema_faults(document, "1.0", "comparison", base="")) == []
    assert league.to_json().encode() == rfc8785.dumps(document)
    assert league.to_json() == compare(cards).to_json()
    assert league.names == ["a-model", "no-change", "context-mean"]


def test_a_split_on_which_no_headline_metric_can_tell_anything_is_said_to_rank_nobody(cards):
    league = compare(cards)
    read = json.loads(cards[0].read_text("utf-8"))["metrics"]
    for metric, found in league.document["metrics"].items():
        calibration = read[metric]["calibration"]
        assert found["informative"] == (calibration and calibration["informative"])
    for informative in (True, False, None):
        for metric in HEADLINE:
            league.document["metrics"][metric]["informative"] = informative
        assert ("cannot rank models" in render_league(league)) == (informative is False)


def test_values_and_ranks_are_those_of_the_cards(cards: list[Path]) -> None:
    found = compare(cards).document
    read = [json.loads(card.read_text("utf-8")) for card in cards]
    for metric, table in found["metrics"].items():
        values = [card["metrics"][metric]["value"] for card in read]
        assert [model["value"] for model in table["models"]] == pytest.approx(values, abs=1e-9)
        sign = -1 if table["direction"] == "higher" else 1
        ranks = stats.rankdata(sign * np.round(values, 10))
        assert [model["rank"] for model in table["models"]] == list(ranks)
        for pair in table["pairs"]:
            one, other = pair["models"]
            assert pair["difference"] == pytest.approx(values[one] - values[other], abs=1e-9)
            low, high = pair["interval"]["low"], pair["interval"]["high"]
            assert low - 1e-9 <= pair["difference"] <= high + 1e-9
    counted = found["overall"]["counted"]
    ranks = np.mean([[m["rank"] for m in found["metrics"][n]["models"]] for n in counted], axis=0)
    assert [model["value"] for model in found["overall"]["models"]] == pytest.approx(ranks)
    assert set(counted) | set(found["overall"]["left_out"]) == set(HEADLINE)


def test_an_average_counts_no_quantity_twice(
    cards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = {**standard().suites["core-1.0"], "headline": ["mse", "mae", "rmse"]}
    monkeypatch.setitem(standard().__dict__, "suites", {"core-1.0": suite})
    for metric in suite["headline"]:  # all tell something here
        pointer = f"/metrics/{metric}/calibration/informative"
        cards = [changed(card, tmp_path / card.name, pointer, value=True) for card in cards]
    overall = compare(cards).document["overall"]
    assert overall["counted"] == ["mse", "mae"]
    assert overall["left_out"] == {"rmse": "a function of mse"}


def test_an_average_counts_no_metric_that_tells_nothing_here(cards, tmp_path, monkeypatch):
    suite = {**standard().suites["core-1.0"], "headline": ["mae", "pearson-delta"]}
    monkeypatch.setitem(standard().__dict__, "suites", {"core-1.0": suite})
    known = [json.loads(card.read_text("utf-8"))["metrics"] for card in cards]
    assert all(one["pearson-delta"]["calibration"]["informative"] for one in known)
    for metric, left_out in (("mae", {"mae": "not informative here"}), ("pearson-delta", {})):
        pointer = f"/metrics/{metric}/calibration/informative"
        cards = [changed(card, tmp_path / card.name, pointer, value=False) for card in cards]
        overall = compare(cards).document["overall"]
        assert overall["left_out"] == left_out  # none where no metric tells anything
        assert overall["counted"] == [name for name in suite["headline"] if name not in left_out]


def test_the_better_model_comes_first(cards: list[Path]) -> None:
    text = render_league(compare(cards[::-1]))
    rows = [line.split()[0] for line in text.splitlines()[3:6]]
    assert rows[0] == "a-model"


@pytest.mark.parametrize(
    ("pointer", "value", "named"),
    [
        ("/inputs/split/version", "9.9.9", "/inputs/split/version"),
        ("/claim", "unseen-context", "/claim"),
        ("/bootstrap/seed", 1, "/bootstrap/seed"),
        ("/values/target_sum", 77, "/values/target_sum"),
        ("/tool/vcspec", "0.0.0", "/tool/vcspec"),
        ("/inputs/reference", None, "/inputs/reference"),
    ],
)
def test_cards_of_different_questions_are_refused(
    cards: list[Path], tmp_path: Path, pointer: str, value: Any, named: str
) -> None:
    other = changed(cards[1], tmp_path / "other.json", pointer, value)
    with pytest.raises(Mismatch, match="different questions") as raised:
        compare([cards[0], other])
    assert named in str(raised.value)
    assert str(other) in str(raised.value)


def test_the_headlines_of_all_suites_count(screen: tiny.Screen, tmp_path: Path) -> None:
    cards = []
    suites = ("systema", "core-1.0")
    for name in ("no-change", "context-mean"):
        baseline(name, screen.split, screen.dataset, tmp_path / f"{name}.zarr")
        card = score(
            tmp_path / f"{name}.zarr",
            split=screen.split,
            reference=screen.reference,
            suites=suites,
        )
        cards.append(tmp_path / f"{name}.json")
        cards[-1].write_text(card.to_json(), encoding="utf-8")
    league = compare(cards)
    overall = league.document["overall"]
    heads = {"pearson-delta-centred", "centroid-accuracy", *HEADLINE}
    assert set(overall["counted"]) | set(overall["left_out"]) == heads
    text = render_league(league)
    assert "suite systema, core-1.0" in text
    assert all(f"\n{metric} " in text for metric in heads)
    other = changed(cards[1], tmp_path / "other.json", "/suites", list(suites[::-1]))
    with pytest.raises(Mismatch, match="/suites"):
        compare([cards[0], other])


def test_a_changed_value_is_found(cards: list[Path], tmp_path: Path) -> None:
    document = json.loads(cards[0].read_text("utf-8"))
    document["by_condition"]["values"][0][0] = 0.123
    (tmp_path / "card.json").write_bytes(rfc8785.dumps(document))
    assert validate(tmp_path / "card.json").codes == ("VCS615",)
    with pytest.raises(Invalid):
        compare([tmp_path / "card.json", cards[1]])


@pytest.mark.parametrize("member", ["values", "reasons", "contexts"])
def test_a_table_of_another_shape_is_found(cards: list[Path], tmp_path: Path, member: str) -> None:
    document = json.loads(cards[0].read_text("utf-8"))
    del document["by_condition"][member][0]
    (tmp_path / "card.json").write_bytes(rfc8785.dumps(document))
    assert validate(tmp_path / "card.json").codes == ("VCS615",)


def without_metric(table: dict[str, Any]) -> None:
    for member in ("metrics", "values", "reasons"):
        del table[member][0]


def without_conditions(table: dict[str, Any]) -> None:
    table.update(conditions=[], contexts=[])
    for row in table["values"]:
        row.clear()


def with_a_condition_twice(table: dict[str, Any]) -> None:
    table["conditions"][0] = table["conditions"][1]


def without_reasons(table: dict[str, Any]) -> None:
    table["values"][0] = [None] * len(table["values"][0])
    table["reasons"][0] = []


def beyond_numbers(table: dict[str, Any]) -> None:
    at = table["metrics"].index("mae")
    table["values"][at] = [1e300] * len(table["values"][at])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (without_metric, "VCS615"),
        (without_conditions, "VCS615"),
        (with_a_condition_twice, "VCS615"),
        (without_reasons, "VCS615"),
        (beyond_numbers, "VCS612"),
    ],
)
def test_a_table_that_fits_its_digest_and_not_its_card_is_found(
    change: Callable[[dict[str, Any]], None], code: str, cards: list[Path], tmp_path: Path
) -> None:
    document = json.loads(cards[0].read_text("utf-8"))
    change(document["by_condition"])
    found = Scorecard.of(document)
    parts = (found.metrics, found.conditions, found.values, found.reasons)
    document["table"] = table_digest(*parts)
    (tmp_path / "card.json").write_bytes(rfc8785.dumps(document))
    assert validate(tmp_path / "card.json").codes == (code,)
    with pytest.raises(Invalid):
        compare([tmp_path / "card.json", cards[1]])


def test_a_card_that_discloses_no_values_by_condition_cannot_be_compared(
    cards: list[Path], tmp_path: Path
) -> None:
    document = json.loads(cards[0].read_text("utf-8"))
    del document["by_condition"]
    (tmp_path / "card.json").write_bytes(rfc8785.dumps(document))
    assert validate(tmp_path / "card.json").verdict == "valid"
    with pytest.raises(UsageError, match="no values by condition"):
        compare([tmp_path / "card.json", cards[1]])


def test_one_card_or_one_twice_is_no_comparison(cards: list[Path]) -> None:
    with pytest.raises(UsageError, match="two or more"):
        compare(cards[:1])
    with pytest.raises(UsageError, match="the same scorecard"):
        compare([cards[0], cards[1], cards[0]])


def test_models_of_one_name_are_told_apart(cards: list[Path], tmp_path: Path) -> None:
    newer = changed(cards[0], tmp_path / "newer.json", "/model/version", "2")
    assert compare([cards[0], newer]).names == ["a-model 0", "a-model 2"]
    again = changed(cards[0], tmp_path / "again.json", "/training", {"datasets": ["x"]})
    assert all("(" in name for name in compare([cards[0], again]).names)


def test_coverage_is_shown_where_it_is_not_whole(cards: list[Path], tmp_path: Path) -> None:
    assert "coverage" not in render_league(compare(cards))
    part = changed(cards[1], tmp_path / "part.json", "/coverage", 0.5)
    assert "50%" in render_league(compare([cards[0], part]))


def test_levels_are_shown_where_they_differ(cards: list[Path], tmp_path: Path) -> None:
    assert "level" not in render_league(compare(cards))
    other = changed(cards[1], tmp_path / "other.json", "/level", "profiles")
    assert "profiles" in render_league(compare([cards[0], other]))


def test_csv_has_a_row_for_each_metric_and_model(cards: list[Path]) -> None:
    league = compare(cards)
    rows = list(csv.DictReader(io.StringIO(render_csv(league))))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 3 * (len(league.document["metrics"]) + 1)
    assert {row["model"] for row in rows} == set(league.names)
    assert rows[-1]["metric"] == "mean-rank"


def test_text_shows_pairs_and_all_metrics_when_asked(cards: list[Path]) -> None:
    league = compare(cards)
    short, long = render_league(league), render_league(league, pairs=True, every=True)
    assert "a-model − no-change" in long
    assert "a-model − no-change" not in short
    assert "de-auroc" in long
    assert "de-auroc" not in short


def with_strata(
    cards: list[Path], folder: Path, told: dict[str, dict[str, list[float | None]]]
) -> list[Path]:
    """Copies of cards with other means by effect: metric → stratum → a value for each card."""
    made = []
    for at, card in enumerate(cards):
        document = json.loads(card.read_text("utf-8"))
        for metric, strata in told.items():
            document["metrics"][metric]["strata"]["effect"] = {
                part: {"value": values[at], "defined": 4, "undefined": {}, "interval": None}
                for part, values in strata.items()
            }
        made.append(folder / card.name)
        made[-1].write_bytes(rfc8785.dumps(document))
    return made


BY_EFFECT: dict[str, dict[str, list[float | None]]] = {
    "mae": {"strong": [0.1, 0.3, 0.2], "weak": [0.1, 0.2, 0.2]},
    "cosine-delta": {"strong": [0.9, 0.1, 0.5], "weak": [0.3, 0.1, 0.5]},
    "spearman-lfc": {"strong": [0.1, 0.2, 0.3], "weak": [None, None, None]},
}


def test_metrics_agree_within_the_strata_that_are_asked_for(
    cards: list[Path], tmp_path: Path
) -> None:
    made = with_strata(cards, tmp_path, BY_EFFECT)
    league = compare(made, within="effect")
    assert list(schema_faults(json.loads(league.to_json()), "1.0", "comparison", base="")) == []
    found = league.document["agreement"]
    assert found["within"] == "effect"
    place = [found["metrics"].index(metric) for metric in BY_EFFECT]
    sign = {"mae": -1}
    for one, a in zip(BY_EFFECT, place, strict=True):
        for other, b in zip(BY_EFFECT, place, strict=True):
            known = []
            for part in ("strong", "weak"):
                sides = [(BY_EFFECT[m][part], sign.get(m, 1)) for m in (one, other)]
                tau = found["parts"][part][a][b]
                if None in [*sides[0][0], *sides[1][0]]:
                    assert tau is None
                    continue
                expected = stats.kendalltau(*(np.array(v) * s for v, s in sides)).statistic
                assert tau == pytest.approx(expected, abs=1e-9)
                known.append(expected)
            assert found["kendall"][a][b] == pytest.approx(np.mean(known), abs=1e-9)


def test_strata_of_other_conditions_agree_with_nothing(cards: list[Path], tmp_path: Path) -> None:
    made = with_strata(cards, tmp_path, BY_EFFECT)
    pointer = "/metrics/mae/strata/effect/strong/defined"
    made[1] = changed(made[1], tmp_path / "fewer.json", pointer, 3)
    found = compare(made, within="effect").document["agreement"]
    at = found["metrics"].index("mae")
    assert set(found["parts"]["strong"][at]) == {None}
    assert set(found["parts"]["weak"][at]) != {None}


def test_agreement_is_within_contexts_unless_asked_otherwise(cards: list[Path]) -> None:
    league = compare(cards)
    found, read = league.document["agreement"], [json.loads(c.read_text("utf-8")) for c in cards]
    contexts = list(dict.fromkeys(read[0]["by_condition"]["contexts"]))
    assert (found["within"], list(found["parts"])) == ("context", contexts)
    one, other = (found["metrics"].index(name) for name in ("mae", "cosine-delta"))
    for context in contexts:
        mae, cosine = (
            [card["metrics"][name]["contexts"][context]["value"] for card in read]
            for name in ("mae", "cosine-delta")
        )
        expected = stats.kendalltau(-np.array(mae), cosine).statistic
        assert found["parts"][context][one][other] == pytest.approx(expected, abs=1e-9)


def test_strata_that_no_card_tells_are_refused(cards: list[Path]) -> None:
    with pytest.raises(UsageError, match="by fold; they tell context, effect, training-contexts"):
        compare(cards, within="fold")


def test_text_shows_how_metrics_agree_when_asked(cards: list[Path]) -> None:
    league = compare(cards, within="training-contexts")
    assert "Kendall" not in render_league(league)  # one headline metric agrees with itself
    assert render_league(league, every=True).count("Kendall's tau") == 1
    text = render_league(league, agreement=True, width=80)
    assert text.count("within training-contexts: mean") == 1
    assert "within training-contexts: 0" in text
    assert "spearman-lfc" in text
    assert max(map(len, text.splitlines()[:-2])) <= 80


def test_csv_holds_pairs_or_agreement_when_asked(cards: list[Path]) -> None:
    league = compare(cards, within="effect")
    rows = list(csv.DictReader(io.StringIO(render_csv(league, "pairs"))))
    assert tuple(rows[0]) == PAIR_COLUMNS
    assert len(rows) == 3 * (len(league.document["metrics"]) + 1)
    pair = league.document["metrics"]["mae"]["pairs"][1]
    row = [row for row in rows if row["metric"] == "mae"][1]
    assert (row["model"], row["other"]) == ("a-model", "context-mean")
    assert float(row["difference"]) == pair["difference"]
    found = league.document["agreement"]
    rows = list(csv.DictReader(io.StringIO(render_csv(league, "agreement"))))
    assert tuple(rows[0]) == AGREEMENT_COLUMNS
    size = len(found["metrics"])
    assert len(rows) == (1 + len(found["parts"])) * size * (size - 1) // 2
    assert [row["part"] for row in rows[:: size * (size - 1) // 2]] == ["", *found["parts"]]
