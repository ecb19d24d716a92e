"""pertpy's own values: python peer_pertpy.py FOLDER > values.json.

Its distances take any two groups of cells, so they are given what a metric of the standard looks
at: cells, their changes from the mean control cell, or either along the pinned axes.
"""

import json
import math
import os
import sys
from importlib.metadata import version
from pathlib import Path

os.environ["JAX_ENABLE_X64"] = "1"  # optimal transport in float64

import anndata
import jax
import numpy as np
import pertpy
from ott.geometry.pointcloud import PointCloud
from ott.solvers.linear.sinkhorn import Sinkhorn

CONTROL = "control"
DISTANCES = {  # column: distance, and what it is given
    "mean_absolute_error": ("mean_absolute_error", "cells"),
    "mse": ("mse", "cells"),
    "root_mean_squared_error": ("root_mean_squared_error", "cells"),
    "mse, axes": ("mse", "axes"),
    "edistance, axes": ("edistance", "axes"),
    "mmd, axes": ("mmd", "axes"),
    "wasserstein, axes": ("wasserstein", "axes"),
    "mean_var_distribution": ("mean_var_distribution", "cells"),
}
SIMILARITIES = {  # as 1 - distance
    "1 - pearson_distance": ("pearson_distance", "cells"),
    "1 - r2_distance": ("r2_distance", "cells"),
    "1 - pearson_distance, changes": ("pearson_distance", "changes"),
    "1 - spearman_distance, changes": ("spearman_distance", "changes"),
    "1 - cosine_distance, changes": ("cosine_distance", "changes"),
    "1 - r2_distance, changes": ("r2_distance", "changes"),
    "1 - pearson_distance, changes on axes": ("pearson_distance", "changes on axes"),
    "1 - spearman_distance, changes on axes": ("spearman_distance", "changes on axes"),
}
WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the kernels of mmd-rbf, in squared scales
ENTROPY = 0.25  # of sinkhorn-divergence
USED = {name for name, _ in (*DISTANCES.values(), *SIMILARITIES.values())}
DISTANCE = {name: pertpy.tl.Distance(name) for name in (*USED, "mean_pairwise", "euclidean")}
TRANSPORT = pertpy.tl.Distance("wasserstein").metric_fct
TRANSPORT.solver = jax.jit(Sinkhorn(threshold=1e-10, max_iterations=100_000))


def unequal(cells, within, itself):
    """A mean over all pairs of cells, less what each cell makes with itself."""
    return (len(cells) * within - itself) / (len(cells) - 1)


def between(truth, prediction, metric):
    """The energy distance, of pertpy's mean pairwise distances of different cells."""
    mean = DISTANCE["mean_pairwise"]
    within = sum(unequal(side, mean(side, side, metric=metric), 0) for side in (truth, prediction))
    return 2 * mean(truth, prediction, metric=metric) - within


def kernels(truth, prediction, scale):
    """The maximum mean discrepancy over several widths, without the pairs of a cell and itself."""
    far = np.full((1, truth.shape[1]), 1e9)  # to which the kernel is 0, and 1 to itself
    found = []
    for width in WIDTHS:

        def mmd(left, right, width=width):
            gamma = 1 / (2 * width * scale)
            return DISTANCE["mmd"](left, right, kernel="rbf", gamma=gamma)

        all_pairs = [mmd(side, far) - 1 for side in (truth, prediction)]
        cross = sum(all_pairs) - mmd(truth, prediction)
        pairs = zip((truth, prediction), all_pairs, strict=True)
        found.append(sum(unequal(side, within, 1) for side, within in pairs) - cross)
    return np.mean(found)


def divergence(truth, prediction, scale):
    """Transport costs by pertpy's solver, less half of those of each side to itself."""
    left, right = (side / np.sqrt(scale) for side in (truth, prediction))
    cost, first, second = (
        TRANSPORT.solve_ot_problem(PointCloud(*pair, epsilon=ENTROPY))
        for pair in ((left, right), (left, left), (right, right))
    )
    return cost - (first + second) / 2


def told(truth, prediction, control):
    """Every column of one perturbation."""
    values = {}
    for column, (name, seen) in DISTANCES.items():
        values[column] = DISTANCE[name](truth[seen], prediction[seen])
    for column, (name, seen) in SIMILARITIES.items():
        values[column] = 1 - DISTANCE[name](truth[seen], prediction[seen])
    sides = truth["cells"], prediction["cells"]
    values["euclidean / sqrt(features)"] = DISTANCE["euclidean"](*sides) / np.sqrt(
        sides[0].shape[1]
    )
    values["mmd / axes, axes"] = values.pop("mmd, axes") / truth["axes"].shape[1]
    sides = truth["axes"], prediction["axes"]
    # The scale of both is the median squared distance of true cells to control cells.
    gaps = truth["axes"][:, np.newaxis] - control["axes"]
    scale = np.median(np.square(gaps).sum(axis=2))
    values["mean_pairwise to energy distance, axes"] = between(*sides, "euclidean")
    values["squared mean_pairwise to energy distance, axes"] = between(*sides, "sqeuclidean")
    values["mmd of five widths, different cells, axes"] = kernels(*sides, scale)
    values["wasserstein to divergence, axes"] = divergence(*sides, scale)
    return {column: float(value) for column, value in values.items()}


def main():
    folder = Path(sys.argv[1])
    sides = [anndata.read_h5ad(folder / f"{side}.h5ad") for side in ("truth", "model")]
    labels = [side.obs["perturbation"].astype(str).to_numpy() for side in sides]
    seen = [{"cells": s.X.toarray().astype(np.float64), "axes": s.obsm["axes"]} for s in sides]
    control = {name: values[labels[0] == CONTROL] for name, values in seen[0].items()}
    for side in seen:
        side["changes"] = side["cells"] - control["cells"].mean(axis=0)
        side["changes on axes"] = side["axes"] - control["axes"].mean(axis=0)
    values = {}
    for label in sorted(set(labels[0]) - {CONTROL}):
        truth, prediction = (
            {name: cells[where == label] for name, cells in side.items()}
            for side, where in zip(seen, labels, strict=True)
        )
        for column, value in told(truth, prediction, control).items():
            values.setdefault(column, {})[label] = None if math.isnan(value) else value
    packages = ("pertpy", "ott-jax", "numpy", "scipy", "scikit-learn", "anndata")
    json.dump({"values": values, "versions": {p: version(p) for p in packages}}, sys.stdout)


if __name__ == "__main__":
    main()
