"""All modules that hold rules, or leaks; importing this one claims every name."""

from vcspec.rules import (
    claims,
    container,
    contamination,
    dataset,
    documents,
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
    "documents",
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
