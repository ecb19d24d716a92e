"""`vcspec validate`."""

import sys
from typing import Any

import click

from vcspec.cli.output import (
    chosen_settings,
    colour,
    emit,
    engine_options,
    file_option,
    quiet_option,
    width,
)
from vcspec.model.finding import EXIT_CODE


@click.command(
    epilog="""Examples:

\b
  vcspec validate predictions.zarr
  vcspec validate predictions.zarr --split split.zarr --level full
  vcspec validate *.zarr --format github"""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--level",
    type=click.Choice(["metadata", "axes", "data", "full"]),
    default="data",
    show_default=True,
    help="How deep to look; each level includes the one before.",
)
@click.option("--split", metavar="SPLIT", help="The split that predictions or a reference pin.")
@click.option("--dataset", metavar="DATASET", help="The dataset that a split pins.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "jsonl", "sarif", "junit", "github"]),
    default="text",
    show_default=True,
)
@file_option("Write the report to FILE.")
@engine_options
@click.option("--strict", is_flag=True, help="Warnings make an artefact invalid.")
@quiet_option
def validate(
    paths: tuple[str, ...],
    level: str,
    split: str | None,
    dataset: str | None,
    format_: str,
    output: str | None,
    *,
    strict: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Say everything that is wrong with artefacts, or that nothing is.

    PATH is a dataset, split, reference or predictions (a Zarr store; path or URL), or a scorecard
    (JSON). Its kind is what it declares. A split that predictions pin is looked for beside them.
    """
    from vcspec.actions.validate import validate as action
    from vcspec.render import render_reports

    with chosen_settings(**how, quiet=quiet):
        reports = [action(path, level=level, split=split, dataset=dataset) for path in paths]
    if not quiet or output or any(report.exit_code for report in reports):
        plain = format_ != "text" or output is not None
        text = render_reports(
            reports, format_, colour=colour() and not plain, width=None if plain else width()
        )
        emit(text, output)
    codes = {report.exit_code for report in reports}
    if strict and any(report.warnings for report in reports):
        codes.add(EXIT_CODE["invalid"])
    sys.exit(max(codes))
