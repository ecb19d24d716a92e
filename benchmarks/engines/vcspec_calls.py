"""The calls into vcspec that are measured inside a process.

No other file of the benchmarks names its functions, `data.py` aside.
"""

from itertools import pairwise

import numpy as np


def rank_sum(matrix, groups, control):
    """Each group's rank-sum test against the control.

    Args:
        matrix: (cells, genes) SciPy CSR, float32.
        groups: (cells,) number of each cell's group.
        control: the number of the control.

    Returns:
        u and p, (groups without the control, genes).
    """
    from vcspec.model.matrix import Rows
    from vcspec.statistics.ranksum import SortedControl

    rows = Rows(
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int64),
        matrix.data,
        matrix.shape[1],
    )
    ready = SortedControl.of(rows.take(np.flatnonzero(groups == control)))
    numbers = [number for number in np.unique(groups) if number != control]
    tests = [ready.compare(rows.take(np.flatnonzero(groups == number))) for number in numbers]
    return np.array([test.u for test in tests]), np.array([test.p_value for test in tests])


def one_pass(store):
    """Rank-sum tests, moments and the checks of every value, from a store."""
    from vcspec.statistics.scan import scan
    from vcspec.statistics.sides import Control, side
    from vcspec.storage.zarr_store import ZarrStore

    opened = ZarrStore(store)
    runs = runs_of(opened)
    control = Control(opened.rows("/X", *runs.pop("control")))
    side((lambda run=run: opened.rows("/X", *run), control) for run in runs.values())
    scan(opened.blocks("/X"))


def moments(store):
    """Moments of each condition, from a store."""
    from vcspec.statistics.moments import mean_profile
    from vcspec.storage.zarr_store import ZarrStore

    opened = ZarrStore(store)
    for start, stop in runs_of(opened).values():
        mean_profile(opened.rows("/X", start, stop))


def runs_of(store):
    """Perturbation → first and last row, of a store with one context."""
    labels = store.column("/obs", "perturbation").values
    borders = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1), len(labels)]
    return {labels[start]: (int(start), int(stop)) for start, stop in pairwise(borders)}


def distances(left, right, kind):
    """(rows of left, rows of right) distances; `l1`, `l2` (squared) or `cosine`."""
    from scipy.spatial.distance import cdist

    from vcspec.metrics import retrieval

    if kind == "l1":
        return cdist(left, right, "cityblock")
    return {"l2": retrieval._squared, "cosine": retrieval._cosine_gap}[kind](left, right)


def energy(groups):
    """(groups, groups) energy distances between groups of cells, each (cells, dimensions)."""
    message = f"vcspec has no energy distance to compare {len(groups)} groups with"
    raise NotImplementedError(message)
