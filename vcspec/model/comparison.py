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
class Pooled:
    """Conditions as one measurement each, the cells' amounts added up before the logarithm.

    Attributes:
        profile: (conditions, features) log1p(50,000 · sum over cells of a feature's amounts / sum
            over cells and features).
        noise: (conditions,) delete-one-cell jackknife variance of `profile`, summed over features;
            0 for fewer than two cells.
        control: (conditions, features) the same profile of the control that belongs to each.
        control_noise: (conditions,) its noise.
    """

    profile: Array
    noise: Array
    control: Array
    control_noise: Array

    def rows(self, start: int, stop: int) -> "Pooled":
        """The conditions `start` to `stop`, nothing copied."""
        where = slice(start, stop)
        return Pooled(
            self.profile[where], self.noise[where], self.control[where], self.control_noise[where]
        )


@dataclass(frozen=True, eq=False)
class Sample:
    """A bounded draw of cells, in feature spaces that the reference pins.

    At most so many cells of a condition are drawn, whatever it holds, by their place in it.

    Attributes:
        projected: for each condition (drawn cells, components), in the pinned component space.
        panel: for each condition (drawn cells, panel), log1p values of the pinned features.
        control_projected: the same of the control that belongs to each condition.
        control_panel: the same of the control that belongs to each condition.
    """

    projected: tuple[Array, ...]
    panel: tuple[Array, ...]
    control_projected: tuple[Array, ...]
    control_panel: tuple[Array, ...]

    def rows(self, start: int, stop: int) -> "Sample":
        """The conditions `start` to `stop`, nothing copied."""
        where = slice(start, stop)
        return Sample(
            self.projected[where],
            self.panel[where],
            self.control_projected[where],
            self.control_panel[where],
        )


@dataclass(frozen=True, eq=False)
class Side:
    """Truth or prediction.

    Attributes:
        mean: (conditions, features) mean of the cells' normalised values, log1p.
        control: (conditions, features) mean of the control that this side is compared with.
        expression: against the same control; None where there are no cells to test.
        variance: (conditions, features) variance of the cells' log1p values, over n - 1; 0 for one
            cell; None where there are no cells.
        control_variance: (conditions, features) the same of the control; None where there are no
            cells.
        linear: (conditions, features) mean of the cells' normalised values before the logarithm,
            in the split's target sum; None where there are no cells.
        control_linear: (conditions, features) the same of the control.
        pooled: cells added up; None where there are no cells.
        sample: drawn cells; None where there are no cells.
        deviation: (conditions, features) standard deviation that a prediction states of its own
            mean profile, log1p units; None where it states none.
        shown: number of cells that fingerprints can tell, and of those that the split shows; None
            where that was not looked at.
    """

    mean: Array
    control: Array
    expression: Expression | None
    variance: Array | None = None
    control_variance: Array | None = None
    linear: Array | None = None
    control_linear: Array | None = None
    pooled: Pooled | None = None
    sample: Sample | None = None
    deviation: Array | None = None
    shown: tuple[int, int] | None = None

    @property
    def delta(self) -> Array:
        """(conditions, features) change from control, in log1p units."""
        return self.mean - self.control

    def rows(self, start: int, stop: int) -> "Side":
        """The conditions `start` to `stop`, nothing copied."""
        where = slice(start, stop)

        def part(values: Array | None) -> Array | None:
            return values[where] if values is not None else None

        return Side(
            mean=self.mean[where],
            control=self.control[where],
            expression=self.expression.rows(start, stop) if self.expression is not None else None,
            variance=part(self.variance),
            control_variance=part(self.control_variance),
            linear=part(self.linear),
            control_linear=part(self.control_linear),
            pooled=self.pooled.rows(start, stop) if self.pooled is not None else None,
            sample=self.sample.rows(start, stop) if self.sample is not None else None,
            deviation=part(self.deviation),
        )


@dataclass(frozen=True, eq=False)
class Space:
    """Feature spaces that the reference pins; fitted on what a split gives for training.

    Attributes:
        loadings: (features, components) orthonormal columns, principal axes.
        offset: (features,) mean that is taken off before projecting, log1p.
        panel: (panel,) numbers of the features whose values are kept cell by cell.
        variance: (components,) along each axis, of the cells that the axes were fitted on.
    """

    loadings: Array
    offset: Array
    panel: NDArray[np.int64]
    variance: Array

    def project(self, profiles: Array) -> Array:
        """(n, components) coordinates of log1p profiles, (n, features)."""
        return np.asarray((profiles - self.offset) @ self.loadings)


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
        targets: for each condition the numbers of the features that its own perturbation targets.
        space: pinned feature spaces; None where no metric asks for one.
        phenotype: for each condition the class that somebody gave its perturbation, "" for none;
            nothing where there are no classes.
    """

    truth: Side
    prediction: Side
    context: NDArray[np.int64]
    centre: Array
    is_target: NDArray[np.bool_]
    targets: tuple[NDArray[np.int64], ...] = ()
    space: Space | None = None
    phenotype: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.context)

    def rows(self, start: int, stop: int) -> "Comparison":
        """The conditions `start` to `stop`, nothing copied."""
        where = slice(start, stop)
        return Comparison(
            self.truth.rows(start, stop),
            self.prediction.rows(start, stop),
            self.context[where],
            self.centre[where],
            self.is_target,
            self.targets[where],
            self.space,
            self.phenotype[where],
        )


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
