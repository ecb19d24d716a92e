"""Distances: between all pairs of profiles, and between samples of cells."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from vcspec.model.matrix import AnyArray, Array
from vcspec.statistics.kernels import call, compiled

STEP = 16  # the kernel's rows in a block
MANY = 16_384  # distances whose rounding averages out, and whose cost is seen
NEAR = 1 / 16  # share of the lengths of both sides below which a mean distance shows their rounding
SMALL, LARGE = 2.0**-50, 2.0**60  # mean distances whose squares float32 holds


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

    A mean of many distances is taken from differences of float32, which leaves it within 1e-8 of
    itself; few, or small ones far from the centre, from those of float64.

    Source: Székely & Rizzo 2013, doi:10.1016/j.jspi.2013.03.018.

    Args:
        samples: each (cells, dimensions).
    """
    every = sum(len(sample) for sample in samples)
    centre = sum((sample.sum(axis=0) for sample in samples), start=np.zeros(())) / max(every, 1)
    with np.errstate(over="ignore"):
        centre = centre.astype(np.float32)  # the same, in whatever order cells were added
    made = [_Cells(sample, centre) for sample in samples]
    count = len(made)
    within = np.array([_within(cells) for cells in made])
    out = np.zeros((count, count))
    for one in range(count):
        for other in range(one + 1, count):
            mean = _mean_distance(made[one], made[other])
            out[one, other] = out[other, one] = 2 * mean - within[one] - within[other]
    return out


class _Cells:
    """A sample, as kernels want it on either side."""

    def __init__(self, sample: Array, centre: Array) -> None:
        self.exact, self.centre = sample, centre

    def __len__(self) -> int:
        return len(self.exact)

    @cached_property
    def double(self) -> "_Sides":
        """The cells as they are."""
        return _sides(self.exact, np.float64)

    @cached_property
    def single(self) -> "_Sides":
        """The cells from the centre."""
        with np.errstate(over="ignore", invalid="ignore"):
            return _sides(self.exact - self.centre, np.float32)

    @cached_property
    def length(self) -> float:
        """Mean distance from the centre."""
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.linalg.norm(self.exact - self.centre, axis=1).mean())


_Sides = tuple[AnyArray, AnyArray]
"""Cells and zeros (blocks of STEP cells, dimensions), and (blocks, dimensions, STEP)."""


def _sides(cells: Array, data_type: type) -> _Sides:
    count, width = cells.shape
    left = np.zeros((-(-count // STEP), STEP, width), dtype=data_type)
    left.reshape(-1, width)[:count] = cells
    return left, np.ascontiguousarray(left.transpose(0, 2, 1))


def _within(cells: _Cells) -> float:
    """Mean distance between different cells of one sample."""
    count = len(cells)
    return _mean_distance(cells, cells) * count / (count - 1) if count > 1 else float("nan")


def _mean_distance(one: _Cells, other: _Cells) -> float:
    """Mean over all pairs; that of a cell and itself is 0."""
    pairs = len(one) * len(other)
    if not pairs:
        return float("nan")
    if compiled() is None:
        gaps = pairwise(one.exact, other.exact, squared=True)
        return float(np.sqrt(gaps, out=gaps).mean())
    sizes = len(one), len(other), one.exact.shape[1]
    if pairs >= MANY:
        mean = float(call("vcs_sum_of_distances", *sizes, one.single[0], other.single[1])) / pairs
        if NEAR * (one.length + other.length) <= mean and SMALL < mean < LARGE:
            return mean
    return float(call("vcs_sum_of_exact_distances", *sizes, one.double[0], other.double[1])) / pairs
