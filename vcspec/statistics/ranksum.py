"""Rank-sum test of one condition's cells against a control that is sorted once.

Only stored values are touched. Each becomes one integer key, feature above value, so that a single
sort orders all features and a single search places a condition among the control's values. The
zeros of a feature, stored or not, are one block of ties that is counted in closed form; negative
values sort below it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from vcspec.model.matrix import AnyArray, Array, Rows

Keys = NDArray[np.uint64]
Counts = NDArray[np.int64]

SIGN = np.uint32(0x8000_0000)
SHIFT = np.uint64(32)


@dataclass(frozen=True, eq=False)
class RankSum:
    """Outcome of the test of each feature; every array (features,).

    Attributes:
        u: pairs (cell, control cell) in which the cell is higher, ties counting one half.
        ties: sum of t³ - t over the groups of t equal values of both sides together.
        z: normal deviate of `u`, positive where the condition is higher; 0 without variance.
        p_value: two-sided; 1 without variance.
    """

    u: Array
    ties: Array
    z: Array
    p_value: Array


@dataclass(frozen=True, eq=False)
class SortedControl:
    """The control's non-zero values, sorted by feature and value, each distinct one once.

    Attributes:
        keys: (distinct,) ascending.
        before: (distinct + 1,) stored control values below each key, all features together.
        start: (features,) stored control values of all earlier features.
        zeros: (features,) control cells whose value is 0.
        negatives: (features,) control cells whose value is below 0.
        ties: (features,) sum of t³ - t over the control's groups of equal non-zero values.
        cells: number of control cells.
    """

    keys: Keys
    before: Counts
    start: Counts
    zeros: Counts
    negatives: Counts
    ties: Array
    cells: int

    @classmethod
    def of(cls, rows: Rows) -> "SortedControl":
        """The control's cells, sorted; costs one sort of their stored values."""
        keys, count = _distinct(rows)
        feature = _feature(keys)
        stored = _total(feature, count, rows.width).astype(np.int64)
        negatives = _total(feature, count * _is_negative(keys), rows.width)
        return cls(
            keys=keys,
            before=np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
            start=np.cumsum(stored) - stored,
            zeros=len(rows) - stored,
            negatives=negatives.astype(np.int64),
            ties=_total(feature, _cubic(count), rows.width),
            cells=len(rows),
        )

    def compare(self, rows: Rows) -> RankSum:
        """Test the cells `rows`, of one condition and as wide as the control, against the control.

        Values are compared as float32; NaN is not allowed. Equal to SciPy's
        `mannwhitneyu(method="asymptotic", use_continuity=True)` on each feature as float64.

        Source: Mann & Whitney 1947, doi:10.1214/aoms/1177730491.
        """
        keys, count = _distinct(rows)
        feature = _feature(keys)
        below, tied = self._place(keys, feature)
        zeros = len(rows) - _total(feature, count, rows.width)
        wins = _total(feature, count * (below + tied / 2), rows.width)
        u = wins + zeros * (self.negatives + self.zeros / 2)
        extra = _cubic(count + tied) - _cubic(tied)
        ties = self.ties + _total(feature, extra, rows.width) + _cubic(zeros + self.zeros)
        z, p_value = two_sided(u, ties, cells=len(rows), control_cells=self.cells)
        return RankSum(u, ties, z, p_value)

    def _place(self, keys: Keys, feature: Counts) -> tuple[Counts, Counts]:
        """Control cells below each key and equal to it, within the key's feature."""
        position = np.searchsorted(self.keys, keys)
        met = np.zeros(len(keys), dtype=bool)
        inside = position < len(self.keys)
        met[inside] = self.keys[position[inside]] == keys[inside]
        below = self.before[position] - self.start[feature]
        below += np.where(_is_negative(keys), 0, self.zeros[feature])
        tied = np.zeros(len(keys), dtype=np.int64)
        tied[met] = self.before[position[met] + 1] - self.before[position[met]]
        return below, tied


def two_sided(
    u: Array, ties: Array, *, cells: int, control_cells: int, continuity: bool = True
) -> tuple[Array, Array]:
    """Signed normal deviate of `u` and its two-sided p-value.

    Args:
        u: (features,) pairs won by the condition, ties counting one half.
        ties: (features,) sum of t³ - t over all groups of ties.
        cells: number of the condition's cells.
        control_cells: number of control cells.
        continuity: move `u` one half towards its expectation, never past it.

    Returns:
        z and p, (features,); 0 and 1 where all values are equal.
    """
    both, pairs = cells + control_cells, float(cells) * control_cells
    # 0 where all values are equal and at least 3 elsewhere: 1 tells them apart despite rounding.
    spread = (both + 1) - ties / (float(both) * max(both - 1, 1))
    varies = spread > 1
    deviation = np.sqrt(pairs / 12 * np.where(varies, spread, 1))
    gap = u - pairs / 2
    excess = np.maximum(np.abs(gap) - 0.5 * continuity, 0)
    z = np.where(varies, np.sign(gap) * excess / deviation, 0.0)
    return z, np.asarray(erfc(np.abs(z) / np.sqrt(2)), dtype=np.float64)


def _distinct(rows: Rows) -> tuple[Keys, Counts]:
    """Sorted distinct keys of the non-zero entries, and how many cells hold each."""
    bits = np.ascontiguousarray(rows.data, dtype=np.float32).view(np.uint32)
    filled = (bits & ~SIGN) != 0  # drops -0.0 as well
    bits = bits[filled]
    ordered = np.where(bits & SIGN, ~bits, bits | SIGN)  # unsigned order is the order of values
    keys = (rows.indices[filled].astype(np.uint64) << SHIFT) | ordered.astype(np.uint64)
    keys.sort()
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)])
    return keys[first], np.diff(first, append=len(keys))


def _total(feature: Counts, weight: AnyArray, width: int) -> Array:
    """Sum of the weights of each feature, added in the order of the keys; (features,)."""
    return np.bincount(feature, weights=weight, minlength=width).astype(np.float64, copy=False)


def _feature(keys: Keys) -> Counts:
    return (keys >> SHIFT).astype(np.int64)


def _is_negative(keys: Keys) -> NDArray[np.bool_]:
    return (keys & np.uint64(SIGN)) == 0


def _cubic(count: AnyArray) -> Array:
    size = count.astype(np.float64)
    return size * size * size - size
