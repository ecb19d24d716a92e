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
PAIR_COLUMNS = (
    "metric",
    "model",
    "other",
    "difference",
    "low",
    "high",
    "first_is_better",
)
AGREEMENT_COLUMNS = ("within", "part", "metric", "other", "kendall")
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
        for metric, table in self._tables():
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

    def pairs(self) -> Iterator[tuple[Any, ...]]:
        """One row a metric and two models, of `PAIR_COLUMNS`, the mean rank last."""
        for metric, table in self._tables():
            for found in table["pairs"] or ():
                bounds = found["interval"] or {}
                yield (
                    metric,
                    *(self.names[at] for at in found["models"]),
                    found["difference"],
                    bounds.get("low"),
                    bounds.get("high"),
                    found["first_is_better"],
                )

    def agreements(self) -> Iterator[tuple[Any, ...]]:
        """One row a part and two metrics, of `AGREEMENT_COLUMNS`; the mean, of no part, first."""
        found = self.document["agreement"]
        names = found["metrics"]
        for part, taus in ((None, found["kendall"]), *found["parts"].items()):
            for at, name in enumerate(names):
                for other in range(at + 1, len(names)):
                    yield found["within"], part, name, names[other], taus[at][other]

    def _tables(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Metrics, and the mean rank over those of the headline, with what is told of each."""
        yield from self.document["metrics"].items()
        yield OVERALL, self.document["overall"]
