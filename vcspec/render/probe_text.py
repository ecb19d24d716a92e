"""The null panel as text: an arm a row, a headline metric a column, then what passed."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from vcspec.render.fitting import in_blocks
from vcspec.render.report_text import drawn
from vcspec.render.scorecard_text import number
from vcspec.standard import standard

LISTED = 20


def render_probe(
    document: Any, *, every: bool = False, colour: bool = False, width: int | None = None
) -> str:
    """What the panel found.

    Args:
        document: of the probe.
        every: show all metrics; else those of the headline.
        colour: whether the terminal shows colours.
        width: columns of the terminal; None does not wrap.
    """
    metrics = list(document["judged"]) if every else document["headline"]
    split = document["split"]
    lead = [one for one in document["offences"] if one["metric"] in document["headline"]]
    rest = [one for one in document["offences"] if one["metric"] not in document["headline"]]
    blind = [metric for metric, judged in document["judged"].items() if not judged]
    silent = [metric for metric in document["judged"] if _is_silent(document, metric)]
    parts: list[Any] = [
        f"{split['id']}@{split['version']}  {document['conditions']} conditions  "
        f"suites {', '.join(document['suites'])}",
        "",
        *in_blocks(partial(_arms, document), metrics, width),
        "! passes though it must not. Values are the best over an arm's strengths.",
    ]
    parts += [_offence(one) for one in lead[:LISTED]]
    if len(lead) > LISTED:
        parts.append(f"… and {len(lead) - LISTED} more")
    if rest:
        names = ", ".join(dict.fromkeys(one["metric"] for one in rest))
        parts.append(f"Metrics that head no suite and let something pass: {names}.")
    if blind:
        parts.append(
            f"Transforms cannot be judged here (replicate not above floor): {', '.join(blind)}."
        )
    if silent:
        parts.append(
            "What knows nothing cannot be judged here (values of fewer than two conditions): "
            f"{', '.join(silent)}."
        )
    parts.append(_verdict(document["headline"], len(lead), silent))
    return drawn(parts, colour=colour, width=width)


def _is_silent(document: Any, metric: str) -> bool:
    """Whether a metric says nothing of what knows nothing."""
    return all(
        run["metrics"][metric]["against"] is None
        for name, runs in document["arms"].items()
        if standard().arms[name]["kind"] == "no-information"
        for run in runs
    )


def _verdict(headline: Sequence[str], offences: int, silent: Sequence[str]) -> str:
    if offences:
        return f"{offences} offences of headline metrics"
    if set(headline) <= set(silent):
        return "No headline metric can be judged here."
    return "No headline metric lets anything pass."


def _arms(document: Any, metrics: Sequence[str]) -> Any:
    """A row an arm, a column a metric."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("arm", no_wrap=True)
    for metric in metrics:
        table.add_column(metric, justify="right")
    for name, runs in document["arms"].items():
        cells = []
        for metric in metrics:
            passed = [run["strength"] for run in runs if run["metrics"][metric]["passes"]]
            worst = _extreme(runs, metric)
            cells.append(f"{number(worst)} !" if passed else number(worst))
        table.add_row(name, *cells)
    return table


def _extreme(runs: Any, metric: str) -> float | None:
    best = max if standard().metrics[metric]["direction"] == "higher" else min
    values = [run["metrics"][metric]["value"] for run in runs]
    known = [value for value in values if value is not None]
    return best(known) if known else None


def _offence(one: Any) -> str:
    return (
        f"{one['metric']}: {one['arm']} at {one['strength']:g} scores {number(one['value'])}, "
        f"against {number(one['against'])}"
    )
