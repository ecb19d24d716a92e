"""Statistics and metrics of one condition, from the prose and tables of the standard, loop by loop.

Nothing of the package that is checked is imported, and nothing here is fast.
"""

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats

SPEC = Path(__file__).parents[2] / "spec" / "1.0"
STATED = tomllib.loads((SPEC / "metrics.toml").read_text("utf-8"))
Vector = np.ndarray


def entry(name: str) -> dict[str, Any]:
    own = dict(STATED[name])
    like = own.pop("like", None)
    return {**(entry(like) if like else {}), **own}


METRICS = {name: entry(name) for name in STATED}
Outcome = float | str  # a value, or the reason why there is none


@dataclass(frozen=True)
class Side:
    """Truth or prediction of one condition: means and, where there are cells, the test."""

    mean: Vector
    control: Vector
    z: Vector | None = None
    fdr: Vector | None = None

    @property
    def change(self) -> Vector:
        return np.round(self.mean - self.control, 12)

    @property
    def fold_change(self) -> Vector:
        risen, still = np.expm1(self.mean) + 1.0, np.expm1(self.control) + 1.0
        return np.round(np.log2(risen / still), 12)

    def significant(self, alpha: float) -> set[int]:
        assert self.fdr is not None
        return {feature for feature, fdr in enumerate(self.fdr) if fdr < alpha}


def mean_profile(cells: np.ndarray) -> Vector:
    return np.array([math.fsum(column) / len(column) for column in cells.astype(np.float64).T])


def rank_sum(cells: Vector, controls: Vector) -> tuple[float, float]:
    """z and two-sided p; 0 and 1 where all values are equal."""
    n, m = len(cells), len(controls)
    pooled = np.concatenate([cells, controls])
    _, sizes = np.unique(pooled, return_counts=True)
    if len(sizes) == 1:
        return 0.0, 1.0
    found = scipy.stats.mannwhitneyu(
        cells, controls, use_continuity=True, alternative="two-sided", method="asymptotic"
    )
    ties = sum(int(size) ** 3 - int(size) for size in sizes)
    spread = math.sqrt(n * m / 12 * ((n + m + 1) - ties / ((n + m) * (n + m - 1))))
    away = float(found.statistic) - n * m / 2
    return math.copysign(max(abs(away) - 0.5, 0.0), away) / spread, min(float(found.pvalue), 1.0)


def benjamini_hochberg(p_values: Sequence[float]) -> Vector:
    order = sorted(range(len(p_values)), key=lambda feature: p_values[feature])
    adjusted = np.ones(len(p_values))
    least = 1.0
    for place in range(len(order), 0, -1):
        feature = order[place - 1]
        least = min(least, p_values[feature] * len(p_values) / place)
        adjusted[feature] = least
    return adjusted


def side_of_cells(cells: np.ndarray, controls: np.ndarray) -> Side:
    """Means and test of a condition's cells against control cells, both (cells, features)."""
    pairs = zip(cells.astype(np.float64).T, controls.astype(np.float64).T, strict=True)
    tested = [rank_sum(own, other) for own, other in pairs]
    fdr = benjamini_hochberg([p for _, p in tested])
    z = np.array([deviate for deviate, _ in tested])
    return Side(mean_profile(cells), mean_profile(controls), z, fdr)


@dataclass(frozen=True)
class Question:
    """One condition, and all that its metrics look at."""

    truth: Side
    prediction: Side
    rivals: Sequence[Side]  # the other truths of the same context
    centre: Vector | None
    untargeted: Sequence[int]  # features that no perturbation of the split targets


NOTHING = "prediction-undefined"  # stands for the metric's null
Metric = Callable[[Question, Mapping[str, Any]], Outcome]


def total(values: Any) -> float:
    return math.fsum(float(value) for value in values)


def correlation(truth: Vector, prediction: Vector) -> Outcome:
    if all(value == truth[0] for value in truth):
        return "constant-truth"
    if all(value == prediction[0] for value in prediction):
        return NOTHING
    left, right = truth - total(truth) / len(truth), prediction - total(prediction) / len(truth)
    return total(left * right) / math.sqrt(total(left**2) * total(right**2))


def mae(q: Question, _: Mapping[str, Any]) -> Outcome:
    return total(abs(q.prediction.mean - q.truth.mean)) / len(q.truth.mean)


def mse(q: Question, _: Mapping[str, Any]) -> Outcome:
    return total((q.prediction.mean - q.truth.mean) ** 2) / len(q.truth.mean)


def rmse(q: Question, _: Mapping[str, Any]) -> Outcome:
    return math.sqrt(total((q.prediction.mean - q.truth.mean) ** 2) / len(q.truth.mean))


def pearson_delta(q: Question, _: Mapping[str, Any]) -> Outcome:
    return correlation(q.truth.change, q.prediction.change)


def pearson_delta_centred(q: Question, _: Mapping[str, Any]) -> Outcome:
    if q.centre is None:
        return "no-reference-point"
    return correlation(
        np.round(q.truth.mean - q.centre, 12), np.round(q.prediction.mean - q.centre, 12)
    )


def cosine_delta(q: Question, _: Mapping[str, Any]) -> Outcome:
    truth, prediction = q.truth.change, q.prediction.change
    if not truth.any():
        return "constant-truth"
    if not prediction.any():
        return NOTHING
    return total(truth * prediction) / math.sqrt(total(truth**2) * total(prediction**2))


def r2_delta(q: Question, _: Mapping[str, Any]) -> Outcome:
    truth, prediction = q.truth.change, q.prediction.change
    if all(value == truth[0] for value in truth):
        return "constant-truth"
    middle = total(truth) / len(truth)
    return 1 - total((truth - prediction) ** 2) / total((truth - middle) ** 2)


def weighted_mse(q: Question, _: Mapping[str, Any]) -> Outcome:
    size = abs(q.truth.z)
    if max(size) == min(size):
        return "no-weights"
    weights = ((size - min(size)) / (max(size) - min(size))) ** 2
    return total(weights * (q.prediction.mean - q.truth.mean) ** 2) / total(weights)


def absolute(left: Vector, right: Vector) -> float:
    return total(abs(left - right))


def squared(left: Vector, right: Vector) -> float:
    return total((left - right) ** 2)


def cosine(left: Vector, right: Vector) -> float:
    if not left.any() or not right.any():
        return 1.0
    return 1 - total(left * right) / math.sqrt(total(left**2) * total(right**2))


def discrimination(distance: Callable[[Vector, Vector], float]) -> Metric:
    """Where the own truth stands among the truths of the context, by distance."""

    def measure(q: Question, _: Mapping[str, Any]) -> Outcome:
        kept = list(q.untargeted)
        own_change = q.truth.change[kept]
        if distance is cosine and kept and not own_change.any():
            return "constant-truth"
        if not q.rivals:
            return "single-condition-in-context"
        if not kept:
            return "too-few-features"
        prediction = q.prediction.change[kept]
        own = distance(prediction, own_change)
        others = [distance(prediction, rival.change[kept]) for rival in q.rivals]
        closer = sum(other < own for other in others)
        tied = 1 + sum(other == own for other in others)
        return 1 - (closer + (tied - 1) / 2) / len(others)

    return measure


def centroid_accuracy(q: Question, _: Mapping[str, Any]) -> Outcome:
    if not q.rivals:
        return "single-condition-in-context"
    own = squared(q.prediction.mean, q.truth.mean)
    won = sum(squared(q.prediction.mean, rival.mean) > own for rival in q.rivals)
    return won / len(q.rivals)


def top(size: Mapping[int, float], most: int) -> set[int]:
    """The largest, at most `most`; a tie that straddles the end stays out as a whole."""
    order = sorted(size, key=lambda feature: -size[feature])
    if len(order) <= most:
        return set(order)
    return {f for f in order if size[f] > size[order[most]]}


def expected_overlap(wanted: set[int], size: Mapping[int, float], most: int) -> float:
    """Expected size of the overlap with the `most` largest, over all orders of what ties."""
    expected = 0.0
    for feature in wanted & set(size):
        above = sum(other > size[feature] for other in size.values())
        tied = sum(other == size[feature] for other in size.values())
        expected += min(max((most - above) / tied, 0.0), 1.0)
    return expected


def effect_overlap(q: Question, parameters: Mapping[str, Any]) -> Outcome:
    truth, prediction = abs(q.truth.change), abs(q.prediction.change)
    if len(truth) <= parameters["k"]:
        return "too-few-features"
    wanted = top(dict(enumerate(truth)), parameters["k"])
    if not wanted:
        return "tied-truth"
    return expected_overlap(wanted, dict(enumerate(prediction)), len(wanted)) / len(wanted)


def direction_match(q: Question, parameters: Mapping[str, Any]) -> Outcome:
    significant = q.truth.significant(parameters["alpha"])
    moved = [feature for feature in significant if q.truth.change[feature] != 0]
    if not moved:
        return "no-significant-features"
    signs = [np.sign(q.truth.change[f]) * np.sign(q.prediction.change[f]) for f in moved]
    return total((1 + sign) / 2 for sign in signs) / len(moved)


def spearman_lfc(q: Question, parameters: Mapping[str, Any]) -> Outcome:
    significant = sorted(q.truth.significant(parameters["alpha"]))
    if not significant:
        return "no-significant-features"
    if len(significant) < parameters["fewest"]:
        return "too-few-significant-features"
    truth, prediction = q.truth.fold_change[significant], q.prediction.fold_change[significant]
    return correlation(scipy.stats.rankdata(truth), scipy.stats.rankdata(prediction))


def de_overlap(q: Question, parameters: Mapping[str, Any]) -> Outcome:
    truth, prediction = abs(q.truth.fold_change), abs(q.prediction.fold_change)
    true_set = q.truth.significant(parameters["alpha"])
    called = q.prediction.significant(parameters["alpha"])
    if not true_set:
        return "no-significant-features"
    wanted = top({feature: truth[feature] for feature in true_set}, parameters["k"])
    if not wanted:
        return "tied-truth"
    size = {feature: prediction[feature] for feature in called}
    return expected_overlap(wanted, size, len(wanted)) / len(wanted)


def shared(part: Callable[[set[int], set[int]], set[int]]) -> Metric:
    """|T ∩ P| over the size of a set made of T and P."""

    def measure(q: Question, parameters: Mapping[str, Any]) -> Outcome:
        true_set = q.truth.significant(parameters["alpha"])
        called = q.prediction.significant(parameters["alpha"])
        if not true_set:
            return "no-significant-features"
        whole = part(true_set, called)
        return len(true_set & called) / len(whole) if whole else NOTHING

    return measure


def sorted_out(q: Question, parameters: Mapping[str, Any]) -> tuple[list[float], list[float]] | str:
    """The prediction's |z| of the true features and of the others."""
    true_set = q.truth.significant(parameters["alpha"])
    size = [abs(float(deviate)) for deviate in q.prediction.z]
    if not true_set:
        return "no-significant-features"
    if len(true_set) == len(size):
        return "all-features-significant"
    inside = [size[feature] for feature in range(len(size)) if feature in true_set]
    return inside, [size[feature] for feature in range(len(size)) if feature not in true_set]


def de_auprc(q: Question, parameters: Mapping[str, Any]) -> Outcome:
    found = sorted_out(q, parameters)
    if isinstance(found, str):
        return found
    inside, outside = found
    area = recall_before = 0.0
    for threshold in sorted({*inside, *outside}, reverse=True):
        hits = sum(size >= threshold for size in inside)
        false_alarms = sum(size >= threshold for size in outside)
        area += (hits / len(inside) - recall_before) * hits / (hits + false_alarms)
        recall_before = hits / len(inside)
    return area


def de_auroc(q: Question, parameters: Mapping[str, Any]) -> Outcome:
    found = sorted_out(q, parameters)
    if isinstance(found, str):
        return found
    inside, outside = found
    won = sum(1.0 if own > other else 0.5 * (own == other) for own in inside for other in outside)
    return won / (len(inside) * len(outside))


FORMULAS: Mapping[str, Metric] = {
    "mae": mae,
    "mse": mse,
    "rmse": rmse,
    "pearson-delta": pearson_delta,
    "pearson-delta-centred": pearson_delta_centred,
    "cosine-delta": cosine_delta,
    "r2-delta": r2_delta,
    "weighted-mse": weighted_mse,
    "discrimination-l1": discrimination(absolute),
    "discrimination-l2": discrimination(squared),
    "discrimination-cosine": discrimination(cosine),
    "centroid-accuracy": centroid_accuracy,
    "effect-overlap-50": effect_overlap,
    "direction-match": direction_match,
    "spearman-lfc": spearman_lfc,
    "de-overlap-50": de_overlap,
    "de-precision": shared(lambda _, called: called),
    "de-recall": shared(lambda true_set, _: true_set),
    "de-jaccard": shared(lambda true_set, called: true_set | called),
    "de-auprc": de_auprc,
    "de-auroc": de_auroc,
}


def outcome(metric: str, q: Question) -> Outcome:
    """Value of a metric for one condition, rounded, or the reason why it has none."""
    entry = METRICS[metric]
    if entry["level"] == "cells" and q.prediction.z is None:
        return "needs-cells"
    if not np.isfinite(q.prediction.mean).all():
        return "non-finite-prediction"
    found = FORMULAS[metric](q, entry["parameters"])
    if found == NOTHING:
        assert entry["undefined_prediction"] == "null"
        found = entry["null"]
    return found if isinstance(found, str) else round(float(found), 10)
