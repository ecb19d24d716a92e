"""cell-eval's own values, profile full: python peer_cell_eval.py FOLDER > values.json."""

import json
import math
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import anndata
from cell_eval import MetricsEvaluator

CONTROL = "control"


def main():
    folder = Path(sys.argv[1])
    truth, prediction = (anndata.read_h5ad(folder / f"{side}.h5ad") for side in ("truth", "model"))
    for side in (truth, prediction):
        del side.layers["counts"]
    with tempfile.TemporaryDirectory() as scratch:
        evaluator = MetricsEvaluator(
            prediction, truth, control_pert=CONTROL, pert_col="perturbation", outdir=scratch
        )
        table, _ = evaluator.compute(profile="full", write_csv=False)
    values = {}
    for row in table.to_dicts():
        name = row.pop("perturbation")
        for column, value in row.items():
            plain = None if value is None or math.isnan(value) else float(value)
            values.setdefault(column, {})[name] = plain
    packages = ("cell-eval", "pdex", "numpy", "scipy", "anndata")
    json.dump({"values": values, "versions": {p: version(p) for p in packages}}, sys.stdout)


if __name__ == "__main__":
    main()
