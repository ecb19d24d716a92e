"""Distances: between all pairs of profiles, and between samples of cells."""

from collections.abc import Sequence

import numpy as np

from vcspec.model.matrix import Array
from vcspec.statistics.kernels import call, compiled

NEAR = 1e-8  # share of both lengths below which a squared distance is taken from differences


def pairwise(left: Array, right: Array, *, squared: bool) -> Array:
    """(n, m) sums over features of |left - right|, or of its square.

    Each pair is summed in the same order, so that equal rows are equally far from everything, and
    at distance 0 from each other. Nothing but the result is allocated.

    Args:
        left: (n, features).
        right: (m, features).
        squared: squares in place of absolute values.
    """
    if compiled() is None:
        from scipy.spatial.distance import cdist

        return np.asarray(cdist(left, right, "sqeuclidean" if squared else "cityblock"))
    sides = [np.ascontiguousarray(side, dtype=np.float64) for side in (left, right)]
    out = np.empty((len(left), len(right)))
    call("vcs_pairwise", len(left), len(right), left.shape[1], *sides, squared, out)
    return out


def energy_distances(samples: Sequence[Array]) -> Array:
    """(samples, samples) energy distance between each two samples, unbiased; 0 on the diagonal.

    2 E|x - y| - E|x - x'| - E|y - y'| with Euclidean distances, where the means within a sample run
    over pairs of different cells. The terms within each sample are computed once. NaN against a
    sample of fewer than two cells.

    Source: Székely & Rizzo 2013, doi:10.1016/j.jspi.2013.03.018.

    Args:
        samples: each (cells, dimensions).
    """
    sides = [np.ascontiguousarray(sample, dtype=np.float64) for sample in samples]
    lengths = [np.einsum("cd,cd->c", side, side) for side in sides]
    count = len(sides)
    within = np.array([_within(sides[at], lengths[at]) for at in range(count)])
    out = np.zeros((count, count))
    for one in range(count):
        for other in range(one + 1, count):
            total = _sum_of_roots(sides[one], sides[other], lengths[one], lengths[other])
            mean = total / (len(sides[one]) * len(sides[other]))
            out[one, other] = out[other, one] = 2 * mean - within[one] - within[other]
    return out


def _within(sample: Array, lengths: Array) -> float:
    """Mean distance between different cells of one sample."""
    cells = len(sample)
    if cells < 2:
        return float("nan")
    return _sum_of_roots(sample, sample, lengths, lengths) / (cells * (cells - 1))


def _sum_of_roots(left: Array, right: Array, lengths: Array, others: Array) -> float:
    """Sum of Euclidean distances of all pairs, from their inner products.

    Of pairs that are so near that these leave nothing but rounding, from their differences.
    """
    products = left @ right.T
    if left is right:
        np.fill_diagonal(products, lengths)  # a cell is at distance 0 from itself, exactly
    if compiled() is not None:
        sides = np.ascontiguousarray(products), lengths, others
        size, near = left.shape[1], np.array([NEAR])
        return float(
            call("vcs_sum_of_roots", len(left), len(right), *sides, size, left, right, near)
        )
    both = lengths[:, np.newaxis] + others
    gaps = both - 2 * products
    found = float(np.sqrt(np.maximum(gaps, 0)).sum())
    near_pairs = gaps < NEAR * both
    if not near_pairs.any():
        return found
    exact = pairwise(left, right, squared=True)[near_pairs]
    return found + float((np.sqrt(exact) - np.sqrt(np.maximum(gaps[near_pairs], 0))).sum())
