"""Cells with a wanted mean: control cells of the context, changed feature by feature."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import Array, Rows, rows_of_dense
from vcspec.statistics.compression import compressed
from vcspec.statistics.mixing import splitmix64

AT_ONCE = 512  # features whose cells are drawn together: their tickets stay in the cache
LAST = np.uint64(2**64 - 1)


def drawn_rows(available: int, wanted: int, key: str) -> NDArray[np.int64]:
    """Numbers of `wanted` rows out of `available`, in row order, drawn by hash of the key.

    Every row is taken equally often, but for one; a law: the draw depends on nothing else.
    """
    whole, rest = divmod(wanted, available)
    tickets = [hashlib.sha256(f"{key}:{whole}:{row}".encode()).digest() for row in range(available)]
    last = sorted(range(available), key=tickets.__getitem__)[:rest]
    return np.sort(np.concatenate([np.tile(np.arange(available), whole), last]).astype(np.int64))


def typical(control: Rows) -> float:
    """Median of the values above zero, the height of a feature that nobody has seen expressed."""
    heights = control.data[control.data > 0]  # a zero may be stored or not
    return float(np.median(heights)) if len(heights) else 1.0


def dispersed(
    control: Rows, mean: Array, *, cells: int, most: float, key: str, height: float | None = None
) -> Rows:
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
        height: what `typical` says of the control, where it is known.

    Returns:
        (cells, features) log1p values, float32. Where a value would pass `most` the mean stays
        below the wanted one.
    """
    rows = drawn_rows(len(control), cells, key)
    values = control.take(rows).dense().astype(np.float64)
    wanted = mean * cells
    silent = typical(control) if height is None else height
    _spread(values, wanted, _heights(values, silent), key)
    total = values.sum(axis=0)
    values *= np.divide(wanted, total, out=np.zeros_like(total), where=total > 0)
    return compressed(np.minimum(values, most, out=values).astype(np.float32))


def shifted(control: Rows, mean: Array, *, cells: int, key: str) -> Rows:
    """Control cells, drawn and moved so that their mean is `mean`; for values without counts."""
    values = control.take(drawn_rows(len(control), cells, key)).dense().astype(np.float64)
    return rows_of_dense((values + (mean - values.mean(axis=0))).astype(np.float32))


def unchanged(control: Rows, *, cells: int, key: str) -> Rows:
    """Control cells as they are."""
    return control.take(drawn_rows(len(control), cells, key))


def _heights(values: Array, silent: float) -> Array:
    """(features,) mean value where a feature is expressed, `silent` where it is not."""
    expressed = np.count_nonzero(values > 0, axis=0)
    height = np.full(values.shape[1], silent)
    return np.divide(values.sum(axis=0), expressed, out=height, where=expressed > 0)


def _spread(values: Array, wanted: Array, height: Array, key: str) -> None:
    """Express features whose sum is below `wanted` in as many silent cells as bring it near.

    The silent cells of a feature are taken by rising tickets, no two of which are equal.
    """
    cells, features = values.shape
    # Rounded, so that a quotient that is whole is not one cell more for its last bit.
    lacking = np.ceil(np.round(np.maximum(wanted - values.sum(axis=0), 0) / height, 9))
    rising = np.flatnonzero(lacking > 0)
    seed = np.uint64(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little"))
    first = np.arange(cells, dtype=np.uint64) * np.uint64(features)
    for some in np.split(rising, range(AT_ONCE, len(rising), AT_ONCE)):
        own = np.ascontiguousarray(values[:, some].T)
        tickets = splitmix64((first + some[:, np.newaxis].astype(np.uint64)) ^ seed)
        tickets[own != 0] = LAST
        taken = np.minimum(lacking[some], cells).astype(np.int64)
        limit = np.take_along_axis(np.sort(tickets, axis=1), taken[:, np.newaxis] - 1, axis=1)
        chosen = (own == 0) & (tickets <= limit)
        values[:, some] = np.where(chosen, height[some, np.newaxis], own).T
