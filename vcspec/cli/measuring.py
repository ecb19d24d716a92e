"""`vcspec difficulty`."""

from typing import Any

import click

from vcspec.cli.output import (
    chosen_settings,
    colour,
    emit,
    file_option,
    limit_options,
    quiet_option,
    width,
)


@click.command(
    epilog="""Examples:

\b
  vcspec difficulty split.zarr
  vcspec difficulty split.zarr --dataset data.zarr \\
      --reference reference.zarr
  vcspec difficulty split.zarr --format json -o difficulty.json
  vcspec difficulty split.zarr --format json --summary \\
      -o splits/DATASET/NAME/difficulty.json"""
)
@click.argument("split")
@click.option("--dataset", metavar="DATASET", help="The dataset that the split pins.")
@click.option("--reference", metavar="REFERENCE", help="The reference of that split.")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.option("--summary", is_flag=True, help="With JSON: leave single conditions out.")
@file_option("Write to FILE in place of the terminal.")
@limit_options
@quiet_option
def difficulty(
    split: str,
    dataset: str | None,
    reference: str | None,
    format_: str,
    output: str | None,
    *,
    summary: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Say how hard SPLIT is, and whether that goes along with what it holds out.

    Effects, their reliability, cells and depth of tested conditions beside trained ones; how near
    the trained ones are; what baselines and a replicate reach. It looks at the truth.
    """
    from vcspec.actions.difficulty import MEASURES
    from vcspec.actions.difficulty import difficulty as action
    from vcspec.render.difficulty_text import render_difficulty

    with chosen_settings(**how, quiet=quiet):
        found = action(split, dataset=dataset, reference=reference)
    if format_ == "json":
        emit(found.to_json(summary=summary), output)
        return
    shows = colour() and not output
    emit(render_difficulty(found.document, MEASURES, colour=shows, width=width()), output)
