"""Rank-sum tests in memory: every perturbation against the control.

    python de_memory.py ENGINE FILE.h5ad

prints what the call costs after a warm-up on few cells; vcspec's outcome is then held against
SciPy's, in float64, on some perturbations and genes.
"""

import sys

import anndata
import numpy as np
from inside import tell, timed

CONTROL = "non-targeting"
COLUMN = "target_gene"
SCANPY_GROUPS = 5
CHECKED_GROUPS, CHECKED_GENES = 3, 60


def few(cells):
    """Some control cells and some of the first two perturbations."""
    names = cells.obs[COLUMN].astype(str).to_numpy()
    kept = [CONTROL, *perturbations(cells)[:2]]
    rows = np.concatenate([np.flatnonzero(names == name)[:30] for name in kept])
    part = cells[rows].copy()
    part.obs[COLUMN] = part.obs[COLUMN].astype(str).astype("category")
    return part


def perturbations(cells):
    return [name for name in cells.obs[COLUMN].cat.categories if name != CONTROL]


def by_vcspec(cells):
    import vcspec_calls

    codes = cells.obs[COLUMN].cat.codes.to_numpy()
    control = list(cells.obs[COLUMN].cat.categories).index(CONTROL)
    return vcspec_calls.rank_sum(cells.X, codes, control)


def by_illico(cells):
    from illico import asymptotic_wilcoxon

    return asymptotic_wilcoxon(cells, is_log1p=True, group_keys=COLUMN, reference=CONTROL)


def by_pdex(cells):
    from pdex import pdex

    return pdex(cells, COLUMN, reference=CONTROL, is_log1p=True, threads=1)


def by_scanpy(cells):
    import scanpy

    groups = perturbations(cells)[:SCANPY_GROUPS]
    scanpy.tl.rank_genes_groups(
        cells, COLUMN, groups=groups, reference=CONTROL, method="wilcoxon", tie_correct=True
    )


def against_scipy(cells, outcome):
    """Largest differences of U and p from SciPy's."""
    from scipy.stats import mannwhitneyu

    draw = np.random.default_rng(0)
    names = perturbations(cells)
    genes = draw.choice(cells.n_vars, min(CHECKED_GENES, cells.n_vars), replace=False)
    chosen = draw.choice(len(names), min(CHECKED_GROUPS, len(names)), replace=False)
    labels = cells.obs[COLUMN].to_numpy()
    control = cells.X[labels == CONTROL][:, genes].toarray().astype(np.float64)
    off_u = off_p = 0.0
    for number in chosen:
        own = cells.X[labels == names[number]][:, genes].toarray().astype(np.float64)
        test = mannwhitneyu(own, control, method="asymptotic", use_continuity=True)
        p_value = np.where(np.isnan(test.pvalue), 1.0, test.pvalue)
        off_u = max(off_u, np.abs(outcome[0][number, genes] - test.statistic).max())
        off_p = max(off_p, np.abs(outcome[1][number, genes] - p_value).max())
    return {"off_u": off_u, "off_p": off_p}


def main():
    engine, path = sys.argv[1:]
    call = {"vcspec": by_vcspec, "illico": by_illico, "pdex": by_pdex, "scanpy": by_scanpy}[engine]
    cells = anndata.read_h5ad(path)
    call(few(cells))
    outcome, cost = timed(lambda: call(cells))
    if engine == "scanpy":
        share = len(perturbations(cells)) / min(SCANPY_GROUPS, len(perturbations(cells)))
        cost = {
            **cost,
            "call_cpu": cost["call_cpu"] * share,
            "call_wall": cost["call_wall"] * share,
        }
    checked = against_scipy(cells, outcome) if engine == "vcspec" else {}
    tell(**cost, nanoseconds_a_value=cost["call_cpu"] / cells.X.nnz * 1e9, **checked)


if __name__ == "__main__":
    main()
