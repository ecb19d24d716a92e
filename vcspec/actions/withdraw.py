"""withdraw, and clean up: what a place tells of releases that failed, and of uploads that did."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785

from vcspec.actions.registry import parsed, read_release, refresh, releases_at, versions_at
from vcspec.actions.releasing import now, require_no_secret
from vcspec.model.errors import Mismatch, Unreadable, UsageError
from vcspec.model.release import KINDS, STORAGE, blob_of, named, path_of
from vcspec.standard import CURRENT
from vcspec.storage.place import PROBES, Place, open_place

Target = str | os.PathLike[str]
STALE = timedelta(days=1)
MARK, PROBE = re.compile(r"[0-9a-f]{64}\.json"), re.compile(r"[0-9a-f]{32}\.json")


def withdraw(
    name: str,
    target: Target,
    *,
    reason: str,
    superseded_by: str = "",
    kind: str = "",
) -> Mapping[str, Any]:
    """Say that a release should not be used any more; nothing is deleted.

    Args:
        name: `ID@VERSION`.
        target: path or URL of the place.
        reason: for readers.
        superseded_by: version to be used in its place.
        kind: of artefact, where a split and its reference have the name.

    Returns:
        The withdrawal as it stands.

    Raises:
        UsageError: there is no such release, or none that supersedes it; the reason is not one line
            of text, or holds a secret.
        Mismatch: it was withdrawn before, for another reason.
        Unreadable: the place does not take it.
    """
    if not reason.isprintable():
        message = (
            f"the reason {reason[:200]!r} is not one line of text; leave out what is not shown"
        )
        raise UsageError(message)
    require_no_secret(reason, "the reason")
    wanted, place = named(name), open_place(os.fspath(target))
    release = next(
        (
            found
            for one in ((kind,) if kind else KINDS)
            if wanted.version
            and (found := read_release(place, one, wanted.id, wanted.version)) is not None
        ),
        None,
    )
    if release is None:
        message = f"{place.url} has no release {name}; name it as ID@VERSION"
        raise UsageError(message)
    if superseded_by and superseded_by not in versions_at(place, release["of"], wanted.id):
        message = f"{place.url} has no {wanted.id}@{superseded_by}, which would supersede it"
        raise UsageError(message)
    document = {
        "kind": "withdrawal",
        "spec": CURRENT,
        **{field: release[field] for field in ("of", "id", "version", "storage")},
        "reason": reason,
        **({"superseded_by": superseded_by} if superseded_by else {}),
        "withdrawn": now(),
    }
    path = path_of("withdrawn", release["of"], wanted.id, wanted.version)
    body = rfc8785.dumps(document)
    parsed(body, "withdrawal", "this withdrawal")
    stands = parsed(place.stand(path, body), "withdrawal", f"{place.url}/{path}")
    refresh(place)
    if stands["reason"] != reason:
        message = f"{name} was withdrawn on {stands['withdrawn']} already: {stands['reason']}"
        raise Mismatch(message)
    return stands


@dataclass(frozen=True)
class Stale:
    """An upload that was begun and never became a release.

    Attributes:
        storage: digest of the store; empty of objects that had arrived in part, and of probes.
        began: when; empty of those.
        names: of what is left of it.
    """

    storage: str
    began: str
    names: tuple[str, ...]


def abort_stale(target: Target, *, older: timedelta = STALE, dry_run: bool = False) -> list[Stale]:
    """Remove what uploads of ours left that were begun, and neither finished nor tried again.

    Of `blobs/` only objects of an upload whose mark is old are touched, and only where no release
    names that store.

    Args:
        target: path or URL of the place.
        older: age of the mark.
        dry_run: say what would be removed.

    Raises:
        Unreadable: a mark is none, or a release is broken; nothing of that upload is touched.
    """
    place = open_place(os.fspath(target))
    releases = releases_at(place)
    parts = place.abort_parts(older=older, dry_run=dry_run)
    parts += _probes(place, older=older, dry_run=dry_run)
    found = [Stale("", "", tuple(parts))] if parts else []
    for name in sorted(filter(MARK.fullmatch, place.sizes("uploads"))):
        mark, storage = f"uploads/{name}", STORAGE + name.removesuffix(".json")
        if (began := _old(place, mark, older, storage)) is None:
            continue
        prefix = blob_of(storage)
        names = tuple(place.sizes(prefix))
        # Its publisher may have gone on, or come to its end, while others were removed.
        if _old(place, mark, older, storage) is None:
            continue
        releases = releases_at(place, releases)
        if storage in {release["storage"] for release in releases.values()}:
            names = ()
        found.append(Stale(storage, began, names))
        if not dry_run:
            place.remove([*(f"{prefix}/{one}" for one in names), mark])
    return found


def _probes(place: Place, *, older: timedelta, dry_run: bool) -> list[str]:
    """Remove what publishers left that were killed while they asked what the place does."""
    names = [f"{PROBES}/{one}" for one in place.sizes(PROBES) if PROBE.fullmatch(one)]
    found = [name for name in names if _old(place, name, older) is not None]
    if not dry_run:
        place.remove(found)
    return found


def _old(place: Place, mark: str, older: timedelta, storage: str = "") -> str | None:
    """When the work was begun that the mark tells of; None where it is not so old, or is gone.

    Raises:
        Unreadable: it is no mark, or one of another store.
    """
    try:
        told = json.loads(place.read(mark))
        began = datetime.fromisoformat(told["begun"])
        is_old = datetime.now(UTC) - began >= older
        if told.get("storage", "") != storage:
            raise ValueError("storage")  # noqa: EM101 - told below
    except FileNotFoundError:  # its publisher has just come to its end
        return None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        message = (
            f"{place.url}/{mark} is no mark of an upload ({type(error).__name__}: {error}); look "
            "what it is, and remove it by hand"
        )
        raise Unreadable(message) from error
    return str(told["begun"]) if is_old else None
