"""From values by condition to what a scorecard states of one metric."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from vcspec.metrics.calibration import calibration
from vcspec.metrics.changes import share
from vcspec.metrics.contexts import of_contexts
from vcspec.metrics.interval import anchored_interval, mean_interval
from vcspec.metrics.suite import NEEDS_CELLS
from vcspec.model.comparison import Scores
from vcspec.model.matrix import Array

REPLICATE = "replicate"
INTERPOLATED = "interpolated-duplicate"
DUPLICATES = (REPLICATE, INTERPOLATED)  # anchors that are made of the truth's own cells
ANCHORED = ("anchored", "anchored_interval")
DECIMALS = 10  # beyond them a mean depends on a processor's order of summation


def mean_of(values: Array) -> float | None:
    """Mean over the conditions that define the metric, to 10 decimals; None where none does."""
    kept = values[~np.isnan(values)]
    return round(float(kept.mean()), DECIMALS) if len(kept) else None


def error_over_cuts(cuts: Array, contexts: Sequence[str], per: str) -> float:
    """Standard error of a mean over conditions that was taken once for each cut; NaN without one.

    Args:
        cuts: (cuts, conditions) values, NaN where undefined.
        contexts: (conditions,) names.
        per: `condition`, or `context` where a context has one value, repeated for its conditions.
    """
    values = of_contexts(cuts, contexts) if per == "context" else cuts
    means = share(np.nansum(values, axis=1), (~np.isnan(values)).sum(axis=1))
    return round(float(means.std(ddof=1) / np.sqrt(len(cuts))), DECIMALS)


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
    scores: Scores,
    anchors: Mapping[str, Array],
    contexts: Sequence[str],
    entry: Mapping[str, Any],
    *,
    strata: Mapping[str, Sequence[str]] | None = None,
    without: str = "no-reference",
) -> dict[str, Any]:
    """What a scorecard states of a metric, but for its definition.

    Args:
        scores: of the prediction.
        anchors: `replicate` and each baseline → (conditions,) values, NaN where undefined; nothing
            where there are none.
        contexts: (conditions,) names.
        entry: of the metric in the standard.
        strata: name of a division → (conditions,) the part that each belongs to.
        without: why there are no anchors, where there are none.
    """
    direction = entry["direction"]
    values, alone, known = scores.values, contexts, anchors
    if entry["per"] == "context":
        values = of_contexts(values, contexts)
        alone = ["all"] * len(values)
        anchors = {name: of_contexts(own, contexts) for name, own in anchors.items()}
    value = mean_of(values)
    floor = floor_of(anchors, [name for name in anchors if name not in DUPLICATES], direction)
    replicate = mean_of(anchors[REPLICATE]) if anchors else None
    beside = {REPLICATE: known[REPLICATE]} if anchors else {}
    if floor:
        beside["floor"] = known[floor[0]]
    found: dict[str, Any] = {
        "direction": direction,
        "status": "scored" if value is not None else _status(scores),
        "value": value,
        **_counts(scores, np.ones(len(contexts), dtype=bool)),
        "interval": _interval(_around(values, alone)),
        "floor": {"baseline": floor[0], "value": floor[1]} if floor else None,
        "replicate": replicate,
        "interpolated_duplicate": mean_of(anchors[INTERPOLATED])
        if INTERPOLATED in anchors
        else None,
        "contexts": _by_part(scores, contexts, beside),
        "strata": {
            name: _with_intervals(_by_part(scores, parts, beside), scores, parts, contexts, entry)
            for name, parts in (strata or {}).items()
        },
        "calibration": _calibration(anchors, floor, entry),
    }
    anchored, bounds, missing = _anchored(values, anchors, floor, direction, alone)
    none = {} if anchors else dict.fromkeys(("floor", REPLICATE, *ANCHORED), without)
    return {
        **found,
        "anchored": anchored,
        "anchored_interval": bounds,
        "reasons": {**_reasons(found), **missing, **none},
    }


def _around(values: Array, contexts: Sequence[str]) -> tuple[float, float] | None:
    kept = ~np.isnan(values)
    names = [name for name, one in zip(contexts, kept, strict=True) if one]
    return mean_interval(values[kept], names)


def _calibration(
    anchors: Mapping[str, Array], floor: tuple[str, float] | None, entry: Mapping[str, Any]
) -> dict[str, Any] | None:
    if floor is None or REPLICATE not in anchors:
        return None
    found = calibration(
        anchors[floor[0]], anchors[REPLICATE], entry["direction"], float(entry["perfect"])
    )
    return asdict(found)


def _status(scores: Scores) -> str:
    return "not-applicable" if set(scores.reasons) == {NEEDS_CELLS} else "undefined"


def _counts(scores: Scores, which: Any) -> dict[str, Any]:
    reasons = Counter(
        reason for reason, counted in zip(scores.reasons, which, strict=True) if counted and reason
    )
    defined = int(which.sum()) - sum(reasons.values())
    return {"defined": defined, "undefined": dict(sorted(reasons.items()))}


def _by_part(scores: Scores, parts: Sequence[str], beside: Mapping[str, Array]) -> dict[str, Any]:
    """Means and counts of each part, and the means of anchors there."""
    names = np.array(parts, dtype=object)
    return {
        name: {
            "value": mean_of(scores.values[names == name]),
            **_counts(scores, names == name),
            **{anchor: mean_of(values[names == name]) for anchor, values in beside.items()},
        }
        for name in dict.fromkeys(parts)
    }


def _with_intervals(
    found: Mapping[str, Any],
    scores: Scores,
    parts: Sequence[str],
    contexts: Sequence[str],
    entry: Mapping[str, Any],
) -> dict[str, Any]:
    """What is told of each part, with the interval of its mean, drawn as that of all is."""
    names = np.array(parts, dtype=object)
    told = {}
    for name, part in found.items():
        values = scores.values[names == name]
        alone = [one for one, own in zip(contexts, names == name, strict=True) if own]
        if entry["per"] == "context":
            values = of_contexts(values, alone)
            alone = ["all"] * len(values)
        told[name] = {**part, "interval": _interval(_around(values, alone))}
    return told


def _interval(bounds: tuple[float, float] | None) -> dict[str, float] | None:
    if bounds is None:
        return None
    return {"low": round(bounds[0], DECIMALS), "high": round(bounds[1], DECIMALS)}


def _anchored(
    values: Array,
    anchors: Mapping[str, Array],
    floor: tuple[str, float] | None,
    direction: str,
    contexts: Sequence[str],
) -> tuple[float | None, dict[str, float] | None, dict[str, str]]:
    """(value − floor) / (replicate − floor), its interval, and why one or the other is missing.

    All three are means over the conditions that define all three.
    """
    if floor is None:
        return None, None, dict.fromkeys(ANCHORED, "floor-undefined")
    columns = np.array([values, anchors[floor[0]], anchors[REPLICATE]])
    whole = ~np.isnan(columns).any(axis=0)
    kept = columns[:, whole]
    if not kept.shape[1]:
        first = "value" if np.isnan(values).all() else REPLICATE
        return None, None, dict.fromkeys(ANCHORED, f"{first}-undefined")
    value, low, high = (float(mean_of(column) or 0) for column in kept)
    sign = 1 if direction == "higher" else -1
    if sign * (high - low) <= 0:
        return None, None, dict.fromkeys(ANCHORED, "replicate-not-better-than-floor")
    anchored = round((value - low) / (high - low), DECIMALS)
    if kept.shape[1] < 2:
        return anchored, None, {"anchored_interval": "fewer-than-two-conditions"}
    names = [name for name, one in zip(contexts, whole, strict=True) if one]
    turned = sign * kept
    bounds = _interval(anchored_interval(turned[0], turned[1], turned[2], names))
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
