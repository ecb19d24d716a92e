"""Optimal transport between samples of cells, with entropy.

Source: Feydy et al. 2019, arXiv:1810.08278, for the divergence without its own bias.
"""

import numpy as np

from vcspec.model.matrix import Array
from vcspec.statistics.distances import pairwise

TOLERANCE = 1e-7  # of the potentials, relative to the regularisation


class NotConverged(ArithmeticError):
    """The potentials still move after the rounds that were allowed."""


def sinkhorn_divergence(left: Array, right: Array, regularisation: float, rounds: int) -> float:
    """OT(x, y) - OT(x, x)/2 - OT(y, y)/2 for cost |x - y|², uniform weights.

    0 for equal samples, and not below 0 but for rounding.

    Args:
        left: (n, dimensions).
        right: (m, dimensions).
        regularisation: weight of the entropy, in the unit of the cost.
        rounds: most updates of the potentials.

    Raises:
        NotConverged: the potentials still move.
    """
    between, first, second = (
        _cost(*pair, regularisation, rounds)
        for pair in ((left, right), (left, left), (right, right))
    )
    return between - (first + second) / 2


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _cost(left: Array, right: Array, regularisation: float, rounds: int) -> float:
    """Entropic cost: the mean of the potentials over both samples."""
    cost = pairwise(left, right, squared=True)
    first = cost.min(axis=1)
    second = (cost - first[:, np.newaxis]).min(axis=0)
    # With these taken off, every row and column of the kernel holds a 1: nothing underflows whole.
    kernel = np.exp(-(cost - first[:, np.newaxis] - second) / regularisation)
    left_scale, right_scale = np.ones(len(left)), np.ones(len(right))
    for _ in range(rounds):
        if not (np.isfinite(left_scale).all() and np.isfinite(right_scale).all()):
            message = "potentials left the range of numbers"
            raise NotConverged(message)
        new = 1 / (kernel @ right_scale / len(right))
        if left is right:  # the potentials of equal samples are equal; moving half way finds them
            new = np.sqrt(new * left_scale)
            moved = float(np.abs(np.log(new / left_scale)).max())
            left_scale = right_scale = new
        else:
            moved = float(np.abs(np.log(new / left_scale)).max())
            left_scale = new
            right_scale = 1 / (left_scale @ kernel / len(left))
        if moved < TOLERANCE:
            whole = first.mean() + second.mean()
            logs = np.log(left_scale).mean() + np.log(right_scale).mean()
            return float(whole + regularisation * logs)
    message = f"after {rounds} rounds the potentials still move by {moved:.1e}"
    raise NotConverged(message)
