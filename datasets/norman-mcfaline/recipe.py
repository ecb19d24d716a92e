"""CRISPRa in K562 and CRISPRi in three glioblastoma lines: counts out of normalised values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import numpy.typing as npt
from scipy import sparse

from vcspec.model.curated import Curated
from vcspec.model.errors import Unreadable
from vcspec.model.matrix import Rows

STUDY = {"norman19": "Norman2019", "mcfaline23": "McFalineFigueroa2023"}
CONTEXT = {"k562": "K562"}
LARGEST_SMALLEST = 8  # of the smallest count of a cell, far above what occurs
TOLERANCE = 1e-6  # the source holds float64; what is whole is whole to 1e-11


def build(sources: Mapping[str, Path], card: Mapping[str, Any]) -> Curated:
    """The cells of both studies, with whole counts in place of the source's log1p values."""
    source = anndata.read_h5ad(sources["devel.h5ad"])
    obs = source.obs.astype(dict.fromkeys(("condition", "cell_type", "dataset"), str))
    rows, total = _counts(source.X.tocsr(), card["parameters"]["target_sum"])
    library_size = obs["ncounts"].to_numpy(np.int64)
    return Curated(
        rows=rows,
        cells=source.obs_names.to_numpy(str),
        features=source.var_names.to_numpy(str),
        obs={
            "study": obs["dataset"].map(STUDY).to_numpy(str),
            "context": obs["cell_type"].replace(CONTEXT).to_numpy(str),
            "perturbation": obs["condition"].to_numpy(str),
            "perturbation_type": obs["perturbation_type"].astype(str).to_numpy(str),
            "library_size": library_size,
            "source_total": total,
            # a total over some genes is at most the total over all, so that twice cannot be
            "counts_ambiguous": 2 * total <= library_size,
        },
    )


def _counts(matrix: sparse.csr_matrix, target_sum: float) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Whole counts, and the total that each cell was normalised by.

    The source holds log1p(count × target_sum / total). In each cell the smallest value stands for
    the smallest count; of 1, 2, 3 … the first is taken that makes all counts and the total whole.
    """
    matrix.sort_indices()
    scaled = np.expm1(matrix.data.astype(np.float64))
    starts = matrix.indptr[:-1].astype(np.int64)
    cell = np.repeat(np.arange(len(starts)), np.diff(matrix.indptr))
    smallest = np.minimum.reduceat(scaled, starts)
    count, total = np.zeros(len(scaled)), np.zeros(len(starts))
    open_cells = np.ones(len(starts), dtype=bool)
    for guess in range(1, LARGEST_SMALLEST + 1):
        unit = smallest / guess
        off = np.maximum.reduceat(_off_whole(scaled / unit[cell]), starts)
        fits = open_cells & (np.maximum(off, _off_whole(target_sum / unit)) < TOLERANCE)
        count = np.where(fits[cell], np.rint(scaled / unit[cell]), count)
        total = np.where(fits, np.rint(target_sum / unit), total)
        open_cells &= ~fits
    if open_cells.any():
        message = f"{open_cells.sum()} cells give no whole counts; expected log1p of scaled counts"
        raise Unreadable(message)
    indptr, indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)
    return Rows(indptr, indices, count.astype(np.int32), matrix.shape[1]), total.astype(np.int64)


def _off_whole(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.abs(values - np.rint(values))
