"""`vcspec split`."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from vcspec.cli.making import named
from vcspec.cli.output import chosen_settings, limit_options, overwrite_option, quiet_option, say

if TYPE_CHECKING:
    from vcspec.actions.split import Plan

NAMED = 4  # tested conditions
SOON = 100_000  # cells whose difficulty is measured unasked; it reads all of them


@click.command(
    epilog="""Examples:

\b
  vcspec split norman.zarr --strategy holdout-combinations --fraction 0.3 \\
      --seed 7 -o split.zarr
  vcspec split kang.zarr --strategy holdout-contexts --hold-out CD4T \\
      -o split.zarr
  vcspec split norman.zarr --strategy holdout-perturbations --fold 1/5 \\
      -o fold1.zarr
  vcspec split plates.zarr --strategy holdout-contexts --fraction 0.2 \\
      --anchor batch=b7 -o split.zarr
  vcspec split lines.zarr --strategy few-shot-contexts --fraction 0.2 \\
      --set shots=0.3 -o few.zarr
  vcspec split norman.zarr --from norman_simulation_1.pkl \\
      --claim unseen-perturbation -o split.zarr
  vcspec split norman.zarr --card norman-mcfaline/unseen-combination \\
      -o split.zarr"""
)
@click.argument("datasets", metavar="DATASET", nargs=-1, required=True)
@click.option(
    "-o", "--output", "target", required=True, metavar="STORE", help="Where to write the split."
)
@click.option("--card", metavar="ID", help="A split of the library, instead of a strategy.")
@click.option(
    "--strategy",
    metavar="NAME",
    help="A strategy, or another word for it, such as iid; `vcspec explain strategies` lists them.",
)
@click.option(
    "--from", "source", metavar="FILE", help="A split of others: GEARS, PerturBench, CSV of cells."
)
@click.option("--claim", metavar="NAME", help="With --from: what a score on it supports.")
@click.option("--fraction", metavar="SHARE", help="Share to hold out, such as 0.3.")
@click.option(
    "--hold-out", multiple=True, metavar="NAME", help="What to hold out, by name; may be repeated."
)
@click.option("--fold", metavar="K/N", help="Fold K of N to hold out, such as 2/5.")
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    metavar="SELECTOR",
    help="What the scorer alone sees: a condition's key, a perturbation, or FIELD=VALUE; may be "
    "repeated.",
)
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
@click.option(
    "--hidden", is_flag=True, help="Withhold the truth: write a public and a private folder."
)
@click.option(
    "--suite", "suites", multiple=True, metavar="SUITE", help="With --hidden: of the reference."
)
@click.option(
    "--difficulty/--no-difficulty",
    "measures",
    default=None,
    help="Say how hard it is, by its cells; by default where there are at most 100,000.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the draw.")
@click.option(
    "--id", "id_", metavar="ID", help="Id; by default of dataset's id, strategy and fold."
)
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
@limit_options
@overwrite_option
@quiet_option
@click.pass_context
def split(
    ctx: click.Context,
    /,
    datasets: tuple[str, ...],
    target: str,
    card: str | None,
    strategy: str | None,
    source: str | None,
    claim: str | None,
    fraction: str | None,
    hold_out: tuple[str, ...],
    fold: str | None,
    anchors: tuple[str, ...],
    validation: str | None,
    settings: tuple[str, ...],
    table: str | None,
    suites: tuple[str, ...],
    seed: int,
    id_: str | None,
    version: str,
    title: str | None,
    cells: int,
    target_sum: int,
    *,
    hidden: bool,
    measures: bool | None,
    overwrite: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Decide who may see what of DATASET: one role for each condition.

    With --hidden, STORE is a folder: `public` holds the split and the cells that models may see,
    `private` the reference, whose digest the public split states.
    """
    from vcspec.actions.split import card_plan, library_split
    from vcspec.actions.split import split as action
    from vcspec.cards import split_card

    if bool(card) + bool(strategy) + bool(source) != 1:
        message = "give one of --strategy, --card with a split of the library, and --from"
        raise click.UsageError(message)
    dataset = _one(datasets)
    if suites and not hidden:
        message = "--suite goes with --hidden; `vcspec reference` takes it otherwise"
        raise click.UsageError(message)
    _go_together(ctx, card=card, source=source, hidden=hidden)
    with chosen_settings(**how, quiet=quiet):
        if card and not hidden:
            named(target, library_split(card, dataset, target, overwrite=overwrite), quiet=quiet)
            _told(target, dataset, card=card, measures=measures, quiet=quiet)
            return
        held = {
            "fraction": fraction,
            "hold_out": hold_out,
            "fold": fold,
            "validation": validation,
            "anchors": anchors,
        }
        plan = (
            card_plan(split_card(card))
            if card
            else _plan(
                dataset,
                strategy or "imported",
                {name: value for name, value in held.items() if value} | _named_settings(settings),
                table,
                id=id_,
                version=version,
                title=title,
                seed=seed,
                target_sum=target_sum,
                cells_per_condition=cells,
            )
        )
        if hidden:
            _hide(dataset, target, plan, suites, measures=measures, quiet=quiet)
            return
        if source:
            _import(dataset, target, source, plan, claim, overwrite=overwrite, quiet=quiet)
        else:
            named(target, action(dataset, target, plan, overwrite=overwrite), quiet=quiet)
        _told(target, dataset, measures=measures, quiet=quiet)


CHOSEN = ("fraction", "hold_out", "fold", "validation", "anchors", "table")
STATED = ("settings", "seed", "id_", "version", "title", "cells", "target_sum")


def _one(datasets: tuple[str, ...]) -> str:
    if len(datasets) > 1:
        message = (
            "several datasets become one first, in one space of features: "
            f"vcspec merge {' '.join(datasets)} --id NAME -o merged.zarr"
        )
        raise click.UsageError(message)
    return datasets[0]


def _go_together(ctx: click.Context, *, card: str | None, source: str | None, hidden: bool) -> None:
    """Refuse options that the others leave nothing to say."""
    if card:
        refused, why = ["claim", *CHOSEN, *STATED], "--card says all of the split"
    elif source:
        refused, why = [*CHOSEN, "seed", "hidden"], "--from says who has which role"
    else:
        refused, why = ["claim"], "--strategy has a claim of its own"
    if hidden:
        refused.append("overwrite")
    given = {
        option.name: max(option.opts, key=len)
        for option in ctx.command.params
        if option.name in refused
        and ctx.get_parameter_source(option.name) is click.core.ParameterSource.COMMANDLINE
    }
    if "overwrite" in given:
        message = "--hidden writes a new folder; leave --overwrite out, and name one"
        raise click.UsageError(message)
    if "hidden" in given:
        message = "--hidden goes with --strategy or --card; a split of others is known to others"
        raise click.UsageError(message)
    if given:
        message = f"{why}; leave {' and '.join(given.values())} out"
        raise click.UsageError(message)


def _plan(
    dataset: str, strategy: str, parameters: dict[str, Any], table: str | None, **stated: Any
) -> "Plan":
    from vcspec.actions.beside import Beside, read_table
    from vcspec.actions.split import Plan
    from vcspec.actions.validate import checked
    from vcspec.splitting.strategies import STRATEGIES

    strategy = strategy if strategy == "imported" else STRATEGIES.named(strategy)
    fold = parameters.get("fold", "")
    # Folds are made to stand side by side: each needs an id of its own.
    part = f"-fold-{fold.replace('/', '-of-')}" if fold else ""
    of = str(checked(dataset, "dataset", level="metadata").document["id"])
    title = f"{strategy} of {of}" + (f", fold {fold}" if fold else "")
    return Plan(
        **stated
        | {
            "id": stated["id"] or f"{of}/{strategy}{part}",
            "title": stated["title"] or title,
        },
        strategy=strategy,
        parameters=parameters,
        beside=read_table(table) if table else Beside(),
    )


def _import(
    dataset: str,
    target: str,
    source: str,
    plan: "Plan",
    claim: str | None,
    **how: bool,
) -> None:
    from vcspec.actions.import_split import import_split

    quiet = how.pop("quiet")
    found = import_split(dataset, target, source, plan, claim=claim or "", **how)
    named(target, found.content, quiet=quiet)
    for note in found.notes:
        say(f"did not fit: {note}", quiet=quiet)


def _hide(
    dataset: str,
    target: str,
    plan: "Plan",
    suites: tuple[str, ...],
    *,
    measures: bool | None,
    quiet: bool,
) -> None:
    from vcspec.actions.hidden import hidden

    found = hidden(dataset, target, plan, suites=suites or ("core-1.0",))
    named(f"{target}/public/split.zarr", found.split, quiet=quiet)
    say(f"withheld: {target}/private/reference.zarr  {found.reference}", quiet=quiet)
    for url in found.open_sources:
        say(f"warning: anybody can take the truth from {url}: it is withheld, not secret")
    for leak in found.leaks:
        what = f"{leak.code} {leak.name}, {leak.found}"
        say(f"warning: the public part may tell of the truth: {what}")
    _told(f"{target}/private/split.zarr", dataset, measures=measures, quiet=quiet)


def _told(target: str, dataset: str, *, card: str = "", measures: bool | None, quiet: bool) -> None:
    """Say what was made: roles, and how hard it is as far as that is known or soon found."""
    if quiet:
        return
    _roles(target)
    if measures is not False:
        for line in _difficulty(target, dataset, card, measures=bool(measures)):
            say(line)
    say(f"how hard it is, in full: vcspec difficulty {target} --dataset {dataset}")


def _difficulty(target: str, dataset: str, card: str, *, measures: bool) -> list[str]:
    from vcspec.actions.difficulty import cells_read, difficulty
    from vcspec.cards import split_card, split_difficulty
    from vcspec.model.errors import VcspecError
    from vcspec.render.difficulty_text import render_summary

    published = split_difficulty(split_card(card)) if card else None
    if published is not None:
        return render_summary(published)
    if not measures and cells_read(dataset) > SOON:
        return []
    try:
        return render_summary(difficulty(target, dataset=dataset).document)
    except VcspecError as error:  # the split itself is made, and sound
        return [f"difficulty not measured: {error}"]


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
    tested = [condition.key for condition in opened.having("test")]
    more = f", … {len(tested) - NAMED} more" if len(tested) > NAMED else ""
    say(f"tested: {', '.join(tested[:NAMED])}{more}")
    beside = Counter(condition.context_key for condition in opened.conditions)
    if beside and max(beside.values()) == 1:
        say(
            "warning: no context has two tested conditions: metrics that tell conditions apart, "
            "such as discrimination-cosine, will have no value"
        )
    for reason, number in Counter(opened.reasons("excluded")).items():
        say(f"excluded: {number}, {reason}")
    claim = opened.document["claim"]
    say(f"claim: {claim} (vcspec explain {claim})")
