"""verify, of a store in part or by its sizes: what its manifest vouches for, at less cost."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vcspec.model import manifest
from vcspec.model.errors import Unreadable, UsageError
from vcspec.model.finding import Fault, Finding, Report, Skipped, Verdict, aggregate
from vcspec.model.manifest import Entry
from vcspec.model.release import STORAGE
from vcspec.rules.book import unreadable
from vcspec.standard import standard
from vcspec.storage.documents import parse_document
from vcspec.storage.hierarchy import lists_nothing
from vcspec.storage.objects import LocalObjects, Objects, open_objects
from vcspec.storage.transfer import contents_of, damaged, sizes_of

Target = str | os.PathLike[str]
HEX = re.compile(r"(?:^|/)([0-9a-f]{64})(?:\.zarr)?/?$")


@dataclass(frozen=True)
class Mode:
    """How much of a store is looked at.

    Attributes:
        name: `list` compares names and sizes with a listing, and asks for the size of each object
            where nothing is listed; `head` asks in any case; `sample` also hashes a share of the
            objects; `full` hashes all.
        share: of the objects, in a sample.
    """

    name: str = "full"
    share: float = 1.0


def mode_of(text: str) -> Mode:
    """`list`, `head`, `full` or `sample=SHARE`.

    Raises:
        UsageError: it is none of them.
    """
    name, _, share = text.partition("=")
    try:
        number = float(share) if share else 1.0
    except ValueError:
        number = 0.0
    is_sample = name == "sample" and bool(share) and 0 < number <= 1
    if not is_sample and text not in ("list", "head", "full"):
        message = f"there is no mode {text!r}; choose list, head, full or sample=0.1"
        raise UsageError(message)
    return Mode(name, number)


def stated_storage(target: str, given: str = "") -> str:
    """The storage digest that a store must have: as given, or as published stores are named."""
    if given:
        digest = given.removeprefix(STORAGE)
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            message = f"{given[:100]!r} is no storage digest; write {STORAGE} and 64 digits"
            raise UsageError(message)
        return STORAGE + digest
    match = HEX.search(target)
    return STORAGE + match[1] if match else ""


def verify_part(
    target: Target, mode: Mode, *, paths: Sequence[str] = (), storage: str = ""
) -> Report:
    """Compare objects of a store with its manifest.

    Args:
        target: path or URL of the store.
        mode: how much is looked at.
        paths: Zarr paths; only objects below them are looked at.
        storage: digest that the manifest must have.

    Raises:
        UsageError: the store has no such path.
    """
    name = os.fspath(target)
    try:
        objects = open_objects(name)
        findings, skipped = _looked(objects, mode, paths, storage)
    except (Unreadable, OSError) as error:
        return unreadable(name, "full", error)
    codes = ["VCS201", "VCS202", *([] if mode.name == "head" else ["VCS204"]), "VCS208"]
    hashed = ["VCS203"] if mode.name in ("full", "sample") else []
    verdict: Verdict = "invalid" if findings else "valid"
    told = _kind(objects)
    return Report(
        name,
        str(told.get("kind", "")),
        str(told.get("spec", "")),
        "full",
        findings,
        tuple(Skipped(code, because) for code, because in skipped.items()),
        tuple(sorted(set(codes + hashed) - set(skipped))),
        verdict,
    )


def _kind(objects: Objects) -> Mapping[str, Any]:
    try:
        document = parse_document(objects.read("zarr.json"), standard().limits)
        found = document["attributes"]["vcspec"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _looked(
    objects: Objects, mode: Mode, paths: Sequence[str], storage: str
) -> tuple[tuple[Finding, ...], dict[str, str]]:
    try:
        contents = contents_of(objects, storage)
    except Unreadable as error:
        fault = Fault(f"/{manifest.ROOT}", str(error), storage or "a whole manifest")
        return _findings({"VCS208": [fault]}), {}
    entries = [entry for entry in contents.entries if not paths or _below(entry.name, paths)]
    lacking = [path for path in paths if not any(_below(entry.name, [path]) for entry in entries)]
    if lacking:
        message = f"the manifest lists nothing below {lacking[0]}"
        raise UsageError(message)
    names = [entry.name for entry in entries]
    listing = None if mode.name == "head" else _listing(objects)
    sizes = sizes_of(objects, names) if listing is None else listing
    skipped = {"VCS204": "nothing is listed"} if listing is None else {}
    known = set(names)
    faults = {
        "VCS201": [
            Fault(f"/{one.name}", "nothing", f"{one.size} bytes")
            for one in entries
            if one.name not in sizes
        ],
        "VCS202": [
            Fault(f"/{one.name}", f"{sizes[one.name]} bytes", f"{one.size} bytes")
            for one in entries
            if sizes.get(one.name, one.size) != one.size
        ],
        "VCS204": [
            Fault(f"/{name}", "an object that is not listed", "listed objects alone")
            for name in sizes
            if (not paths or _below(name, paths)) and name not in known
        ],
    }
    if mode.name in ("full", "sample"):
        sound = [one for one in _chosen(entries, mode) if sizes.get(one.name) == one.size]
        faults["VCS203"] = [
            Fault(f"/{one.name}", "other bytes", f"sha256 {one.sha256}")
            for one in damaged(objects, sound)
        ]
    return _findings(faults), skipped


def _listing(objects: Objects) -> dict[str, int] | None:
    """Sizes of all objects; None of a place that lists nothing, as many a web server."""
    try:
        return {name: one.size for name, one in objects.listing().items()}
    except OSError as error:
        if isinstance(objects, LocalObjects) or not lists_nothing(error):
            raise
        return None


def _below(name: str, paths: Iterable[str]) -> bool:
    return any(name.startswith(f"{path.strip('/')}/") for path in paths)


def _chosen(entries: Sequence[Entry], mode: Mode) -> Iterator[Entry]:
    """The share of the entries whose digests of names are lowest: the same ones every time."""
    for entry in entries:
        place = int(hashlib.sha256(entry.name.encode()).hexdigest()[:8], 16)
        if place < mode.share * 2**32:
            yield entry


def _findings(faults: Mapping[str, Sequence[Fault]]) -> tuple[Finding, ...]:
    rules = standard().rules
    found = [
        finding
        for code, each in sorted(faults.items())
        for finding in aggregate(code, rules[code]["name"], "MUST", rules[code]["mend"], each)
    ]
    return tuple(found)
