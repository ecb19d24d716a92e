"""`vcspec score` and `vcspec verify`."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vcspec.cli.output import (
    chosen_settings,
    colour,
    emit,
    engine_options,
    file_option,
    overwrite_option,
    quiet_option,
    say,
    width,
)

if TYPE_CHECKING:
    from vcspec.model.scorecard import Scorecard


@click.command(
    epilog="""Examples:

\b
  vcspec score predictions.zarr
  vcspec score predictions.zarr --split split.zarr \\
      --reference reference.zarr -o card.json
  vcspec score predictions.zarr --dataset dataset.zarr
  vcspec score predictions.zarr --format json > card.json"""
)
@click.argument("predictions")
@click.option("--split", metavar="SPLIT", help="The split that the predictions pin.")
@click.option("--reference", metavar="REFERENCE", help="The reference of that split.")
@click.option(
    "--dataset",
    metavar="DATASET",
    help="Measured cells to compare with in place of a reference; without anchors.",
)
@click.option(
    "--suite",
    "suites",
    multiple=True,
    metavar="SUITE",
    help="Of metrics; several are computed in one pass. By default what the reference was made "
    "for.",
)
@click.option(
    "--cached",
    is_flag=True,
    help="Keep what was taken from the dataset, by digest, and use what was kept before.",
)
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@file_option("Write the scorecard, as JSON, to FILE.")
@click.option(
    "--table", metavar="STORE", help="Write values by condition to STORE, for xarray.open_zarr."
)
@click.option("--contexts", is_flag=True, help="Print the values by context as well.")
@click.option(
    "--strata",
    is_flag=True,
    help="Print the values by effect size, training contexts and study as well.",
)
@click.option(
    "--calibration",
    is_flag=True,
    help="Print what each metric can tell on this data as well, whatever the prediction is.",
)
@click.option(
    "--partial",
    is_flag=True,
    help="Score predictions that lack conditions or hold values that are not finite; those get the "
    "worst value of each metric.",
)
@click.option(
    "--disclose",
    type=click.Choice(["headline"]),
    help="Against withheld truth: tell the rounded headline, and nothing else of it.",
)
@engine_options
@overwrite_option
@quiet_option
def score(
    predictions: str,
    split: str | None,
    reference: str | None,
    dataset: str | None,
    suites: tuple[str, ...],
    format_: str,
    output: str | None,
    table: str | None,
    disclose: str | None,
    *,
    cached: bool,
    contexts: bool,
    strata: bool,
    calibration: bool,
    partial: bool,
    overwrite: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Score predictions against their split's reference.

    Split and reference are looked for beside the predictions, by digest, when they are not named.
    Predictions that break a rule are refused, with the report.
    """
    if table:
        from vcspec.storage.writing import require_free

        require_free(Path(table), overwrite=overwrite)
    truth: dict[str, Any] = {
        "split": split,
        "reference": reference,
        "suites": suites,
        "partial": partial,
    }
    if disclose:
        beside = {
            "--table": table,
            "--contexts": contexts,
            "--strata": strata,
            "--calibration": calibration,
        }
        _require_nothing({**beside, "--dataset": dataset, "--cached": cached})
        with chosen_settings(**how, quiet=True):
            _disclose(predictions, format_, output, **truth)
        return
    from vcspec.actions.score import score as action

    with chosen_settings(**how, quiet=quiet):
        card = action(predictions, dataset=dataset, cached=cached, **truth)
    if table:
        from vcspec.storage.score_table import write_score_table

        write_score_table(Path(table), card.to_xarray(), overwrite=overwrite)
        say(f"wrote {table}", quiet=quiet)
    also = {"contexts": contexts, "strata": strata, "calibration": calibration}
    told(card, format_, output, also, quiet=quiet)


def told(
    card: "Scorecard",
    format_: str,
    output: str | None,
    also: Mapping[str, bool],
    *,
    quiet: bool,
) -> None:
    """Write a scorecard to `output`, where that is given, and print it, with what is asked for.

    Who is quiet and has it in a file is told nothing.
    """
    if output:
        from vcspec.storage.files import write_text

        write_text(Path(output), card.to_json())
        say(f"wrote {output}", quiet=quiet)
    if format_ == "json":
        click.echo(card.to_json(), nl=False)
    elif not (quiet and output):
        _show(card, [name for name, asked in also.items() if asked])


def _show(card: "Scorecard", also: Sequence[str]) -> None:
    from vcspec.render import scorecard_text as text

    views = {
        "contexts": text.render_contexts,
        "strata": text.render_strata,
        "calibration": text.render_calibration,
    }
    emit(text.render_scorecard(card, colour=colour(), width=width()))
    for name in also:
        emit("\n" + views[name](card, colour=colour(), width=width()))


def _require_nothing(given: Mapping[str, object]) -> None:
    more = [name for name, value in given.items() if value]
    if more:
        message = f"--disclose tells the headline alone; leave {', '.join(more)} out"
        raise click.UsageError(message)


def _disclose(predictions: str, format_: str, output: str | None, **truth: Any) -> None:
    from vcspec.actions.disclose import disclose
    from vcspec.render.disclosure_text import render_disclosure

    found = disclose(predictions, **truth)
    if output:
        emit(found.to_json(), output)
    if format_ == "json":
        click.echo(found.to_json(), nl=False)
    elif not output:
        emit(render_disclosure(found.document))


@click.command(
    epilog="""Examples:

\b
  vcspec verify scorecard.json
  vcspec verify predictions.zarr
  vcspec verify s3://bucket/data.zarr --mode sample=0.05
  vcspec verify https://example.org/data.zarr --mode head --path obs"""
)
@click.argument("target")
@click.option("--predictions", metavar="STORE", help="The predictions that it was computed from.")
@click.option("--split", metavar="SPLIT", help="The split that the predictions pin.")
@click.option("--reference", metavar="REFERENCE", help="The reference of that split.")
@click.option("--dataset", metavar="DATASET", help="The dataset, of a scorecard without reference.")
@click.option(
    "--mode",
    default="full",
    show_default=True,
    metavar="MODE",
    help="Of a store: list (names and sizes), head (the same where nothing can be listed), "
    "sample=SHARE (hash a share of the objects) or full (hash all).",
)
@click.option(
    "--path", "paths", multiple=True, metavar="ZARR_PATH", help="Look only at what lies below it."
)
@click.option("--storage", default="", metavar="DIGEST", help="That the store must have.")
@engine_options
@quiet_option
def verify(
    target: str,
    predictions: str | None,
    split: str | None,
    reference: str | None,
    dataset: str | None,
    mode: str,
    paths: tuple[str, ...],
    storage: str,
    *,
    quiet: bool,
    **how: Any,
) -> None:
    """Recompute a scorecard, or compare every byte of a store with its manifest.

    TARGET is a scorecard (JSON), whose files are looked for beside it when they are not named, or a
    store (path or URL). Ends with 1 where a number or an object differs.
    """
    named: dict[str, Any] = {
        "predictions": predictions,
        "split": split,
        "reference": reference,
        "dataset": dataset,
    }
    if not target.endswith(".json"):
        _require_unsaid(named, f"{target} is a store")
        _verify_store(target, mode, paths, storage, how, quiet=quiet)
        return
    parts = {"mode": mode != "full", "path": paths, "storage": storage}
    _require_unsaid(parts, f"{target} is a scorecard")
    from vcspec.actions.verify import verify as action

    with chosen_settings(**how, quiet=quiet):
        found = action(target, **named)
    if found.identical:
        say(f"{target}: identical, byte for byte", quiet=quiet)
    elif found.agrees:
        say(f"{target}: every number agrees to 1e-6; tool versions differ", quiet=quiet)
    else:
        say(f"{target}: differs, first at {found.difference}")
        sys.exit(1)


def _require_unsaid(options: Mapping[str, Any], what: str) -> None:
    """Refuse options that would say nothing.

    Raises:
        click.UsageError: one is given.
    """
    said = [name for name, value in options.items() if value]
    if said:
        message = f"{what}, of which --{said[0]} says nothing; leave it out"
        raise click.UsageError(message)


def _verify_store(
    target: str,
    mode: str,
    paths: tuple[str, ...],
    storage: str,
    how: dict[str, Any],
    *,
    quiet: bool,
) -> None:
    from vcspec.actions.verify_part import mode_of, stated_storage, verify_part
    from vcspec.actions.verify_store import verify_store
    from vcspec.render import render_report

    stated = stated_storage(target, storage)
    with chosen_settings(**how, quiet=quiet):
        if mode_of(mode).name == "full" and not paths:
            report = verify_store(target, storage=stated)
        else:
            report = verify_part(target, mode_of(mode), paths=paths, storage=stated)
    if report.exit_code:
        emit(render_report(report, "text", colour=colour(), width=width()))
        sys.exit(report.exit_code)
    sound = {"full": "every object is as its manifest lists it", "sample": "the sample is sound"}
    told = sound.get(mode.partition("=")[0], "sizes are as listed")
    if paths:
        told += f", below {', '.join(paths)} alone"
    if any(one.code == "VCS204" for one in report.skipped):
        told += "; not looked for: objects beside them"
    say(f"{report.target}: {told}", quiet=quiet)
