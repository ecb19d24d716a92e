"""L1000 signatures of three drugs in 65 lines: z-scores of landmark genes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vcspec.model.curated import Curated
from vcspec.model.matrix import AnyArray, rows_of_dense
from vcspec.statistics.rankings import with_controls
from vcspec.storage.r_data import read_r_data


def build(sources: Mapping[str, Path], card: Mapping[str, Any]) -> Curated:
    """The signatures of the source, an object of the class GCT of cmapR."""
    gct = read_r_data(sources["ds.RData"])["ds"]
    signatures = {name: np.asarray(gct.cdesc[name]) for name in ("cell_id", "pert_iname")}
    genes = np.asarray(gct.rdesc["pr_gene_symbol"], dtype=str)
    return curated(
        np.asarray(gct.mat, dtype=np.float64).T,
        [str(name) for name in gct.cid],
        genes,
        signatures["cell_id"].astype(str),
        signatures["pert_iname"].astype(str),
        card,
    )


def curated(  # noqa: PLR0917 - the parts of a table
    values: AnyArray,
    names: Sequence[str],
    genes: AnyArray,
    lines: AnyArray,
    drugs: AnyArray,
    card: Mapping[str, Any],
) -> Curated:
    """(signatures, genes) values as a dataset, with controls of zeros for every line."""
    rows = rows_of_dense(values.astype(np.float32))
    below, contexts, perturbations = with_controls(rows, lines, drugs, card["control"])
    added = contexts[len(names) :].tolist()
    more = [f"{line}|{card['control']}|{number}" for number, line in enumerate(added)]
    obs = {"context": contexts, "perturbation": perturbations}
    return Curated(below, np.array([*names, *more]), genes, obs)
