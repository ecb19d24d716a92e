"""Energy distances between all pairs of conditions, from cells in few dimensions; Euclidean.

python energy.py ENGINE CONDITIONS CELLS DIMENSIONS
"""

import sys

import numpy as np
from inside import tell, timed

PERTPY_CONDITIONS = 30  # it holds all cells' distances, more than the machine for 100 conditions


def by_vcspec(groups):
    import vcspec_calls

    return vcspec_calls.energy(groups)


def by_sklearn(groups):
    """Twice the mean distance between less those within, a cell's distance to itself included."""
    from sklearn.metrics import pairwise_distances

    within = [pairwise_distances(group).mean() for group in groups]
    found = np.zeros((len(groups), len(groups)))
    for row, first in enumerate(groups):
        for column in range(row):
            between = pairwise_distances(first, groups[column]).mean()
            found[row, column] = found[column, row] = 2 * between - within[row] - within[column]
    return found


def by_pertpy(groups):
    import anndata
    import pandas as pd
    import pertpy

    names = np.repeat([f"condition {number:03d}" for number in range(len(groups))], len(groups[0]))
    index = [f"cell {number}" for number in range(len(names))]
    cells = anndata.AnnData(
        obs=pd.DataFrame({"condition": pd.Categorical(names)}, index=index),
        obsm={"X_pca": np.concatenate(groups)},
    )
    distance = pertpy.tl.Distance("edistance", obsm_key="X_pca", cell_wise_metric="euclidean")
    found = distance.pairwise(cells, groupby="condition", show_progressbar=False)
    return found.sort_index(axis=0).sort_index(axis=1).to_numpy()


def off(groups, outcome):
    """Largest difference to the same in float64, as a share of the mean distance."""
    from scipy.spatial.distance import cdist

    mean = np.array([[cdist(one, other).mean() for one in groups] for other in groups])
    within = np.diag(mean) * len(groups[0]) / (len(groups[0]) - 1)
    exact = 2 * mean - within - within[:, np.newaxis]
    gaps = np.abs(outcome - exact)[~np.eye(len(groups), dtype=bool)]
    return gaps.max() / within.mean()


def main():
    engine, conditions, cells, dimensions = sys.argv[1], *map(int, sys.argv[2:])
    call = {"vcspec": by_vcspec, "scikit-learn": by_sklearn, "pertpy": by_pertpy}[engine]
    draw = np.random.default_rng(2)
    groups = [
        draw.normal(draw.normal(0, 0.5, dimensions), 1.0, (cells, dimensions))
        for _ in range(conditions)
    ]
    number = min(PERTPY_CONDITIONS, conditions) if engine == "pertpy" else conditions
    call([group[:20] for group in groups[:3]])
    outcome, cost = timed(lambda: call(groups[:number]))
    share = (conditions / number) ** 2  # of pairs of cells
    for name in ("call_cpu", "call_wall"):
        cost[name] *= share
    if engine == "vcspec":
        cost["off"] = off(groups[:10], outcome[:10, :10])
    tell(**cost, mean_distance=outcome[~np.eye(number, dtype=bool)].mean())


if __name__ == "__main__":
    main()
