"""Places that artefacts are published below: a local folder, or a prefix of an object store.

Everything is written under a name that nothing else writes to, or is created once by `stand`, which
is what a release hangs on. Drivers differ in how they refuse to replace an object, and servers in
whether they do: `require_create_only` asks the one at hand.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from vcspec.model.errors import Refused, UsageError
from vcspec.storage.local_place import LocalPlace
from vcspec.storage.objects import Objects, local_path
from vcspec.storage.remote_place import RemotePlace

# Drivers that pass "create only" on to a server which decides it in one step. Others look first and
# write then, and two writers that look at the same time both write.
CREATE_ONLY = frozenset({"file", "memory", "s3", "gs", "az", "abfs"})
PROBES = "probes"


class Place(Protocol):
    """A place that can be written to.

    Attributes:
        url: of the place, fit for a message.
    """

    @property
    def url(self) -> str: ...  # noqa: D102 - told above

    def read(self, name: str) -> bytes:
        """Bytes of the object.

        Raises:
            FileNotFoundError: there is none.
            OSError: the place gives no answer.
        """

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Name relative to `prefix` → bytes, of every object below it; none where there is none."""

    def objects(self, prefix: str) -> Objects:
        """The objects below `prefix`."""

    def put(self, name: str, body: Path | bytes) -> None:
        """Write an object, replacing one that is there."""

    def stand(self, name: str, body: bytes) -> bytes:
        """Create an object unless there is one.

        Returns:
            What stands there now: `body`, or what was there before.
        """

    def abort_parts(self, *, older: timedelta, dry_run: bool = False) -> list[str]:
        """Remove what unfinished writes left and nothing lists; the names."""

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects; one that is not there is none."""


def open_place(target: str) -> Place:
    """The place at a path or URL, to write to; it need not exist.

    Raises:
        UsageError: the target is empty, or lies in a Zarr store, which it would break.
        Refused: a URL of a scheme that is not allowed, or that cannot be written to.
        Unreadable: a package for the scheme is wanting.
    """
    found = reading_place(target)
    if isinstance(found, LocalPlace):
        _require_outside(found.root)
    if isinstance(found, RemotePlace) and found.scheme in ("http", "https"):
        message = f"{found.url}: the web is read, not written; publish to the storage behind it"
        raise Refused(message)
    return found


def reading_place(target: str, *, anonymous: bool = False) -> Place:
    """The place at a path or URL, to read from.

    Args:
        target: the path or URL.
        anonymous: read it without the user's credentials.

    Raises:
        UsageError: the target is empty.
        Refused: a URL of a scheme that is not allowed.
        Unreadable: a package for the scheme is wanting.
    """
    if not target.strip():
        message = "the address of a place is empty; name a folder or a URL, such as s3://bucket/at"
        raise UsageError(message)
    path = local_path(target)
    if path is None:
        return RemotePlace(target, anonymous=anonymous)
    return LocalPlace(path.absolute())


def _require_outside(root: Path) -> None:
    """Refuse a folder within a store, whose manifest lists nothing of what would be written."""
    folder = root.resolve()
    for one in (folder, *folder.parents):
        if any((one / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray")):
            where = "is a Zarr store" if one == folder else f"lies in the Zarr store {one}"
            message = f"{root} {where}; name a folder beside it, to publish below"
            raise UsageError(message)


def require_create_only(place: Place, *, trusted: bool) -> None:
    """Find out whether the place refuses to replace an object, by two requests under a new name.

    Args:
        place: that a release will be created in.
        trusted: whether the user vouches for it, whatever is found.

    Raises:
        Refused: it replaces what is there, or its driver looks first and writes then.
        Unreadable: it cannot be written to.
    """
    scheme = place.scheme if isinstance(place, RemotePlace) else "file"
    name = f"{PROBES}/{uuid.uuid4().hex}.json"
    body = json.dumps({"begun": datetime.now(UTC).isoformat()}).encode()
    first = place.stand(name, body)
    try:
        refuses = scheme in CREATE_ONLY and (first, place.stand(name, b"{}")) == (body,) * 2
    finally:
        place.remove([name])
    if not refuses and not trusted:
        reason = (
            "its driver looks first and writes then" if scheme not in CREATE_ONLY else "it does"
        )
        message = (
            f"{place.url} may replace a release that is there ({reason}); publish to another "
            "place, or say --trust-store where you are its only writer"
        )
        raise Refused(message)
