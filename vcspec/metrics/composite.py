"""Composite: one number out of several metrics, as a published rule set makes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vcspec.metrics.summary import REPLICATE, mean_of
from vcspec.model.matrix import Array

DECIMALS = 10


@dataclass(frozen=True)
class Composite:
    """A composite and what it is made of.

    Attributes:
        value: mean over the members that have a score; None where one lacks it.
        members: metric → score, cut at the member's bounds; None where it has none.
        reasons: metric → why it has none.
    """

    value: float | None
    members: Mapping[str, float | None]
    reasons: Mapping[str, str]


def composite(
    rule: Mapping[str, Any],
    entries: Mapping[str, Mapping[str, Any]],
    values: Mapping[str, Array],
    anchors: Mapping[str, Mapping[str, Array]],
    contexts: Sequence[str] = (),
) -> Composite:
    """Mean over the rule's members of (u − b) / (a − b), each cut at its bounds.

    u is the prediction's value, b that of the rule's `zero`, a baseline, and a that of its `one`:
    `perfect`, the metric's perfect value, or `replicate`. All are means over the conditions that
    define them; where the rule says `per = "context"`, over those of a context, and a member's
    score is the mean of its scores in the contexts, each cut before.

    Args:
        rule: the `composite` table of a suite: zero, one, and members, metric → [low, high].
        entries: metric → its entry in the standard.
        values: metric → (conditions,) values of the prediction, NaN where undefined.
        anchors: metric → anchor → (conditions,) values; nothing where there is no reference.
        contexts: (conditions,) names; asked for where the rule scales contexts one by one.
    """
    parts = _parts(rule, contexts)
    members: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for name, (low, high) in rule["members"].items():
        known_anchors = anchors.get(name, {})
        found = [
            _scaled(
                rule,
                entries[name],
                values[name][part],
                {anchor: one[part] for anchor, one in known_anchors.items()},
            )
            for part in parts
        ]
        lacking = [one for one in found if isinstance(one, str)]
        if lacking:
            members[name], reasons[name] = None, lacking[0]
        else:
            cut = np.clip(np.array(found, dtype=np.float64), low, high)
            members[name] = round(float(cut.mean()), DECIMALS)
    known = [value for value in members.values() if value is not None]
    whole = round(sum(known) / len(known), DECIMALS) if len(known) == len(members) else None
    return Composite(whole, members, reasons)


def _parts(rule: Mapping[str, Any], contexts: Sequence[str]) -> list[Any]:
    """What is scaled together: everything, or each context."""
    if rule.get("per") != "context":
        return [slice(None)]
    names = np.array(contexts, dtype=object)
    return [names == name for name in dict.fromkeys(contexts)]


def _scaled(
    rule: Mapping[str, Any], entry: Mapping[str, Any], values: Array, anchors: Mapping[str, Array]
) -> float | str:
    """The member's score before it is cut, or why there is none."""
    if rule["zero"] not in anchors:
        return "no-reference" if not anchors else f"{rule['zero']}-not-admitted"
    value, zero = mean_of(values), mean_of(anchors[rule["zero"]])
    one = mean_of(anchors[REPLICATE]) if rule["one"] == REPLICATE else float(entry["perfect"])
    for name, number in (("value", value), (rule["zero"], zero), (rule["one"], one)):
        if number is None:
            return f"{name}-undefined"
    assert value is not None  # each of them was looked at
    assert zero is not None
    assert one is not None
    sign = 1 if entry["direction"] == "higher" else -1
    if sign * (one - zero) <= 0:
        return f"{rule['one']}-not-better-than-{rule['zero']}"
    return (value - zero) / (one - zero)
