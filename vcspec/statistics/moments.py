"""Moments of the cells of one condition."""

from dataclasses import dataclass

import numpy as np

from vcspec.model.errors import UsageError
from vcspec.model.matrix import Array, Rows
from vcspec.statistics.kernels import call, compiled, narrow, real


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over cells, absent entries counting as 0; in the unit of the values, and its square.

    Attributes:
        cells: number of cells.
        total: (features,) sum of the values.
        squares: (features,) sum of their squares.
    """

    cells: int
    total: Array
    squares: Array

    @property
    def mean(self) -> Array:
        """(features,) mean over the cells.

        Raises:
            UsageError: there are no cells, hence no mean.
        """
        if not self.cells:
            message = "a condition without cells has no mean profile; drop it or give it cells"
            raise UsageError(message)
        return np.asarray(self.total / self.cells, dtype=np.float64)

    @property
    def error(self) -> float:
        """Sampling error of the mean: sqrt(sum over features of v / n), v the unbiased variance.

        0 for one cell, of which nothing is known.
        """
        spread = np.maximum(self.squares - self.total**2 / max(1, self.cells), 0).sum()
        return float(np.sqrt(spread / max(1, self.cells - 1) / max(1, self.cells)))


def add_to(sums: Array, rows: Rows) -> None:
    """Add values and squares of the cells `rows` to `sums`, (features, 2).

    Values are added in float64, one after the other in row order, so that the same rows give the
    same bits however they were read.
    """
    values = real(rows.data)
    if compiled() is None:
        wide = values.astype(np.float64)
        np.add.at(sums[:, 0], rows.indices, wide)
        np.add.at(sums[:, 1], rows.indices, wide * wide)
        return
    is_wide = values.dtype == np.float64
    call("vcs_sums", len(values), narrow(rows.indices), values, is_wide, rows.width, sums)


def variance_of(sums: Array, cells: int) -> Array:
    """(features,) variance over n - 1 by such sums of `cells` cells; 0 for one cell."""
    if cells < 2:
        return np.zeros(len(sums))
    away = sums[:, 1] - np.square(sums[:, 0]) / cells
    return np.asarray(np.maximum(away, 0) / (cells - 1))


def moments(rows: Rows) -> Moments:
    """Moments of the cells `rows`."""
    sums = np.zeros((rows.width, 2))
    add_to(sums, rows)
    return Moments(len(rows), sums[:, 0].copy(), sums[:, 1].copy())


def mean_profile(rows: Rows) -> Array:
    """Mean over the cells, absent entries counting as 0; (features,), in the unit of `rows`.

    Raises:
        UsageError: there are no cells, hence no mean.
    """
    return moments(rows).mean
