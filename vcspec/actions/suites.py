"""Suites: which metrics are asked for, and what they ask of cells."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vcspec.engine.settings import settings_in_force
from vcspec.metrics.suite import taking
from vcspec.model.comparison import Side, Space
from vcspec.model.errors import UnknownName
from vcspec.model.spaces import AS_MEASURED
from vcspec.standard import standard
from vcspec.statistics.cellwise import Taking
from vcspec.statistics.sides import Cells, Control, side

DEFAULT = ("core-1.0",)
PINNED = {"space", "sample"}  # needs of metrics that look through a pinned space


@dataclass(frozen=True)
class Wanted:
    """What a reference is made for.

    Attributes:
        metrics: names.
        taking: what they ask of cells beyond means and tests.
        space: pinned feature spaces; None where no metric asks for one.
    """

    metrics: list[str]
    taking: Taking
    space: Space | None

    def side(self, conditions: Iterable[tuple[Cells, Control]], what: str = "conditions") -> Side:
        """Statistics of conditions, each from its cells and its control; `what` they are."""
        tasks, settings = list(conditions), settings_in_force()
        with settings.advancing(len(tasks), what) as advance:
            return side(
                tasks,
                taking=self.taking,
                space=self.space,
                workers=settings.budget.workers,
                advance=advance,
            )


def each_once(suites: Iterable[str]) -> tuple[str, ...]:
    """The suites in their order; one that is asked for twice is asked for."""
    return tuple(dict.fromkeys(suites))


def metrics_of(suites: Sequence[str]) -> list[str]:
    """Metrics of the suites, each once, in their order.

    Raises:
        UnknownName: the standard has no such suite.
    """
    known = standard().suites
    for name in suites:
        if name not in known:
            message = f"the standard defines no suite {name!r}; it has {', '.join(known)}"
            raise UnknownName(message)
    return list(dict.fromkeys(metric for name in suites for metric in known[name]["metrics"]))


def taking_in(metrics: Iterable[str], values: Mapping[str, Any]) -> Taking:
    """What metrics ask of cells in a value space; amounts before a logarithm only where it has one.

    Args:
        metrics: names.
        values: the value space that is scored in.
    """
    asked = taking(metrics)
    if values["space"] in AS_MEASURED:
        return replace(asked, linear=False, pooled=False)
    return asked


def needs_space(metrics: Iterable[str]) -> bool:
    """Whether a metric looks through a pinned feature space."""
    entries = standard().metrics
    return any(PINNED & set(entries[name]["needs"]) for name in metrics)
