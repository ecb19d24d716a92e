"""`vcspec probe`."""

import sys
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
  vcspec probe split.zarr
  vcspec probe split.zarr --dataset data.zarr --reference reference.zarr \\
      --suite vcc-2025
  vcspec probe split.zarr --format json -o probe.json"""
)
@click.argument("split")
@click.option("--dataset", metavar="DATASET", help="The dataset that the split pins.")
@click.option("--reference", metavar="REFERENCE", help="The reference of that split.")
@click.option(
    "--suite",
    "suites",
    multiple=True,
    default=["core-1.0"],
    show_default=True,
    metavar="SUITE",
    help="Of metrics; the reference has to be made for it.",
)
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@file_option("Write to FILE in place of the terminal.")
@click.option("--all", "all_", is_flag=True, help="Print all metrics, not the headline alone.")
@limit_options
@quiet_option
def probe(
    split: str,
    dataset: str | None,
    reference: str | None,
    suites: tuple[str, ...],
    format_: str,
    output: str | None,
    *,
    all_: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Score what knows nothing, and say which metric lets it pass.

    Submissions without information, and transforms of an honest prediction, are made from the
    dataset of SPLIT and scored. Ends with 1 where a headline metric lets one pass.
    """
    from vcspec.actions.probe import probe as action
    from vcspec.render.probe_text import render_probe

    with chosen_settings(**how, quiet=quiet):
        found = action(split, dataset=dataset, reference=reference, suites=suites)
    if format_ == "json":
        emit(found.to_json(), output)
    else:
        shows = colour() and not output
        emit(render_probe(found.document, every=all_, colour=shows, width=width()), output)
    headline = set(found.document["headline"])
    if any(one["metric"] in headline for one in found.offences):
        sys.exit(1)
