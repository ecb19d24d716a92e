"""Releases: what a place says of a published artefact, and what one version may change of another.

A place holds, below one address:

    blobs/HEX/…                       the objects of a store; HEX is its storage digest
    cards/HEX.md  reports/HEX.json    what was said of it when it was published
    releases/KIND/ID/VERSION.json     the release: created once, last of all, never changed
    withdrawn/KIND/ID/VERSION.json    the reason why it should not be used any more
    uploads/HEX.json                  an upload that has begun and is not yet a release
    registry.json                     all of it in one file, for readers that cannot list
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from vcspec.model.errors import UsageError

KINDS = ("dataset", "split", "reference")
STORAGE = "vcs1s-sha256:"
REGISTRY = "registry.json"
# As common.schema.json has them; a test holds the two against each other.
VERSION = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8})){2}")
ID = re.compile(r"(?!.*\.json(?:/|$))[a-z0-9]+(?:[-._/][a-z0-9]+)*")

Change = Literal["patch", "minor", "major"]
CHANGES: tuple[Change, ...] = ("patch", "minor", "major")


class Named(NamedTuple):
    """An artefact by name; an empty version stands for the latest."""

    id: str
    version: str


def named(text: str) -> Named:
    """`ID@VERSION`, or `ID`.

    Raises:
        UsageError: it is neither.
    """
    name, _, version = text.partition("@")
    if not ID.fullmatch(name) or ("@" in text and not VERSION.fullmatch(version)):
        message = f"{text[:200]!r} names no artefact; write ID@VERSION, such as kang-ifnb@1.0.0"
        raise UsageError(message)
    return Named(name, version)


def path_of(folder: str, kind: str, id_: str, version: str) -> str:
    """Name of the document of a version below a place; `folder` is `releases` or `withdrawn`."""
    return f"{folder}/{kind}s/{id_}/{version}.json"


def is_document(name: str) -> bool:
    """Whether an object below `releases/` or `withdrawn/` is a document; others are no matter.

    >>> is_document("datasets/kang-ifnb/1.0.0.json"), is_document("datasets/.DS_Store")
    (True, False)
    """
    kind, _, rest = name.partition("/")
    id_, _, version = rest.removesuffix(".json").rpartition("/")
    is_named = rest.endswith(".json") and bool(ID.fullmatch(id_) and VERSION.fullmatch(version))
    return is_named and kind.removesuffix("s") in KINDS and kind.endswith("s")


def blob_of(storage: str) -> str:
    """Prefix of the objects of the store with that storage digest."""
    return f"blobs/{storage.removeprefix(STORAGE)}"


def parts(version: str) -> tuple[int, ...]:
    """(major, minor, patch)."""
    return tuple(int(part) for part in version.split("."))


def step(old: str, new: str) -> Change:
    """What part of the version was raised."""
    for change, one, other in zip(reversed(CHANGES), parts(old), parts(new), strict=True):
        if one != other:
            return change
    return "patch"


def needed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Change:
    """What part of the version must be raised from the release `old` to `new`, by their digests.

    The same content is a patch; elements beside those that were there, all of them as they were,
    are a minor change; everything else is a major one.
    """
    if old["content"] == new["content"]:
        return "patch"
    before, after = old["elements"], new["elements"]
    keeps = all(after.get(path) == digest for path, digest in before.items())
    return "minor" if keeps and len(after) > len(before) else "major"


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two release documents are of the same bytes under the same name."""
    fields = ("of", "id", "version", "storage", "content")
    return all(one.get(field) == other.get(field) for field in fields)
