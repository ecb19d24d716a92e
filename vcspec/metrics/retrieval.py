"""Whether a prediction is nearer to its own truth than to the truths of other conditions.

Only conditions of the same context compete, so that telling contexts apart earns nothing. Published
forms differ in what is compared, which side is ranked, how ties are counted and by what the rank is
divided; every one of them is this function with other parameters.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vcspec.metrics.changes import Mask, change, is_empty, log_ratio, settled
from vcspec.metrics.contexts import contexts
from vcspec.metrics.suite import metric
from vcspec.model.comparison import Comparison, Scores, Side
from vcspec.model.matrix import Array
from vcspec.statistics.distances import pairwise

Gap = Callable[[Array, Array], Array]
Sides = tuple[Array, Array]

NAMES = (
    "discrimination-l1",
    "discrimination-l2",
    "discrimination-cosine",
    "discrimination-pearson",
    "discrimination-l2-expression",
    "discrimination-l2-transposed",
    "discrimination-cosine-components",
    "centroid-accuracy",
    "rank-rmse",
    "rank-cosine",
    "rank-pearson",
    "retrieval-pearson",
    "vcc-2025-primer-discrimination",
    "vcc-2026-discrimination",
    "cell-eval-discrimination-l1",
    "cell-eval-discrimination-l2",
    "cell-eval-discrimination-cosine",
)


def discrimination(  # noqa: PLR0913 - what published forms differ in
    comparison: Comparison,
    *,
    distance: str,
    of: str,
    ranked: str,
    ties: str,
    scale: str,
    without: str,
) -> Scores:
    """Where the own counterpart stands among those of the context.

    Args:
        comparison: truth beside prediction.
        distance: `l1`, `l2`, `cosine` or `pearson`.
        of: what is compared: `expression`, `change`, `fold-change`, `components` or `pooled`.
        ranked: `truths` by their distance to each prediction, or `predictions` to each truth.
        ties: how counterparts as far as the own one count: `half`, `lost`, `won`, or by `position`,
            lost where they come first in the order of the split.
        scale: from the number k of N that are nearer: `others` 1 - k / (N - 1), `all` 1 - k / N,
            `rank` k / N, `twice` 1 - 2 k / N.
        without: which features are left out: those that any perturbation `targets`, those that the
            ranked condition's `own` perturbation targets, or `none`.
    """
    sides = _compared(comparison, of)
    if without == "targets":
        kept = ~comparison.is_target
        sides = sides[0][:, kept], sides[1][:, kept]
    values, alone = np.full(len(comparison), np.nan), np.zeros(len(comparison), dtype=bool)
    for rows in contexts(comparison):
        if len(rows) == 1:
            alone[rows] = True
            continue
        pair = sides[0][rows], sides[1][rows]
        targets = [comparison.targets[row] for row in rows] if without == "own" else None
        gaps = _gaps(pair, distance, targets)  # (predictions, truths)
        nearer = _nearer(gaps if ranked == "truths" else gaps.T, ties)
        values[rows] = SCALES[scale](nearer, len(rows))
    scores = Scores.of(values, alone, "single-condition-in-context")
    width = sides[1].shape[1]
    empty = np.full(len(comparison), not width)
    if without == "own":
        empty |= np.array([len(own) == width for own in comparison.targets], dtype=bool)
    scores = scores.undefined_where(empty, "too-few-features")
    if distance in {"l1", "l2"} or without == "own":
        return scores
    return scores.undefined_where(_is_silent(sides[1], distance), "constant-truth")


for _name in NAMES:
    metric(_name)(partial(discrimination))

SCALES: dict[str, Callable[[Array, int], Array]] = {
    "others": lambda nearer, number: 1 - nearer / (number - 1),
    "all": lambda nearer, number: 1 - nearer / number,
    "rank": lambda nearer, number: nearer / number,
    "twice": lambda nearer, number: 1 - 2 * nearer / number,
}
OFFSET = 0.1  # added to means before the logarithm of `fold-change`, as PerturBench does


def _compared(comparison: Comparison, of: str) -> Sides:
    """What is compared of both sides, prediction first; each (conditions, dimensions)."""

    def taken(side: Side) -> Array:
        if of == "expression":
            return side.mean
        if of == "change":
            return change(side)
        if of == "fold-change":
            return log_ratio(side, OFFSET)
        if of == "components":
            assert comparison.space is not None  # needs `space`
            return settled(side.delta @ comparison.space.loadings)
        assert side.pooled is not None  # needs `pooled`
        return settled(side.pooled.profile - side.pooled.control)

    return taken(comparison.prediction), taken(comparison.truth)


def _nearer(gaps: Array, ties: str) -> Array:
    """(n,) how many stand before the own one, of (n, n) distances with the own on the diagonal."""
    own = np.diagonal(gaps)[:, np.newaxis]
    closer, tied = (gaps < own).sum(axis=1), gaps == own
    others = tied.sum(axis=1) - 1
    if ties == "half":
        return np.asarray(closer + others / 2)
    if ties == "lost":
        return np.asarray(closer + others, dtype=np.float64)
    if ties == "won":
        return np.asarray(closer, dtype=np.float64)
    before = np.tril(tied, -1).sum(axis=1)
    return np.asarray(closer + before, dtype=np.float64)


def _gaps(sides: Sides, distance: str, targets: list[NDArray[np.int64]] | None) -> Array:
    """(predictions, truths) distances, or what orders like them."""
    if targets is None or not any(map(len, targets)):
        return GAPS[distance](*sides)
    rows = []
    truth = sides[1].copy()
    for prediction, own in zip(sides[0], targets, strict=True):
        masked = prediction[np.newaxis].copy()
        masked[:, own], truth[:, own] = 0, 0  # what is zero on both sides adds nothing
        rows.append(GAPS[distance](masked, truth)[0])
        truth[:, own] = sides[1][:, own]
    return np.array(rows)


def _absolute(left: Array, right: Array) -> Array:
    return pairwise(left, right, squared=False)


def _squared(left: Array, right: Array) -> Array:
    """Squared Euclidean distance, which orders like the distance itself."""
    return pairwise(left, right, squared=True)


def _cosine_gap(left: Array, right: Array) -> Array:
    """Cosine distance from half the squared gap of the directions; 1 where a side is zero."""
    return _turn((left, right), (None, None))


def _pearson_gap(left: Array, right: Array) -> Array:
    """One less Pearson's correlation; 1 where a side is constant."""
    return _turn((left, right), (_middle(left), _middle(right)))


def _turn(sides: Sides, middles: tuple[Array | None, Array | None]) -> Array:
    """(rows of left, rows of right) cosine distance about the middles; 1 where a side is there.

    Few rows or features at a time are copied, never a side.
    """
    lengths = [_lengths(*side) for side in zip(sides, middles, strict=True)]
    gaps = np.zeros((len(sides[0]), len(sides[1])))
    for first in range(0, sides[0].shape[1], FEATURES):
        directions = [
            _about(side[:, first : first + FEATURES], middle) / np.where(length > 0, length, 1)
            for side, middle, length in zip(sides, middles, lengths, strict=True)
        ]
        gaps += _squared(directions[0], directions[1])
    gaps /= 2
    gaps[(lengths[0] == 0) | (lengths[1].T == 0)] = 1
    return gaps


GAPS: dict[str, Gap] = {
    "l1": _absolute,
    "l2": _squared,
    "cosine": _cosine_gap,
    "pearson": _pearson_gap,
}


FEATURES = 1024  # at a time
ROWS = 16  # at a time


def _lengths(side: Array, middle: Array | None) -> Array:
    """(rows, 1) Euclidean length of each row about its middle."""
    found = np.empty((len(side), 1))
    for first in range(0, len(side), ROWS):
        rows = slice(first, first + ROWS)
        about = _about(side[rows], None if middle is None else middle[rows])
        found[rows] = np.sqrt(np.square(about).sum(axis=1, keepdims=True))
    return found


def _middle(side: Array) -> Array:
    return np.asarray(side.mean(axis=1, keepdims=True))


def _about(values: Array, middle: Array | None) -> Array:
    return values if middle is None else settled(values - middle)


def _about_zero(values: Array) -> Array:
    return _about(values, _middle(values))


def _is_silent(truth: Array, distance: str) -> Mask:
    return is_empty(_about_zero(truth) if distance == "pearson" else truth)
