"""Metrics: pure functions of a Comparison, each the meaning of one name of the standard."""

from vcspec.metrics import agreement, calls, distances, overlap, ranking, retrieval
from vcspec.metrics.suite import METRICS, compute, metric

__all__ = [
    "METRICS",
    "agreement",
    "calls",
    "compute",
    "distances",
    "metric",
    "overlap",
    "ranking",
    "retrieval",
]
