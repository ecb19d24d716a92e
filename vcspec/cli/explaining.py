"""`vcspec explain` and `vcspec rules`."""

from collections.abc import Mapping
from typing import Any

import click

from vcspec.cli.output import colour, emit, width
from vcspec.model.errors import UnknownName

FORMAT = click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True
)


@click.command(
    epilog="""Examples:

\b
  vcspec explain strategies
  vcspec explain VCS504
  vcspec explain pearson-delta
  vcspec explain holdout-contexts"""
)
@click.argument("name", required=False)
@FORMAT
def explain(name: str | None, format_: str) -> None:
    """Explain NAME: a rule, metric, suite, strategy, claim or any other entry of the standard.

    NAME may also be a sort of entry, of which all are then listed. Without it, the sorts are.
    """
    from vcspec.render.entries import render_entry, render_list

    columns = min(width() or 88, 100)
    sorts = _sorts()
    listed = _listed(name, sorts)
    if listed is not None:
        emit(render_list(listed, format_, colour=colour(), width=columns))
        return
    kind, name, entry = _entry(str(name), sorts)
    emit(render_entry(kind, name, entry, format_, colour=colour(), width=columns))


def _sorts() -> dict[str, Mapping[str, Any]]:
    """Sort of entry, in the plural → its entries."""
    from vcspec.standard import standard

    known = standard()
    return {
        "rules": known.rules,
        "leaks": known.leaks,
        "metrics": known.metrics,
        "suites": known.suites,
        "flags": known.flags,
        "arms": known.arms,
        "tasks": known.tasks,
        "strategies": known.strategies,
        "claims": known.claims,
        "baselines": known.baselines,
        "kinds": known.layouts,
        "vocabularies": known.vocabularies,
        "units": known.units,
        "conventions": known.conventions,
    }


def _singular(sort: str) -> str:
    return f"{sort[:-3]}y" if sort.endswith("ies") else sort[:-1]


def _listed(name: str | None, sorts: Mapping[str, Mapping[str, Any]]) -> dict[str, str] | None:
    """Name → one line, of the entries of the sort `name` or of all sorts; None where it is none."""
    if not name:
        return {
            sort: f"{len(table)}, such as {', '.join(list(table)[:3])}"
            for sort, table in sorts.items()
        }
    asked = name.casefold()
    for sort, table in sorts.items():
        if asked in (sort, _singular(sort)):
            return {key: _line(entry) for key, entry in table.items()}
    return None


def _line(entry: Mapping[str, Any]) -> str:
    """What an entry is, in a line; of a vocabulary, its terms; of an axis, its units."""
    said = next((entry[key] for key in ("title", "what", "says") if key in entry), None)
    return str(said) if said else ", ".join(entry)


def _entry(name: str, sorts: Mapping[str, Mapping[str, Any]]) -> tuple[str, str, dict[str, object]]:
    for sort, table in sorts.items():
        for spelled in (name, name.upper()):
            if spelled in table:
                return _singular(sort), spelled, _whole(sort, spelled, table[spelled])
    for known_as, entry in sorts["strategies"].items():
        if name.casefold() in entry.get("also", ()):
            return "strategy", known_as, dict(entry)
    for vocabulary, terms in sorts["vocabularies"].items():
        if name in terms:
            return vocabulary, name, {"means": terms[name]}
    message = f"the standard has no entry {name!r}; near: {_near(name, sorts)}; all: vcspec explain"
    raise UnknownName(message)


def _whole(sort: str, name: str, entry: Mapping[str, Any]) -> dict[str, object]:
    """The entry; of a kind with its document's members, of a metric with what chance scores."""
    from vcspec.standard import standard

    if sort == "metrics":
        chance = standard().chance.get(name)
        return {**entry, **({"random_predictions": chance} if chance else {})}
    if sort != "kinds":
        return dict(entry)
    from vcspec.render.documents import document_members

    return {**entry, "document": document_members(standard().schemas, name)}


def _near(name: str, sorts: Mapping[str, Mapping[str, Any]]) -> str:
    from difflib import get_close_matches

    terms = [term for vocabulary in sorts["vocabularies"].values() for term in vocabulary]
    every = dict.fromkeys([*sorts, *(key for table in sorts.values() for key in table), *terms])
    return ", ".join(get_close_matches(name, every, n=5, cutoff=0.5)) or "nothing"


@click.command()
@FORMAT
def rules(format_: str) -> None:
    """List the rules of the standard."""
    from vcspec.render.entries import render_rules
    from vcspec.standard import standard

    emit(render_rules(standard().rules, format_, colour=colour(), width=width()))
