"""Which column of a package is which metric of the standard, and where they differ on purpose.

What stands after a comma, or as center_global_mean, is a choice of the standard that the package
was given.
"""

PACKAGES = {
    "cell-eval": {"install": ["cell-eval==0.8.2"], "script": "peer_cell_eval.py"},
    "cell-eval2": {  # tests with pdex where that is installed, and says that engines differ
        "install": ["cell-eval2==0.20.0", "pdex==0.3.0"],
        "script": "peer_cell_eval2.py",
    },
    "pertpy": {  # imports filelock without asking for it, and a name that statsmodels 0.15 has not
        "install": ["pertpy==1.0.3", "filelock==4.3.1", "statsmodels==0.14.5"],
        "script": "peer_pertpy.py",
    },
    "scPertEval": {"install": ["scPertEval==0.2.0"], "script": "peer_scperteval.py"},
}

UNBIASED = "unbiased, of drawn cells on pinned axes"
ITSELF = "of pairs of different cells; the package counts each cell's distance 0 to itself"
POOLED = "five widths, scaled by truth and control; the package's one, by truth and prediction"
DEBIASED = "a divergence; the package gives the cost with its entropy, not 0 for equal cells"
UNDIVIDED = "the package's is the Euclidean norm, of a sum over features and not their mean"
DENSITIES = "of two moments a feature; the package compares smoothed densities of all features"
OTHERS = "centre: the mean over training; the package's, over all perturbations but the tested one"
T_TEST = "rank-sum tests against control; the package's are t-tests against all other perturbations"
LEIDEN = "a stated linkage; the package's clusters move with two libraries"
CENTRED_PEARSON = "weighted_pearson_pert_exp2_center_global_mean"
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
    "pertpy": {
        "mean_absolute_error": ("mae", ""),
        "mse": ("mse", ""),
        "root_mean_squared_error": ("rmse", UNDIVIDED),
        "euclidean / sqrt(features)": ("rmse", ""),
        "1 - pearson_distance": ("pearson", ""),
        "1 - r2_distance": ("r2", ""),
        "1 - pearson_distance, changes": ("pearson-delta", ""),
        "1 - spearman_distance, changes": ("spearman-delta", ""),
        "1 - cosine_distance, changes": ("cosine-delta", ""),
        "1 - r2_distance, changes": ("r2-delta", ""),
        "1 - pearson_distance, changes on axes": ("pearson-delta-components", ""),
        "1 - spearman_distance, changes on axes": ("spearman-delta-components", ""),
        "mse, axes": ("mse-components", ""),
        "mmd / axes, axes": ("mse-components", ""),
        "edistance, axes": ("energy-distance", ITSELF),
        "mean_pairwise to energy distance, axes": ("energy-distance", ""),
        "squared mean_pairwise to energy distance, axes": ("e-distance-squared", ""),
        "mmd of five widths, different cells, axes": ("mmd-rbf", ""),
        "wasserstein, axes": ("sinkhorn-divergence", DEBIASED),
        "wasserstein to divergence, axes": ("sinkhorn-divergence", ""),
        "mean_var_distribution": ("mean-variance-distance", DENSITIES),
    },
    "scPertEval": {
        "pearson": ("pearson", ""),
        "pearson_ctrl": ("pearson-delta", ""),
        "pearson_pert": ("pearson-delta-centred", OTHERS),
        "pearson_pert_center_global_mean": ("pearson-delta-centred", ""),
        "mse": ("mse", ""),
        "r2_ctrl": ("r2-delta", ""),
        "1 - rank": ("discrimination-l2-transposed", ""),
        "nir": ("discrimination-l2-expression", ""),
        "wmse_exp2": ("weighted-mse", T_TEST),
        "wmse_exp2, rank-sum": ("weighted-mse", ""),
        "weighted_pearson_pert_exp2": ("weighted-pearson-delta-centred", f"{OTHERS}; {T_TEST}"),
        f"{CENTRED_PEARSON}, rank-sum": ("weighted-pearson-delta-centred", ""),
        "weighted_r2_pert_exp2": ("weighted-r2-delta-centred", f"{OTHERS}; {T_TEST}"),
        "weighted_r2_pert_exp2_center_global_mean, rank-sum": ("weighted-r2-delta-centred", ""),
        "de_auprc": ("de-auprc", T_TEST),
        "de_auprc, rank-sum": ("de-auprc", ""),
        "de_auroc": ("de-auroc", T_TEST),
        "de_auroc, rank-sum": ("de-auroc", ""),
        "energy_distance_top_k, axes": ("energy-distance", ""),
        "unbiased_mmd_median_top_k, axes": ("mmd-rbf", POOLED),
    },
}

ALONE = {  # columns without a counterpart in the standard, and why they are not compared
    "pertpy": {
        "kendalltau_distance": "a number of pairs of features in another order",
        "mean_pairwise": "not smallest for equal cells; the energy distance is made of it",
        "sym_kldiv, t_test, ks_test": "feature by feature, of the two sides' cells",
        "nb_ll": "a likelihood of raw counts",
        "mahalanobis": "of an inverse covariance, which fewer cells than features have not",
        "classifier_proba": "of cells that are drawn without a seed",
        "classifier_cp": "a classifier of all perturbations",
    },
    "scPertEval": {
        "*_top_k, *_degs_padj, *_heg_k": "of features that its own tests or means choose",
        "*_pca_k": "of axes that it fits itself; compared along the pinned ones",
        "r2_pert, weighted_*_ctrl_exp2": "other centres of the same formulas",
        "wmse_exp1, wmse_exp4": "other powers of the weights",
        "de_overlap_k": "of features ranked by their deviates, significant or not",
        "sinkhorn_w2_*": "the root of twice a divergence, of packages that it does not install",
    },
}
