"""Which column of a package is which metric of the standard, and where they differ on purpose."""

PACKAGES = {
    "cell-eval": {"install": ["cell-eval==0.8.2"], "script": "peer_cell_eval.py"},
    "cell-eval2": {"install": ["cell-eval2==0.20.0"], "script": "peer_cell_eval2.py"},
}

UNBIASED = "unbiased, of drawn cells on pinned axes"
LEIDEN = "a stated linkage; the package's clusters move with two libraries"
CUTS = {"N": "all", "50": "50", "100": "100", "200": "200", "500": "500"}

COLUMNS = {
    "cell-eval": {
        "pearson_delta": ("pearson-delta", ""),
        "mse": ("mse", ""),
        "mae": ("mae", ""),
        "mse_delta": ("mse", ""),
        "mae_delta": ("mae", ""),
        "discrimination_score_l1": ("cell-eval-discrimination-l1", ""),
        "discrimination_score_l2": ("cell-eval-discrimination-l2", ""),
        "discrimination_score_cosine": ("cell-eval-discrimination-cosine", ""),
        **{f"overlap_at_{k}": (f"cell-eval-overlap-{name}", "") for k, name in CUTS.items()},
        **{f"precision_at_{k}": (f"cell-eval-precision-{name}", "") for k, name in CUTS.items()},
        "de_spearman_sig": ("cell-eval-de-spearman", ""),
        "de_direction_match": ("cell-eval-direction-match", ""),
        "de_spearman_lfc_sig": ("cell-eval-spearman-lfc", ""),
        "de_sig_genes_recall": ("de-recall", ""),
        "pr_auc": ("cell-eval-pr-auc", ""),
        "roc_auc": ("cell-eval-roc-auc", ""),
        "pearson_edistance": ("energy-to-control-pearson", UNBIASED),
        "clustering_agreement": ("clustering-agreement-best", LEIDEN),
    },
    "cell-eval2": {
        "expr_mse_unbiased_capped_norm": ("vcc-2026-mse-ratio", ""),
        "pds_cosine": ("vcc-2026-discrimination", ""),
        "de_wilcoxon_direction_fidelity_yield_raw": ("vcc-2026-direction-yield", ""),
        "de_wilcoxon_direction_reach_raw": ("vcc-2026-direction-reach", ""),
        "de_wilcoxon_sig_jaccard": ("vcc-2026-jaccard", ""),
        "de_wilcoxon_lfc_nmae": ("vcc-2026-lfc-nmae", ""),
    },
}
