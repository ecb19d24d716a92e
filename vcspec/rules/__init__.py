"""One generator for each rule of the standard; importing the room claims them all."""

from vcspec.rules import (
    claims,
    container,
    dataset,
    integrity,
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
    "dataset",
    "integrity",
    "matrices",
    "predictions",
    "publication",
    "scorecard",
    "split",
    "structure",
    "tables",
]
