"""Scorecards as text: one, or several of one split side by side."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial, reduce
from operator import getitem
from typing import Any

from vcspec.model.scorecard import Scorecard, asked_of, suites_of
from vcspec.render.claims import claimed
from vcspec.render.fitting import fits, in_blocks
from vcspec.render.report_text import drawn, shown
from vcspec.standard import standard

OTHER_FOLDS = "other-folds"
NOT_MADE_FOR = "not-in-reference"
ARROW = {"higher": "↑", "lower": "↓"}
CALIBRATION = ("dynamic range", "beats floor", "can rank")
BLIND = "*: not informative here: no replicate is known, or it is not above the floor beyond noise."
BESIDE = ": value (floor … replicate)"


def number(value: float | None) -> str:
    """A number with three significant digits; a dash where there is none."""
    return (
        "—"
        if value is None
        else f"{value:.3g}"
        if abs(value) >= 0.001 or not value
        else f"{value:.1e}"
    )


def _interval(found: Any) -> str:
    bounds = found["interval"]
    return f"[{number(bounds['low'])}, {number(bounds['high'])}]" if bounds else "—"


def _value(found: Any) -> str:
    if found["value"] is None:
        return f"— {found['reasons'].get('value', '')}"
    return number(found["value"])


def _floor(found: Any) -> str:
    floor = found["floor"]
    return f"{number(floor['value'])} {floor['baseline']}" if floor else "—"


def render_scorecard(card: Scorecard, *, colour: bool = False, width: int | None = None) -> str:
    """One scorecard: the headline first, a row a metric, then the others, the signature below."""
    document = card.document
    model = document["model"]
    headline = [name for name in _headline(document) if _is_informative(document, name)]
    rest = [name for name in card.metrics if name not in headline]
    head = f"{shown(model['name'])} {shown(model['version'])}  {_question(document)}"
    parts: list[Any] = [head, ""]
    is_wide = fits(_table(document, list(card.metrics)), width)
    table = _table if is_wide else _narrow_table
    if headline and rest:
        parts += ["headline", table(document, headline), "", "others", table(document, rest), ""]
    else:
        parts += [table(document, list(card.metrics)), ""]
    blind = any(not _is_informative(document, name) for name in card.metrics)
    parts += [BLIND, ""] if blind and not is_wide else []
    parts += [*_notes(document), _legend(document), shown(card.signature, limit=1000)]
    return drawn(parts, colour=colour, width=width)


def _headline(document: Any) -> list[str]:
    names = standard().headline(suites_of(document))
    return [name for name in names if name in document["metrics"]]


def _is_informative(document: Any, name: str) -> bool:
    """Whether the metric can tell the replicate from the floor here, as far as that is known."""
    found = document["metrics"][name]["calibration"]
    return found is None or bool(found["informative"])


def _table(document: Any, names: Sequence[str]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in (
        "metric",
        "",
        "value",
        "95 % interval",
        "floor",
        "replicate",
        "anchored",
        "defined",
    ):
        table.add_column(
            heading, justify="left" if heading in {"metric", ""} else "right", no_wrap=True
        )
    for name in names:
        found = document["metrics"][name]
        share = f"{found['defined']}/{document['conditions']}"
        anchored = (
            number(found["anchored"]) if _is_informative(document, name) else "not informative here"
        )
        cells = (
            _value(found),
            _interval(found),
            _floor(found),
            number(found["replicate"]),
            anchored,
            share,
        )
        table.add_row(name, ARROW[found["direction"]], *(shown(cell) for cell in cells))
    return table


def _narrow_table(document: Any, names: Sequence[str]) -> Any:
    """The same, two lines a metric: intervals below values, baselines below what they reach."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("metric", overflow="fold")
    for heading in ("value", "floor", "replicate", "anchored"):
        table.add_column(heading, justify="right", overflow="fold")
    for name in names:
        found = document["metrics"][name]
        share = f"{found['defined']}/{document['conditions']} defined"
        is_whole = found["defined"] == document["conditions"]
        anchored = number(found["anchored"]) if _is_informative(document, name) else "*"
        cells = (
            f"{name} {ARROW[found['direction']]}" + ("" if is_whole else f"\n{share}"),
            _value(found).replace(" ", "\n", 1)
            + (f"\n{_interval(found)}" if found["interval"] else ""),
            _floor(found).replace(" ", "\n", 1),
            number(found["replicate"]),
            anchored,
        )
        table.add_row(*cells)
    return table


def _notes(document: Any) -> list[str]:
    """What stands beside the numbers: composites, coverage, the dataset, flags."""
    notes = []
    for suite, found in document["composites"].items():
        value = number(found["value"])
        members = ", ".join(f"{name} {number(one)}" for name, one in found["members"].items())
        notes.append(f"score of {suite}: {value} ({members})")
    if apart := [
        n for n, found in document["metrics"].items() if OTHER_FOLDS in found["undefined"]
    ]:
        notes.append(
            f"{', '.join(apart)} compare conditions of a context, which several folds test: there "
            "is a value of each fold (--strata), and none of all"
        )
    if lost := [
        name
        for name, found in document["metrics"].items()
        if found["reasons"].get("floor") == NOT_MADE_FOR
    ]:
        asked = " ".join(f"--suite {name}" for name in suites_of(document))
        notes.append(
            f"{', '.join(lost)} have no floor and no replicate, for which the reference was not "
            f"made: vcspec reference {asked}"
        )
    if unscored := document["inputs"].get("missing"):
        notes.append(f"folds without a scorecard: {', '.join(unscored)}")
    if document["coverage"] < 1:
        lost = document["missing"]
        names = ", ".join(shown(key) for key in lost[:5]) + (" …" if len(lost) > 5 else "")
        notes.append(
            f"coverage {document['coverage']:.1%}: {len(lost)} conditions are missing or not "
            f"finite and score the worst value: {names}"
        )
    variation = [value for value in document["systematic_variation"].values() if value is not None]
    if variation:
        least_and_most = dict.fromkeys(map(number, (min(variation), max(variation))))
        notes.append(
            f"systematic variation {' … '.join(least_and_most)}: near 1, every perturbation of a "
            "context does the same"
        )
    for flag in document["flags"]:
        entry = standard().flags[flag["name"]]
        fold = f" of fold {flag['fold']}" if "fold" in flag else ""
        notes.append(
            f"flag {flag['name']}{fold}: {entry['statistic']} is {number(flag['statistic'])}. "
            f"{entry['says']}"
        )
    return [*notes, ""] if notes else []


def render_contexts(card: Scorecard, *, colour: bool = False, width: int | None = None) -> str:
    """The values of one scorecard by context: a row a metric, a column a context."""
    build = partial(_by_part, card, ("contexts",))
    contexts = list(dict.fromkeys(card.contexts))
    parts = [f"by context{BESIDE}", "", *in_blocks(build, contexts, width)]
    return drawn(parts[:-1], colour=colour, width=width)


def render_strata(card: Scorecard, *, colour: bool = False, width: int | None = None) -> str:
    """The values of one scorecard by effect size of the truth, and by training contexts."""
    parts: list[Any] = []
    for division in card.document["metrics"][card.metrics[0]]["strata"]:
        names = list(card.document["metrics"][card.metrics[0]]["strata"][division])
        build = partial(_by_part, card, ("strata", division))
        parts += [f"by {division}{BESIDE}, 95 % interval", "", *in_blocks(build, names, width)]
    return drawn(parts[:-1], colour=colour, width=width)


def _by_part(card: Scorecard, where: Sequence[str], names: Sequence[str]) -> Any:
    """A row a metric, a column for each of some of the parts that stand at `where` in it."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric", no_wrap=True)
    table.add_column("")
    for name in names:
        table.add_column(shown(name), justify="right")
    for metric in card.metrics:
        found = card.document["metrics"][metric]
        parts = reduce(getitem, where, found)
        table.add_row(metric, ARROW[found["direction"]], *(_part(parts[name]) for name in names))
    return table


def _part(part: Mapping[str, Any]) -> str:
    """The value, with the anchors of the same conditions, and its interval, where there are any."""
    told = number(part["value"])
    if part.get("floor") is not None or part.get("replicate") is not None:
        told += f" ({number(part.get('floor'))} … {number(part.get('replicate'))})"
    return told + (f"\n{_interval(part)}" if part.get("interval") else "")


def render_calibration(card: Scorecard, *, colour: bool = False, width: int | None = None) -> str:
    """What each metric can tell on this data, whatever the prediction is: a row a metric."""
    wide = _calibration(card)
    table = wide if fits(wide, width) else _calibration(card, below="\n")
    says = (
        "dynamic range: the share of the way from the floor to perfection that the replicate goes, "
        "mean over conditions. beats floor: conditions in which the replicate is better."
    )
    return drawn(["calibration", "", table, "", says], colour=colour, width=width)


def _calibration(card: Scorecard, *, below: str = " ") -> Any:
    """A row a metric; `below` stands before names of baselines, errors and parts of headings."""
    from rich.table import Table

    gap = (0, 1) if below == " " else (0, 1, 0, 0)
    table = Table(box=None, pad_edge=False, padding=gap, header_style="bold")
    headings = ("metric", "", "floor", "replicate", "interpolated duplicate", *CALIBRATION)
    for place, heading in enumerate(headings):
        table.add_column(
            heading.replace(" ", below),
            justify="right" if place > 1 else "left",
            no_wrap=place == 0,
            overflow="fold",
        )
    for name in card.metrics:
        found = card.document["metrics"][name]
        told = found["calibration"] or {}
        cells = (
            _floor(found).replace(" ", below, 1),
            with_error(found["replicate"], found["replicate_error"]).replace(" ", below, 1),
            number(found["interpolated_duplicate"]),
            number(told.get("dynamic_range")),
            share(told.get("better_share")),
            "yes" if told.get("informative") else "no",
        )
        table.add_row(name, ARROW[found["direction"]], *cells)
    return table


def with_error(value: float | None, error: float | None) -> str:
    """A number with its standard error, where that is known."""
    return number(value) + (f" ± {number(error)}" if error is not None else "")


def share(value: float | None) -> str:
    """A share as whole per cent; a dash where there is none."""
    return "—" if value is None else f"{value:.0%}"


def _question(document: Any) -> str:
    simulated = "  simulated data" if document["simulated"] else ""
    size = f"{document['conditions']} conditions × {document['features']} features"
    name = asked_of(document["inputs"])
    return f"{claimed(document['claim'])}  {name}  {size}  level {document['level']}{simulated}"


def _legend(document: Any) -> str:
    training = document["training"]
    declared = (
        training
        if isinstance(training, str)
        else ", ".join(training.get("datasets", [])) or "nothing"
    )
    inputs = document["inputs"]
    anchors = (
        "floor: best baseline. replicate: half of the cells against the other half. anchored: 0 is "
        "the floor, 1 the replicate."
        if inputs.get("folds", [inputs])[0]["reference"] is not None
        else "No reference: the truth is the dataset's own, without floor and replicate."
    )
    return f"↑ higher is better, ↓ lower is better. {anchors} trained on: {shown(str(declared))}"


def render_comparison(
    cards: Sequence[Scorecard], *, colour: bool = False, width: int | None = None
) -> str:
    """Several scorecards of one split: a row a metric, a column a model.

    Where a terminal has too few columns, intervals are left out.
    """
    whole = _comparison(cards, intervals=True)
    build = partial(_comparison, intervals=False)
    tables = [whole, ""] if fits(whole, width) else in_blocks(build, cards, width)
    signatures = (shown(card.signature, limit=1000) for card in cards)
    head, legend = _question(cards[0].document), _legend(cards[0].document)
    return drawn([head, "", *tables, legend, *signatures], colour=colour, width=width)


def _comparison(cards: Sequence[Scorecard], *, intervals: bool) -> Any:
    from rich.table import Table

    gap = (0, 1) if intervals else (0, 1, 0, 0)
    table = Table(box=None, pad_edge=False, padding=gap, header_style="bold")
    table.add_column("metric", no_wrap=True)
    table.add_column("")
    for card in cards:
        table.add_column(shown(card.document["model"]["name"]), justify="right", no_wrap=True)
    for heading in ("floor", "replicate"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in cards[0].metrics:
        results = [card.document["metrics"][name] for card in cards]
        table.add_row(*_compared(results, name, intervals=intervals))
    return table


def _compared(results: Sequence[Any], name: str, *, intervals: bool) -> Iterator[str]:
    """Cells of a metric: the models' values, and the anchors."""
    first = results[0]
    yield from (name, ARROW[first["direction"]])
    for found in results:
        around = f"\n{_interval(found)}" if intervals and found["interval"] else ""
        yield number(found["value"]) + around
    floor = first["floor"]
    yield _floor(first).replace(" ", "\n", 1) if intervals else number(floor and floor["value"])
    yield number(first["replicate"])
