"""The baselines of the standard: mean profiles in, mean profiles out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcspec.catalog import Catalog
from vcspec.model.condition import Condition
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
    return Profiles(np.maximum(found.means, 0.0), found.native)


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
        for row, condition in enumerate(training.conditions)
        if condition.perturbation == perturbation
        and (contexts is None or condition.context_key in contexts)
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

    def change(target: Condition) -> Array | None:
        here = training.controls[target.context_key]
        known = {
            condition.context_key
            for condition in training.conditions
            if condition.perturbation == target.perturbation
            and condition.context_key != target.context_key
        }
        if not known:
            return None
        distance = {name: float(np.linalg.norm(training.controls[name] - here)) for name in known}
        return _change_of(
            training, target.perturbation, {min(known, key=lambda n: (distance[n], n))}
        )

    return _shifted(training, targets, change)
