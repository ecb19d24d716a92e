"""What several metrics ask of one side: its change from control, and its significant features."""

from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from vcspec.model.comparison import Expression, Scores, Side
from vcspec.model.matrix import AnyArray, Array
from vcspec.statistics.expression import log_fold_change

Mask = NDArray[np.bool_]

DECIMALS = 12
LARGEST = float(np.finfo(np.float32).max)  # its square is far from overflow in float64


def settled(values: Array) -> Array:
    """Values without the noise of their last bits, so that ties, signs and constants are exact."""
    return np.round(values, DECIMALS)


def change(side: Side) -> Array:
    """(conditions, features) change from control, log1p units; taken once, as many ask for it."""
    if side not in _CHANGES:
        found = settled(side.delta)
        found.flags.writeable = False
        _CHANGES[side] = found
    return _CHANGES[side]


_CHANGES: WeakKeyDictionary[Side, Array] = WeakKeyDictionary()


def fold_change(side: Side, pseudocount: float) -> Array:
    """(conditions, features) change from control, log2 fold change."""
    return settled(log_fold_change(side.mean, side.control, pseudocount=pseudocount))


def log_ratio(side: Side, offset: float) -> Array:
    """(conditions, features) log2((mean + offset) / (control + offset)), of means not below 0."""
    mean, control = (np.log2(np.maximum(part, 0) + offset) for part in (side.mean, side.control))
    return settled(mean - control)


def tested(side: Side) -> Expression:
    """The side's differential expression.

    Raises:
        LookupError: the side holds no cells; a metric that needs them was called directly.
    """
    if side.expression is None:
        message = "there are no cells to test; ask `compute`, which leaves such metrics undefined"
        raise LookupError(message)
    return side.expression


def significant(side: Side, alpha: float) -> Mask:
    """(conditions, features) whether a feature differs from control, at that discovery rate."""
    return tested(side).fdr < alpha


def is_empty(values: AnyArray) -> Mask:
    """(conditions,) whether all features are zero or false."""
    return np.asarray(~values.any(axis=1))


def is_finite(values: Array) -> Mask:
    """(conditions,) whether every feature is a number that float32 can hold."""
    return is_empty(~(np.abs(values) <= LARGEST))  # NaN is not less or equal


def is_constant(values: Array) -> Mask:
    """(conditions,) whether all features have the same value."""
    return np.asarray(values.max(axis=1) == values.min(axis=1))


def share(part: Array, whole: Array) -> Array:
    """The part divided by the whole; NaN where the whole is 0."""
    out = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=out, where=whole != 0)
    return out


def where_significant(values: Array, found: Mask) -> Scores:
    """Scores, undefined where the truth has no significant feature."""
    return Scores.of(values, is_empty(found), "no-significant-features")
