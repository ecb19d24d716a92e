"""scPertEval's own values: python peer_scperteval.py FOLDER > values.json.

As published, and with what it lets its user choose set to what the standard fixes: a method of
differential expression (rank-sum, against control), a centre (the mean over all perturbations), a
file whose columns are the pinned axes.
"""

import json
import math
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import anndata
import numpy as np
import scperteval
from scipy import stats
from scperteval.blocks.de import DE_METHODS, bh
from scperteval.protocols.table import PROTOCOLS
from scperteval.types import PerturbationDEResult

CONTROL = "control"
PUBLISHED = (
    *("pearson", "pearson_ctrl", "pearson_pert", "mse", "r2_ctrl", "rank", "nir"),
    *("wmse_exp2", "weighted_pearson_pert_exp2", "weighted_r2_pert_exp2"),
    *("de_auprc", "de_auroc"),
)
TESTED = ("wmse_exp2", "de_auprc", "de_auroc")
CENTRED = ("pearson_pert", "weighted_pearson_pert_exp2", "weighted_r2_pert_exp2")
POPULATIONS = ("energy_distance_top_k", "unbiased_mmd_median_top_k")


def tests_against(control):
    """A method of differential expression, as scPertEval takes them: SciPy's rank-sum test."""

    def method(target, reference):  # noqa: ARG001 - all other perturbed cells
        cells = target.toarray()
        found = stats.mannwhitneyu(cells, control, method="asymptotic", use_continuity=True)
        n, m = len(cells), len(control)
        ranks = np.sort(np.concatenate([cells, control]), axis=0)
        ties = [(count**3 - count).sum() for count in map(counts_of, ranks.T)]
        spread = n * m / 12 * (n + m + 1 - np.array(ties) / ((n + m) * (n + m - 1)))
        gap = found.statistic - n * m / 2
        deviate = np.sign(gap) * np.maximum(np.abs(gap) - 0.5, 0)
        z = np.divide(deviate, np.sqrt(spread), out=np.zeros(len(gap)), where=spread > 1e-9)
        p_value = np.where(np.isnan(found.pvalue), 1.0, found.pvalue)
        return PerturbationDEResult(statistic=z, pvalue=p_value, pvalue_adj=bh(p_value))

    return method


def counts_of(values):
    return np.unique(values, return_counts=True)[1].astype(np.float64)


def told(prepared, protocol, model, **chosen):
    rows = scperteval.score(prepared, protocol, model, **chosen).per_perturbation
    values = zip(rows["perturbation"].astype(str), rows["score"].astype(float), strict=True)
    return {name: None if math.isnan(value) else value for name, value in values}


def main():
    folder = Path(sys.argv[1])
    truth, model = (anndata.read_h5ad(folder / f"{side}.h5ad") for side in ("truth", "model"))
    for side in (truth, model):
        side.X = side.X.astype(np.float64)  # else some of its means are of float32
    control = truth[truth.obs["perturbation"] == CONTROL].X.toarray()
    DE_METHODS.register("rank-sum", description="against control")(tests_against(control))
    for name in CENTRED:
        own = f"{name}_center_global_mean"
        PROTOCOLS[own] = replace(PROTOCOLS[name], name=own, centering="global_mean")
    prepared = scperteval.prepare(truth, [], min_cells=1, workers=1)
    values = {name: told(prepared, name, model) for name in PUBLISHED}
    values["1 - rank"] = {name: 1 - rank for name, rank in values.pop("rank").items()}
    for name in TESTED:
        values[f"{name}, rank-sum"] = told(prepared, name, model, de_method="rank-sum")
    for name in CENTRED:
        is_weighted = name.startswith("weighted")
        chosen, suffix = ({"de_method": "rank-sum"}, ", rank-sum") if is_weighted else ({}, "")
        own = f"{name}_center_global_mean"
        values[own + suffix] = told(prepared, own, model, **chosen)
    axes = [anndata.AnnData(side.obsm["axes"], obs=side.obs) for side in (truth, model)]
    prepared = scperteval.prepare(axes[0], [], min_cells=1, workers=1)
    for name in POPULATIONS:
        values[f"{name}, axes"] = told(prepared, f"{name}={axes[0].n_vars}", axes[1])
    packages = ("scperteval", "numpy", "scipy", "scikit-learn", "anndata")
    json.dump({"values": values, "versions": {p: version(p) for p in packages}}, sys.stdout)


if __name__ == "__main__":
    main()
