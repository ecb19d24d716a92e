"""`vcspec explain` and `vcspec rules`."""

from collections.abc import Mapping

import click

from vcspec.cli.output import colour, emit, width
from vcspec.model.errors import UnknownName

FORMAT = click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True
)


@click.command(
    epilog="""Examples:

\b
  vcspec explain VCS504
  vcspec explain pearson-delta
  vcspec explain holdout-contexts"""
)
@click.argument("name")
@FORMAT
def explain(name: str, format_: str) -> None:
    """Explain a rule, metric, suite, task, strategy, claim, baseline, leak, arm or kind."""
    from vcspec.render.entries import render_entry

    kind, name, entry = _entry(name)
    emit(render_entry(kind, name, entry, format_, colour=colour(), width=min(width() or 88, 100)))


def _entry(name: str) -> tuple[str, str, dict[str, object]]:
    from difflib import get_close_matches

    from vcspec.standard import standard

    known = standard()
    tables = {
        "rule": known.rules,
        "leak": known.leaks,
        "metric": known.metrics,
        "suite": known.suites,
        "flag": known.flags,
        "arm": known.arms,
        "task": known.tasks,
        "strategy": known.strategies,
        "claim": known.claims,
        "baseline": known.baselines,
        "kind": known.layouts,
        "vocabulary": known.vocabularies,
        "convention": known.conventions,
    }
    for kind, table in tables.items():
        for spelled in (name, name.upper()):
            if spelled in table:
                return kind, spelled, dict(table[spelled])
    for kind, table in tables.items():
        for known_as, entry in table.items():
            if isinstance(entry, Mapping) and name.casefold() in entry.get("also", ()):
                return kind, known_as, dict(entry)
    every = [entry for table in tables.values() for entry in table]
    near = get_close_matches(name, every, n=5, cutoff=0.5)
    message = f"the standard has no entry {name!r}; near: {', '.join(near) or 'nothing'}"
    raise UnknownName(message)


@click.command()
@FORMAT
def rules(format_: str) -> None:
    """List the rules of the standard."""
    from vcspec.render.entries import render_rules
    from vcspec.standard import standard

    emit(render_rules(standard().rules, format_, colour=colour(), width=width()))
