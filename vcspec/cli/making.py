"""Commands that write artefacts: curate, split, reference, template, baseline, seal."""

from pathlib import Path

import click

from vcspec.cli.output import overwrite_option, progress_bar, quiet_option, say


def _named(target: str, content: str, *, quiet: bool) -> None:
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
    _named(place, content, quiet=quiet)


@click.command(
    epilog="""Examples:

\b
  vcspec split norman.zarr --strategy holdout-combinations --fraction 0.3 --seed 7 -o split.zarr
  vcspec split kang.zarr --strategy holdout-contexts --hold-out CD4T -o split.zarr
  vcspec split norman.zarr --strategy holdout-perturbations --fold 1/5 -o fold1.zarr
  vcspec split lines.zarr --strategy few-shot-contexts --fraction 0.2 --set shots=0.3 -o few.zarr
  vcspec split norman.zarr --card norman-mcfaline/unseen-combination -o split.zarr"""
)
@click.argument("dataset")
@click.option(
    "-o", "--output", "target", required=True, metavar="STORE", help="Where to write the split."
)
@click.option("--card", metavar="ID", help="A split of the library, instead of a strategy.")
@click.option(
    "--strategy", metavar="NAME", help="A strategy; `vcspec explain holdout-contexts` tells more."
)
@click.option("--fraction", metavar="SHARE", help="Share to hold out, such as 0.3.")
@click.option(
    "--hold-out", multiple=True, metavar="NAME", help="What to hold out, by name; may be repeated."
)
@click.option("--fold", metavar="K/N", help="Fold K of N to hold out, such as 2/5.")
@click.option("--validation", metavar="SHARE", help="Share of the rest for validation.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another parameter of a strategy.",
)
@click.option(
    "--table", metavar="CSV", help="Families, structures, dates or profiles, beside the dataset."
)
@click.option("--seed", default=0, show_default=True, help="Seed of the draw.")
@click.option("--id", "id_", metavar="ID", help="Id; by default of dataset, strategy and fold.")
@click.option("--version", "version", default="1.0.0", show_default=True)
@click.option("--title", metavar="TEXT", help="One line.")
@click.option(
    "--cells",
    default=0,
    metavar="N",
    help="Cells to predict for each condition; by default the median of training.",
)
@click.option(
    "--target-sum", default=10_000, show_default=True, help="Of log1p, for datasets of counts."
)
@overwrite_option
@quiet_option
def split(
    dataset: str,
    target: str,
    card: str | None,
    strategy: str | None,
    fraction: str | None,
    hold_out: tuple[str, ...],
    fold: str | None,
    validation: str | None,
    settings: tuple[str, ...],
    table: str | None,
    seed: int,
    id_: str | None,
    version: str,
    title: str | None,
    cells: int,
    target_sum: int,
    *,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Decide who may see what of DATASET: one role for each condition."""
    from vcspec.actions.beside import Beside, read_table
    from vcspec.actions.split import Plan, library_split
    from vcspec.actions.split import split as action

    if bool(card) == bool(strategy):
        message = "give either --strategy, or --card with a split of the library"
        raise click.UsageError(message)
    if card:
        content = library_split(card, dataset, target, overwrite=overwrite)
    else:
        chosen = {
            "fraction": fraction,
            "hold_out": hold_out,
            "fold": fold,
            "validation": validation,
            **_named_settings(settings),
        }
        # Folds are made to stand side by side: each needs an id of its own.
        part = f"-fold-{fold.replace('/', '-of-')}" if fold else ""
        name = id_ or f"{Path(dataset).stem}/{strategy}{part}".lower()
        plan = Plan(
            id=name,
            version=version,
            title=title
            or f"{strategy} of {Path(dataset).stem}" + (f", fold {fold}" if fold else ""),
            strategy=str(strategy),
            parameters={key: value for key, value in chosen.items() if value},
            seed=seed,
            target_sum=target_sum,
            cells_per_condition=cells,
            beside=read_table(table) if table else Beside(),
        )
        content = action(dataset, target, plan, overwrite=overwrite)
    _named(target, content, quiet=quiet)
    if not quiet:
        _roles(target)
        say(f"how hard it is: vcspec difficulty {target} --dataset {dataset}")


def _named_settings(settings: tuple[str, ...]) -> dict[str, str]:
    wrong = [text for text in settings if not text.partition("=")[0] or "=" not in text]
    if wrong:
        message = f"--set is {wrong[0]!r}; give a name and a value, such as shots=0.2"
        raise click.UsageError(message)
    return {text.partition("=")[0]: text.partition("=")[2] for text in settings}


def _roles(target: str) -> None:
    from vcspec.actions.predict import open_split
    from vcspec.standard import standard

    opened = open_split(target)
    counts = {role: len(opened.having(role)) for role in standard().vocabularies["role"]}
    say("conditions: " + ", ".join(f"{role} {number}" for role, number in counts.items() if number))


@click.command()
@click.argument("split")
@click.option(
    "--dataset", required=True, metavar="DATASET", help="The dataset that the split pins."
)
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
@quiet_option
def reference(
    split: str,
    dataset: str,
    target: str,
    suites: tuple[str, ...],
    phenotypes: str | None,
    *,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Compute what the scorer needs to know of the truth of SPLIT, with its anchors."""
    from vcspec.actions.reference import reference as action

    content = action(
        split, dataset, target, suites=suites, phenotypes=phenotypes, overwrite=overwrite
    )
    _named(target, content, quiet=quiet)


LEVEL = click.option(
    "--level", type=click.Choice(["cells", "profiles"]), default="cells", show_default=True
)


@click.command()
@click.argument("split")
@click.argument("target")
@LEVEL
@overwrite_option
@quiet_option
def template(split: str, target: str, level: str, *, overwrite: bool, quiet: bool) -> None:
    """Write predictions of zero for SPLIT at TARGET, for a model to fill in."""
    from vcspec.actions.predict import template as action

    _named(target, action(split, target, level=level, overwrite=overwrite), quiet=quiet)


@click.command()
@click.argument("name")
@click.option("--split", required=True, metavar="SPLIT")
@click.option(
    "--dataset", required=True, metavar="DATASET", help="The dataset that the split pins."
)
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
@quiet_option
def baseline(
    name: str, split: str, dataset: str, target: str, level: str, *, overwrite: bool, quiet: bool
) -> None:
    """Write the predictions of the baseline NAME, such as no-change or additive."""
    from vcspec.actions.predict import baseline as action

    content = action(name, split, dataset, target, level=level, overwrite=overwrite)
    _named(target, content, quiet=quiet)


@click.command()
@click.argument("store")
@quiet_option
def seal(store: str, *, quiet: bool) -> None:
    """Give STORE its manifest: every object with size and SHA-256, and the content digest."""
    from vcspec.actions.sealing import seal as action

    _named(store, action(store), quiet=quiet)
