"""Cells with a wanted mean: control cells of the context, changed feature by feature."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import Array, Rows, rows_of_dense
from vcspec.statistics.mixing import splitmix64


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

    Control cells are drawn. A feature that falls is scaled down; one that rises is expressed in
    more cells, at the height that it has where it is expressed, and is scaled up only when no cell
    is left. So a change looks as changes of counts look, and cells keep about their total.

    Args:
        control: log1p values of the context's control cells.
        mean: (features,) wanted mean, log1p.
        cells: how many cells to give.
        most: the largest value that a cell may have, log1p of the target sum.
        key: names the condition; the draws depend on it.

    Returns:
        (cells, features) log1p values, float32. Where a value would pass `most` the mean stays
        below the wanted one.
    """
    rows = drawn_rows(len(control), cells, key)
    values = control.take(rows).dense().astype(np.float64)
    wanted = mean * cells
    _spread(values, wanted, _height(values, control), key)
    total = values.sum(axis=0)
    values *= np.divide(wanted, total, out=np.zeros_like(total), where=total > 0)
    return rows_of_dense(np.minimum(values, most).astype(np.float32))


def shifted(control: Rows, mean: Array, *, cells: int, key: str) -> Rows:
    """Control cells, drawn and moved so that their mean is `mean`; for values without counts."""
    values = control.take(drawn_rows(len(control), cells, key)).dense().astype(np.float64)
    return rows_of_dense((values + (mean - values.mean(axis=0))).astype(np.float32))


def unchanged(control: Rows, *, cells: int, key: str) -> Rows:
    """Control cells as they are."""
    return control.take(drawn_rows(len(control), cells, key))


def _height(values: Array, control: Rows) -> Array:
    """(features,) mean value where a feature is expressed, the control's median where not."""
    heights = control.data[control.data > 0]  # a zero may be stored or not
    typical = float(np.median(heights)) if len(heights) else 1.0
    expressed = (values > 0).sum(axis=0)
    height = np.full(values.shape[1], typical)
    return np.divide(values.sum(axis=0), expressed, out=height, where=expressed > 0)


def _spread(values: Array, wanted: Array, height: Array, key: str) -> None:
    """Express features whose sum is below `wanted` in as many silent cells as bring it near."""
    silent = values == 0
    # Rounded, so that a quotient that is whole is not one cell more for its last bit.
    lacking = np.round(np.maximum(wanted - values.sum(axis=0), 0) / height, 9)
    rank = _order(values.shape, key, last=~silent)
    chosen = silent & (rank < np.ceil(lacking))
    values += np.where(chosen, height, 0.0)


def _order(shape: tuple[int, ...], key: str, *, last: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(cells, features) rank of each cell in a drawn order of its own for each feature."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    place = np.arange(int(np.prod(shape)), dtype=np.uint64).reshape(shape)
    tickets = splitmix64(place ^ np.uint64(seed))
    tickets[last] = np.uint64(2**64 - 1)
    order = np.argsort(tickets, axis=0, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(shape[0])[:, np.newaxis], axis=0)
    return rank
