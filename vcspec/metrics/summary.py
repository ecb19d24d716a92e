"""From values by condition to what a scorecard states of one metric."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vcspec.metrics.interval import anchored_interval, mean_interval
from vcspec.model.comparison import Scores
from vcspec.model.matrix import Array

NEEDS_CELLS = "needs-cells"


def mean_of(values: Array) -> float | None:
    """Mean over the conditions that define the metric; None where none does."""
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if len(kept) else None


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
        anchors: `replicate` and each baseline → (conditions,) values, NaN where undefined.
        contexts: (conditions,) names.
        direction: `higher` or `lower` is better.
    """
    value = mean_of(scores.values)
    floor = floor_of(anchors, [name for name in anchors if name != "replicate"], direction)
    replicate = mean_of(anchors["replicate"])
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
    anchored, because = _anchored(value, floor, replicate, direction)
    interval, unbounded = _anchored_interval(scores, anchors, floor)
    if because:
        interval, unbounded = None, because
    return {
        **found,
        "anchored": anchored,
        "anchored_interval": interval,
        "reasons": {
            **_reasons(found),
            **({"anchored": because} if because else {}),
            **({"anchored_interval": unbounded} if unbounded else {}),
        },
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
    value: float | None, floor: tuple[str, float] | None, replicate: float | None, direction: str
) -> tuple[float | None, str]:
    """(value − floor) / (replicate − floor), and why there is none."""
    if value is None:
        return None, "value-undefined"
    if floor is None:
        return None, "floor-undefined"
    if replicate is None:
        return None, "replicate-undefined"
    span = replicate - floor[1]
    if span == 0 or (span > 0) != (direction == "higher"):
        return None, "replicate-not-better-than-floor"
    return (value - floor[1]) / span, ""


def _anchored_interval(
    scores: Scores, anchors: Mapping[str, Array], floor: tuple[str, float] | None
) -> tuple[dict[str, float] | None, str]:
    """Interval of the anchored value over conditions, and why there is none."""
    if floor is None:
        return None, "floor-undefined"
    columns = np.array([scores.values, anchors[floor[0]], anchors["replicate"]])
    kept = columns[:, ~np.isnan(columns).any(axis=0)]
    if kept.shape[1] < 2:
        return None, "fewer-than-two-conditions"
    found = _interval(anchored_interval(kept[0], kept[1], kept[2]))
    return found, "" if found else "replicate-not-better-than-floor"


def _reasons(found: Mapping[str, Any]) -> dict[str, str]:
    """Member that is null → why."""
    reasons = {}
    if found["value"] is None:
        reasons["value"] = next(iter(found["undefined"]), "no-conditions")
    if found["interval"] is None:
        reasons["interval"] = "fewer-than-two-conditions"
    if found["floor"] is None:
        reasons["floor"] = "floor-undefined"
    if found["replicate"] is None:
        reasons["replicate"] = "replicate-undefined"
    return reasons
