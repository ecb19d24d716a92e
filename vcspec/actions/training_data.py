"""training data: the cells that a split lets a model see, and no others."""

import os
from collections.abc import Sequence

import numpy as np

from vcspec.actions.allowed import Allowed
from vcspec.actions.validate import checked
from vcspec.model.condition import Condition
from vcspec.model.errors import UsageError
from vcspec.model.matrix import AnyArray

Path_ = str | os.PathLike[str]
VISIBLE = ("train", "validation", "inference-input")


class TrainingData:
    """Cells of a dataset in a split's value space, for the roles that a model may see."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed

    def conditions(self, *roles: str) -> list[Condition]:
        """Perturbed conditions with one of the roles; `train` where none is named.

        Raises:
            UsageError: a role that a model may not see.
        """
        wanted = roles or ("train",)
        hidden = [role for role in wanted if role not in VISIBLE]
        if hidden:
            message = f"the role {hidden[0]!r} is not for models; they see {', '.join(VISIBLE)}"
            raise UsageError(message)
        table = self._allowed.table
        return [c for c in table.having(*wanted) if c.perturbation != table.control]

    def cells(self, condition: Condition) -> AnyArray:
        """(cells, features) log1p values of one condition, float32.

        Raises:
            UsageError: the condition has a role that a model may not see.
        """
        if condition not in self._allowed.table.having(*VISIBLE):
            message = f"{condition} is not for models to see; `conditions()` lists what is"
            raise UsageError(message)
        return self._allowed.cells.of(condition.key).dense()

    def control(self, condition: Condition) -> AnyArray:
        """(cells, features) log1p values of the control cells of the condition's context, float32.

        Raises:
            UsageError: the context has no control that a model may see.
        """
        controls, context = self._allowed.controls, condition.context_key
        if context not in controls:
            message = f"{context!r} has no control to see; there are {', '.join(controls)}"
            raise UsageError(message)
        return controls[context].rows.dense()

    def mean(self, conditions: Sequence[Condition]) -> AnyArray:
        """(conditions, features) mean log1p profiles, float64."""
        return np.array([self.cells(c).mean(axis=0, dtype=np.float64) for c in conditions])


def open_training(split: Path_, dataset: Path_) -> TrainingData:
    """The cells of `dataset` that `split` lets a model see.

    Raises:
        UsageError: split or dataset are not sound.
        Mismatch: the dataset is not the one that the split pins.
    """
    return TrainingData(
        Allowed(
            checked(os.fspath(split), "split"),
            checked(os.fspath(dataset), "dataset", level="data"),
        )
    )
