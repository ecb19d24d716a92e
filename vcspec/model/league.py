"""League: several models by the scorecards of one question."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785

COLUMNS = (
    "metric",
    "model",
    "value",
    "low",
    "high",
    "rank",
    "rank_low",
    "rank_high",
    "best",
    "tier",
)
OVERALL = "mean-rank"


@dataclass(frozen=True, eq=False)
class League:
    """How models compare.

    Attributes:
        document: what the standard's schema `comparison` describes; equal cards give equal bytes.
    """

    document: Mapping[str, Any]

    def to_json(self) -> str:
        """Canonical JSON (RFC 8785)."""
        return rfc8785.dumps(dict(self.document)).decode()

    @property
    def names(self) -> list[str]:
        """Of the models, in the order of the scorecards."""
        return [str(model["name"]) for model in self.document["models"]]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """One row a metric and model, of `COLUMNS`, the mean rank last; None where nothing is."""
        tables = {**self.document["metrics"], OVERALL: self.document["overall"]}
        for metric, table in tables.items():
            for name, found in zip(self.names, table["models"] or (), strict=False):
                bounds, ranks = found["interval"] or {}, found["ranks"] or {}
                yield (
                    metric,
                    name,
                    found["value"],
                    bounds.get("low"),
                    bounds.get("high"),
                    found["rank"],
                    ranks.get("low"),
                    ranks.get("high"),
                    found["best"],
                    found["tier"],
                )
