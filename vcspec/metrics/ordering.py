"""Orders with ties, row by row: a tie is never broken by the position of a feature."""

import numpy as np
from numpy.typing import NDArray

from vcspec.metrics.changes import Mask
from vcspec.model.matrix import Array

Sizes = NDArray[np.int64]


def mid_ranks(values: Array) -> Array:
    """(rows, features) rank from 1, equal values sharing the mean of their ranks.

    NaN ranks after everything else, so that it does not touch the ranks of numbers.
    """
    order = np.argsort(values, axis=1)
    first, last = tie_bounds(np.take_along_axis(values, order, axis=1))
    ranks = np.empty_like(values)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, axis=1)
    return ranks


def tie_bounds(ordered: Array) -> tuple[Sizes, Sizes]:
    """First and last position of the run of equal values that each entry of a sorted row is in."""
    position = np.arange(ordered.shape[1], dtype=np.int64)
    differs = ordered[:, 1:] != ordered[:, :-1]
    edge = np.ones((len(ordered), 1), dtype=bool)
    opens, closes = np.hstack([edge, differs]), np.hstack([differs, edge])
    first = np.maximum.accumulate(np.where(opens, position, 0), axis=1)
    backwards = np.where(closes, position, ordered.shape[1])[:, ::-1]
    return first, np.minimum.accumulate(backwards, axis=1)[:, ::-1]


def untied_size(score: Array, limit: Sizes) -> Sizes:
    """Largest n, at most `limit`, for which the n highest scores of a row are one clear set.

    Args:
        score: (rows, features).
        limit: (rows,) at most the number of features.

    Returns:
        (rows,); 0 where more than `limit` features share the highest score.
    """
    _, last = tie_bounds(-np.sort(-score, axis=1))
    fits = last < limit[:, np.newaxis]
    return np.where(fits, last + 1, 0).max(axis=1)


def chance_of_top(score: Array, size: Sizes) -> Array:
    """Chance that a feature is among the `size` highest of its row, ties in random order.

    Args:
        score: (rows, features).
        size: (rows,) from 1 to the number of features.

    Returns:
        (rows, features); each row sums to its size.
    """
    threshold = np.take_along_axis(-np.sort(-score, axis=1), size[:, np.newaxis] - 1, axis=1)
    above: Mask = score > threshold
    tied: Mask = score == threshold
    room = size[:, np.newaxis] - above.sum(axis=1, keepdims=True)
    return above + tied * (room / tied.sum(axis=1, keepdims=True))
