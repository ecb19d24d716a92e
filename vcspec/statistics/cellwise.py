"""What some metrics take of a condition's cells beyond their mean and tests.

Everything is added up cell by cell in the order of the rows, so that the same cells give the same
bits in however many pieces they come.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.model.comparison import Pooled, Sample, Side, Space
from vcspec.model.matrix import Array, Rows, stack
from vcspec.statistics.mixing import STEP, splitmix64
from vcspec.statistics.moments import add_to, variance_of
from vcspec.statistics.normalise import amounts_of

DRAWN = 400  # cells of a condition that are drawn
POOLED_SUM = 50_000.0  # what amounts are scaled to when cells are added up


@dataclass(frozen=True)
class Taking:
    """What is taken.

    Attributes:
        variance: of log1p values.
        linear: means before the logarithm.
        pooled: cells added up, with the noise of that.
        sample: drawn cells, in the spaces that a reference pins.
    """

    variance: bool = False
    linear: bool = False
    pooled: bool = False
    sample: bool = False

    def __bool__(self) -> bool:
        return self.variance or self.linear or self.pooled or self.sample


NOTHING_MORE = Taking()


@dataclass(frozen=True, eq=False)
class Piece:
    """Some cells of a condition.

    Attributes:
        log1p: their normalised values.
        amounts: the same cells before the logarithm, float64.
        scale: (cells,) by what amounts are multiplied to be normalised.
    """

    log1p: Rows
    amounts: Rows
    scale: Array

    @classmethod
    def of(cls, log1p: Rows) -> "Piece":
        """Cells that are known by their log1p values alone."""
        return cls(log1p, amounts_of(log1p, space="log1p"), np.ones(len(log1p)))

    @classmethod
    def as_measured(cls, values: Rows) -> "Piece":
        """Cells whose values have no counts behind them."""
        return cls(values, amounts_of(values, space="intensity"), np.ones(len(values)))

    @classmethod
    def of_counts(
        cls, log1p: Rows, counts: Rows, target_sum: float, totals: Array | None
    ) -> "Piece":
        """Cells that were counted; `totals` (cells,) of each, None for the sums of the rows."""
        amounts = amounts_of(counts, space="counts")
        if totals is None:
            totals = np.bincount(
                amounts.row_of_entry, weights=amounts.data, minlength=len(amounts)
            ).astype(np.float64)
        scale = np.divide(target_sum, totals, out=np.zeros(len(totals)), where=totals > 0)
        return cls(log1p, amounts, scale)

    def slice(self, start: int, stop: int) -> "Piece":
        """Cells `start` to `stop`."""
        rows = self.log1p.slice(start, stop), self.amounts.slice(start, stop)
        return Piece(*rows, self.scale[start:stop])

    def take(self, rows: NDArray[np.int64]) -> "Piece":
        """The cells numbered `rows`."""
        return Piece(self.log1p.take(rows), self.amounts.take(rows), self.scale[rows])


@dataclass(frozen=True, eq=False)
class Cellwise:
    """What was taken of one condition; None where it was not wanted.

    Attributes:
        variance: (features,) over n - 1; 0 for one cell.
        linear: (features,) mean before the logarithm.
        profile: (features,) of the cells added up, log1p.
        noise: its jackknife variance, summed over features.
        projected: (drawn, components).
        panel: (drawn, panel).
    """

    variance: Array | None = None
    linear: Array | None = None
    profile: Array | None = None
    noise: float = 0.0
    projected: Array | None = None
    panel: Array | None = None


Pieces = Callable[[], Iterable[Piece]]


def cellwise(
    pieces: Pieces, cells: int, width: int, taking: Taking, space: Space | None
) -> Cellwise:
    """What is wanted of one condition.

    Args:
        pieces: gives its cells anew each time that it is called, in order.
        cells: how many there are, at least one.
        width: number of features.
        taking: what is wanted.
        space: what drawn cells are seen in; None takes no sample.

    Where nothing is wanted no cell is read.
    """
    if not taking:
        return Cellwise()
    moments, sums, normalised = (np.zeros((width, 2)) for _ in range(3))
    chosen, first = drawn(cells), 0
    projected: list[Array] = []
    panel: list[Array] = []
    for piece in pieces():
        if taking.variance:
            add_to(moments, piece.log1p)
        if taking.pooled:
            add_to(sums, piece.amounts)
        if taking.linear:
            add_to(normalised, _scaled(piece))
        if taking.sample and space is not None:
            inside = chosen[(chosen >= first) & (chosen < first + len(piece.log1p))] - first
            rows = piece.log1p.take(inside)
            projected.append(_projected(rows, space))
            panel.append(_panel(rows, space.panel))
        first += len(piece.log1p)
    total = sums[:, 0]
    return Cellwise(
        variance=variance_of(moments, cells) if taking.variance else None,
        linear=normalised[:, 0] / cells if taking.linear else None,
        profile=_pooled_profile(total) if taking.pooled else None,
        noise=_noise(pieces, total, cells) if taking.pooled else 0.0,
        projected=np.concatenate(projected) if projected else None,
        panel=np.concatenate(panel) if panel else None,
    )


def stacked(pieces: list[Piece]) -> Piece:
    """Pieces one under the other."""
    return Piece(
        stack([piece.log1p for piece in pieces]),
        stack([piece.amounts for piece in pieces]),
        np.concatenate([piece.scale for piece in pieces]),
    )


def drawn(cells: int, most: int = DRAWN) -> NDArray[np.int64]:
    """Places of the cells that are drawn: those whose SplitMix64 output is smallest; in order."""
    if cells <= most:
        return np.arange(cells, dtype=np.int64)
    with np.errstate(over="ignore"):
        tickets = splitmix64(np.arange(cells, dtype=np.uint64) * STEP)
    return np.sort(np.argsort(tickets, kind="stable")[:most]).astype(np.int64)


def _scaled(piece: Piece) -> Rows:
    rows = piece.amounts
    data = rows.data * np.repeat(piece.scale, np.diff(rows.indptr))
    return Rows(rows.indptr, rows.indices, data, rows.width, rows.first)


def _pooled_profile(total: Array) -> Array:
    whole = total.sum()
    return np.log1p(POOLED_SUM * total / whole) if whole > 0 else np.zeros_like(total)


def _noise(pieces: Pieces, total: Array, cells: int) -> float:
    """Delete-one-cell jackknife variance of the pooled profile, summed over features.

    Without cell i a feature has log1p(scale · (S_g - y_ig) / (S - s_i)). Each is taken as its
    distance from the whole profile, which keeps the digits that a difference of logarithms loses.
    """
    whole = total.sum()
    if cells < 2 or whole <= 0:
        return 0.0
    inverse = 1 / (whole + POOLED_SUM * total)
    away, squares = np.zeros(len(total)), np.zeros(len(total))
    for piece in pieces():
        rows = piece.amounts
        for cell in range(len(rows)):
            part = slice(int(rows.indptr[cell]), int(rows.indptr[cell + 1]))
            own, values = rows.indices[part], rows.data[part]
            left_out = values.sum()
            if left_out >= whole:
                gap = -np.log1p(POOLED_SUM * total / whole)  # nothing is left
            else:
                taken = left_out * inverse
                taken[own] += POOLED_SUM * values * inverse[own]
                # Where a feature is in this cell alone, rounding must not take more than all.
                gap = np.log1p(-np.minimum(taken, _most(left_out, whole, inverse)))
                gap -= np.log1p(-left_out / whole)
            away += gap
            squares += gap * gap
    return float((cells - 1) / cells * (squares - away * away / cells).sum())


def _most(left_out: float, whole: float, inverse: Array) -> Array:
    """(features,) what is taken where a feature has nothing left: all but the amounts of others."""
    return 1 - (whole - left_out) * inverse


def _projected(rows: Rows, space: Space) -> Array:
    """(cells, components), cell by cell, so that a cell has the same bits wherever it stands."""
    base = space.offset @ space.loadings
    found = np.empty((len(rows), space.loadings.shape[1]))
    for cell in range(len(rows)):
        part = slice(int(rows.indptr[cell]), int(rows.indptr[cell + 1]))
        own = space.loadings[rows.indices[part]]
        found[cell] = (rows.data[part, np.newaxis].astype(np.float64) * own).sum(axis=0) - base
    return found


def _panel(rows: Rows, panel: NDArray[np.int64]) -> Array:
    """(cells, panel) values of the pinned features."""
    place = np.full(rows.width, -1, dtype=np.int64)
    place[panel] = np.arange(len(panel))
    column = place[rows.indices]
    found, kept = np.zeros((len(rows), len(panel))), column >= 0
    found[rows.row_of_entry[kept], column[kept]] = rows.data[kept]
    return found


def with_cellwise(
    side: Side, conditions: list[Cellwise], controls: list[Cellwise], number: NDArray[np.int64]
) -> Side:
    """The side, with what was taken of its conditions and of their controls.

    Args:
        side: means and tests.
        conditions: of each condition, in the order of the side.
        controls: of each control.
        number: (conditions,) number of the control of each.
    """
    own = [controls[at] for at in number]

    def rows(parts: list[Cellwise], name: str) -> Array | None:
        found = [getattr(part, name) for part in parts]
        return np.array(found) if found and found[0] is not None else None

    profile, control = rows(conditions, "profile"), rows(own, "profile")
    pooled = None
    if profile is not None and control is not None:
        noises = (np.array([part.noise for part in parts]) for parts in (conditions, own))
        noise, control_noise = noises
        pooled = Pooled(profile, noise, control, control_noise)
    sample = None
    if conditions and conditions[0].projected is not None:
        kept = [
            tuple(getattr(part, name) for part in parts)
            for parts in (conditions, own)
            for name in ("projected", "panel")
        ]
        sample = Sample(*kept)
    return replace(
        side,
        variance=rows(conditions, "variance"),
        control_variance=rows(own, "variance"),
        linear=rows(conditions, "linear"),
        control_linear=rows(own, "linear"),
        pooled=pooled,
        sample=sample,
    )


def parts_of(side: Side, conditions: int) -> list[Cellwise]:
    """What was taken of each of a side's conditions, one by one."""
    by_feature = {"variance": side.variance, "linear": side.linear}
    found: dict[str, Any] = {n: v for n, v in by_feature.items() if v is not None}
    if side.pooled is not None:
        found |= {"profile": side.pooled.profile, "noise": side.pooled.noise.tolist()}
    if side.sample is not None:
        found |= {"projected": side.sample.projected, "panel": side.sample.panel}
    return [
        Cellwise(**{name: values[at] for name, values in found.items()}) for at in range(conditions)
    ]
