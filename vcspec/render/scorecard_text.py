"""Scorecards as text: one, or several of one split side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from vcspec.model.scorecard import Scorecard, asked_of
from vcspec.render.claims import claimed
from vcspec.render.report_text import drawn, shown
from vcspec.standard import standard

OTHER_FOLDS = "other-folds"
ARROW = {"higher": "↑", "lower": "↓"}
CALIBRATION = ("dynamic range", "beats floor", "can rank")
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
    if headline and rest:
        parts += ["headline", _table(document, headline), "", "others", _table(document, rest), ""]
    else:
        parts += [_table(document, list(card.metrics)), ""]
    parts += [*_notes(document), _legend(document), shown(card.signature, limit=1000)]
    return drawn(parts, colour=colour, width=width)


def _headline(document: Any) -> list[str]:
    suites = document.get("suites", [document["suite"]])
    names = dict.fromkeys(n for suite in suites for n in standard().suites[suite]["headline"])
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
        notes.append(
            f"systematic variation {number(min(variation))} … {number(max(variation))}: near 1, "
            "every perturbation of a context does the same"
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
    from rich.table import Table

    contexts = list(dict.fromkeys(card.contexts))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric", no_wrap=True)
    table.add_column("")
    for context in contexts:
        table.add_column(shown(context), justify="right")
    for name in card.metrics:
        found = card.document["metrics"][name]
        values = (_beside(found["contexts"][context]) for context in contexts)
        table.add_row(name, ARROW[found["direction"]], *values)
    return drawn([f"by context{BESIDE}", "", table], colour=colour, width=width)


def render_strata(card: Scorecard, *, colour: bool = False, width: int | None = None) -> str:
    """The values of one scorecard by effect size of the truth, and by training contexts."""
    from rich.table import Table

    parts: list[Any] = []
    for division in card.document["metrics"][card.metrics[0]]["strata"]:
        first = card.document["metrics"][card.metrics[0]]["strata"][division]
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("metric", no_wrap=True)
        table.add_column("")
        for name in first:
            table.add_column(shown(name), justify="right")
        for metric in card.metrics:
            found = card.document["metrics"][metric]
            values = (_stratum(found["strata"][division][name]) for name in first)
            table.add_row(metric, ARROW[found["direction"]], *values)
        parts += [f"by {division}{BESIDE}, 95 % interval", "", table, ""]
    return drawn(parts[:-1], colour=colour, width=width)


def _beside(part: Mapping[str, Any]) -> str:
    """The value, with the anchors of the same conditions where there are any."""
    if part.get("floor") is None and part.get("replicate") is None:
        return number(part["value"])
    return (
        f"{number(part['value'])} ({number(part.get('floor'))} … {number(part.get('replicate'))})"
    )


def _stratum(part: Mapping[str, Any]) -> str:
    around = f"\n{_interval(part)}" if part["interval"] else ""
    return _beside(part) + around


def render_calibration(card: Scorecard, *, colour: bool = False, width: int | None = None) -> str:
    """What each metric can tell on this data, whatever the prediction is: a row a metric."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    headings = ("metric", "", "floor", "replicate", "interpolated duplicate", *CALIBRATION)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place > 1 else "left", no_wrap=place == 0)
    for name in card.metrics:
        found = card.document["metrics"][name]
        told = found["calibration"] or {}
        cells = (
            _floor(found),
            with_error(found["replicate"], found["replicate_error"]),
            number(found["interpolated_duplicate"]),
            number(told.get("dynamic_range")),
            share(told.get("better_share")),
            "yes" if told.get("informative") else "no",
        )
        table.add_row(name, ARROW[found["direction"]], *(shown(cell) for cell in cells))
    says = (
        "dynamic range: the share of the way from the floor to perfection that the replicate goes, "
        "mean over conditions. beats floor: conditions in which the replicate is better."
    )
    return drawn(["calibration", "", table, "", says], colour=colour, width=width)


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
    """Several scorecards of one split: a row a metric, a column a model."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric", no_wrap=True)
    table.add_column("")
    for card in cards:
        table.add_column(shown(card.document["model"]["name"]), justify="right", no_wrap=True)
    table.add_column("floor", justify="right", no_wrap=True)
    table.add_column("replicate", justify="right")
    for name in cards[0].metrics:
        results = [card.document["metrics"][name] for card in cards]
        best = results[0]
        cells = [
            number(found["value"]) + (f"\n{_interval(found)}" if found["interval"] else "")
            for found in results
        ]
        table.add_row(
            name,
            ARROW[best["direction"]],
            *cells,
            _floor(best).replace(" ", "\n", 1),
            number(best["replicate"]),
        )
    parts: list[Any] = [_question(cards[0].document), "", table, "", _legend(cards[0].document)]
    return drawn(
        [*parts, *(shown(card.signature, limit=1000) for card in cards)], colour=colour, width=width
    )
