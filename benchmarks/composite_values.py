"""Scores of the Virtual Cell Challenge 2026, as its own package scales them in two contexts.

    python -m venv peers
    peers/bin/pip install cell-eval2==0.20.0
    peers/bin/python benchmarks/composite_values.py

writes tests/metrics/composite_values.json. vcspec is not imported. The package scores one context
at a time; the challenge averages the contexts' scores. The inputs are drawn: in one context a score
is cut at its bound, in the other not, so that it matters what is averaged first.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
from cell_eval2.anchor import _ANCHOR_SCHEMA, FULL_GATE_RAW, SPLIT_HALF_RAW, AnchorExpect
from cell_eval2.score import score_metrics

TARGET = Path(__file__).parent.parent / "tests/metrics/composite_values.json"
NAMES = {
    "pds_cosine": "vcc-2026-discrimination",
    "expr_mse_unbiased_capped_norm": "vcc-2026-mse-ratio",
    "de_wilcoxon_lfc_nmae": "vcc-2026-lfc-nmae",
    "de_wilcoxon_direction_fidelity_yield_raw": "vcc-2026-direction-yield",
    "de_wilcoxon_direction_reach_raw": "vcc-2026-direction-reach",
    "de_wilcoxon_sig_jaccard": "vcc-2026-jaccard",
}
LOWER = ("expr_mse_unbiased_capped_norm", "de_wilcoxon_lfc_nmae")
SHARES = {
    "line-a": (0.4, 1.6, -9.0, 0.7, -0.2, 1.3),  # the second and the third are cut
    "line-b": (0.9, 0.3, 0.5, 0.1, 0.6, 0.8),
}
"""How far from baseline to replicate the submission lies, in the order of NAMES."""


def drawn(context, seed):
    """Metric → value of submission, baseline and replicate."""
    draw, found = np.random.default_rng(seed), {}
    for name, share in zip(NAMES, SHARES[context], strict=True):
        low, high = np.sort(draw.uniform([0.1, 0.5], [0.4, 0.9])).tolist()
        base, replicate = (high, low) if name in LOWER else (low, high)
        found[name] = (base + share * (replicate - base), base, replicate)
    return found


def aggregate(values, part):
    return pl.DataFrame({"statistic": ["mean"], **{n: [v[part]] for n, v in values.items()}})


def scored(values):
    """The package's column from_replicate."""
    names = list(values)
    columns = {
        "metric": names,
        "replicate": [values[name][2] for name in names],
        "estimator": [FULL_GATE_RAW if "nmae" in name else SPLIT_HALF_RAW for name in names],
    }
    rest = {name: [0] * len(names) for name in _ANCHOR_SCHEMA if name not in columns}
    frame = pl.DataFrame({**columns, **rest}, schema_overrides=_ANCHOR_SCHEMA)
    frame = frame.select(list(_ANCHOR_SCHEMA))
    meta = {
        "cell_eval2_version": version("cell-eval2"),
        "real_fingerprint": "drawn",
        "semantic_identity": "drawn",
        "control_source_effective": "pred",
        "metric_names": names,
    }
    table = score_metrics(
        aggregate(values, 0),
        aggregate(values, 1),
        anchor=(frame, frame, meta),
        anchor_expect=AnchorExpect("drawn", "drawn", tuple(names)),
    )
    return dict(zip(table["metric"].to_list(), table["from_replicate"].to_list(), strict=True))


def main():
    contexts = {}
    for seed, context in enumerate(SHARES):
        values = drawn(context, seed)
        scores = scored(values)
        contexts[context] = {
            "values": {NAMES[name]: three for name, three in values.items()},
            "scores": {NAMES[name]: scores[name] for name in values},
            "average": scores["avg_score"],
        }
    found = {"made_by": f"cell-eval2 {version('cell-eval2')}", "contexts": contexts}
    TARGET.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
