"""Dense blocks as compressed rows."""

import numpy as np

from vcspec.model.matrix import AnyArray, Rows, rows_of_dense
from vcspec.statistics.kernels import call, compiled


def compressed(block: AnyArray, first: int = 0) -> Rows:
    """A dense block, (rows, features), as Rows; zeros are dropped, NaN is kept."""
    if compiled() is None or block.dtype not in (np.float32, np.float64):
        return rows_of_dense(block, first)
    values = np.ascontiguousarray(block)
    shape, is_wide = values.shape, values.dtype == np.float64
    count = np.empty(shape[0], dtype=np.int64)
    call("vcs_filled", *shape, values, is_wide, count)
    indptr = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    indices = np.empty(int(indptr[-1]), dtype=np.int32)
    data = np.empty(int(indptr[-1]), dtype=values.dtype)
    call("vcs_compress", *shape, values, is_wide, indptr, indices, data)
    return Rows(indptr, indices, data, shape[1], first)
