"""Metrics: pure functions of a Comparison, each the meaning of one name of the standard."""

from vcspec.metrics import (
    agreement,
    calls,
    cell_eval,
    distances,
    distribution,
    overlap,
    ranking,
    retrieval,
    structure,
    uncertainty,
    vcc_2026,
)
from vcspec.metrics.suite import METRICS, compute, metric, taking

__all__ = [
    "METRICS",
    "agreement",
    "calls",
    "cell_eval",
    "compute",
    "distances",
    "distribution",
    "metric",
    "overlap",
    "ranking",
    "retrieval",
    "structure",
    "taking",
    "uncertainty",
    "vcc_2026",
]
