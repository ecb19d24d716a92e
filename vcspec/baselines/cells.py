"""Cells with a wanted mean: control cells of the context, scaled feature by feature."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import Array, Rows, rows_of_dense


def drawn_rows(available: int, wanted: int, key: str) -> NDArray[np.int64]:
    """Numbers of `wanted` rows out of `available`, in row order, drawn by hash of the key.

    Every row is taken equally often, but for one; a law: the draw depends on nothing else.
    """
    rounds = -(-wanted // available)
    tickets = [
        (hashlib.sha256(f"{key}:{turn}:{row}".encode()).digest(), row)
        for turn in range(rounds)
        for row in range(available)
    ]
    last = sorted(tickets[(rounds - 1) * available :])[: wanted - (rounds - 1) * available]
    chosen = [row for _, row in tickets[: (rounds - 1) * available]] + [row for _, row in last]
    return np.array(sorted(chosen), dtype=np.int64)


def dispersed(control: Rows, mean: Array, *, cells: int, most: float, key: str) -> Rows:
    """Cells whose mean is `mean`, spread as the control cells are.

    Args:
        control: log1p values of the context's control cells.
        mean: (features,) wanted mean, log1p.
        cells: how many cells to give.
        most: the largest value that a cell may have, log1p of the target sum.
        key: names the condition; the draw of cells depends on it.

    Returns:
        (cells, features) log1p values, float32. Where scaling would pass `most` the mean stays
        below the wanted one.
    """
    rows = drawn_rows(len(control), cells, key)
    values = control.take(rows).dense().astype(np.float64)
    now = values.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        values *= np.where(now > 0, mean / now, 0.0)
    _sound_silent(values, np.where(now > 0, 0.0, mean), _typical(control), key)
    return rows_of_dense(np.minimum(values, most).astype(np.float32))


def unchanged(control: Rows, *, cells: int, key: str) -> Rows:
    """Control cells as they are."""
    return control.take(drawn_rows(len(control), cells, key))


def _typical(control: Rows) -> float:
    return float(np.median(control.data)) if len(control.data) else 1.0


def _sound_silent(values: Array, missing: Array, typical: float, key: str) -> None:
    """Give features that no drawn cell expresses their mean, in as few cells as look typical."""
    cells = len(values)
    order = drawn_rows(cells, cells, key)
    for feature in np.flatnonzero(missing > 0).tolist():
        total = missing[feature] * cells
        number = min(cells, max(1, round(total / typical)))
        start = feature % cells
        chosen = order[(start + np.arange(number)) % cells]
        values[chosen, feature] = total / number
