"""One plate of L1000 profiles: compounds at six doses, log2 intensities of landmark genes."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vcspec.model.curated import Curated
from vcspec.model.errors import Unreadable
from vcspec.model.matrix import AnyArray, rows_of_dense

VERSION = "#1.3"
NO_DOSE = ("0", "-")
UNITS = {"um": "uM"}
MISSING = "-666"


def build(sources: Mapping[str, Path], card: Mapping[str, Any]) -> Curated:
    """The wells of the plate, with their compounds and doses."""
    wells, genes, values, columns = read_gct(sources["test_l1000.gct"])
    is_control = columns["pert_type"] == "ctl_vehicle"
    dose = np.where(is_control, NO_DOSE[0], columns["pert_dose"])
    unit = np.array(
        [
            NO_DOSE[1] if c else UNITS[u]
            for c, u in zip(is_control, columns["pert_dose_unit"], strict=True)
        ]
    )
    perturbation = np.where(is_control, card["control"], columns["pert_iname"])
    return Curated(
        rows=rows_of_dense(values.astype(np.float32)),
        cells=wells,
        features=genes,
        obs={
            "context": columns["cell_id"],
            "perturbation": np.char.replace(perturbation.astype(str), "+", "(+)"),
            "dose": dose.astype(str),
            "dose_unit": unit,
            "well": columns["det_well"],
        },
    )


def read_gct(path: Path) -> tuple[AnyArray, AnyArray, AnyArray, dict[str, AnyArray]]:
    """Names of samples, gene symbols, (samples, genes) values, and sample annotations.

    GCT 1.3: a line with the version, one with the numbers of rows, columns, row annotations and
    column annotations, then a table. Source: doi:10.1093/bioinformatics/bty784.
    """
    with path.open(encoding="utf-8", newline="") as file:
        version, sizes, *table = list(csv.reader(file, delimiter="\t"))
    if version[:1] != [VERSION]:
        message = f"{path} begins with {version[:1]}; expected {VERSION}, GCT 1.3"
        raise Unreadable(message)
    genes, _, of_genes, of_samples = (int(number) for number in sizes[:4])
    head, notes, rows = table[0], table[1 : 1 + of_samples], table[1 + of_samples :]
    if len(rows) != genes:
        message = f"{path} has {len(rows)} rows of values; its second line says {genes}"
        raise Unreadable(message)
    first = 1 + of_genes
    values = np.array([row[first:] for row in rows], dtype=np.float64).T
    symbol = head.index("pr_gene_symbol")
    columns = {line[0]: np.array(line[first:], dtype=str) for line in notes}
    return np.array(head[first:]), np.array([row[symbol] for row in rows]), values, columns
