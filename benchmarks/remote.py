"""Predictions of about 200 MB with their split and reference, for the row on remote stores.

    python benchmarks/remote.py FOLDER [--entries 43]

builds them in FOLDER/bucket, if they are not there.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support import tiny  # noqa: E402 - the tests' artefacts

from vcspec.actions.curate import write_dataset  # noqa: E402
from vcspec.actions.predict import open_split  # noqa: E402
from vcspec.actions.reference import reference  # noqa: E402
from vcspec.actions.split import split  # noqa: E402
from vcspec.model.curated import Curated  # noqa: E402
from vcspec.model.matrix import rows_of_dense, stack  # noqa: E402

FEATURES, CONDITIONS, CELLS, SHARE = 4_000, 100, 30, 0.3


def build(folder: Path, entries: int) -> None:
    """Artefacts in `folder`, the predictions of about `entries` stored values."""
    draw = np.random.default_rng(1)
    names = [f"G{number:04d}" for number in range(FEATURES)]
    labels = ["control"] * 300 + [name for name in names[:CONDITIONS] for _ in range(CELLS)]
    base = draw.lognormal(-1.5, 1.0, FEATURES)
    counts = draw.poisson(base, (len(labels), FEATURES)).astype(np.int32)
    cells = np.array([f"cell-{number:05d}" for number in range(len(labels))], dtype=object)
    obs = {
        "context": np.array(["all"] * len(labels), dtype=object),
        "perturbation": np.array(labels, dtype=object),
    }
    made = Curated(stack([rows_of_dense(counts)]), cells, np.array(names, dtype=object), obs)
    write_dataset(folder / "data.zarr", tiny.dataset_document(), made, overwrite=False)
    held_out = names[: CONDITIONS * 3 // 4]
    rows = int(entries / len(held_out) / FEATURES / SHARE)
    plan = tiny.plan(parameters={"hold_out": held_out}, cells_per_condition=rows)
    split(folder / "data.zarr", folder / "split.zarr", plan)
    reference(folder / "split.zarr", folder / "data.zarr", folder / "reference.zarr")
    predict(folder, rows)


def predict(folder: Path, rows: int) -> None:
    """Predictions of `rows` cells for each condition, drawn."""
    draw = np.random.default_rng(2)
    with open_split(folder / "split.zarr").writer(folder / "model.zarr", model="drawn") as out:
        for condition in out.conditions:
            shown = draw.random((rows, FEATURES)) < SHARE
            values = draw.gamma(2.0, 0.5, (rows, FEATURES)) * shown
            scaled = values * (tiny.TARGET_SUM / values.sum(axis=1, keepdims=True))
            out[condition] = np.log1p(scaled).astype(np.float32)


def main() -> None:
    """Build what is not there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--entries", type=float, default=43, help="millions of stored values")
    chosen = parser.parse_args()
    folder = chosen.folder / "bucket"
    if not folder.exists():
        folder.mkdir(parents=True)
        build(folder, int(chosen.entries * 1e6))


if __name__ == "__main__":
    main()
