"""publish: a sound artefact, from a local store to a place that everybody reads.

The order makes a release whole or invisible: objects, their manifests, a look at every byte that
arrived, what was said of it, and last the release, which is created only where there is none.
"""

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import rfc8785

from vcspec.actions.registry import read_release, refresh, versions_at
from vcspec.actions.releasing import (
    Prepared,
    Target,
    contact_of,
    now,
    prepared,
    release_of,
    require_no_secret,
)
from vcspec.engine.settings import Settings, settings_in_force
from vcspec.model.errors import Mismatch, Unreadable, UsageError
from vcspec.model.finding import Report
from vcspec.model.manifest import Entry
from vcspec.model.release import CHANGES, REGISTRY, blob_of, needed, parts, path_of, same, step
from vcspec.standard import CURRENT
from vcspec.statistics.content import commitment
from vcspec.storage.place import Place, open_place, require_create_only
from vcspec.storage.transfer import (
    Contents,
    Progress,
    damaged,
    lacking,
    requests_to_read,
    resend,
    send,
)

MARKED_SECONDS = 3_600
WRITES = 10  # a probe three times, the mark three times, card, report, release, registry
Texts = Mapping[str, Callable[..., str]]


@dataclass(frozen=True)
class Published:
    """What publishing has done, or with `dry_run` would do.

    Attributes:
        release: the document.
        place: address of the place.
        url: of the store there.
        entries: all objects of the store.
        sent: number of objects that were sent.
        sent_bytes: their length.
        writes: number of requests that write, of a dry run and about.
        reads: number of requests that read back what was sent, of a dry run.
        there: names of objects that are there in their size, of a dry run; they are not sent.
        was_there: whether the same release stood there before.
        note: what else the publisher should know; empty where nothing.
    """

    release: Mapping[str, Any]
    place: str
    url: str
    entries: tuple[Entry, ...]
    sent: int = 0
    sent_bytes: int = 0
    writes: int = 0
    reads: int = 0
    there: frozenset[str] = frozenset()
    was_there: bool = False
    note: str = ""


def publish(  # noqa: PLR0913 - one for each thing that a publisher decides
    store: Target,
    target: Target,
    *,
    contact: str,
    texts: Texts,
    dataset: Target | None = None,
    split: Target | None = None,
    dry_run: bool = False,
    trusted: bool = False,
    reveal: bool = False,
    settings: Settings | None = None,
) -> Published:
    """Publish the artefact at `store` below the place `target`.

    Running it again after any interruption completes it; where the same release stands already,
    nothing is done.

    Args:
        store: path of a sealed dataset, split or reference.
        target: path or URL of the place.
        contact: `NAME <ADDRESS>` of who answers questions.
        texts: `card`: artefact and contact → its data card; `report`: report → JSON.
        dataset: of a split; looked for beside it.
        split: of a reference; looked for beside it.
        dry_run: say what would be done, and write nothing.
        trusted: publish also where it is not proven that a release cannot be replaced.
        reveal: publish the reference that its split withholds.
        settings: how passes over the cells are run, and who is told how far it is.

    Raises:
        Invalid: the artefact breaks a rule; the error carries the report.
        UsageError: it lacks what readers need, or its version does not tell what has changed.
        Mismatch: another content stands under this version, or it was withdrawn.
        Refused: the place may replace a release.
        Unreadable: the place does not take it.
    """
    who, place = contact_of(contact), open_place(os.fspath(target))
    _is_there(place, REGISTRY)  # a place that does not answer is told before the long work
    artefact = prepared(store, dataset=dataset, split=split, settings=settings)
    _require_open(artefact, reveal=reveal)
    beside = _beside(artefact, who, texts)
    release = release_of(artefact, who, {name: entry for name, (entry, _) in beside.items()})
    prefix = blob_of(artefact.contents.storage)
    told = Published(release, place.url, f"{place.url}/{prefix}", artefact.contents.entries)
    mark = f"uploads/{prefix.rpartition('/')[2]}.json"
    standing = _standing(place, release)
    if standing is not None:
        if not dry_run:
            place.remove([mark])
            refresh(place)
        return replace(told, release=standing, was_there=True, note=_differs(standing, release))
    note = _require_version(place, release)
    if dry_run:
        return replace(told, note=note, **_foreseen(artefact.contents, place, prefix))
    require_create_only(place, trusted=trusted)
    upload = _Upload(place, mark, release)
    sent, sent_bytes = _brought(artefact, upload, prefix, settings or settings_in_force())
    for entry, body in beside.values():
        place.put(entry["place"], body)
    upload.mark()
    standing = _committed(place, release)
    place.remove([mark])
    refresh(place)
    return replace(told, release=standing, sent=sent, sent_bytes=sent_bytes, note=note)


def _foreseen(contents: Contents, place: Place, prefix: str) -> dict[str, Any]:
    """What sending a store would come to, as `Published` tells it."""
    todo = lacking(contents, place, prefix)
    names = {entry.name for entry in todo}
    return {
        "sent": len(todo),
        "sent_bytes": sum(entry.size for entry in todo),
        "writes": len(todo) + WRITES,
        "reads": requests_to_read(contents.entries),
        "there": frozenset(one.name for one in contents.entries if one.name not in names),
    }


def _require_open(artefact: Prepared, *, reveal: bool) -> None:
    """Refuse to publish by mistake what a split withholds."""
    split = artefact.subject.companions.get("split")
    withheld = split.document.get("withheld") if split is not None else None
    if withheld is None or reveal:
        return
    if commitment(artefact.subject.content.elements) == withheld["reference"]:
        message = (
            f"{artefact.path} is the truth that {artefact.document['id']} withholds; publishing it "
            "ends that benchmark. Say --reveal where this is what you want"
        )
        raise UsageError(message)


def _beside(
    artefact: Prepared, contact: Mapping[str, str], texts: Texts
) -> dict[str, tuple[dict[str, Any], bytes]]:
    """Card and report: what the release says of each, and its bytes.

    Raises:
        UsageError: one of them holds a secret.
    """
    bodies = {
        "card": ("cards", "md", texts["card"](artefact, contact)),
        "report": ("reports", "json", texts["report"](_placeless(artefact.report))),
    }
    found = {}
    for name, (folder, ending, text) in bodies.items():
        require_no_secret(text, f"the {name}")
        body = text.encode()
        digest = hashlib.sha256(body).hexdigest()
        place = f"{folder}/{digest}.{ending}"
        found[name] = ({"place": place, "sha256": digest, "bytes": len(body)}, body)
    return found


def _placeless(report: Report) -> Report:
    """The report without the path of the store, which is nobody's business."""
    return replace(report, target=os.path.basename(os.path.normpath(report.target)))  # noqa: PTH119


def _standing(place: Place, release: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The same release, where it stands already.

    Raises:
        Mismatch: another stands under its name, or it was withdrawn.
    """
    kind, id_, version = (str(release[name]) for name in ("of", "id", "version"))
    standing = read_release(place, kind, id_, version)
    if standing is None:
        return None
    if not same(standing, release):
        raise _taken(place, standing)
    if _is_there(place, path_of("withdrawn", kind, id_, version)):
        message = f"{id_}@{version} was withdrawn from {place.url}; publish it under a new version"
        raise Mismatch(message)
    return standing


def _is_there(place: Place, name: str) -> bool:
    try:
        place.read(name)
    except FileNotFoundError:
        return False
    return True


def _taken(place: Place, standing: Mapping[str, Any]) -> Mismatch:
    return Mismatch(
        f"{standing['id']}@{standing['version']} was published at {place.url} with other content: "
        f"{standing['content']}, storage {standing['storage']}. A version is never used again; "
        "raise the version"
    )


def _differs(standing: Mapping[str, Any], release: Mapping[str, Any]) -> str:
    """A note where what was said of a release at first is not what is said now."""
    told = ("title", "licence", "creators", "citations", "sources", "contact")
    other = [name for name in told if standing.get(name) != release.get(name)]
    if not other:
        return ""
    return f"what it was published with stays: {', '.join(other)} cannot be changed any more"


def _require_version(place: Place, release: Mapping[str, Any]) -> str:
    """Hold the version against the one before it.

    Returns:
        A note where more was raised than had to be.

    Raises:
        UsageError: less was raised than what has changed asks for.
    """
    kind, id_, version = (str(release[name]) for name in ("of", "id", "version"))
    before = [one for one in versions_at(place, kind, id_) if parts(one) < parts(version)]
    if not before:
        return ""
    last = max(before, key=parts)
    old = read_release(place, kind, id_, last)
    if old is None:
        return ""
    wanted, raised = needed(old, release), step(last, version)
    if CHANGES.index(raised) < CHANGES.index(wanted):
        message = (
            f"{id_}@{version} follows {last} as a {raised} version, but is a {wanted} one: "
            f"{_changed(old, release)}. Raise its {wanted} version"
        )
        raise UsageError(message)
    if CHANGES.index(raised) > CHANGES.index(wanted):
        return f"a {wanted} version would do: {_changed(old, release)} since {last}"
    return ""


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if old["content"] == new["content"]:
        return "the content is the same"
    before, after = old["elements"], new["elements"]
    lists = {
        "changed": [name for name in before if name in after and after[name] != before[name]],
        "gone": [name for name in before if name not in after],
        "new": [name for name in after if name not in before],
    }
    found = [f"{', '.join(names[:3])} {what}" for what, names in lists.items() if names]
    return "; ".join(found) or "what the document states has changed"


@dataclass
class _Upload:
    """The mark of an upload that goes on; an old one is of an upload that does not."""

    place: Place
    name: str
    release: Mapping[str, Any]
    marked: float = 0.0

    def mark(self) -> None:
        """Say that it goes on."""
        told = {name: self.release[name] for name in ("of", "id", "version", "storage")}
        begun = {"kind": "upload", "spec": CURRENT, **told, "begun": now()}
        self.place.put(self.name, rfc8785.dumps(begun))
        self.marked = time.monotonic()

    def told(self, settings: Settings, what: str) -> Progress:
        """What is called with bytes: tells of them in kilobytes, and marks once an hour."""

        def advance(done: int, total: int) -> None:
            if time.monotonic() - self.marked > MARKED_SECONDS:
                self.mark()
            if settings.progress is not None:
                settings.progress(-(-done // 1000), -(-total // 1000), what)

        return advance


def _brought(
    artefact: Prepared, upload: _Upload, prefix: str, settings: Settings
) -> tuple[int, int]:
    """Send the store, and read back every byte.

    Raises:
        Unreadable: what arrived is not what was sent.
    """
    contents: Contents = artefact.contents
    place = upload.place
    upload.mark()
    sent = send(artefact.path, contents, place, prefix, progress=upload.told(settings, "kB sent"))
    try:
        told = upload.told(settings, "kB read back")
        bad = damaged(place.objects(prefix), contents.entries, progress=told)
        if bad:
            resend(artefact.path, bad, place, prefix)
            bad = damaged(place.objects(prefix), bad)
    except OSError as error:
        message = (
            f"{place.url}: what was sent cannot be read back ({error.filename}: {error.strerror}); "
            "run the same command again"
        )
        raise Unreadable(message) from error
    if bad:
        message = (
            f"{place.url}/{prefix}/{bad[0].name} does not arrive as it was sent ({len(bad)} "
            "objects in all); was the store changed while it was published?"
        )
        raise Unreadable(message)
    known = {entry.name for entry in contents.entries}
    guests = sorted(set(place.sizes(prefix)) - known)
    if guests:
        message = (
            f"{place.url}/{prefix} holds {guests[0]}, which is no part of the store ({len(guests)} "
            "objects in all); remove what others put there"
        )
        raise Unreadable(message)
    return sent


def _committed(place: Place, release: Mapping[str, Any]) -> Mapping[str, Any]:
    """Create the release.

    Raises:
        Mismatch: somebody else has, with other content.
    """
    from vcspec.actions.registry import parsed_release

    kind, id_, version = (str(release[name]) for name in ("of", "id", "version"))
    name = path_of("releases", kind, id_, version)
    stands = parsed_release(place.stand(name, rfc8785.dumps(dict(release))), name)
    if not same(stands, release):
        raise _taken(place, stands)
    return stands
