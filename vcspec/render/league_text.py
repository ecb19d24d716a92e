"""Comparisons of models: as text, the headline first, and as CSV."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from io import StringIO
from typing import TYPE_CHECKING, Any

from vcspec.model.league import AGREEMENT_COLUMNS, COLUMNS, PAIR_COLUMNS, League
from vcspec.model.scorecard import asked_of, suites_of
from vcspec.render.claims import claimed
from vcspec.render.fitting import in_blocks
from vcspec.render.report_text import drawn, shown
from vcspec.render.scorecard_text import ARROW, number
from vcspec.standard import standard

if TYPE_CHECKING:
    from rich.table import Table


BLIND = "No headline metric tells the replicate from the floor here: this split cannot rank models."
PLAIN = {"coverage": "100%", "level": "cells"}  # what goes without saying


def render_csv(league: League, table: str = "ranks") -> str:
    """A table of all metrics; cells are empty where there is nothing.

    Args:
        league: the comparison.
        table: `ranks`, one row a metric and model; `pairs`, one a metric and two models; or
            `agreement`, one a part and two metrics.
    """
    columns, rows = {
        "ranks": (COLUMNS, league.rows),
        "pairs": (PAIR_COLUMNS, league.pairs),
        "agreement": (AGREEMENT_COLUMNS, league.agreements),
    }[table]
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows())
    return text.getvalue()


def render_league(
    league: League,
    *,
    pairs: bool = False,
    every: bool = False,
    agreement: bool = False,
    colour: bool = False,
    width: int | None = None,
) -> str:
    """Models by their mean rank, then metric by metric, and what can be told apart.

    Args:
        league: the comparison.
        pairs: show the difference of every two models in each metric shown.
        every: show all metrics; else the headline of the suites.
        agreement: show how far metrics agree within each part as well, of all metrics where the
            headline is a single one.
        colour: whether the terminal shows colours.
        width: columns of the terminal; None does not wrap.
    """
    document = league.document
    headline = standard().headline(suites_of(document["question"]))
    metrics = list(document["metrics"]) if every else headline
    parts: list[Any] = [_question(document["question"]), "", _overall(league), ""]
    parts += _metrics(league, metrics, width)
    if pairs:
        parts += [_pairs(league, metrics), ""]
    told = document["metrics"] if agreement and len(metrics) == 1 else metrics
    if len(told) > 1:
        parts += _agreement(document["agreement"], list(told), width, each=agreement)
    if headline and all(document["metrics"][one]["informative"] is False for one in headline):
        parts += [BLIND, ""]
    parts += [_legend(document)]
    return drawn(parts, colour=colour, width=width)


def _question(question: Mapping[str, Any]) -> str:
    simulated = "  simulated data" if question["simulated"] else ""
    size = f"{question['conditions']} conditions × {question['features']} features"
    return (
        f"{claimed(question['claim'])}  {asked_of(question['inputs'])}  {size}  "
        f"suite {', '.join(suites_of(question))}{simulated}"
    )


def _table(*headings: str, left: int = 1) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for at, heading in enumerate(headings):
        table.add_column(heading, justify="left" if at < left else "right", no_wrap=True)
    return table


def _bounds(found: Mapping[str, Any] | None) -> str:
    return f"[{number(found['low'])}, {number(found['high'])}]" if found else "—"


def _range(found: Mapping[str, int] | None) -> str:
    if not found:
        return "—"
    low, high = found["low"], found["high"]
    return str(low) if low == high else f"{low}–{high}"


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share:.0%}"


def _overall(league: League) -> "Table":
    """Models, best first."""
    overall, models = league.document["overall"], league.document["models"]
    also = {
        "coverage": [_percent(model["coverage"]) for model in models],
        "level": [str(model["level"]) for model in models],
    }
    shows = [name for name, cells in also.items() if set(cells) - {PLAIN[name]}]
    table = _table("model", "mean rank", "95 % interval", "rank", "best", "tier", *shows)
    if overall["models"] is None:
        return table
    for at in _order(overall["models"]):
        found = overall["models"][at]
        cells = [
            number(found["value"]),
            _bounds(found["interval"]),
            _range(found["ranks"]),
            _percent(found["best"]),
            "—" if found["tier"] is None else str(found["tier"]),
            *(also[name][at] for name in shows),
        ]
        table.add_row(shown(league.names[at]), *cells)
    return table


def _order(models: Sequence[Mapping[str, Any]]) -> list[int]:
    return sorted(range(len(models)), key=lambda at: (models[at]["rank"], at))


def _metrics(league: League, metrics: Sequence[str], width: int | None) -> list[Any]:
    """A row a metric, a column a model: value, interval, range of ranks."""
    models = league.document["overall"]["models"]
    order = _order(models) if models else list(range(len(league.names)))

    def table(shows: Sequence[int]) -> "Table":
        made = _table("metric", "", *(shown(league.names[at]) for at in shows), left=2)
        for metric in metrics:
            found = league.document["metrics"][metric]
            told = found["models"]
            cells = ["—" if told is None else _cell(told[at]) for at in shows]
            made.add_row(metric, ARROW[found["direction"]], *cells)
        return made

    return in_blocks(table, order, width)


def _cell(model: Mapping[str, Any]) -> str:
    bounds = f"\n{_bounds(model['interval'])}" if model["interval"] else ""
    ranks = f"  #{_range(model['ranks'])}" if model["ranks"] else ""
    return f"{number(model['value'])}{ranks}{bounds}"


def _pairs(league: League, metrics: Iterable[str]) -> "Table":
    table = _table("metric", "models", "difference", "95 % interval", "first is better", left=2)
    for column in table.columns[1:]:
        column.no_wrap = False
    for metric in metrics:
        for pair in league.document["metrics"][metric]["pairs"] or ():
            one, other = (shown(league.names[at]) for at in pair["models"])
            share = _percent(pair["first_is_better"])
            cells = (number(pair["difference"]), _bounds(pair["interval"]), share)
            table.add_row(metric, f"{one} − {other}", *cells)
    return table


def _agreement(
    found: Mapping[str, Any], metrics: Sequence[str], width: int | None, *, each: bool
) -> list[Any]:
    """Kendall's tau between metrics' orders of the models: mean over the parts, and of each."""
    used = [name for name in metrics if name in found["metrics"]]
    tables = [("mean", found["kendall"]), *(found["parts"].items() if each else ())]
    parts: list[Any] = []
    for part, taus in tables:
        build = partial(_taus, found["metrics"], taus, used)
        title = f"Kendall's tau within {found['within']}: {shown(part)}"
        parts += [title, *in_blocks(build, used, width)]
    return parts


def _taus(
    known: Sequence[str],
    taus: Sequence[Sequence[float | None]],
    rows: Sequence[str],
    columns: Sequence[str],
) -> "Table":
    """Some of the columns of a table of taus between the metrics `known`."""
    place = {name: at for at, name in enumerate(known)}
    table = _table("", *columns)
    for name in rows:
        table.add_row(name, *(number(taus[place[name]][place[other]]) for other in columns))
    return table


def _legend(document: Mapping[str, Any]) -> str:
    overall, agreement = document["overall"], document["agreement"]
    left_out = "".join(f" {name} is left out: {why}." for name, why in overall["left_out"].items())
    effective = agreement["effective_number"]
    counted = (
        f"{len(agreement['metrics'])} metrics amount to {number(effective)} independent ones. "
        if effective is not None
        else ""
    )
    return (
        f"Mean rank over {', '.join(overall['counted']) or 'no metric'}.{left_out} rank: 95 % of "
        f"{document['bootstrap']['resamples']} draws of conditions. best: share of draws. Models "
        f"of a tier cannot be told apart from its first. {counted}"
        "↑ higher is better, ↓ lower is better."
    )
