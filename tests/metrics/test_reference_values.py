"""vcspec beside published packages, on measured cells; see benchmarks/reference_values.py."""

import json
import os
from functools import cache
from pathlib import Path

import anndata
import numpy as np
import pytest
from scipy import sparse

from vcspec.metrics import compute
from vcspec.metrics.agreement import spearman_lfc
from vcspec.metrics.overlap import de_overlap
from vcspec.metrics.ranking import average_precision, roc_area
from vcspec.model.comparison import Comparison, Expression, Side
from vcspec.model.matrix import Rows
from vcspec.statistics.expression import benjamini_hochberg
from vcspec.statistics.moments import mean_profile
from vcspec.statistics.ranksum import SortedControl, two_sided

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("VCSPEC_DATA", ROOT.parent / "shared/data"))
REFERENCE = json.loads(Path(__file__).with_name("reference_values.json").read_text("utf-8"))
CASES = sorted(REFERENCE["values"])
CONTROL = "control"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"measured cells are not here: {DATA} (set VCSPEC_DATA)"
)


def rows_of(matrix):
    matrix = sparse.csr_matrix(matrix)
    return Rows(
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int64),
        matrix.data,
        matrix.shape[1],
    )


@cache
def read(path):
    cells = anndata.read_h5ad(DATA / path)
    return cells.X, *(
        cells.obs[name].astype(str).to_numpy() for name in ("cell_type", "perturbation")
    )


@cache
def compared(case):
    """The comparison of one context, and the truth's p-values without continuity correction."""
    path, context = case.split(" ", 1)
    matrix, contexts, perturbations = read(path)
    names = sorted(set(perturbations[contexts == context]) - {CONTROL})
    places = {
        n: np.flatnonzero((contexts == context) & (perturbations == n)) for n in [*names, CONTROL]
    }
    control = rows_of(matrix[places[CONTROL]])
    sorted_control = SortedControl.of(control)
    sides, plain = [], []
    for half in (0, 1):
        blocks = [rows_of(matrix[places[name][half::2]]) for name in names]
        tests = [sorted_control.compare(block) for block in blocks]
        z, p_value = (np.array([getattr(t, part) for t in tests]) for part in ("z", "p_value"))
        mean = np.array([mean_profile(block) for block in blocks])
        base = np.tile(mean_profile(control), (len(names), 1))
        sides.append(Side(mean, base, Expression(z, p_value, benjamini_hochberg(p_value))))
        plain.append(
            [
                two_sided(t.u, t.ties, cells=len(b), control_cells=len(control), continuity=False)[
                    1
                ]
                for t, b in zip(tests, blocks, strict=True)
            ]
        )
    one_context = np.zeros(len(names), dtype=np.int64)
    no_target = np.zeros(matrix.shape[1], dtype=bool)
    return Comparison(
        *sides, one_context, np.full_like(sides[0].mean, np.nan), no_target
    ), np.array(plain[0])


def published(case, package, name):
    return np.array(REFERENCE["values"][case][package][name], dtype=float)


def ours(case, name):
    return compute([name], compared(case)[0])[name].values


def near(found, expected, tolerance):
    """Equal wherever both packages define a value, which must be somewhere if anything is."""
    both = np.isfinite(found) & np.isfinite(expected)
    assert both.any() == np.isfinite(expected).any()
    np.testing.assert_allclose(found[both], expected[both], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("package", "column", "name"),
    [
        ("cell-eval", "mae", "mae"),
        ("cell-eval", "mse", "mse"),
        ("cell-eval", "pearson_delta", "pearson-delta"),
        ("cell-eval", "de_sig_genes_recall", "de-recall"),
        ("scikit-learn", "r2", "r2-delta"),
        ("scikit-learn", "cosine", "cosine-delta"),
        ("scikit-learn", "precision", "de-precision"),
        ("scikit-learn", "recall", "de-recall"),
        ("scikit-learn", "jaccard", "de-jaccard"),
        ("scikit-learn", "average_precision", "de-auprc"),
        ("scikit-learn", "roc_auc", "de-auroc"),
    ],
)
def test_values_equal_the_published_ones(case, package, column, name):
    near(ours(case, name), published(case, package, column), 1e-9)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("by", ["l1", "l2", "cosine"])
def test_discrimination_orders_as_cell_eval_does(case, by):
    rivals = len(compared(case)[0]) - 1
    if not rivals:
        assert compute([f"discrimination-{by}"], compared(case)[0])[
            f"discrimination-{by}"
        ].reasons == ("single-condition-in-context",)
        return
    farther = ours(case, f"discrimination-{by}") * rivals
    near(
        (farther + 1) / (rivals + 1),
        published(case, "cell-eval", f"discrimination_score_{by}"),
        1e-9,
    )


@pytest.mark.parametrize("case", CASES)
def test_direction_matches_cell_eval_where_every_gene_is_predicted_to_move(case):
    comparison = compared(case)[0]
    still = (comparison.truth.expression.fdr < 0.05) & (comparison.prediction.delta == 0)
    expected = published(case, "cell-eval", "de_direction_match")
    near(ours(case, "direction-match"), np.where(still.any(axis=1), np.nan, expected), 1e-9)


@pytest.mark.parametrize("case", CASES)
def test_fold_changes_without_pseudocount_rank_as_in_cell_eval(case):
    found = spearman_lfc(compared(case)[0], alpha=0.05, fewest=2, pseudocount=0.0)
    near(found.values, published(case, "cell-eval", "de_spearman_lfc_sig"), 1e-6)


@pytest.mark.parametrize("case", CASES)
def test_overlap_without_pseudocount_equals_cell_eval(case):
    comparison = compared(case)[0]
    found = de_overlap(comparison, k=50, alpha=0.05, pseudocount=0.0)
    nothing_to_find = ~(comparison.truth.expression.fdr < 0.05).any(axis=1)  # cell-eval says 0
    expected = published(case, "cell-eval", "overlap_at_50")
    near(found.values, np.where(nothing_to_find, np.nan, expected), 1e-9)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("column", "area"), [("pr_auc", average_precision), ("roc_auc", roc_area)])
def test_areas_by_fdr_equal_cell_eval(case, column, area):
    truth, prediction = compared(case)[0].truth.expression, compared(case)[0].prediction.expression
    score = -np.log10(np.clip(prediction.fdr.astype(np.float32), np.float32(1e-10), 1))
    near(area(truth.fdr < 0.05, score), published(case, "cell-eval", column), 1e-6)


@pytest.mark.parametrize("case", CASES)
def test_evidence_equals_pdex_with_and_scanpy_without_continuity_correction(case):
    comparison, plain = compared(case)
    corrected = -np.log10(comparison.truth.expression.p_value).sum(axis=1)
    near(corrected, published(case, "scikit-learn", "evidence"), 1e-9)
    near(-np.log10(plain).sum(axis=1), published(case, "scanpy", "evidence"), 1e-9)
    found = (comparison.truth.expression.fdr < 0.05).sum(axis=1)
    np.testing.assert_array_equal(found, published(case, "scikit-learn", "significant"))
