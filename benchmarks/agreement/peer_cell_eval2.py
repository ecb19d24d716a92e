"""cell-eval2's own values, preset vcc2026: python peer_cell_eval2.py FOLDER > values.json."""

import csv
import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import anndata

CONTROL = "control"


def main():
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        for side in ("truth", "model"):
            data = anndata.read_h5ad(folder / f"{side}.h5ad")
            data.X = data.layers.pop("counts").astype("float32")
            data.write_h5ad(Path(scratch) / f"{side}.h5ad")
        command = [
            str(Path(sys.executable).with_name("cell-eval2")),
            "run",
            "-ap",
            f"{scratch}/model.h5ad",
            "-ar",
            f"{scratch}/truth.h5ad",
            "--preset",
            "vcc2026",
            "--pert-col",
            "perturbation",
            "--control",
            CONTROL,
            "-o",
            f"{scratch}/out",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.stderr.write(done.stdout[-2000:] + done.stderr[-4000:])
            raise SystemExit(done.returncode)
        values = {}
        for path in (Path(scratch) / "out").rglob("results.csv"):
            with path.open() as file:
                for row in csv.DictReader(file):
                    own = values.setdefault(row["metric"], {})
                    own[row["perturbation"]] = float(row["value"]) if row["value"] else None
        for path in (Path(scratch) / "out").rglob("agg_results.csv"):
            with path.open() as file:
                (means,) = [row for row in csv.DictReader(file) if row["statistic"] == "mean"]
            # A ratio of sums has no value by perturbation; each of them stands for the whole.
            ratio = float(means["expr_mse_unbiased_capped_norm"])
            values["expr_mse_unbiased_capped_norm"] = dict.fromkeys(values["pds_cosine"], ratio)
    packages = ("cell-eval2", "pdex", "numpy", "scipy", "anndata")
    json.dump({"values": values, "versions": {p: version(p) for p in packages}}, sys.stdout)


if __name__ == "__main__":
    main()
