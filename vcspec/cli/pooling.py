"""`vcspec pool`."""

import click

from vcspec.cli.output import file_option, quiet_option
from vcspec.cli.scoring import told


@click.command(
    epilog="""Examples:

\b
  mkdir fold1
  vcspec split data.zarr --strategy holdout-perturbations --fold 1/5 \\
      -o fold1/split.zarr
  vcspec pool fold*/card.json -o pooled.json
  vcspec pool a.json b.json --split 1.zarr --split 2.zarr \\
      --reference r1.zarr --reference r2.zarr"""
)
@click.argument("cards", nargs=-1, required=True, metavar="CARD CARD…")
@click.option("--split", "splits", multiple=True, metavar="SPLIT", help="Of a fold; repeatable.")
@click.option(
    "--reference", "references", multiple=True, metavar="REFERENCE", help="Of a fold; repeatable."
)
@click.option("--partial", is_flag=True, help="Pool what is there where folds are missing.")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@file_option("Write the scorecard, as JSON, to FILE.")
@click.option("--contexts", is_flag=True, help="Print the values by context as well.")
@click.option("--strata", is_flag=True, help="Print the values by fold and other strata as well.")
@quiet_option
def pool(
    cards: tuple[str, ...],
    splits: tuple[str, ...],
    references: tuple[str, ...],
    format_: str,
    output: str | None,
    *,
    partial: bool,
    contexts: bool,
    strata: bool,
    quiet: bool,
) -> None:
    """Put the scorecards of all folds of a model together as one.

    CARDs are scorecards (`vcspec score … -o CARD`) of one model on the folds of one family
    (`vcspec split --fold 1/5` and so on), which together test everything once. Splits and
    references are looked for beside each card, by digest, when they are not named. A metric that
    compares conditions of a context has no value where these stand in several folds.
    """
    from vcspec.actions.pool import pool as action

    card = action(cards, splits=splits, references=references, partial=partial)
    told(card, format_, output, {"contexts": contexts, "strata": strata}, quiet=quiet)
