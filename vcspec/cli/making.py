"""Commands that write artefacts: curate, reference, template, baseline, seal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from vcspec.cli.output import (
    chosen_settings,
    limit_options,
    overwrite_option,
    progress_bar,
    quiet_option,
    say,
)


def named(target: str, content: str, *, quiet: bool) -> None:
    """Say what was written, and its content digest."""
    say(f"wrote {target}  {content}", quiet=quiet)


@click.command()
@click.argument("dataset")
@click.argument("target", required=False)
@overwrite_option
@quiet_option
def curate(dataset: str, target: str | None, *, overwrite: bool, quiet: bool) -> None:
    """Build DATASET of the library at TARGET (default DATASET.zarr).

    Sources are downloaded (resumed, checked by digest, cached), converted, and the result is
    compared with the digest that the card publishes. VCSPEC_SOURCE_MIRROR names a folder or server
    with the same files in the layout of their URLs. DATASET may also be a folder with a card.toml
    and a recipe.py of your own; the recipe is run.
    """
    from vcspec.actions.curate import curate as action

    place = target or f"{Path(dataset).name}.zarr"
    with progress_bar("download", quiet=quiet, in_bytes=True) as progress:
        content = action(dataset, place, overwrite=overwrite, progress=progress)
    named(place, content, quiet=quiet)


@click.command()
@click.argument("split")
@click.option("--dataset", metavar="DATASET", help="The dataset that the split pins.")
@click.option(
    "-o", "--output", "target", required=True, metavar="STORE", help="Where to write the reference."
)
@click.option(
    "--suite",
    "suites",
    multiple=True,
    default=["core-1.0"],
    show_default=True,
    metavar="SUITE",
    help="Of metrics that predictions will be scored by; several may be given.",
)
@click.option(
    "--phenotypes",
    metavar="CSV",
    help="A table of perturbation and phenotype, for metrics that ask for classes.",
)
@overwrite_option
@limit_options
@quiet_option
def reference(
    split: str,
    dataset: str | None,
    target: str,
    suites: tuple[str, ...],
    phenotypes: str | None,
    *,
    overwrite: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Compute what the scorer needs to know of the truth of SPLIT, with its anchors."""
    from vcspec.actions.reference import reference as action

    with chosen_settings(**how, quiet=quiet):
        content = action(
            split, dataset, target, suites=suites, phenotypes=phenotypes, overwrite=overwrite
        )
    named(target, content, quiet=quiet)


LEVEL = click.option(
    "--level", type=click.Choice(["cells", "profiles"]), default="cells", show_default=True
)


@click.command(
    epilog="""Examples:

\b
  vcspec template split.zarr empty.zarr --level profiles
  # fill a = anndata.read_zarr("empty.zarr") and save a.write_h5ad("m.h5ad")
  vcspec convert m.h5ad mine.zarr --as predictions --split split.zarr \\
      --columns vcspec --values log1p:10000 --level profiles --model mine

In Python, `vcspec.open_split(SPLIT).writer(TARGET)` takes a matrix for each condition, and needs no
template."""
)
@click.argument("split")
@click.argument("target")
@LEVEL
@overwrite_option
@quiet_option
def template(split: str, target: str, level: str, *, overwrite: bool, quiet: bool) -> None:
    """Write predictions of zero for SPLIT at TARGET, for a model to fill in.

    Rows and features stand as they have to. AnnData reads TARGET; what it writes lacks the
    document, which `vcspec convert` puts back.
    """
    from vcspec.actions.predict import template as action

    named(target, action(split, target, level=level, overwrite=overwrite), quiet=quiet)
    for line in _to_fill(split, target, level):
        say(line, quiet=quiet)


def _to_fill(split: str, target: str, level: str) -> Iterator[str]:
    """What a template holds, and the command that makes predictions of its filled copy."""
    from vcspec.actions.predict import open_split
    from vcspec.actions.reading import spelled_values

    opened = open_split(split)
    rows = 1 if level == "profiles" else opened.cells_per_condition
    space = spelled_values(opened.document["values"])
    each = f"{rows} for each of {len(opened.conditions)} conditions"
    whole = f"{rows * len(opened.conditions)} rows ({each}) × {len(opened.features)} features"
    yield f"to fill: {whole}; values {space}"
    yield (
        f"filled and saved by AnnData: vcspec convert FILE.h5ad {target} --as predictions "
        f"--split {split} --columns vcspec --values {space} --level {level} --model NAME "
        "--overwrite"
    )


@click.command()
@click.argument("name")
@click.option("--split", required=True, metavar="SPLIT")
@click.option("--dataset", metavar="DATASET", help="The dataset that the split pins.")
@click.option(
    "-o",
    "--output",
    "target",
    required=True,
    metavar="STORE",
    help="Where to write the predictions.",
)
@LEVEL
@overwrite_option
@limit_options
@quiet_option
def baseline(
    name: str,
    split: str,
    dataset: str | None,
    target: str,
    level: str,
    *,
    overwrite: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Write the predictions of the baseline NAME, such as no-change or additive.

    `vcspec explain baselines` lists them.
    """
    from vcspec.actions.predict import baseline as action

    with chosen_settings(**how, quiet=quiet):
        content = action(name, split, dataset, target, level=level, overwrite=overwrite)
    named(target, content, quiet=quiet)


@click.command()
@click.argument("store")
@quiet_option
def seal(store: str, *, quiet: bool) -> None:
    """Give STORE its manifest: every object with size and SHA-256, and the content digest."""
    from vcspec.actions.sealing import seal as action

    named(store, action(store), quiet=quiet)
