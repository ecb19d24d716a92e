"""Entries of the standard for people: what `vcspec explain` and `vcspec rules` print."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import isfinite
from typing import Any

from vcspec.model.errors import UsageError
from vcspec.render.report_json import dumps
from vcspec.render.report_text import drawn
from vcspec.standard import Table

WIDTH = 88  # columns
INDENT = "  "
COLUMNS = ("code", "level", "kinds", "name", "what")


def render_entry(
    kind: str, name: str, entry: Table, format: str, *, colour: bool = False, width: int = WIDTH
) -> str:
    """One entry: a rule, metric, task, suite, strategy, baseline or any other table.

    Args:
        kind: what the entry is, in one word.
        name: its key in the standard.
        entry: the table, in the order in which it is shown.
        format: `text`, or `json` for `{"kind": …, "name": …, "entry": {…}}`.
        colour: whether text may hold ANSI colours.
        width: columns at which text is wrapped.

    Raises:
        UsageError: there is no such format.
    """
    return _render(
        format,
        text=lambda: _entry_text(f"{kind} {name}", entry, colour=colour, width=width),
        document={"kind": kind, "name": name, "entry": entry},
    )


def render_rules(
    rules: Mapping[str, Table], format: str, *, colour: bool = False, width: int | None = None
) -> str:
    """All rules: a line each in `text`, code → rule in `json`.

    Args:
        rules: code → rule.
        format: `text` or `json`.
        colour: whether text may hold ANSI colours.
        width: columns at which text is wrapped; None keeps every rule on one line.

    Raises:
        UsageError: there is no such format.
    """
    return _render(
        format, text=lambda: _rules_text(rules, colour=colour, width=width), document=rules
    )


def render_list(
    entries: Mapping[str, str], format: str, *, colour: bool = False, width: int = WIDTH
) -> str:
    """Names and what each is: two columns in `text`, an object in `json`.

    Args:
        entries: name → one line.
        format: `text` or `json`.
        colour: whether text may hold ANSI colours.
        width: columns at which text is wrapped.

    Raises:
        UsageError: there is no such format.
    """
    return _render(
        format,
        text=lambda: _grid_text(entries.items(), colour=colour, width=width),
        document=entries,
    )


def _render(format: str, *, text: Callable[[], str], document: Table) -> str:
    if format == "text":
        return text()
    if format == "json":
        return dumps(_plain(document), indent=2)
    message = f"an entry of the standard has no format {format!r}; choose text or json"
    raise UsageError(message)


def _entry_text(title: str, entry: Table, *, colour: bool, width: int) -> str:
    return _grid_text(_rows(entry), title, colour=colour, width=width)


def _grid_text(
    rows: Iterable[tuple[str, str]], title: str = "", *, colour: bool, width: int
) -> str:
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in rows:
        grid.add_row(Text(label, style="dim"), Text(value))
    above = [Text(title, style="bold")] if title else []
    return drawn([*above, grid], colour=colour, width=width)


def _rules_text(rules: Mapping[str, Table], *, colour: bool, width: int | None) -> str:
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in COLUMNS:
        grid.add_column(column, no_wrap=column in ("code", "level"), overflow="fold")
    for code, rule in sorted(rules.items()):
        cells = (_words({"code": code, **rule}.get(column, "")) for column in COLUMNS)
        grid.add_row(*map(Text, cells))
    return drawn([grid], colour=colour, width=width)


def _rows(table: Table, indent: str = INDENT) -> Iterator[tuple[str, str]]:
    """Label and text of every value; a table inside is a label with its own rows below it."""
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield indent + key, ""
            yield from _rows(value, indent + INDENT)
        elif isinstance(value, list) and any(isinstance(member, Mapping) for member in value):
            numbered = {f"{key} {number}": member for number, member in enumerate(value, 1)}
            yield from _rows(numbered, indent)
        else:
            yield indent + key, _words(value)


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | Mapping):
        return ", ".join(map(_words, value)) or "none"
    return str(value).strip()


def _plain(value: Any) -> Any:
    """TOML as JSON: what JSON has no number for (infinity, a date) becomes its name."""
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | None) else str(value)
