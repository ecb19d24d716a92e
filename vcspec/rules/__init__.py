"""One generator for each rule of the standard; importing the room claims them all."""

from vcspec.rules import (
    claims,
    container,
    contamination,
    dataset,
    integrity,
    leaking_cells,
    leaks,
    matrices,
    predictions,
    publication,
    scorecard,
    split,
    structure,
    tables,
)

__all__ = [
    "claims",
    "container",
    "contamination",
    "dataset",
    "integrity",
    "leaking_cells",
    "leaks",
    "matrices",
    "predictions",
    "publication",
    "scorecard",
    "split",
    "structure",
    "tables",
]
