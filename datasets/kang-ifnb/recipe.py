"""Blood cells with and without interferon beta: counts out of normalised values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from scipy import sparse

from vcspec.model.curated import Curated
from vcspec.model.errors import Unreadable
from vcspec.model.matrix import Rows

TOLERANCE = 1e-2  # the source holds float32; counts up to 2,407 are whole to 1e-3
PERTURBATION = {"stimulated": "IFNB1"}


def build(sources: Mapping[str, Path], card: Mapping[str, Any]) -> Curated:
    """The cells of the source, with whole counts in place of its log1p values."""
    # h5py: the file's layout (compound tables, h5sparse) is older than what anndata writes
    with h5py.File(sources["valid.h5ad"]) as file:
        obs, var = file["obs"][()], file["var"][()]
        stored = tuple(file["X"][name][()] for name in ("data", "indices", "indptr"))
        condition = _labels(obs["condition"], file["uns/condition_categories"][()])
        context = _labels(obs["cell_type"], file["uns/cell_type_categories"][()])
    matrix = sparse.csr_matrix(stored, shape=(len(obs), len(var)))
    matrix.sort_indices()
    library_size = obs["n_counts"].astype(np.int64)
    return Curated(
        rows=_counts(matrix, library_size, card["parameters"]["target_sum"]),
        cells=np.char.decode(obs["index"], "utf-8"),
        features=np.char.decode(var["index"], "utf-8"),
        obs={
            "context": context,
            "perturbation": np.array([PERTURBATION.get(label, label) for label in condition]),
            "library_size": library_size,
        },
    )


def _counts(
    matrix: sparse.csr_matrix, library_size: npt.NDArray[np.int64], target_sum: float
) -> Rows:
    """Whole counts; the source holds log1p(count × target_sum / library size)."""
    total = np.repeat(library_size, np.diff(matrix.indptr))
    count = np.expm1(matrix.data.astype(np.float64)) * total / target_sum
    off = np.abs(count - np.rint(count)).max()
    if off > TOLERANCE:
        message = f"counts are up to {off:.3g} off whole numbers; expected at most {TOLERANCE}"
        raise Unreadable(message)
    indptr, indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)
    return Rows(indptr, indices, np.rint(count).astype(np.int32), matrix.shape[1])


def _labels(codes: npt.NDArray[np.int8], names: npt.NDArray[np.bytes_]) -> npt.NDArray[np.str_]:
    return np.char.decode(names, "utf-8")[codes]
