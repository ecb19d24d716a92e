"""Knock-outs of T cell receptor genes in Jurkat cells: counts as published, labels taken apart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.io import mmread

from vcspec.model.curated import Curated
from vcspec.model.errors import Unreadable
from vcspec.model.matrix import Rows


def build(sources: Mapping[str, Path], card: Mapping[str, Any]) -> Curated:
    """The cells of the screen; the target gene is read from the guide's label."""
    counts = mmread(sources["matrix.mtx"]).T.tocsr().astype(np.int32)  # cells × genes
    counts.sort_indices()
    genes = pd.read_csv(sources["genes.csv"])["x"].to_numpy(str)
    cells = pd.read_csv(sources["barcodes.csv"])["x"].to_numpy(str)
    table = pd.read_csv(sources["seurat_metadata.csv"], index_col=0)
    if counts.shape != (len(cells), len(genes)) or list(table.index) != list(cells):
        message = (
            f"matrix is {counts.shape}; expected the {len(cells)} cells of both tables, in order"
        )
        raise Unreadable(message)
    guide = table["perturbation"].to_numpy(str)
    is_control = guide == card["control"]
    target = table["perturbation"].str.replace(r"_\d+$", "", regex=True).to_numpy(str)
    return Curated(
        rows=Rows(
            counts.indptr.astype(np.int64),
            counts.indices.astype(np.int64),
            counts.data,
            len(genes),
        ),
        cells=cells,
        features=genes,
        obs={
            "context": table["perturbation_2"].to_numpy(str),
            "perturbation": np.where(is_control, card["control"], target),
            "guide": guide,
            "batch": table["sample"].to_numpy(str),
            "library_size": table["ncounts"].to_numpy(np.int64),
        },
    )
