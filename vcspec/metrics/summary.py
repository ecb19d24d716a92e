"""From values by condition to what a scorecard states of one metric."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vcspec.metrics.interval import anchored_interval, mean_interval
from vcspec.model.comparison import Scores
from vcspec.model.matrix import Array

NEEDS_CELLS = "needs-cells"
REPLICATE = "replicate"
ANCHORED = ("anchored", "anchored_interval")
WITHOUT_ANCHORS = dict.fromkeys(("floor", REPLICATE, *ANCHORED), "no-reference")
DECIMALS = 10  # beyond them a mean depends on a processor's order of summation


def mean_of(values: Array) -> float | None:
    """Mean over the conditions that define the metric, to 10 decimals; None where none does."""
    kept = values[~np.isnan(values)]
    return round(float(kept.mean()), DECIMALS) if len(kept) else None


def floor_of(
    anchors: Mapping[str, Array], admitted: Sequence[str], direction: str
) -> tuple[str, float] | None:
    """Name and mean of the best admitted baseline; None where none has a value."""
    means = {name: mean_of(anchors[name]) for name in admitted}
    known = {name: mean for name, mean in means.items() if mean is not None}
    if not known:
        return None
    best = max if direction == "higher" else min
    name = best(known, key=lambda name: known[name])
    return name, known[name]


def summary(
    scores: Scores, anchors: Mapping[str, Array], contexts: Sequence[str], direction: str
) -> dict[str, Any]:
    """What a scorecard states of a metric, but for its definition.

    Args:
        scores: of the prediction.
        anchors: `replicate` and each baseline → (conditions,) values, NaN where undefined; nothing
            where there is no reference.
        contexts: (conditions,) names.
        direction: `higher` or `lower` is better.
    """
    value = mean_of(scores.values)
    floor = floor_of(anchors, [name for name in anchors if name != REPLICATE], direction)
    replicate = mean_of(anchors[REPLICATE]) if anchors else None
    found: dict[str, Any] = {
        "direction": direction,
        "status": "scored" if value is not None else _status(scores),
        "value": value,
        **_counts(scores, np.ones(len(contexts), dtype=bool)),
        "interval": _interval(mean_interval(scores.values[~np.isnan(scores.values)])),
        "floor": {"baseline": floor[0], "value": floor[1]} if floor else None,
        "replicate": replicate,
        "contexts": _by_context(scores, contexts),
    }
    anchored, bounds, missing = _anchored(scores, anchors, floor, direction)
    return {
        **found,
        "anchored": anchored,
        "anchored_interval": bounds,
        "reasons": {**_reasons(found), **missing, **({} if anchors else WITHOUT_ANCHORS)},
    }


def _status(scores: Scores) -> str:
    return "not-applicable" if set(scores.reasons) == {NEEDS_CELLS} else "undefined"


def _counts(scores: Scores, which: Any) -> dict[str, Any]:
    reasons = Counter(
        reason for reason, counted in zip(scores.reasons, which, strict=True) if counted and reason
    )
    defined = int(which.sum()) - sum(reasons.values())
    return {"defined": defined, "undefined": dict(sorted(reasons.items()))}


def _by_context(scores: Scores, contexts: Sequence[str]) -> dict[str, Any]:
    names = np.array(contexts, dtype=object)
    return {
        name: {"value": mean_of(scores.values[names == name]), **_counts(scores, names == name)}
        for name in dict.fromkeys(contexts)
    }


def _interval(bounds: tuple[float, float] | None) -> dict[str, float] | None:
    return {"low": bounds[0], "high": bounds[1]} if bounds else None


def _anchored(
    scores: Scores, anchors: Mapping[str, Array], floor: tuple[str, float] | None, direction: str
) -> tuple[float | None, dict[str, float] | None, dict[str, str]]:
    """(value − floor) / (replicate − floor), its interval, and why one or the other is missing.

    All three are means over the conditions that define all three.
    """
    if floor is None:
        return None, None, dict.fromkeys(ANCHORED, "floor-undefined")
    columns = np.array([scores.values, anchors[floor[0]], anchors[REPLICATE]])
    kept = columns[:, ~np.isnan(columns).any(axis=0)]
    if not kept.shape[1]:
        first = "value" if np.isnan(scores.values).all() else REPLICATE
        return None, None, dict.fromkeys(ANCHORED, f"{first}-undefined")
    value, low, high = (float(mean_of(column) or 0) for column in kept)
    sign = 1 if direction == "higher" else -1
    if sign * (high - low) <= 0:
        return None, None, dict.fromkeys(ANCHORED, "replicate-not-better-than-floor")
    anchored = round((value - low) / (high - low), DECIMALS)
    if kept.shape[1] < 2:
        return anchored, None, {"anchored_interval": "fewer-than-two-conditions"}
    bounds = _interval(anchored_interval(sign * kept[0], sign * kept[1], sign * kept[2]))
    missing = {} if bounds else {"anchored_interval": "replicate-not-better-than-floor"}
    return anchored, bounds, missing


def _reasons(found: Mapping[str, Any]) -> dict[str, str]:
    """Member that is null → why."""
    reasons = {}
    if found["value"] is None:
        reasons["value"] = next(iter(found["undefined"]))
    if found["interval"] is None:
        reasons["interval"] = "fewer-than-two-conditions"
    if found["floor"] is None:
        reasons["floor"] = "floor-undefined"
    if found["replicate"] is None:
        reasons["replicate"] = "replicate-undefined"
    return reasons
