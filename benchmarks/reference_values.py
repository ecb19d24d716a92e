"""Values of published packages on measured cells, for the tests to hold vcspec's own against.

    python -m venv peers
    peers/bin/pip install cell-eval==0.8.2 scanpy==1.11.5 scikit-learn==1.9.1
    VCSPEC_DATA=../shared/data peers/bin/python benchmarks/reference_values.py

writes tests/metrics/reference_values.json, with the versions that made it. vcspec is not imported.

In each context of each dataset, a condition's cells are cut in two by their place in the file:
those in even places are the truth, those in odd places the prediction; both sides get all controls.
The file holds scores only, one a condition, in the order of the sorted condition names:

- cell-eval, from its own pipeline. Differences that the test allows for: it works in float32; it
  ranks by fold changes without pseudocount and scores its areas by fdr; a discrimination score is
  1 - rank / N. Its exclusion of the row's own target gene is switched off.
- scikit-learn, on mean profiles and on pdex's p-values (cell-eval's engine).
- scanpy, `rank_genes_groups` by Wilcoxon with tie correction, which applies no continuity
  correction: sum over genes of -log10 p of the truth.
"""

import json
import os
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import anndata
import numpy as np
import scanpy
from cell_eval import MetricsEvaluator
from pdex import pdex
from sklearn import metrics
from sklearn.metrics.pairwise import cosine_similarity

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("VCSPEC_DATA", ROOT.parent / "shared/data"))
TARGET = ROOT / "tests/metrics/reference_values.json"
DATASETS = ("kang_ifnb_pbmc/kang_valid.h5ad", "norman_mcfaline_crispr/norman_mcfaline.h5ad")
PACKAGES = ("cell-eval", "pdex", "scanpy", "scikit-learn", "numpy", "scipy", "anndata")
SKIPPED = ["pearson_edistance", "clustering_agreement", "de_spearman_sig"]
COLUMNS = (
    "mae",
    "mse",
    "pearson_delta",
    "discrimination_score_l1",
    "discrimination_score_l2",
    "discrimination_score_cosine",
    "overlap_at_50",
    "de_direction_match",
    "de_spearman_lfc_sig",
    "de_sig_genes_recall",
    "pr_auc",
    "roc_auc",
)
CONTROL = "control"


def halves(cells: anndata.AnnData) -> tuple[anndata.AnnData, anndata.AnnData]:
    """Truth and prediction: every condition's cells in even and in odd places, and all controls."""
    place = cells.obs.groupby("perturbation", observed=True).cumcount().to_numpy()
    is_control = (cells.obs["perturbation"] == CONTROL).to_numpy()
    return tuple(cells[is_control | (place % 2 == half)].copy() for half in (0, 1))


def cell_eval_scores(truth, prediction, conditions):
    whole = {"exclude_target_gene": False}
    with tempfile.TemporaryDirectory() as folder:
        evaluator = MetricsEvaluator(
            prediction, truth, control_pert=CONTROL, pert_col="perturbation", outdir=folder
        )
        table, _ = evaluator.compute(
            metric_configs={f"discrimination_score_{by}": whole for by in ("l1", "l2", "cosine")},
            skip_metrics=SKIPPED,
            write_csv=False,
        )
    rows = {row["perturbation"]: row for row in table.to_dicts()}
    return {name: [plain(rows[c].get(name)) for c in conditions] for name in COLUMNS}


def sklearn_scores(truth, prediction, conditions):
    tests = [
        pdex(side, "perturbation", reference=CONTROL, is_log1p=True, as_pandas=True)
        for side in (truth, prediction)
    ]
    rows = [one_condition(c, (truth, prediction), tests) for c in conditions]
    return {name: [plain(row[name]) for row in rows] for name in rows[0]}


def one_condition(condition, sides, tests):
    true, guess = (change(side, condition) for side in sides)
    tables = [t[t["target"] == condition].set_index("feature") for t in tests]
    label = (tables[0]["fdr"] < 0.05).to_numpy()
    other = tables[1].loc[tables[0].index]
    called, score = (other["fdr"] < 0.05).to_numpy(), -np.log10(other["p_value"].to_numpy())
    row = {
        "r2": metrics.r2_score(true, guess),
        "cosine": cosine_similarity([true], [guess])[0, 0],
        "evidence": -np.log10(tables[0]["p_value"].to_numpy()).sum(),
        "significant": int(label.sum()),
    }
    names = ("precision", "recall", "jaccard", "average_precision", "roc_auc")
    if not 0 < label.sum() < len(label):
        return row | dict.fromkeys(names)
    values = (
        metrics.precision_score(label, called, zero_division=0),
        metrics.recall_score(label, called),
        metrics.jaccard_score(label, called),
        metrics.average_precision_score(label, score),
        metrics.roc_auc_score(label, score),
    )
    return row | dict(zip(names, values, strict=True))


def change(side, condition):
    means = [
        np.asarray(side.X[(side.obs["perturbation"] == name).to_numpy()].mean(axis=0), float)
        for name in (condition, CONTROL)
    ]
    return (means[0] - means[1]).ravel()


def scanpy_scores(truth, conditions):
    scanpy.tl.rank_genes_groups(
        truth, "perturbation", reference=CONTROL, method="wilcoxon", tie_correct=True
    )
    p_values = truth.uns["rank_genes_groups"]["pvals"]
    return {"evidence": [plain(-np.log10(p_values[c]).sum()) for c in conditions]}


def plain(value):
    """A number that JSON knows, or None."""
    return float(value) if value is not None and np.isfinite(value) else None


def values():
    found = {}
    for path in DATASETS:
        cells = anndata.read_h5ad(DATA / path)
        cells.X = cells.X.astype(np.float64)  # the values stay those of float32
        cells.obs["perturbation"] = cells.obs["perturbation"].astype(str)
        for context in sorted(set(cells.obs["cell_type"])):
            part = cells[(cells.obs["cell_type"] == context).to_numpy()].copy()
            truth, prediction = halves(part)
            conditions = sorted(set(truth.obs["perturbation"]) - {CONTROL})
            found[f"{path} {context}"] = {
                "cell-eval": cell_eval_scores(truth, prediction, conditions),
                "scikit-learn": sklearn_scores(truth, prediction, conditions),
                "scanpy": scanpy_scores(truth, conditions),
            }
    return found


def main():
    warnings.simplefilter("ignore")
    document = {
        "command": "python benchmarks/reference_values.py",
        "versions": {name: version(name) for name in PACKAGES},
        "values": values(),
    }
    TARGET.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
