"""Flags: what a prediction looks like, whatever it scores; observations with their statistic."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vcspec.catalog import Catalog
from vcspec.metrics.changes import Mask, change
from vcspec.metrics.contexts import contexts
from vcspec.model.comparison import Comparison
from vcspec.model.matrix import Array
from vcspec.standard import standard

DECIMALS = 6


@dataclass(frozen=True, eq=False)
class Observed:
    """What flags look at.

    Attributes:
        comparison: truth beside prediction.
        predicted: (conditions,) whether each is there and finite.
        copied: share of cells that repeat another of their condition; None without cells.
        metrics: name → what the scorecard states of it.
        headline: names of the suite's headline metrics.
        shown: share of cells, or of profiles, that the split shows; None where none can be told.
    """

    comparison: Comparison
    predicted: Mask
    copied: float | None
    metrics: Mapping[str, Any]
    headline: tuple[str, ...]
    shown: float | None = None

    @property
    def lengths(self) -> tuple[Array, Array]:
        """Lengths of true and of predicted changes, of the conditions that are predicted."""
        kept = self.predicted
        sides = self.comparison.truth, self.comparison.prediction
        truth, prediction = (np.sqrt(np.square(change(side)[kept]).sum(axis=1)) for side in sides)
        return truth, prediction


Flag = Callable[[Observed, Mapping[str, float]], tuple[float, bool] | None]
"""Gives the statistic and whether the flag is raised; None where it cannot be looked for."""

FLAGS: Catalog[Flag] = Catalog("flag", standard().flags)
flag = FLAGS.claim


def raised(observed: Observed) -> list[dict[str, Any]]:
    """The flags that are raised, in the order of the standard, each with its statistic."""
    found = []
    for name, entry in standard().flags.items():
        result = FLAGS[name](observed, entry["limits"])
        if result is not None and result[1]:
            statistic = round(float(result[0]), DECIMALS)
            found.append({"name": name, "statistic": statistic, "limits": dict(entry["limits"])})
    return found


@flag("constant")
def constant(observed: Observed, limits: Mapping[str, float]) -> tuple[float, bool] | None:
    """Mean correlation of predicted changes between conditions of a context."""
    found = []
    for rows in contexts(observed.comparison):
        kept = rows[observed.predicted[rows]]
        moved = change(observed.comparison.prediction)[kept]
        moved = moved - moved.mean(axis=1, keepdims=True)
        lengths = np.sqrt(np.square(moved).sum(axis=1))
        if len(kept) < 2 or (lengths == 0).any():
            continue
        together = (moved / lengths[:, np.newaxis]).sum(axis=0)
        number = len(kept)
        found.append((float(np.square(together).sum()) - number) / (number * (number - 1)))
    if not found:
        return None
    return float(np.mean(found)), float(np.mean(found)) > limits["most"]


@flag("control-copy")
def control_copy(observed: Observed, limits: Mapping[str, float]) -> tuple[float, bool] | None:
    """Share of conditions that hardly change."""
    truth, prediction = observed.lengths
    if not len(truth) or not np.median(truth):
        return None
    share = float((prediction < limits["size"] * np.median(truth)).mean())
    return share, share > limits["most"]


@flag("amplified")
def amplified(observed: Observed, limits: Mapping[str, float]) -> tuple[float, bool] | None:
    """Median length of predicted changes beside that of true ones."""
    ratio = _size(observed)
    return None if ratio is None else (ratio, ratio > limits["most"])


@flag("shrunken")
def shrunken(observed: Observed, limits: Mapping[str, float]) -> tuple[float, bool] | None:
    """Median length of predicted changes beside that of true ones."""
    ratio = _size(observed)
    return None if ratio is None else (ratio, ratio < limits["least"])


def _size(observed: Observed) -> float | None:
    truth, prediction = observed.lengths
    if not len(truth) or not np.median(truth):
        return None
    return float(np.median(prediction) / np.median(truth))


@flag("rescaled")
def rescaled(observed: Observed, limits: Mapping[str, float]) -> tuple[float, bool] | None:
    """Length of what the control's level explains of the mean error, by context."""
    truth, _ = observed.lengths
    if not len(truth) or not np.median(truth):
        return None
    sides = observed.comparison.truth, observed.comparison.prediction
    found = []
    for rows in contexts(observed.comparison):
        kept = rows[observed.predicted[rows]]
        if len(kept) < 2:
            continue
        level = sides[1].control[kept].mean(axis=0)
        moved = (change(sides[1]) - change(sides[0]))[kept].mean(axis=0)
        has = level != 0
        if len(np.unique(level[has])) < limits["fewest"]:
            continue
        explained = _cubic(level[has], moved[has])
        found.append(float(np.sqrt(np.square(explained).sum()) / np.median(truth)))
    if not found:
        return None
    return float(np.mean(found)), float(np.mean(found)) > limits["most"]


def _cubic(x: Array, y: Array) -> Array:
    """Values of the cubic that is nearest to y, fitted where x runs from -1 to 1."""
    low, high = x.min(), x.max()
    place = (2 * x - (high + low)) / (high - low)
    return np.polyval(np.polyfit(place, y, 3), place)


@flag("no-spread")
def no_spread(observed: Observed, limits: Mapping[str, float]) -> tuple[float, bool] | None:
    """Median standard deviation of predicted cells beside that of true ones."""
    sides = observed.comparison.truth, observed.comparison.prediction
    if any(side.variance is None for side in sides):
        return None
    truth, prediction = (np.sqrt(side.variance) for side in sides if side.variance is not None)
    seen = truth > 0
    seen &= observed.predicted[:, np.newaxis]
    if not seen.any():
        return None
    ratio = float(np.median(prediction[seen] / truth[seen]))
    return ratio, ratio < limits["least"]


@flag("duplicate-cells")
def duplicate_cells(observed: Observed, limits: Mapping[str, float]) -> tuple[float, bool] | None:
    """Share of cells that repeat another of their condition."""
    if observed.copied is None:
        return None
    return observed.copied, observed.copied > limits["most"]


@flag("copies-training")
def copies_training(observed: Observed, limits: Mapping[str, float]) -> tuple[float, bool] | None:
    """Share of cells, or of profiles, that the split shows."""
    if observed.shown is None:
        return None
    return observed.shown, observed.shown > limits["most"]


@flag("above-ceiling")
def above_ceiling(observed: Observed, limits: Mapping[str, float]) -> tuple[float, bool] | None:
    """Share of metrics beyond the replicate, of those that have an interval and a replicate."""
    beyond = []
    for found in observed.metrics.values():
        if found["replicate"] is None or found["interval"] is None:
            continue
        if found["direction"] == "higher":
            beyond.append(found["interval"]["low"] > found["replicate"])
        else:
            beyond.append(found["interval"]["high"] < found["replicate"])
    if len(beyond) < limits["fewest"]:
        return None
    share = sum(beyond) / len(beyond)
    return share, share > limits["most"]


@flag("metric-disagreement")
def metric_disagreement(
    observed: Observed, limits: Mapping[str, float]
) -> tuple[float, bool] | None:
    """Range of the anchored values of headline metrics that can tell something."""
    values = [
        found["anchored"]
        for name in observed.headline
        if (found := observed.metrics.get(name)) is not None
        and found["anchored"] is not None
        and found["calibration"]["informative"]
    ]
    if len(values) < 2:
        return None
    spread = max(values) - min(values)
    return spread, spread > limits["most"]


@flag("missing")
def missing(observed: Observed, limits: Mapping[str, float]) -> tuple[float, bool] | None:
    """Share of conditions that are not predicted."""
    share = float(1 - observed.predicted.mean())
    return share, share > limits["most"]
