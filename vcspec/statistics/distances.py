"""Distances: between all pairs of profiles, and between samples of cells."""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from vcspec.model.matrix import AnyArray, Array
from vcspec.statistics.kernels import call, compiled

LANES, TILE = 4, 1_024  # the kernel's sums at a time, and features
STEP = 16  # its rows in a block
AT_ONCE = 262_144  # numbers that stay near the processor
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
    sides = [np.ascontiguousarray(side, dtype=np.float64) for side in (left, right)]
    out = np.zeros((len(left), len(right)))
    if compiled() is None:
        for rows in _batches(len(left), LANES * len(right)):
            _add_gaps(sides[0][rows], sides[1], out[rows], squared=squared)
        return out
    call("vcs_pairwise", len(left), len(right), left.shape[1], *sides, squared, out)
    return out


def _batches(rows: int, width: int) -> Iterator[slice]:
    """Slices of rows, of which each takes `width` numbers of `AT_ONCE` at a time."""
    step = max(1, AT_ONCE // max(width, 1))
    return (slice(first, first + step) for first in range(0, rows, step))


def _add_gaps(left: Array, right: Array, out: Array, *, squared: bool) -> None:
    """Add to `out` what the kernel does, in its order."""
    for first in range(0, left.shape[1], TILE):
        sides = [side[:, first : first + TILE] for side in (left, right)]
        whole = sides[0].shape[1] // LANES * LANES
        lanes = np.zeros((*out.shape, LANES))
        for at in range(0, whole, LANES):
            part = slice(at, at + LANES)
            lanes += _gap(sides[0][:, np.newaxis, part] - sides[1][:, part], squared=squared)
        total = (lanes[..., 0] + lanes[..., 1]) + (lanes[..., 2] + lanes[..., 3])
        for at in range(whole, sides[0].shape[1]):
            total += _gap(sides[0][:, np.newaxis, at] - sides[1][:, at], squared=squared)
        out += total


def _gap(difference: Array, *, squared: bool) -> Array:
    return difference * difference if squared else np.abs(difference)


def energy_distances(samples: Sequence[Array]) -> Array:
    """(samples, samples) energy distance between each two samples, unbiased; 0 on the diagonal.

    2 E|x - y| - E|x - x'| - E|y - y'| with Euclidean distances, where the means within a sample run
    over pairs of different cells. The terms within each sample are computed once. NaN against a
    sample of fewer than two cells.

    A mean of many distances is taken from differences of float32, which leaves it within 1e-8 of
    itself, and the energy distance within a few 1e-8 of the mean distances that it is made of; few,
    or small ones far from the centre, from those of float64.

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
    if pairs >= MANY:
        mean = _sum_of_distances(len(one), len(other), one.single[0], other.single[1]) / pairs
        if NEAR * (one.length + other.length) <= mean and SMALL < mean < LARGE:
            return mean
    return _sum_of_distances(len(one), len(other), one.double[0], other.double[1]) / pairs


def _sum_of_distances(n: int, m: int, left: AnyArray, right: AnyArray) -> float:
    """Sum over all pairs of cells, of sides that `_sides` has made."""
    width, single = left.shape[2], left.dtype == np.float32
    if compiled() is not None:
        name = "vcs_sum_of_distances" if single else "vcs_sum_of_exact_distances"
        return float(call(name, n, m, width, left, right))
    rows, columns = left.reshape(-1, width)[:n], right.transpose(0, 2, 1).reshape(-1, width)[:m]
    sums = np.zeros(m)
    for batch in _batches(n, m):
        squares = np.zeros((len(rows[batch]), m), dtype=left.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for at in range(width):
                gap = columns[:, at] - rows[batch, at, np.newaxis]
                squares = _fused(gap, squares) if single else squares + gap * gap
            for row in np.sqrt(squares):
                sums += row
    return float(np.cumsum(sums)[-1])


def _fused(gap: AnyArray, squares: AnyArray) -> AnyArray:
    """gap² + squares of float32, rounded once, as a fused multiplication and addition does.

    The square is exact in float64. The sum there is rounded to odd, so that rounding it to float32
    is as good as rounding the exact sum (Boldo & Melquiond 2008, doi:10.1109/TC.2007.70819).
    """
    square, other = np.square(gap, dtype=np.float64), squares.astype(np.float64)
    total = square + other
    there = total - square
    lost = (square - (total - there)) + (other - there)
    bits = total.view(np.int64)
    bits -= lost < 0
    bits |= lost != 0
    return total.astype(np.float32)
