"""All modules that hold rules; importing this one claims every rule."""

from vcspec.rules import (
    claims,
    container,
    dataset,
    documents,
    integrity,
    matrices,
    predictions,
    publication,
    reference,
    scorecard,
    split,
    structure,
    tables,
)

__all__ = [
    "claims",
    "container",
    "dataset",
    "documents",
    "integrity",
    "matrices",
    "predictions",
    "publication",
    "reference",
    "scorecard",
    "split",
    "structure",
    "tables",
]
