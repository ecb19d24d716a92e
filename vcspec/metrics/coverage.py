"""Coverage: what is not predicted scores the worst value, and never shrinks a denominator."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from vcspec.metrics.suite import NOT_CONVERGED, NOT_FINITE
from vcspec.model.comparison import Scores
from vcspec.model.matrix import Array

GATED = frozenset({NOT_FINITE, NOT_CONVERGED})
"""Why a prediction has no value, though the truth allows one."""


def with_worst(scores: Scores, entry: Mapping[str, Any], no_change: Array | None) -> Scores:
    """The scores, with the metric's worst value where the prediction allows none.

    A condition that the truth leaves undefined stays so.

    Args:
        scores: of a prediction.
        entry: of the metric.
        no_change: (conditions,) what the prediction of no change scores; None where nobody knows.
    """
    gone = np.array([reason in GATED for reason in scores.reasons], dtype=bool)
    if not gone.any():
        return scores
    values = np.where(gone, _worst(scores.values, entry, no_change), scores.values)
    reasons = tuple(
        "" if now and not np.isnan(value) else reason
        for now, value, reason in zip(gone, values, scores.reasons, strict=True)
    )
    return replace(scores, values=values, reasons=reasons)


def _worst(values: Array, entry: Mapping[str, Any], no_change: Array | None) -> Array:
    """(conditions,) worst value; of metrics without bound, the worse of two that were seen."""
    if entry["worst"] != "worst-seen":
        return np.full(len(values), float(entry["worst"]))
    sign = 1.0 if entry["direction"] == "lower" else -1.0
    seen = sign * values[~np.isnan(values)]
    own = seen.max() if len(seen) else -np.inf
    still = np.full(len(values), -np.inf) if no_change is None else sign * no_change
    worst = np.fmax(own, np.where(np.isnan(still), -np.inf, still))
    return np.where(np.isfinite(worst), sign * worst, np.nan)
