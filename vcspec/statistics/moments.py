"""Moments of the cells of one condition."""

import numpy as np

from vcspec.model.errors import UsageError
from vcspec.model.matrix import Array, Rows


def mean_profile(rows: Rows) -> Array:
    """Mean over the cells, absent entries counting as 0; (features,), in the unit of `rows`.

    Entries are added in float64, one after the other in row order, so that the same rows give the
    same bits however they were read.

    Raises:
        UsageError: there are no cells, hence no mean.
    """
    if not len(rows):
        message = "a condition without cells has no mean profile; drop it or give it cells"
        raise UsageError(message)
    total = np.bincount(rows.indices, weights=rows.data, minlength=rows.width)
    return np.asarray(total / len(rows), dtype=np.float64)
