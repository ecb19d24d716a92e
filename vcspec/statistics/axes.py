"""Feature spaces that are fitted once, on what may be fitted on, and then pinned."""

import numpy as np
from numpy.typing import NDArray

from vcspec.model.comparison import Space
from vcspec.model.matrix import Array, Rows

FITTED = 1_000  # cells that a space is fitted on
COMPONENTS = 50
PANEL = 200  # features whose values are kept cell by cell
FLAT = 1e-10  # share of the largest variance below which an axis is rounding
AT_ONCE = 1_000  # features that are multiplied together


def pinned_space(cells: Rows) -> Space:
    """Principal axes of the cells, at most 50, and their 200 features of largest variance.

    An axis points where its largest entry is positive; of features with equal variance the first
    is taken. Few cells or features give fewer axes, down to none.

    Args:
        cells: (cells, features) log1p values.
    """
    values = cells.dense().astype(np.float64)
    offset = values.mean(axis=0)
    values -= offset
    variance = np.square(values).mean(axis=0)
    axes = _axes(values)
    along = np.square(values @ axes).mean(axis=0)
    return Space(axes, offset, _largest(variance), along)


def _axes(centred: Array) -> Array:
    """(features, components) orthonormal, of largest variance first."""
    gram = np.zeros((len(centred), len(centred)))
    for start in range(0, centred.shape[1], AT_ONCE):
        part = centred[:, start : start + AT_ONCE]
        gram += part @ part.T
    lengths, rotations = np.linalg.eigh(gram)
    order = np.argsort(-lengths, kind="stable")[:COMPONENTS]
    order = order[lengths[order] > FLAT * max(lengths.max(initial=0), FLAT)]
    axes = centred.T @ (rotations[:, order] / np.sqrt(lengths[order]))
    if not axes.size:
        return np.zeros((centred.shape[1], 0))
    largest = np.abs(axes).argmax(axis=0)
    return np.asarray(axes * np.sign(axes[largest, np.arange(axes.shape[1])]))


def _largest(variance: Array) -> NDArray[np.int64]:
    return np.sort(np.argsort(-variance, kind="stable")[:PANEL]).astype(np.int64)
