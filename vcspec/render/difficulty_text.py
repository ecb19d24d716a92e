"""The difficulty of a split as text: tested beside trained conditions, distances, baselines."""

from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING, Any

from vcspec.render.claims import claimed
from vcspec.render.fitting import fits
from vcspec.render.report_text import drawn
from vcspec.render.scorecard_text import CALIBRATION, number, share, with_error

if TYPE_CHECKING:
    from rich.table import Table

LISTED = 12  # contexts


def render_difficulty(
    document: Mapping[str, Any],
    measures: Mapping[str, str],
    *,
    colour: bool = False,
    width: int | None = None,
) -> str:
    """How hard the split is.

    Args:
        document: of the difficulty.
        measures: name of a measure → what it is.
        colour: whether the terminal shows colours.
        width: columns of the terminal; None does not wrap.
    """
    split, counts = document["split"], document["counts"]
    simulated = "  simulated" if document["simulated"] else ""
    parts: list[Any] = [
        f"{split['id']}@{split['version']}  {claimed(document['claim'])}  {counts['test']} tested, "
        f"{counts['train']} trained conditions{simulated}",
        "",
        _contrasts(document["contrasts"], measures),
        "",
        *_distances(document["distances"]),
        *_transfer(document["transfer"]),
    ]
    if document["baselines"]:
        parts += ["", _baselines(document["baselines"], width)]
    else:
        parts.append("No reference lies beside the split: nothing is said of baselines.")
    parts += ["", *(f"warning: {text}" for text in document["warnings"])]
    return drawn(parts, colour=colour, width=width).rstrip("\n")


def render_summary(document: Mapping[str, Any]) -> list[str]:
    """The difficulty in a few lines, for who has just made the split."""
    counts, contrasts = document["counts"], document["contrasts"]
    medians = ", ".join(
        f"{name} {number(found['test'])} ({number(found['train'])})"
        for name, found in contrasts.items()
    )
    said = [
        f"difficulty of {counts['test']} tested conditions, medians, in brackets of "
        f"{counts['train']} trained ones: {medians}",
        *_distances({**document["distances"], "contexts": {}}),
        *_contexts(document["distances"]),
        *_transfer(document["transfer"]),
        *(_reached(metric, found) for metric, found in document["baselines"].items()),
    ]
    return [*said, *(f"warning: {text}" for text in document["warnings"])]


def _contexts(distances: Mapping[str, Any]) -> list[str]:
    """How far held-out contexts are from what is trained on, in a line."""
    found = [one["distance"] for one in distances["contexts"].values()]
    if not found:
        return []
    said = f"Held-out contexts: {number(median(found))} from the nearest trained one (median)"
    between = distances["between_trained"]
    return [said if between is None else f"{said}, trained ones {number(between)}"]


def _reached(metric: str, found: Mapping[str, Any]) -> str:
    floor = found["floor"]
    best = f"{number(floor['value'])} ({floor['baseline']})" if floor else "—"
    replicate = with_error(found["replicate"], found["replicate_error"])
    return f"{metric}: best baseline {best}, replicate {replicate}"


def _grid(*headings: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    return table


def _contrasts(contrasts: Mapping[str, Any], measures: Mapping[str, str]) -> "Table":
    table = _grid("median of", "test", "train", "AUC", "p")
    for name, found in contrasts.items():
        cells = (number(found[column]) for column in ("test", "train", "auc", "p_value"))
        table.add_row(f"{name}: {measures[name]}", *cells)
    return table


def _distances(distances: Mapping[str, Any]) -> list[str]:
    near = distances["nearest_effect"]
    said = [f"Nearest trained change: correlation {number(near)} (median over tested conditions)"]
    contexts = list(distances["contexts"].items())
    for name, found in contexts[:LISTED]:
        said.append(f"Context {name}: {number(found['distance'])} from {found['nearest']}")
    if len(contexts) > LISTED:
        said.append(f"… and {len(contexts) - LISTED} more contexts")
    if contexts and distances["between_trained"] is not None:
        said.append(
            f"Trained contexts: {number(distances['between_trained'])} from the nearest (median)"
        )
    return said


def _transfer(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return []
    return [
        f"The same perturbation elsewhere: correlation {number(found['same'])} (mean), greater "
        f"than with others by {number(found['gain'])} ± {number(found['error'])} "
        f"({found['perturbations']} perturbations)"
    ]


def _baselines(baselines: Mapping[str, Any], width: int | None) -> "Table":
    wide = _reaching(baselines)
    return wide if fits(wide, width) else _reaching(baselines, below="\n")


def _reaching(baselines: Mapping[str, Any], *, below: str = " ") -> "Table":
    """A row a metric; `below` stands before values, errors and parts of headings."""
    headings = ("best baseline", "replicate", *CALIBRATION)
    table = _grid("headline metric", *(heading.replace(" ", below) for heading in headings))
    table.columns[0].no_wrap = True
    for metric, found in baselines.items():
        floor, told = found["floor"], found["calibration"] or {}
        reached = with_error(found["replicate"], found["replicate_error"])
        table.add_row(
            metric,
            f"{floor['baseline']}{below}{number(floor['value'])}" if floor else "—",
            reached.replace(" ", below, 1),
            number(told.get("dynamic_range")),
            share(told.get("better_share")),
            "yes" if told.get("informative") else "no",
        )
    return table
