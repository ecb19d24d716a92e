"""From the value space of a matrix to the log1p values that every statistic works on."""

from dataclasses import replace

import numpy as np

from vcspec.model.errors import UsageError
from vcspec.model.matrix import Array, Rows
from vcspec.model.spaces import AS_MEASURED


def amounts_of(rows: Rows, *, space: str) -> Rows:
    """The same cells before the logarithm, float64: log1p values by expm1, others as they are.

    What is beyond the largest number is infinite.
    """
    values = rows.data.astype(np.float64)
    with np.errstate(over="ignore"):
        return replace(rows, data=np.expm1(values) if space == "log1p" else values)


def log1p_rows(
    rows: Rows, *, space: str, target_sum: float = 1.0, totals: Array | None = None
) -> Rows:
    """The same cells as log1p values, float32.

    Counts become `log1p(count * target_sum / total)`, computed in float64 and rounded once; values
    that are log1p already, or are scored as they were measured, are only cast, and infinite where
    float32 holds them no more. A cell of total 0 stays 0.

    Args:
        rows: cells × features in `space`.
        space: `counts`, `log1p`, or one that is scored as measured.
        target_sum: total that each cell is scaled to; used for counts only.
        totals: (cells,) total of each cell over *all* features that were measured, where the matrix
            holds a panel of them; None means the sum of the row.

    Raises:
        UsageError: there is no way from `space` to log1p.
    """
    if space == "log1p" or space in AS_MEASURED:
        with np.errstate(over="ignore"):
            return replace(rows, data=rows.data.astype(np.float32, copy=False))
    if space != "counts":
        message = f"values are {space!r}; log1p values can be made of 'counts' and 'log1p' only"
        raise UsageError(message)
    counts = rows.data.astype(np.float64)
    cell = rows.row_of_entry
    sums = np.bincount(cell, weights=counts, minlength=len(rows)) if totals is None else totals
    total = np.asarray(sums, dtype=np.float64)[cell]
    share = np.zeros_like(counts)
    np.divide(counts * target_sum, total, out=share, where=total > 0)
    return replace(rows, data=np.log1p(share).astype(np.float32))
