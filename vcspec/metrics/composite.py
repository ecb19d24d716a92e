"""Composite: one number out of several metrics, as a published rule set makes it."""

from collections.abc import Mapping
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
) -> Composite:
    """Mean over the rule's members of (u − b) / (a − b), each cut at its bounds.

    u is the prediction's value, b that of the rule's `zero`, a baseline, and a that of its `one`:
    `perfect`, the metric's perfect value, or `replicate`. All are means over the conditions that
    define them.

    Args:
        rule: the `composite` table of a suite: zero, one, and members, metric → [low, high].
        entries: metric → its entry in the standard.
        values: metric → (conditions,) values of the prediction, NaN where undefined.
        anchors: metric → anchor → (conditions,) values; nothing where there is no reference.
    """
    members: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for name, (low, high) in rule["members"].items():
        found = _scaled(rule, entries[name], values[name], anchors.get(name, {}))
        if isinstance(found, str):
            members[name], reasons[name] = None, found
        else:
            members[name] = round(float(np.clip(found, low, high)), DECIMALS)
    known = [value for value in members.values() if value is not None]
    whole = round(sum(known) / len(known), DECIMALS) if len(known) == len(members) else None
    return Composite(whole, members, reasons)


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
