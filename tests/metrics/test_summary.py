from typing import Any

import numpy as np
import pytest

from vcspec.metrics.summary import error_over_cuts, floor_of, mean_of, summary
from vcspec.model.comparison import Scores
from vcspec.rules.documents import validator
from vcspec.standard import standard

NAN = np.nan
CONTEXTS = ["x", "x", "y", "y"]


def scores(values: list[float], reason: str = "no-weights") -> Scores:
    return Scores.of(np.array(values), np.isnan(values), reason)


def anchors(**values: list[float]) -> dict[str, np.ndarray]:
    return {name.replace("_", "-"): np.array(found) for name, found in values.items()}


SOUND = anchors(
    replicate=[0.9, 0.9, 0.8, 0.8],
    no_change=[0.1, 0.1, 0.1, 0.3],
    context_mean=[0.2, 0.2, 0.2, 0.2],
)


HIGHER = {"direction": "higher", "per": "condition", "perfect": 1.0}
LOWER = {"direction": "lower", "per": "condition", "perfect": 0.0}


def told(values: list[float], found: dict[str, np.ndarray], entry: Any = HIGHER) -> Any:
    return summary(scores(values), found, CONTEXTS, entry)


def test_a_summary_states_value_floor_replicate_and_the_anchored_value() -> None:
    found = told([0.5, 0.5, 0.6, 0.6], SOUND)
    assert found["value"] == pytest.approx(0.55)
    assert found["floor"] == {"baseline": "context-mean", "value": pytest.approx(0.2)}
    assert found["replicate"] == pytest.approx(0.85)
    assert found["anchored"] == pytest.approx((0.55 - 0.2) / (0.85 - 0.2))
    assert found["anchored_interval"]["low"] <= found["anchored"]
    assert found["anchored"] <= found["anchored_interval"]["high"]
    assert (found["status"], found["defined"], found["undefined"]) == ("scored", 4, {})
    assert found["reasons"] == {}


def test_the_floor_is_the_best_baseline_in_the_metrics_direction() -> None:
    values = anchors(a=[1.0, 3.0], b=[1.0, 1.0], c=[NAN, 0.5], d=[NAN, NAN])
    assert floor_of(values, ["a", "b", "c", "d"], "higher") == ("a", 2.0)
    assert floor_of(values, ["a", "b", "c", "d"], "lower") == ("c", 0.5)
    assert floor_of(values, ["a", "b"], "lower") == ("b", 1.0)
    assert floor_of(values, ["d"], "lower") is None
    assert floor_of(values, [], "lower") is None


def test_equally_good_baselines_are_told_apart_by_their_order() -> None:
    values = anchors(b=[1.0], a=[1.0])
    assert floor_of(values, ["b", "a"], "higher") == ("b", 1.0)


def test_the_floor_scores_exactly_zero_and_the_replicate_exactly_one() -> None:
    floor = SOUND["context-mean"].tolist()
    assert told(floor, SOUND)["anchored"] == 0
    assert told(floor, SOUND)["anchored_interval"] == {"low": 0, "high": 0}
    assert told(SOUND["replicate"].tolist(), SOUND)["anchored"] == 1


def test_an_anchored_value_is_not_clipped() -> None:
    assert told([1.0] * 4, SOUND)["anchored"] > 1
    assert told([0.0] * 4, SOUND)["anchored"] < 0


def test_the_anchored_value_is_over_the_conditions_that_define_all_three() -> None:
    some = anchors(replicate=[1.0, 1.0, 1.0, NAN], a=[0.0, 0.5, 0.0, 0.0])
    found = told([0.25, 0.75, NAN, 0.9], some)
    assert found["value"] == pytest.approx((0.25 + 0.75 + 0.9) / 3)
    assert found["floor"]["value"] == 0.125
    assert found["anchored"] == pytest.approx((0.5 - 0.25) / (1 - 0.25))


def test_no_condition_that_defines_all_three_leaves_no_anchored_value() -> None:
    found = told([NAN, NAN, 0.5, 0.5], anchors(replicate=[1.0, 1.0, NAN, NAN], a=[0.0] * 4))
    assert found["anchored"] is None
    assert found["reasons"]["anchored"] == "replicate-undefined"


def test_lower_may_be_better() -> None:
    found = told([2.0] * 4, anchors(replicate=[1.0] * 4, a=[3.0] * 4, b=[5.0] * 4), LOWER)
    assert found["floor"] == {"baseline": "a", "value": 3.0}
    assert found["anchored"] == 0.5


def test_conditions_without_a_value_are_counted_by_reason_and_by_context() -> None:
    found = told([0.5, NAN, NAN, NAN], SOUND)
    assert found["value"] == 0.5
    assert (found["defined"], found["undefined"]) == (1, {"no-weights": 3})
    x = {"value": 0.5, "defined": 1, "undefined": {"no-weights": 1}}
    y = {"value": None, "defined": 0, "undefined": {"no-weights": 2}}
    assert found["contexts"] == {
        "x": {**x, "floor": 0.2, "replicate": 0.9},
        "y": {**y, "floor": 0.2, "replicate": 0.8},
    }
    assert found["interval"] is None
    assert found["reasons"]["interval"] == "fewer-than-two-conditions"
    assert found["reasons"]["anchored_interval"] == "fewer-than-two-conditions"


def test_contexts_keep_the_order_of_their_first_condition() -> None:
    values = scores([1.0, 2.0, 3.0])
    found = summary(values, anchors(replicate=[1.0] * 3, a=[0.0] * 3), ["y", "x", "y"], HIGHER)
    assert list(found["contexts"]) == ["y", "x"]
    assert found["contexts"]["y"]["value"] == 2.0


NULLS = {
    "value": ([NAN] * 4, SOUND, "value-undefined"),
    "floor": ([0.5] * 4, anchors(replicate=[0.9] * 4), "floor-undefined"),
    "floor without values": (
        [0.5] * 4,
        anchors(replicate=[0.9] * 4, a=[NAN] * 4),
        "floor-undefined",
    ),
    "replicate": (
        [0.5] * 4,
        anchors(replicate=[NAN] * 4, a=[0.1] * 4),
        "replicate-undefined",
    ),
    "replicate below the floor": (
        [0.5] * 4,
        anchors(replicate=[0.1] * 4, a=[0.9] * 4),
        "replicate-not-better-than-floor",
    ),
    "replicate at the floor": (
        [0.5] * 4,
        anchors(replicate=[0.9] * 4, a=[0.9] * 4),
        "replicate-not-better-than-floor",
    ),
}


@pytest.mark.parametrize("case", NULLS)
def test_there_is_no_anchored_value_without_its_reason(case: str) -> None:
    values, found, reason = NULLS[case]
    told_ = told(values, found)
    assert told_["anchored"] is None
    assert told_["reasons"]["anchored"] == reason
    assert told_["reasons"]["anchored_interval"] == reason


def test_a_replicate_that_crosses_the_floor_leaves_the_value_without_an_interval() -> None:
    crossing = anchors(replicate=[1.0, 1.0, 1.0, -1.0], a=[0.0] * 4)
    found = told([0.5] * 4, crossing)
    assert found["anchored"] == 1.0
    assert found["anchored_interval"] is None
    assert found["reasons"] == {"anchored_interval": "replicate-not-better-than-floor"}


SCHEMA = standard().schemas["scorecard"]
VALIDATOR = validator("1.0", "scorecard").evolve(schema={"$ref": f"{SCHEMA['$id']}#/$defs/metric"})
MEMBERS = ("value", "interval", "floor", "replicate", "anchored", "anchored_interval")


@pytest.mark.parametrize("case", [*NULLS, "sound", "one condition"])
def test_every_null_has_a_reason_of_the_vocabulary_and_the_schema_holds(case: str) -> None:
    values, found, _ = NULLS.get(case, ([0.5, 0.6, 0.7, 0.8], SOUND, ""))
    if case == "one condition":
        values = [0.5, NAN, NAN, NAN]
    told_ = told(values, found)
    assert {name for name in MEMBERS if told_[name] is None} == told_["reasons"].keys()
    terms = standard().vocabularies["undefined"]
    assert set(told_["reasons"].values()) <= terms.keys()
    VALIDATOR.validate({"definition": "0" * 64, "replicate_error": None, **told_})


def test_a_metric_that_needs_cells_is_not_applicable_to_profiles() -> None:
    values = scores([NAN] * 4, "needs-cells")
    found = summary(values, SOUND, CONTEXTS, HIGHER)
    assert (found["status"], found["value"]) == ("not-applicable", None)
    assert found["reasons"]["value"] == "needs-cells"
    assert summary(scores([NAN] * 4), SOUND, CONTEXTS, HIGHER)["status"] == "undefined"


def test_a_mean_is_over_the_conditions_that_have_a_value() -> None:
    assert mean_of(np.array([1.0, NAN, 3.0])) == 2.0
    assert mean_of(np.array([NAN])) is None


def test_a_metric_of_contexts_has_one_value_in_each() -> None:
    entry = {**HIGHER, "per": "context"}
    values = scores([0.2, 0.2, 0.8, 0.8])
    found = summary(values, {}, ["x", "x", "y", "y"], entry)
    assert (found["value"], found["defined"]) == (0.5, 4)
    assert found["interval"] == {"low": 0.2, "high": 0.8}
    alone = summary(scores([0.2] * 4), {}, ["x"] * 4, entry)
    assert alone["interval"] is None
    assert alone["reasons"]["interval"] == "fewer-than-two-conditions"


def test_strata_are_told_as_contexts_are() -> None:
    strata = {"effect": ["weak", "strong", "weak", "null"]}
    found = summary(scores([0.1, 0.2, 0.3, NAN]), {}, CONTEXTS, HIGHER, strata=strata)
    weak = found["strata"]["effect"]["weak"]
    assert (weak["value"], weak["defined"], weak["undefined"]) == (0.2, 2, {})
    assert found["strata"]["effect"]["null"]["undefined"] == {"no-weights": 1}


@pytest.mark.parametrize("per", ["condition", "context"])
def test_the_interval_of_a_stratum_is_that_of_its_conditions_alone(per: str) -> None:
    draw = np.random.default_rng(5)
    names = np.array([f"c{number % 3}" for number in range(24)])
    values = draw.random(24) if per == "condition" else draw.random(3)[np.arange(24) % 3]
    parts = np.where(draw.random(24) < 0.5, "weak", "strong")
    parts[0] = "null"
    entry = {**HIGHER, "per": per}
    strata = {"effect": parts.tolist()}
    found = summary(scores(values.tolist()), {}, names.tolist(), entry, strata=strata)
    for part in ("weak", "strong"):
        here = parts == part
        alone = summary(scores(values[here].tolist()), {}, names[here].tolist(), entry)
        assert found["strata"]["effect"][part]["interval"] == alone["interval"] is not None
    assert found["strata"]["effect"]["null"]["interval"] is None


def test_parts_stand_beside_their_own_anchors() -> None:
    strata = {"effect": ["weak", "strong", "weak", "null"]}
    found = summary(scores([0.1, 0.2, 0.3, NAN]), SOUND, CONTEXTS, HIGHER, strata=strata)
    assert found["floor"]["baseline"] == "context-mean"
    weak = found["strata"]["effect"]["weak"]
    assert (weak["floor"], weak["replicate"]) == (0.2, pytest.approx(0.85))
    y = found["contexts"]["y"]
    assert (y["value"], y["floor"], y["replicate"]) == (0.3, 0.2, 0.8)


def test_why_there_are_no_anchors_is_told() -> None:
    found = summary(scores([0.1] * 4), {}, CONTEXTS, HIGHER, without="not-in-reference")
    assert found["reasons"]["floor"] == found["reasons"]["anchored"] == "not-in-reference"
    assert found["calibration"] is None


@pytest.mark.parametrize("values", [[-1.0, 0.5, 0.5, 0.2], [0.5, 0.5, -1.0, 0.2]])
def test_what_is_gated_counts_wherever_it_stands_in_its_context(values: list[float]) -> None:
    """x holds 0.5 but for one of three conditions that scored the worst."""
    entry = {**HIGHER, "per": "context"}
    found = summary(scores(values), {}, ["x", "x", "x", "y"], entry)
    assert found["value"] == pytest.approx((0.0 + 0.2) / 2)
    assert found["contexts"]["x"]["value"] == pytest.approx(0)


def test_an_anchor_without_some_conditions_of_a_context_keeps_its_value() -> None:
    entry = {**HIGHER, "per": "context"}
    known = {**SOUND, "replicate": np.array([NAN, 0.9, 0.8, NAN])}
    found = summary(scores([0.5, 0.5, 0.4, 0.4]), known, CONTEXTS, entry)
    assert found["replicate"] == pytest.approx(0.85)
    nowhere = summary(scores([NAN, NAN, 0.4, 0.4]), known, CONTEXTS, entry)
    assert (nowhere["value"], nowhere["undefined"]) == (0.4, {"no-weights": 2})


def test_an_error_over_cuts_is_that_of_the_mean_that_is_told():
    cuts = np.array([[1.0, 1.0, 1.0, 5.0], [2.0, 2.0, 2.0, NAN], [4.0, 4.0, 4.0, 0.0]])
    contexts = ["x", "x", "x", "y"]
    means = {"condition": [2.0, 2.0, 3.0], "context": [3.0, 2.0, 2.0]}
    for per, wanted in means.items():
        error = np.std(wanted, ddof=1) / np.sqrt(3)
        assert error_over_cuts(cuts, contexts, per) == pytest.approx(error, abs=1e-9)
    assert np.isnan(error_over_cuts(np.full((3, 4), NAN), contexts, "condition"))
    assert np.isnan(error_over_cuts(np.vstack([cuts, cuts[:1] * NAN]), contexts, "context"))
