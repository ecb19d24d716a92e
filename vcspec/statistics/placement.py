"""Rank sums without a compiled kernel: values are looked up in the control by bisection."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import AnyArray, Array, Rows

Keys = NDArray[np.uint64]
Counts = NDArray[np.int64]

SIGN = np.uint32(0x8000_0000)
SHIFT = np.uint64(32)


def ordered_bits(values: AnyArray) -> NDArray[np.uint32]:
    """Whole numbers whose order is that of the float32 values."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return np.where(bits & SIGN, ~bits, bits | SIGN)


def keys_of(rows: Rows) -> Keys:
    """(stored,) ascending, a number for each entry that is not zero: feature above value."""
    value = np.ascontiguousarray(rows.data, dtype=np.float32)
    filled = value != 0  # drops -0.0 as well
    column = rows.indices[filled].astype(np.uint64)
    keys = (column << SHIFT) | ordered_bits(value[filled]).astype(np.uint64)
    keys.sort()
    return keys


def cubic(count: AnyArray) -> Array:
    """t³ - t."""
    size = count.astype(np.float64)
    return size * size * size - size


def total(feature: Counts, weight: AnyArray, width: int) -> Array:
    """Sum of the weights of each feature; (features,)."""
    return np.bincount(feature, weights=weight, minlength=width).astype(np.float64, copy=False)


@dataclass(frozen=True, eq=False)
class Landscape:
    """A sorted control as bisection wants it, each distinct value once.

    Attributes:
        keys: (distinct,) ascending, feature above value.
        before: (distinct + 1,) stored control values below each key, all features together.
        start: (features + 1,) stored control values of all earlier features.
        zeros: (features,) control cells whose value is 0.
        negatives: (features,) control cells whose value is below 0.
    """

    keys: Keys
    before: Counts
    start: Counts
    zeros: Counts
    negatives: Counts

    @classmethod
    def of(cls, start: Counts, values: NDArray[np.uint32], cells: int) -> "Landscape":
        """From the sorted values of each feature."""
        width = len(start) - 1
        feature = np.repeat(np.arange(width, dtype=np.uint64), np.diff(start))
        keys, count = distinct((feature << SHIFT) | values)
        below = total(_feature(keys), count * _is_negative(keys), width)
        return cls(
            keys=keys,
            before=np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
            start=start,
            zeros=cells - np.diff(start),
            negatives=below.astype(np.int64),
        )

    def rank_sums(self, rows: Rows, ties: Array) -> tuple[Array, Array]:
        """U and the sum of t³ - t of one condition; (features,) each."""
        keys, count = distinct(keys_of(rows))
        feature = _feature(keys)
        below, tied = self._place(keys, feature)
        zeros = len(rows) - total(feature, count, rows.width)
        wins = total(feature, count * (below + tied / 2), rows.width)
        extra = total(feature, cubic(count + tied) - cubic(tied), rows.width)
        u = wins + zeros * (self.negatives + self.zeros / 2)
        return u, ties + extra + cubic(zeros + self.zeros)

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


def distinct(keys: Keys) -> tuple[Keys, Counts]:
    """Distinct ones of ascending keys, and how often each stands."""
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)])
    return keys[first], np.diff(first, append=len(keys))


def _feature(keys: Keys) -> Counts:
    return (keys >> SHIFT).astype(np.int64)


def _is_negative(keys: Keys) -> NDArray[np.bool_]:
    return (keys & np.uint64(SIGN)) == 0
