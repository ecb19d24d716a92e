"""Composites against the arithmetic of the published rule sets, written out."""

import json
from pathlib import Path

import numpy as np
import pytest

from vcspec.metrics.composite import composite
from vcspec.standard import standard

PACKAGE = json.loads(Path(__file__).with_name("composite_values.json").read_text("utf-8"))

INF = float("inf")
ENTRIES = {
    "gain": {"direction": "higher", "perfect": 1.0},
    "loss": {"direction": "lower", "perfect": 0.0},
}
VALUES = {"gain": np.array([0.5, np.nan, 0.7]), "loss": np.array([0.2, 0.4, np.nan])}
ANCHORS = {
    "gain": {"context-mean": np.array([0.2, 0.2, 0.2]), "replicate": np.array([0.8, 0.8, 0.8])},
    "loss": {"context-mean": np.array([0.5, 0.5, 0.5]), "replicate": np.array([0.1, 0.1, 0.1])},
}


def rule(one, members):
    return {"zero": "context-mean", "one": one, "members": members}


def test_from_a_baseline_to_perfection():
    both = rule("perfect", {"gain": [0.0, INF], "loss": [0.0, INF]})
    found = composite(both, ENTRIES, VALUES, ANCHORS)
    gain, loss = (0.6 - 0.2) / (1 - 0.2), 1 - 0.3 / 0.5
    assert found.members == pytest.approx({"gain": gain, "loss": loss})
    assert found.value == pytest.approx((gain + loss) / 2)
    assert found.reasons == {}


def test_from_a_baseline_to_the_replicate():
    both = rule("replicate", {"gain": [-INF, INF], "loss": [-6.0, INF]})
    found = composite(both, ENTRIES, VALUES, ANCHORS)
    assert found.members == pytest.approx({"gain": 0.4 / 0.6, "loss": (0.3 - 0.5) / (0.1 - 0.5)})


def test_scores_are_cut_at_the_bounds_of_the_member():
    bad = {"gain": np.array([0.0]), "loss": np.array([50.0])}
    bounds = rule("replicate", {"gain": [0.0, 1.0], "loss": [-6.0, INF]})
    assert composite(bounds, ENTRIES, bad, ANCHORS).members == {"gain": 0.0, "loss": -6.0}
    good = {"gain": np.array([1.0]), "loss": np.array([0.0])}
    assert composite(bounds, ENTRIES, good, ANCHORS).members["gain"] == 1.0


def test_a_member_without_a_score_leaves_no_mean_behind():
    both = rule("perfect", {"gain": [0.0, INF], "loss": [0.0, INF]})
    nothing = {**VALUES, "loss": np.array([np.nan])}
    found = composite(both, ENTRIES, nothing, ANCHORS)
    assert (found.value, found.members["loss"]) == (None, None)
    assert found.reasons == {"loss": "value-undefined"}
    assert composite(both, ENTRIES, VALUES, {}).reasons == dict.fromkeys(ENTRIES, "no-reference")


def test_a_one_that_is_no_better_than_zero_spans_no_scale():
    flat = {"gain": {**ANCHORS["gain"], "replicate": np.array([0.2])}}
    found = composite(rule("replicate", {"gain": [0.0, 1.0]}), ENTRIES, VALUES, flat)
    assert found.reasons == {"gain": "replicate-not-better-than-context-mean"}


def test_a_baseline_that_the_split_does_not_admit_is_named():
    lone = {"gain": {"replicate": np.array([0.8])}}
    found = composite(rule("perfect", {"gain": [0.0, 1.0]}), ENTRIES, VALUES, lone)
    assert found.reasons == {"gain": "context-mean-not-admitted"}


def test_contexts_are_scaled_one_by_one_where_the_rule_says_so():
    """As the Virtual Cell Challenge of 2026 scores each context by itself, and averages."""
    entries = {"gain": ENTRIES["gain"]}
    values = {"gain": np.array([0.5, 0.7, 0.3])}
    anchors = {
        "gain": {
            "context-mean": np.array([0.2, 0.2, 0.1]),
            "replicate": np.array([0.8, 0.8, 0.2]),
        }
    }
    own = {**rule("replicate", {"gain": [0.0, 1.0]}), "per": "context"}
    found = composite(own, entries, values, anchors, ["x", "x", "y"])
    first, second = (0.6 - 0.2) / (0.8 - 0.2), 1.0  # (0.3 - 0.1) / (0.2 - 0.1), cut at 1
    assert found.value == pytest.approx((first + second) / 2)
    whole = {**own, "per": "all"}
    together = (0.5 - 0.5 / 3) / (0.6 - 0.5 / 3)
    assert composite(whole, entries, values, anchors, "xxy").value == pytest.approx(together)
    flat = {"gain": {**anchors["gain"], "replicate": np.array([0.8, 0.8, 0.1])}}
    lost = composite(own, entries, values, flat, ["x", "x", "y"])
    assert (lost.value, lost.reasons) == (None, {"gain": "replicate-not-better-than-context-mean"})


def test_two_contexts_score_as_in_the_package_of_the_challenge():
    """benchmarks/composite_values.py had cell-eval2 score each context; 3 conditions, and 1."""
    contexts, rule = PACKAGE["contexts"], standard().suites["vcc-2026"]["composite"]
    names = ["line-a"] * 3 + ["line-b"]
    first, second = (contexts[name]["values"] for name in ("line-a", "line-b"))

    def by_condition(member, place):
        around = first[member][place] + np.array([-0.05, 0.02, 0.03])
        return np.append(around, second[member][place])

    values = {member: by_condition(member, 0) for member in first}
    anchors = {
        member: {"context-mean": by_condition(member, 1), "replicate": by_condition(member, 2)}
        for member in first
    }
    found = composite(rule, standard().metrics, values, anchors, names)
    assert set(found.members) == set(first)
    for member, score in found.members.items():
        theirs = [context["scores"][member] for context in contexts.values()]
        assert score == pytest.approx(np.mean(theirs), abs=1e-9), member
    assert found.value == pytest.approx(
        np.mean([context["average"] for context in contexts.values()]), abs=1e-9
    )
    together = composite({**rule, "per": "all"}, standard().metrics, values, anchors, names)
    assert together.value is not None
    assert abs(together.value - found.value) > 0.1
