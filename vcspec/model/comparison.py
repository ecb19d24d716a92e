"""Comparison: truth beside prediction, condition by condition; all that a metric may look at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import Array


@dataclass(frozen=True, eq=False)
class Expression:
    """Differential expression of conditions against a control; every array (conditions, features).

    Attributes:
        z: rank-sum z, positive where the condition is higher; 0 where no cell differs.
        p_value: two-sided p.
        fdr: p adjusted within the condition (Benjamini-Hochberg).
    """

    z: Array
    p_value: Array
    fdr: Array

    def take(self, rows: NDArray[np.int64]) -> "Expression":
        """The conditions numbered `rows`, in that order."""
        if (rows == np.arange(len(self.z))).all():
            return self
        return Expression(self.z[rows], self.p_value[rows], self.fdr[rows])

    def rows(self, start: int, stop: int) -> "Expression":
        """The conditions `start` to `stop`, nothing copied."""
        where = slice(start, stop)
        return Expression(self.z[where], self.p_value[where], self.fdr[where])


@dataclass(frozen=True, eq=False)
class Side:
    """Truth or prediction.

    Attributes:
        mean: (conditions, features) mean of the cells' normalised values, log1p.
        control: (conditions, features) mean of the control that this side is compared with.
        expression: against the same control; None where there are no cells to test.
    """

    mean: Array
    control: Array
    expression: Expression | None

    @property
    def delta(self) -> Array:
        """(conditions, features) change from control, in log1p units."""
        return self.mean - self.control

    def rows(self, start: int, stop: int) -> "Side":
        """The conditions `start` to `stop`, nothing copied."""
        tested = self.expression.rows(start, stop) if self.expression is not None else None
        return Side(self.mean[start:stop], self.control[start:stop], tested)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Truth beside prediction.

    Attributes:
        truth: what was measured.
        prediction: what the model says.
        context: (conditions,) number of the context that each condition belongs to.
        centre: (conditions, features) mean over the training perturbations' mean profiles, the
            reference point of centred metrics; NaN rows where the split has none.
        is_target: (features,) whether a feature is the target of any perturbation of the split.
    """

    truth: Side
    prediction: Side
    context: NDArray[np.int64]
    centre: Array
    is_target: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.context)

    def rows(self, start: int, stop: int) -> "Comparison":
        """The conditions `start` to `stop`, nothing copied."""
        sides = self.truth.rows(start, stop), self.prediction.rows(start, stop)
        where = slice(start, stop)
        return Comparison(*sides, self.context[where], self.centre[where], self.is_target)


@dataclass(frozen=True, eq=False)
class Scores:
    """A metric's values.

    Attributes:
        values: (conditions,) NaN exactly where `reasons` is not empty.
        reasons: for each condition "" or a term of the vocabulary `undefined`.
    """

    values: Array
    reasons: tuple[str, ...]

    @classmethod
    def defined(cls, values: Array) -> "Scores":
        """Scores that exist for every condition."""
        return cls(np.asarray(values, dtype=np.float64), ("",) * len(values))

    @classmethod
    def of(cls, values: Array, undefined: NDArray[np.bool_], reason: str) -> "Scores":
        """Scores that do not exist, for `reason`, where `undefined` is true."""
        kept = np.where(undefined, np.nan, np.asarray(values, dtype=np.float64))
        return cls(kept, tuple(reason if gone else "" for gone in undefined))

    def undefined_where(
        self, undefined: Sequence[bool] | NDArray[np.bool_], reason: str
    ) -> "Scores":
        """The same scores, with further conditions undefined; an earlier reason stays."""
        gone = np.asarray(undefined, dtype=bool)
        reasons = tuple(
            old or (reason if now else "") for old, now in zip(self.reasons, gone, strict=True)
        )
        return Scores(np.where(gone, np.nan, self.values), reasons)


def together(parts: Sequence[Scores]) -> Scores:
    """Scores of consecutive conditions, in their order."""
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([np.empty(0), *(part.values for part in parts)])
    return Scores(values, tuple(reason for part in parts for reason in part.reasons))
