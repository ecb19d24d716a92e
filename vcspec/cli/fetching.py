"""`vcspec fetch`, `vcspec datasets`, `vcspec splits` and `vcspec cache`."""

import json
import shlex
import sys
from collections.abc import Callable
from typing import Any

import click

from vcspec.cli.output import emit, overwrite_option, progress_bar, quiet_option, say, width

registry_option = click.option(
    "--registry",
    multiple=True,
    metavar="URL",
    help="Place or registry file that is asked; by default those that VCSPEC_REGISTRY names.",
)


@click.command(
    epilog="""Examples:

\b
  vcspec fetch kang-ifnb@1.0.0 --registry https://example.org/place
  vcspec fetch kang-ifnb -o kang.zarr
  vcspec fetch kang-ifnb -o labels.zarr --path obs --path var"""
)
@click.argument("name", metavar="ID[@VERSION]")
@click.option("-o", "--output", metavar="PATH", help="Of a copy; by default it stays in the cache.")
@click.option(
    "--kind",
    type=click.Choice(["dataset", "split", "reference"]),
    default=None,
    help="A reference has the name of its split.",
)
@click.option(
    "--path", "paths", multiple=True, metavar="ZARR_PATH", help="Fetch only what lies below it."
)
@click.option("--withdrawn", is_flag=True, help="Fetch also what was withdrawn.")
@registry_option
@overwrite_option
@quiet_option
def fetch(
    name: str,
    output: str | None,
    kind: str | None,
    paths: tuple[str, ...],
    registry: tuple[str, ...],
    *,
    withdrawn: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Fetch a published artefact, held byte for byte against its digest, and print its path."""
    from vcspec.actions.fetch import fetch as action

    with progress_bar("fetch", quiet=quiet, in_bytes=True) as progress:
        found = action(
            name,
            output,
            kind=kind or "",
            registry=registry,
            paths=paths,
            withdrawn=withdrawn,
            overwrite=overwrite,
            progress=progress,
            announce=lambda text: say(text, quiet=quiet),
        )
    if paths:
        again = " ".join(f"--path {shlex.quote(path)}" for path in paths)
        say(f"a part of the store; `vcspec verify {found} {again}` verifies it", quiet=quiet)
    emit(str(found))


def _filters(command: Any) -> Any:
    """Options by which artefacts are searched."""
    options = [
        click.argument("words", nargs=-1, metavar="[WORD]..."),
        click.option("--modality", default="", help="Such as transcriptomics."),
        click.option("--organism", default="", help="NCBI taxon, such as NCBITaxon:9606."),
        click.option("--context", default="", help="Cell line or type that is in it."),
        click.option("--perturbation", default="", help="That is in it, alone or combined."),
        click.option("--licence", default="", help="SPDX identifier."),
        click.option("--max-size", default="", metavar="BYTES", help="Such as 2GiB."),
        click.option("--all", "every", is_flag=True, help="Superseded and withdrawn ones as well."),
        click.option(
            "--format",
            "format_",
            type=click.Choice(["text", "json"]),
            default="text",
            show_default=True,
        ),
        registry_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@_filters
def datasets(**chosen: Any) -> None:
    """Search published datasets; without a registry, list those that `vcspec curate` builds."""
    from vcspec.cards import dataset_card, dataset_ids

    _search("dataset", chosen, lambda: [dataset_card(name).document for name in dataset_ids()])


@click.command()
@_filters
@click.option("--claim", default="", help="Such as unseen-context.")
def splits(**chosen: Any) -> None:
    """Search published splits; without a registry, list those that the library describes."""
    from vcspec.cards import split_card, split_ids

    _search("split", chosen, lambda: [split_card(name).document for name in split_ids()])


ONLY_RELEASES = ("context", "perturbation")


def _search(kind: str, chosen: dict[str, Any], library: Callable[[], list[Any]]) -> None:
    from vcspec.actions.registry import as_registry
    from vcspec.actions.search import Wish, asked, search
    from vcspec.engine.budget import parse_bytes
    from vcspec.render.releases_text import releases, table

    format_, registry = chosen.pop("format_"), chosen.pop("registry")
    every, most = chosen.pop("every"), chosen.pop("max_size")
    wish = Wish(**chosen, most_bytes=parse_bytes(most) if most else 0)
    if asked(registry):
        entries = search(kind, wish, registry=registry, every=every, announce=say)
        shown = as_registry(entries)["releases"]
        if format_ == "json":
            emit(json.dumps(shown, indent=1))
        else:
            emit(releases(entries, tell="claim" if kind == "split" else "of", width=width()))
        return
    if not_told := [name for name in ONLY_RELEASES if chosen.get(name)] + ["max_size"] * bool(most):
        option = not_told[0].replace("_", "-")
        message = (
            f"cards of the library do not tell of --{option}; name a registry (--registry, "
            "VCSPEC_REGISTRY) to search by it"
        )
        raise click.UsageError(message)
    say(f"no registry is named (--registry, VCSPEC_REGISTRY): these are the library's {kind}s")
    cards = [card for card in library() if _fits(card, wish)]
    if format_ == "json":
        emit(json.dumps([dict(card) for card in cards], indent=1, default=dict))
        return
    head = ("name", "claim", "title") if kind == "split" else ("name", "title")
    rows = [(f"{card['id']}@{card['version']}", *(card[at] for at in head[1:])) for card in cards]
    emit(table(head, rows, width=width()) if rows else "nothing fits")


def _fits(card: Any, wish: Any) -> bool:
    """Whether a card of the library is what is looked for, as far as cards tell."""
    title = f"{card['id']} {card['title']}".casefold()
    told = ("modality", "organism", "claim", "licence")
    return all(
        not getattr(wish, name) or getattr(wish, name).casefold() == str(card.get(name)).casefold()
        for name in told
    ) and all(word.casefold() in title for word in wish.words)


@click.group()
def cache() -> None:
    """Look after the stores that were fetched; VCSPEC_CACHE says where they lie."""


@cache.command("list", short_help="List what is kept, and what was left by interrupted fetches.")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def list_(format_: str) -> None:
    """List what is kept, by digest, and what fetches left that were interrupted."""
    from datetime import UTC, datetime

    from vcspec.render.releases_text import size, table
    from vcspec.storage.store_cache import in_cache, left, stores_folder

    stores = [*in_cache(), *left()]
    if format_ == "json":
        fields = ("storage", "kind", "content", "bytes", "used")
        rows = [
            {
                "path": str(one.path),
                "name": one.name if one.document else "",
                **{name: getattr(one, name) for name in fields},
            }
            for one in stores
        ]
        emit(json.dumps(rows, indent=1))
        return
    say(f"{stores_folder()}: {len(stores)} stores, {size(sum(one.bytes for one in stores))}")
    used = [datetime.fromtimestamp(one.used, UTC).strftime("%Y-%m-%d %H:%M") for one in stores]
    emit(
        table(
            ("name", "kind", "size", "last used (UTC)", "storage digest"),
            [
                (one.name if one.document else "-", one.kind, size(one.bytes), when, one.storage)
                for one, when in zip(stores, used, strict=True)
            ],
            width=width(),
        )
    )


@cache.command()
def verify() -> None:
    """Hold every byte that is kept against its digest."""
    from vcspec.storage.store_cache import in_cache, unsound

    bad = 0
    for store in in_cache():
        found = unsound(store)
        bad += bool(found)
        emit(f"{store.storage}  {'damaged: ' + ', '.join(found[:3]) if found else 'sound'}")
    if bad:
        say("`vcspec cache prune --damaged` removes what is damaged")
    sys.exit(1 if bad else 0)


@cache.command(short_help="Remove the stores that were not asked for longest.")
@click.option("--keep", default="0", metavar="BYTES", show_default=True, help="Such as 5GiB.")
@click.option("--damaged", is_flag=True, help="Remove only what is not as its digest says.")
@click.option("--force", is_flag=True, help="Remove also what was asked for within the last hour.")
def prune(keep: str, *, damaged: bool, force: bool) -> None:
    """Remove the stores that were not asked for longest, until no more than BYTES are kept.

    What fetches left that were interrupted is removed first. What another process works at stays,
    and so does what was asked for within the last hour, for somebody may be reading it.
    """
    from vcspec.engine.budget import parse_bytes
    from vcspec.storage.store_cache import in_cache, left, make_room, remove, unsound

    if damaged:
        gone = [store for store in in_cache() if unsound(store) and remove(store)]
    else:
        most = parse_bytes(keep)
        gone = [store for store in left() if remove(store)]
        gone += make_room(0, most=most, force=force)
        kept = [store for store in in_cache() if store.is_recent]
        if not force and kept and sum(store.bytes for store in in_cache()) > most:
            say(f"{len(kept)} stores were used within the last hour; --force removes them as well")
    emit("\n".join(f"removed {store.storage}" for store in gone) or "nothing to remove")
