"""`vcspec merge`."""

from typing import Any

import click

from vcspec.cli.making import named
from vcspec.cli.output import chosen_settings, limit_options, overwrite_option, quiet_option, say


@click.command(
    epilog="""Examples:

\b
  vcspec merge adamson.zarr replogle.zarr --id adamson-replogle \\
      -o merged.zarr
  vcspec merge a.zarr b.zarr --id a-b --features 2000 --select-on a \\
      -o merged.zarr"""
)
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET...")
@click.option("-o", "--output", "target", required=True, metavar="STORE", help="Where to write it.")
@click.option("--id", "id_", required=True, metavar="ID", help="Id of the merged dataset.")
@click.option("--version", "version", default="1.0.0", show_default=True)
@click.option("--title", default="", metavar="TEXT", help="One line.")
@click.option("--features", default=0, metavar="N", help="Choose so many of the common features.")
@click.option(
    "--select-on",
    multiple=True,
    metavar="STUDY",
    help="Choose by the variance over this study's cells; may be repeated.",
)
@overwrite_option
@limit_options
@quiet_option
def merge(
    datasets: tuple[str, ...],
    target: str,
    id_: str,
    version: str,
    title: str,
    features: int,
    select_on: tuple[str, ...],
    *,
    overwrite: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Write several datasets as one, in the features that all have.

    A column `study` says which dataset a cell is of; `holdout-studies` splits by it. Choose
    features on what is trained on alone: the document states on what.
    """
    from vcspec.actions.merge import merge as action

    with chosen_settings(**how, quiet=quiet):
        found = action(
            datasets,
            target,
            id=id_,
            version=version,
            title=title,
            features=features,
            select_on=select_on,
            overwrite=overwrite,
        )
    named(target, found.content, quiet=quiet)
    for part in found.parts:
        say(
            f"{part.study}: {part.cells} cells, {found.features} of {part.features} features, "
            f"which hold {part.kept_counts:.0%} of its counts",
            quiet=quiet,
        )
