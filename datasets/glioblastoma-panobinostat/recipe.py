"""Slices of five glioblastomas with panobinostat or its vehicle: counts, and totals recovered."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vcspec.model.curated import Curated
from vcspec.model.errors import Unreadable
from vcspec.model.matrix import AnyArray, Rows
from vcspec.storage.r_data import Experiment, single_cell_experiment

TOLERANCE = 0.02  # totals of up to 42,121 are whole to 1e-3 even in float32
CONDITION = {"ctrl": "control"}


def build(sources: Mapping[str, Path], card: Mapping[str, Any]) -> Curated:
    """The cells of the source, an object of the class SingleCellExperiment."""
    path = sources["glioblastoma_example_data.rda"]
    return curated(single_cell_experiment(path, "glioblastoma_example_data"), card)


def curated(found: Experiment, card: Mapping[str, Any]) -> Curated:
    """Counts and totals, under Ensembl identifiers without their versions.

    Args:
        found: with the assays counts and logcounts, the columns patient_id, sample_id and condition
            of cells, and symbol and chromosome of features.
        card: the card.
    """
    counts = found.assays["counts"]
    known = {name: values.astype(str) for name, values in found.cell_table.items()}
    named = zip(found.cells, known["sample_id"], strict=True)
    return Curated(
        rows=Rows(
            counts.indptr.astype(np.int64),
            counts.indices.astype(np.int64),
            _whole(counts.data, "counts").astype(np.int32),
            counts.shape[1],
        ),
        cells=np.array([f"{barcode}_{sample}" for barcode, sample in named]),
        features=np.array([str(name).partition(".")[0] for name in found.features]),
        obs={
            "context": np.full(len(found.cells), card["parameters"]["context"]),
            "perturbation": np.array([CONDITION.get(n, n) for n in known["condition"]]),
            "donor": known["patient_id"],
            "sample": known["sample_id"],
            "library_size": _totals(counts, found.assays["logcounts"], card["parameters"]),
        },
        var={name: found.feature_table[name].astype(str) for name in ("symbol", "chromosome")},
    )


def _totals(counts: Any, logcounts: Any, parameters: Mapping[str, Any]) -> AnyArray:
    """Totals over all measured genes, of which the source divided counts by the size factors.

    The source holds ln(1 + 4 a × count / size factor) / sqrt(a), of which the size factor is the
    cell's total divided by the mean total over all cells of the study.
    """
    if (counts != 0).nnz != counts.nnz or (counts.indices != logcounts.indices).any():
        message = "counts and logcounts are not positive in the same places"
        raise Unreadable(message)
    a = parameters["overdispersion"]
    scaled = np.expm1(logcounts.data.astype(np.float64) * np.sqrt(a)) / (4 * a)
    cell = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    ratio = np.bincount(cell, counts.data.astype(np.float64)) / np.bincount(cell, scaled)
    return _whole(ratio * parameters["mean_total"], "totals").astype(np.int64)


def _whole(values: AnyArray, what: str) -> AnyArray:
    off = np.abs(values - np.rint(values)).max()
    if off > TOLERANCE:
        message = f"{what} are up to {off:.3g} off whole numbers; expected at most {TOLERANCE}"
        raise Unreadable(message)
    return np.asarray(np.rint(values))
