"""`vcspec score` and `vcspec verify`."""

import sys
from pathlib import Path

import click

from vcspec.cli.output import colour, emit, overwrite_option, quiet_option, say, width


@click.command(
    epilog="""Examples:

\b
  vcspec score predictions.zarr
  vcspec score predictions.zarr --split split.zarr --reference reference.zarr -o card.json
  vcspec score predictions.zarr --format json > card.json"""
)
@click.argument("predictions")
@click.option("--split", metavar="SPLIT", help="The split that the predictions pin.")
@click.option("--reference", metavar="REFERENCE", help="The reference of that split.")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.option("-o", "--output", metavar="FILE", help="Write the scorecard, as JSON, to FILE.")
@click.option(
    "--table", metavar="STORE", help="Write values by condition to STORE, for xarray.open_zarr."
)
@click.option("--contexts", is_flag=True, help="Print the values by context as well.")
@overwrite_option
@quiet_option
def score(
    predictions: str,
    split: str | None,
    reference: str | None,
    format_: str,
    output: str | None,
    table: str | None,
    *,
    contexts: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Score predictions against their split's reference.

    Split and reference are looked for beside the predictions, by digest, when they are not named.
    Predictions that break a rule are refused, with the report.
    """
    from vcspec.actions.score import score as action
    from vcspec.render.scorecard_text import render_contexts, render_scorecard
    from vcspec.storage.files import write_text
    from vcspec.storage.score_table import write_score_table

    card = action(predictions, split=split, reference=reference)
    if table:
        write_score_table(Path(table), card.to_xarray(), overwrite=overwrite)
        say(f"wrote {table}", quiet=quiet)
    if output:
        write_text(Path(output), card.to_json())
        say(f"wrote {output}", quiet=quiet)
    if format_ == "json":
        click.echo(card.to_json(), nl=False)
    elif not quiet:
        emit(render_scorecard(card, colour=colour(), width=width()))
        if contexts:
            emit("\n" + render_contexts(card, colour=colour(), width=width()))


@click.command()
@click.argument("scorecard")
@click.option("--predictions", metavar="STORE", help="The predictions that it was computed from.")
@click.option("--split", metavar="SPLIT", help="The split that the predictions pin.")
@click.option("--reference", metavar="REFERENCE", help="The reference of that split.")
@quiet_option
def verify(
    scorecard: str,
    predictions: str | None,
    split: str | None,
    reference: str | None,
    *,
    quiet: bool,
) -> None:
    """Recompute SCORECARD from the files that it names by digest, and compare.

    The files are looked for beside the scorecard when they are not named. Ends with 1 where a
    number differs.
    """
    from vcspec.actions.verify import verify as action

    found = action(scorecard, predictions=predictions, split=split, reference=reference)
    if found.identical:
        say(f"{scorecard}: identical, byte for byte", quiet=quiet)
    elif found.agrees:
        say(f"{scorecard}: every number agrees to 1e-6; tool versions differ", quiet=quiet)
    else:
        say(f"{scorecard}: differs, first at {found.difference}")
        sys.exit(1)
