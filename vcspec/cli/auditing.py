"""`vcspec audit` and `vcspec manifest`."""

import json
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
    say,
    width,
)


@click.command(
    epilog="""Examples:

\b
  vcspec audit split.zarr
  vcspec audit split.zarr --dataset data.zarr --table families.csv
  vcspec audit split.zarr --predictions model.zarr \\
      --pretraining corpus.json --format sarif"""
)
@click.argument("split")
@click.option("--dataset", metavar="DATASET", help="The dataset that the split pins.")
@click.option("--predictions", metavar="STORE", help="Of a model, for what it declares.")
@click.option(
    "--pretraining",
    multiple=True,
    metavar="MANIFEST|DATASET",
    help="What the model had seen: a training manifest, or a dataset; may be repeated.",
)
@click.option("--table", metavar="CSV", help="Relatives: families, complexes, structures.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "jsonl", "sarif", "junit", "github"]),
    default="text",
    show_default=True,
)
@file_option("Write the report to FILE.")
@limit_options
@quiet_option
def audit(
    split: str,
    dataset: str | None,
    predictions: str | None,
    pretraining: tuple[str, ...],
    table: str | None,
    format_: str,
    output: str | None,
    *,
    quiet: bool,
    **how: Any,
) -> None:
    """Look for ways in which the answer to SPLIT reaches a model.

    By tables, by copies of cells, by features and targets, by what a model declares and by what its
    training manifests list. What is not at hand is not looked for, and the report says so. Ends
    with 1 where a result on the split would be void.
    """
    from vcspec.actions.audit import audit as action
    from vcspec.render import render_report

    with chosen_settings(**how, quiet=quiet):
        report = action(
            split, dataset=dataset, predictions=predictions, pretraining=pretraining, table=table
        )
    plain = format_ != "text" or output is not None
    text = render_report(
        report, format_, colour=colour() and not plain, width=None if plain else width()
    )
    emit(text, output)
    sys.exit(report.exit_code)


@click.command(
    epilog="""Examples:

\b
  vcspec manifest atlas.zarr screen.zarr --id my-model/corpus -o corpus.json
  vcspec manifest screen.zarr --split split.zarr --id my-model/training \\
      -o training.json"""
)
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET...")
@click.option("--id", "id_", required=True, metavar="ID", help="Id of the manifest.")
@click.option("--version", "version", default="1.0.0", show_default=True)
@click.option("--title", default="", metavar="TEXT", help="One line.")
@click.option("--split", metavar="SPLIT", help="Only what this split gives for training was used.")
@click.option(
    "--left-out",
    nargs=2,
    multiple=True,
    metavar="DATASET REASON",
    help="A dataset that was considered and not used; may be repeated.",
)
@click.option("--most", default=1_000_000, show_default=True, help="Hashes to list, at most about.")
@file_option("Where to write it.", required=True)
@quiet_option
def manifest(
    datasets: tuple[str, ...],
    id_: str,
    version: str,
    title: str,
    split: str | None,
    left_out: tuple[tuple[str, str], ...],
    most: int,
    output: str,
    *,
    quiet: bool,
) -> None:
    """List what a model was trained on, down to its cells, in a file that is fit to publish.

    Cells are hashed by their counts, never by barcodes: those come from lists that every large
    corpus exhausts. Of many cells a sample is listed, by which shared data are still found.
    """
    from pathlib import Path

    from vcspec.actions.training_manifest import training_manifest
    from vcspec.storage.files import write_text

    found = training_manifest(
        datasets, id=id_, version=version, title=title, split=split, excluded=left_out, most=most
    )
    write_text(Path(output), json.dumps(dict(found.document), indent=1, sort_keys=True) + "\n")
    say(
        f"wrote {output}: {len(found.hashes)} hashes, "
        f"{'all' if found.one_in == 1 else f'one in {found.one_in}'} of {found.hashed} "
        f"cells; 100 shared cells would be found with probability {found.chance_to_find(100):.3g}",
        quiet=quiet,
    )
