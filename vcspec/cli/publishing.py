"""`vcspec publish`, `vcspec withdraw` and `vcspec registry`."""

import json
from dataclasses import replace
from typing import Any

import click

from vcspec.cli.output import (
    chosen_settings,
    emit,
    file_option,
    limit_options,
    quiet_option,
    say,
    width,
)
from vcspec.model.errors import UsageError


@click.command(
    epilog="""Examples:

\b
  vcspec publish data.zarr s3://bucket/place \\
      --contact 'Ada <ada@example.org>' --dry-run
  vcspec publish split.zarr s3://bucket/place \\
      --contact 'Ada <ada@example.org>' --dataset data.zarr
  vcspec publish --abort-stale s3://bucket/place

What is sent is read back, byte for byte, before the release is created; the same command completes
what was interrupted. Credentials are the driver's own (AWS_PROFILE and so on)."""
)
@click.argument("arguments", nargs=-1, required=True, metavar="STORE URL")
@click.option(
    "--contact",
    envvar="VCSPEC_CONTACT",
    metavar="'NAME <ADDRESS>'",
    help="Who answers questions: an e-mail address or a web page. Also VCSPEC_CONTACT.",
)
@click.option(
    "--about",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Markdown that closes the data card, written by hand.",
)
@click.option("--dataset", metavar="DATASET", help="The dataset that a split pins.")
@click.option("--split", metavar="SPLIT", help="The split that a reference pins.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@click.option(
    "--trust-store",
    is_flag=True,
    help="Publish also where it is not proven that a release cannot be replaced.",
)
@click.option("--reveal", is_flag=True, help="Publish the reference that its split withholds.")
@click.option(
    "--abort-stale",
    is_flag=True,
    help="Remove what uploads left that were begun over a day ago and never became a release.",
)
@limit_options
@quiet_option
def publish(
    arguments: tuple[str, ...],
    contact: str | None,
    about: str | None,
    dataset: str | None,
    split: str | None,
    *,
    dry_run: bool,
    trust_store: bool,
    reveal: bool,
    abort_stale: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Publish a dataset, split or reference below URL, once and for all.

    The store is validated at level full; licence, citation, sources and contact must be stated. Its
    objects lie under their digest, its release under its name and version, and neither is ever
    replaced. URL is a folder or a place on s3://, gs:// or az://.
    """
    wanted = 1 if abort_stale else 2
    if len(arguments) != wanted:
        message = "give URL" if abort_stale else "give STORE and URL"
        raise UsageError(message)
    if abort_stale:
        _abort_stale(arguments[0], dry_run=dry_run)
        return
    if not contact:
        message = "readers need someone to ask; say --contact 'NAME <ADDRESS>'"
        raise UsageError(message)
    from vcspec.actions.publish import publish as action
    from vcspec.render.releases_text import plan, size

    with chosen_settings(**how, quiet=quiet):
        done = action(
            arguments[0],
            arguments[1],
            contact=contact,
            texts=_texts(about),
            dataset=dataset,
            split=split,
            dry_run=dry_run,
            trusted=trust_store,
            reveal=reveal,
        )
    name = f"{done.release['of']} {done.release['id']}@{done.release['version']}"
    if dry_run and not done.was_there:
        emit(plan(done))
        return
    state = "was published before" if done.was_there else "is published"
    sent = "" if done.was_there else f"; sent {done.sent} objects, {size(done.sent_bytes)}"
    say(f"{name} {state} at {done.place}{sent}", quiet=quiet)
    if done.note:
        say(f"note: {done.note}", quiet=quiet)
    emit(done.url)


def _texts(about: str | None) -> dict[str, Any]:
    """What makes the data card and the report that stand beside a release."""
    from vcspec.actions.export import describe
    from vcspec.render.card import card
    from vcspec.render.markdown import plain
    from vcspec.render.report_json import dumps, one

    def written(artefact: Any, contact: Any) -> str:
        dataset = artefact.subject.companions.get("dataset")
        found = describe(
            artefact.path, dataset=None if dataset is None else dataset.store.target, about=about
        )
        ask = f"\n## Contact\n\n{plain(contact['name'])}, <{contact['address']}>\n"
        return card(replace(found, about=ask + (f"\n{found.about}" if found.about else "")))

    return {"card": written, "report": lambda report: dumps(one(report)) + "\n"}


def _abort_stale(url: str, *, dry_run: bool) -> None:
    from vcspec.actions.withdraw import abort_stale as action

    uploads = action(url, dry_run=dry_run)
    if not uploads:
        say("nothing that was begun over a day ago is unfinished")
    for upload in uploads:
        verb = "would remove" if dry_run else "removed"
        what = (
            f"objects of {upload.storage}, begun {upload.began}"
            if upload.storage
            else "objects that had arrived in part"
        )
        emit(f"{verb} {len(upload.names)} {what}")


@click.command()
@click.argument("name", metavar="ID@VERSION")
@click.argument("url")
@click.option("--reason", required=True, metavar="TEXT", help="Why it should not be used any more.")
@click.option("--superseded-by", metavar="VERSION", default="", help="To be used in its place.")
@click.option(
    "--kind",
    type=click.Choice(["dataset", "split", "reference"]),
    default=None,
    help="Where a split and its reference have the name.",
)
def withdraw(name: str, url: str, reason: str, superseded_by: str, kind: str | None) -> None:
    """Say that a release should not be used any more; nothing is deleted."""
    from vcspec.actions.withdraw import withdraw as action

    stands = action(name, url, reason=reason, superseded_by=superseded_by, kind=kind or "")
    say(f"{name} is withdrawn since {stands['withdrawn']}")


@click.command(
    epilog="""Examples:

\b
  vcspec registry https://example.org/place
  vcspec registry s3://bucket/place --write
  vcspec registry s3://bucket/place https://mirror.example.org/place \\
      -o registry.json"""
)
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.option("--write", is_flag=True, help="Read every release of URL, and write its registry.")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@file_option("Write the registries of all URLs as one, to FILE.")
def registry(urls: tuple[str, ...], format_: str, output: str | None, *, write: bool) -> None:
    """List what is published at places, or write the registry that says so.

    A registry is one static file: any web server can hold it. Where several places hold one
    release, each is a mirror of the others.
    """
    from vcspec.actions.registry import as_registry, entries_in, refresh
    from vcspec.render.releases_text import releases
    from vcspec.storage.place import open_place

    if write:
        for url in urls:
            refresh(open_place(url), anew=True)
    entries = entries_in(urls)
    if output or format_ == "json":
        # In what is written, no place would stand for that in which it lies.
        somewhere = [entry for entry in entries if entry["places"]]
        emit(json.dumps(as_registry(somewhere), indent=1, sort_keys=True), output)
    else:
        emit(releases(entries, width=width()))
