"""Fits made again: sums over cells that can be put together, and the axes that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_matrix

from vcspec.model.matrix import AnyArray, Array, Rows
from vcspec.statistics.moments import Moments


@dataclass(frozen=True, eq=False)
class Products:
    """Sums over cells, of some features.

    Attributes:
        cells: number of cells.
        total: (features,) sum of the values.
        products: (features, features) sum of the products of two.
    """

    cells: int
    total: Array
    products: Array


def products(rows: Rows, features: AnyArray) -> Products:
    """Sums of the cells `rows`, over the features at some places."""
    shape = (len(rows), rows.width)
    matrix = csr_matrix((rows.data.astype(np.float64), rows.indices, rows.indptr), shape=shape)
    chosen = matrix[:, features]
    total = np.asarray(chosen.sum(axis=0), dtype=np.float64).ravel()
    return Products(len(rows), total, (chosen.T @ chosen).toarray())


def pooled_products(parts: Sequence[Products]) -> Products:
    """The sums of all the parts, one at least."""
    return Products(
        sum(part.cells for part in parts),
        np.sum([part.total for part in parts], axis=0),
        np.sum([part.products for part in parts], axis=0),
    )


def pooled_moments(parts: Sequence[Moments]) -> Moments:
    """The sums of all the parts, one at least."""
    return Moments(
        sum(part.cells for part in parts),
        np.sum([part.total for part in parts], axis=0),
        np.sum([part.squares for part in parts], axis=0),
    )


def variable(sums: Moments, number: int) -> set[int]:
    """Places of the features that vary most; of equal ones those that stand first."""
    variance = sums.squares / sums.cells - sums.mean**2
    return set(np.argsort(-variance, kind="stable")[:number].tolist())


def standardised(sums: Moments) -> float:
    """How far features are from mean 0 and deviation 1: median over those that vary.

    Args:
        sums: of two cells or more. The deviation is taken over n or n - 1, whichever is nearer.

    Returns:
        the greater of the two differences, of the feature in the middle; infinity where none
        varies.
    """
    mean = sums.mean
    variance = np.maximum(sums.squares / sums.cells - mean**2, 0.0)
    varies = variance > 1e-12
    if not varies.any():
        return float("inf")
    divisors = (1.0, (sums.cells - 1) / sums.cells)
    spread = [np.abs(np.sqrt(variance[varies] / one) - 1) for one in divisors]
    return min(float(np.median(np.maximum(np.abs(mean[varies]), one))) for one in spread)


def axes(sums: Products, number: int, *, scaled: bool) -> Array:
    """(features, number) first principal axes of the cells, each of length 1.

    Args:
        sums: of the cells.
        number: of axes, fewer than features.
        scaled: whether features are brought to one variance before.
    """
    mean = sums.total / sums.cells
    spread = sums.products / sums.cells - np.outer(mean, mean)
    if scaled:
        deviation = np.sqrt(np.maximum(np.diag(spread), 0))
        divisor = np.where(deviation > 0, deviation, 1)
        spread = spread / np.outer(divisor, divisor)
    last = len(mean) - 1
    return np.asarray(eigh(spread, subset_by_index=[last - number + 1, last])[1])


def likeness(loadings: Array, other: Array) -> float:
    """Mean squared cosine of the angles between two spaces: 1 where one is the other.

    Args:
        loadings: (features, axes), of any lengths.
        other: (features, axes), at right angles and of length 1.
    """
    basis = np.linalg.qr(loadings)[0]
    return float(np.sum((basis.T @ other) ** 2) / other.shape[1])
