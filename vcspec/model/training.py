"""Training: what a split allows a baseline to see, as mean profiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vcspec.model.condition import Condition
from vcspec.model.matrix import Array


@dataclass(frozen=True, eq=False)
class Training:
    """Mean profiles of the conditions that may be fitted on, and of the controls.

    Attributes:
        conditions: perturbed conditions with the role train.
        means: (conditions, features) mean log1p profiles.
        controls: context → (features,) mean log1p profile of its control, of train and
            inference-input.
        features: (features,) names; perturbations may target them.
        least: smallest value that a profile can have.
    """

    conditions: tuple[Condition, ...]
    means: Array
    controls: Mapping[str, Array]
    features: tuple[str, ...] = ()
    least: float = 0.0

    @cached_property
    def deltas(self) -> Array:
        """(conditions, features) change of each condition from its context's control."""
        if not self.conditions:
            return self.means
        control = np.array([self.controls[condition.context_key] for condition in self.conditions])
        return np.asarray(self.means - control)

    @cached_property
    def rows(self) -> Mapping[str, Sequence[int]]:
        """Perturbation → numbers of its conditions."""
        found: dict[str, list[int]] = {}
        for row, condition in enumerate(self.conditions):
            found.setdefault(condition.perturbation, []).append(row)
        return found

    def centre(self, context: str) -> Array:
        """(features,) mean profile of the context's training perturbations.

        Where the context has none: its control plus the mean change elsewhere. NaN where nothing is
        trained on.
        """
        here = [condition.context_key == context for condition in self.conditions]
        if any(here):
            return np.asarray(self.means[here].mean(axis=0))
        if not self.conditions:
            return np.full_like(self.controls[context], np.nan)
        return np.asarray(self.controls[context] + self.deltas.mean(axis=0))
