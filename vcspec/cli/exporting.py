"""`vcspec export`."""

from typing import Any

import click

from vcspec.cli.output import chosen_settings, emit, engine_options, file_option, quiet_option, say
from vcspec.model.errors import UsageError
from vcspec.render.exports import FORMATS


@click.command(
    epilog="""Examples:

\b
  vcspec export data.zarr --format croissant \\
      --url https://example.org/data.zarr
  vcspec export data.zarr --format cff --author 'Doe, Jane' -o CITATION.cff
  vcspec export data.zarr --format card --about about.md -o README.md
  vcspec export split.zarr --format in-toto -o split.intoto.json"""
)
@click.argument("store")
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    required=True,
    help="croissant: JSON-LD for portals. cff: CITATION.cff. in-toto: what a full validation "
    "found, to be signed. card: a page in Markdown.",
)
@file_option("Write to FILE in place of the terminal.")
@click.option("--url", metavar="URL", help="Where the store is published.")
@click.option("--doi", metavar="DOI", help="Of the store itself.")
@click.option(
    "--author",
    "authors",
    multiple=True,
    metavar="NAME",
    help="Who made it, 'Family, Given' for a person; several may be given.",
)
@click.option("--about", metavar="FILE", help="Markdown that the card ends with, as it stands.")
@click.option("--report", metavar="FILE", help="Of a full validation, in place of a new one.")
@click.option("--split", metavar="SPLIT", help="That a reference or predictions pin.")
@click.option("--dataset", metavar="DATASET", help="That a split or reference pins.")
@engine_options
@quiet_option
def export(
    store: str,
    format_: str,
    output: str | None,
    url: str | None,
    doi: str | None,
    authors: tuple[str, ...],
    about: str | None,
    report: str | None,
    split: str | None,
    dataset: str | None,
    *,
    quiet: bool,
    **how: Any,
) -> None:
    """Describe STORE in a format of others, from its own metadata.

    STORE is a dataset, split or reference; for in-toto any store. It needs a manifest. What it
    pins is looked for beside it.
    """
    from vcspec.render.exports import notes, render_export

    chosen = {"--url": url, "--doi": doi, "--author": authors, "--about": about}
    if format_ == "in-toto":
        from vcspec.actions.attest import attest

        _refuse(format_, chosen)
        with chosen_settings(**how, quiet=quiet):
            attested = attest(store, report=report, split=split, dataset=dataset)
        _put(render_export(attested, format_), output)
        return
    from vcspec.actions.export import describe

    of_card = {} if format_ == "card" else {"--about": about}
    _refuse(format_, {"--report": report, "--split": split, **of_card})
    described = describe(
        store, dataset=dataset, url=url or "", doi=doi or "", authors=authors, about=about
    )
    text = render_export(described, format_)
    for note in notes(described, format_):
        say(f"vcspec: note: {note}", quiet=quiet)
    _put(text, output)


def _refuse(format_: str, options: dict[str, Any]) -> None:
    given = [name for name, value in options.items() if value]
    if given:
        message = f"{', '.join(given)} says nothing to the format {format_}; leave it out"
        raise UsageError(message)


def _put(text: str, output: str | None) -> None:
    emit(text.removesuffix("\n"), output)
