"""The objects of a store as names and bytes: a local folder, or any place that fsspec reaches."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from vcspec.model.errors import Refused, Unreadable
from vcspec.model.store import StoredObject
from vcspec.standard import standard

# Windows has no such flag; what it has in place of links is met as "special" when it is listed.
UNFOLLOWED = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Objects(Protocol):
    """Names and bytes below one root."""

    def listing(self) -> Mapping[str, StoredObject]:
        """Every object below the root, by its name relative to it."""

    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        """Bytes of the object, all or from `start` to `stop`."""


class LocalObjects:
    """A folder of the local file system; links are listed, never followed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def listing(self) -> Mapping[str, StoredObject]:
        """Every file below the folder."""
        found: dict[str, StoredObject] = {}
        pending = [self.root]
        while pending:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        pending.append(Path(entry.path))
                        continue
                    name = Path(entry.path).relative_to(self.root).as_posix()
                    found[name] = _local_object(status)
        return dict(sorted(found.items()))

    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        """Bytes of the file; a link is refused by the operating system."""
        with os.fdopen(os.open(self.root / name, UNFOLLOWED), "rb") as file:
            if start is None:
                return file.read()
            file.seek(start)
            return file.read(-1 if stop is None else stop - start)


class RemoteObjects:
    """Keys below a prefix of an fsspec file system."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self.filesystem = filesystem
        self.root = root.rstrip("/")

    def listing(self) -> Mapping[str, StoredObject]:
        """Every key below the prefix."""
        prefix = f"{self.root}/"
        found = self.filesystem.find(self.root, detail=True)
        return {
            key.removeprefix(prefix): StoredObject(self._size(key, info))
            for key, info in sorted(found.items())
            if key.startswith(prefix)  # a web server may link to anywhere
        }

    def _size(self, key: str, info: Mapping[str, Any]) -> int:
        size = info["size"] if info["size"] is not None else self.filesystem.size(key)
        return int(size or 0)

    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        """Bytes of the key."""
        return bytes(self.filesystem.cat_file(f"{self.root}/{name}", start=start, end=stop))


def _local_object(status: os.stat_result) -> StoredObject:
    if stat.S_ISLNK(status.st_mode):
        return StoredObject(0, "link")
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        return StoredObject(0, "special")
    return StoredObject(status.st_size)


def scheme_of(target: str) -> str:
    """The URL scheme of `target`; `file` for a plain path.

    Raises:
        Refused: chained URLs, and schemes that are not on the standard's list.
    """
    allowed = standard().limits["schemes"]
    scheme = target.partition("://")[0].lower() if "://" in target else "file"
    if "::" in target or scheme not in allowed:
        message = (
            f"{target[:200]!r} is not a place that vcspec reads; it reads paths and URLs of "
            f"{', '.join(allowed)}, unchained"
        )
        raise Refused(message)
    return scheme


def local_path(target: str) -> Path | None:
    """`target` as a local path; None where it is remote.

    Raises:
        Refused: as `scheme_of`, and a file URL that names a host.
    """
    if scheme_of(target) != "file":
        return None
    if "://" not in target:
        return Path(target)
    host, _, path = target.partition("://")[2].partition("/")
    if host not in ("", "localhost"):
        message = f"{target[:200]!r} names the host {host!r}; a file URL has none: file:///folder"
        raise Refused(message)
    return Path("/" + unquote(path))


def open_objects(target: str) -> Objects:
    """The objects of the store at `target`, a local folder or a URL.

    Raises:
        Refused: the URL is chained or of a scheme that is not allowed.
        Unreadable: nothing is there, it is not a folder, or a package for the scheme is wanting.
    """
    path = local_path(target)
    if path is None:
        import fsspec

        try:
            filesystem, root = fsspec.core.url_to_fs(target)
        except ImportError as error:
            message = f"{target[:200]}: {error}"
            raise Unreadable(message) from error
        return RemoteObjects(filesystem, root)
    if not path.exists():
        message = f"{target}: no such path; give the folder of a Zarr store"
        raise Unreadable(message)
    if not path.is_dir():
        message = f"{target}: a file, not the folder of a Zarr store; `vcspec convert` reads .h5ad"
        raise Unreadable(message)
    return LocalObjects(path)
