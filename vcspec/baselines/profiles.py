"""The baselines of the standard: mean profiles in, mean profiles out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vcspec.catalog import Catalog
from vcspec.model.condition import Condition, targets_of
from vcspec.model.matrix import Array
from vcspec.model.training import Training
from vcspec.standard import standard


@dataclass(frozen=True, eq=False)
class Profiles:
    """What a baseline predicts.

    Attributes:
        means: (conditions, features) mean log1p profiles.
        native: (conditions,) whether the baseline says something of its own there.
    """

    means: Array
    native: NDArray[np.bool_]


Baseline = Callable[[Training, Sequence[Condition]], Profiles]
BASELINES: Catalog[Baseline] = Catalog("baseline", standard().baselines)
baseline = BASELINES.claim


def predicted(name: str, training: Training, targets: Sequence[Condition]) -> Profiles:
    """Mean profiles of `targets` by the baseline `name`; log1p, never below 0.

    Raises:
        UnknownName: the standard has no such baseline.
    """
    found = BASELINES[name](training, targets)
    return Profiles(np.maximum(found.means, training.least), found.native)


def _controls(training: Training, targets: Sequence[Condition]) -> Array:
    return np.array([training.controls[target.context_key] for target in targets])


@baseline("no-change")
def no_change(training: Training, targets: Sequence[Condition]) -> Profiles:
    """The control of the context."""
    return Profiles(_controls(training, targets), np.ones(len(targets), dtype=bool))


@baseline("context-mean")
def context_mean(training: Training, targets: Sequence[Condition]) -> Profiles:
    """The mean training profile of the context."""
    contexts = {condition.context_key for condition in training.conditions}
    centre = {name: training.centre(name) for name in {target.context_key for target in targets}}
    centres = np.array([centre[target.context_key] for target in targets])
    means = np.where(np.isnan(centres), _controls(training, targets), centres)
    return Profiles(means, np.array([target.context_key in contexts for target in targets]))


def _shifted(
    training: Training, targets: Sequence[Condition], change: Callable[[Condition], Array | None]
) -> Profiles:
    """Control plus `change` where there is one, the mean of the context elsewhere."""
    changes = [change(target) for target in targets]
    fallback = context_mean(training, targets).means
    means = [
        fallback[row] if found is None else training.controls[target.context_key] + found
        for row, (target, found) in enumerate(zip(targets, changes, strict=True))
    ]
    return Profiles(np.array(means), np.array([found is not None for found in changes]))


def _change_of(
    training: Training, perturbation: str, contexts: set[str] | None = None
) -> Array | None:
    """Mean change of the perturbation over training contexts (or those in `contexts`)."""
    rows = [
        row
        for row in training.rows.get(perturbation, ())
        if contexts is None or training.conditions[row].context_key in contexts
    ]
    return np.asarray(training.deltas[rows].mean(axis=0)) if rows else None


@baseline("perturbation-mean")
def perturbation_mean(training: Training, targets: Sequence[Condition]) -> Profiles:
    """The control plus the perturbation's mean change elsewhere."""
    return _shifted(training, targets, lambda target: _change_of(training, target.perturbation))


@baseline("additive")
def additive(training: Training, targets: Sequence[Condition]) -> Profiles:
    """The control plus the changes of the members alone."""

    def change(target: Condition) -> Array | None:
        if len(target.members) < 2:
            return None
        parts = [
            here
            if (here := _change_of(training, member, {target.context_key})) is not None
            else _change_of(training, member)
            for member in target.members
        ]
        known = [part for part in parts if part is not None]
        return np.asarray(np.sum(known, axis=0)) if len(known) == len(parts) else None

    return _shifted(training, targets, change)


@baseline("nearest-context")
def nearest_context(training: Training, targets: Sequence[Condition]) -> Profiles:
    """The control plus the perturbation's change in the training context with nearest control."""
    contexts = training.controls
    tells = {name: bool(profile.any()) for name, profile in contexts.items()}

    @cache
    def distance(name: str, here: str) -> float:
        return float(np.linalg.norm(contexts[name] - contexts[here]))

    def change(target: Condition) -> Array | None:
        here = target.context_key
        trained = training.rows.get(target.perturbation, ())
        known = {training.conditions[row].context_key for row in trained} - {here}
        if not any(tells[name] for name in {*known, here}):
            return None  # controls that are 0 by definition tell nothing apart
        nearest = min(known, key=lambda name: (distance(name, here), name), default=None)
        return None if nearest is None else _change_of(training, target.perturbation, {nearest})

    return _shifted(training, targets, change)


@baseline("target-scaling")
def target_scaling(training: Training, targets: Sequence[Condition]) -> Profiles:
    """The control, its targets scaled as training perturbations scale their own."""
    own = targets_of(training.conditions, training.features)
    ratios = [
        training.means[row, feature] / base
        for row, features in enumerate(own)
        for feature in features
        if (base := training.controls[training.conditions[row].context_key][feature]) > 0
    ]
    asked = targets_of(targets, training.features)
    means = _controls(training, targets)
    native = np.array([bool(ratios) and len(features) > 0 for features in asked], dtype=bool)
    fallback = context_mean(training, targets).means
    for row, features in enumerate(asked):
        if native[row]:
            means[row, features] *= np.mean(ratios)
        else:
            means[row] = fallback[row]
    return Profiles(means, native)


@baseline("linear")
def linear(training: Training, targets: Sequence[Condition]) -> Profiles:
    """The control plus a ridge regression of changes on embeddings of features and targets.

    Source: Ahlmann-Eltze et al. 2025, doi:10.1038/s41592-025-02772-6.
    """
    fitted = _Fitted.of(training)
    asked = targets_of(targets, training.features)

    def change(row: int) -> Array | None:
        if fitted is None or not _covers(targets[row], asked[row]):
            return None
        place = fitted.scores[asked[row]].sum(axis=0)
        return np.asarray(fitted.middle + fitted.scores @ (fitted.weights @ place))

    return _shifted_by(training, targets, [change(row) for row in range(len(targets))])


@baseline("nearest-conditions")
def nearest_conditions(training: Training, targets: Sequence[Condition]) -> Profiles:
    """The control plus the mean change of the training conditions with the nearest targets."""
    own, rows = _of_features(training)
    asked = targets_of(targets, training.features)
    changes = training.deltas[rows]
    axes = _scores((changes - changes.mean(axis=0)).T, scaled=False) if len(rows) > 1 else None
    places = None if axes is None else np.array([axes[own[row]].sum(axis=0) for row in rows])

    def change(row: int) -> Array | None:
        if axes is None or places is None or not _covers(targets[row], asked[row]):
            return None
        away = np.square(places - axes[asked[row]].sum(axis=0)).sum(axis=1)
        nearest = np.argsort(np.round(away, 12), kind="stable")[:NEIGHBOURS]
        return np.asarray(training.deltas[rows[nearest]].mean(axis=0))

    return _shifted_by(training, targets, [change(row) for row in range(len(targets))])


NEIGHBOURS = 5
COMPONENTS = 10
RIDGE = 0.1
FLAT = 1e-9  # share of the largest singular value below which an axis is rounding


def _of_features(training: Training) -> tuple[Sequence[NDArray[np.int64]], NDArray[np.int64]]:
    """Targets of the training conditions, and the conditions whose members are all features."""
    own = targets_of(training.conditions, training.features)
    pairs = zip(training.conditions, own, strict=True)
    rows = [row for row, (condition, found) in enumerate(pairs) if _covers(condition, found)]
    return own, np.array(rows, dtype=np.int64)


def _covers(condition: Condition, features: NDArray[np.int64]) -> bool:
    """Whether all members of the perturbation are features."""
    return len(features) == len(condition.members)


def _scores(values: Array, *, scaled: bool) -> Array | None:
    """(features, components) first left singular vectors, scaled by their values if so asked.

    None where all values vanish.
    """
    left, lengths, _ = np.linalg.svd(values, full_matrices=False)
    kept = min(COMPONENTS, int((lengths > FLAT * max(lengths.max(), FLAT)).sum()))
    if not kept:
        return None
    return np.asarray(left[:, :kept] * (lengths[:kept] if scaled else 1))


@dataclass(frozen=True, eq=False)
class _Fitted:
    """Training changes as features × perturbations, in few components of the training profiles.

    Attributes:
        middle: (features,) mean change.
        scores: (features, components) embedding of the features; that of a perturbation is the sum
            of its targets' rows.
        weights: (components, components) ridge regression between the two.
    """

    middle: Array
    scores: Array
    weights: Array

    @classmethod
    def of(cls, training: Training) -> "_Fitted | None":
        """Fit to the training conditions; None where fewer than two target features."""
        own, rows = _of_features(training)
        if len(rows) < 2:
            return None
        contexts = dict.fromkeys(condition.context_key for condition in training.conditions)
        profiles = np.vstack([training.means, *(training.controls[name] for name in contexts)])
        scores = _scores((profiles - profiles.mean(axis=1, keepdims=True)).T, scaled=True)
        if scores is None:
            return None
        changes = training.deltas[rows]
        middle = changes.mean(axis=0)
        places = np.array([scores[own[row]].sum(axis=0) for row in rows])
        ridge = RIDGE * np.eye(scores.shape[1])
        inner = np.linalg.solve(scores.T @ scores + ridge, scores.T @ (changes - middle).T @ places)
        outer = places.T @ places + ridge
        return cls(middle, scores, np.linalg.solve(outer, inner.T).T)


def _shifted_by(
    training: Training, targets: Sequence[Condition], changes: Sequence[Array | None]
) -> Profiles:
    found = dict(zip(targets, changes, strict=True))
    return _shifted(training, targets, found.__getitem__)
