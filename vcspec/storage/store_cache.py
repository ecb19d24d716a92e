"""Stores that were fetched, kept by their storage digest: whole and checked, or not at all."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vcspec.model import manifest
from vcspec.model.errors import Refused, Unreadable
from vcspec.model.release import STORAGE, VERSION, parts
from vcspec.standard import standard
from vcspec.storage.caching import cache_folder
from vcspec.storage.documents import parse_document
from vcspec.storage.objects import LocalObjects, Objects
from vcspec.storage.transfer import Progress, bring, contents_of, damaged

LOCK_SECONDS = 3600
RECENT_SECONDS = 3600
LEFT = "unfinished"
LIMIT = 20 * 2**30  # bytes; VCSPEC_CACHE_LIMIT says otherwise
ROOM_AT_HOME = 10 * 2**30  # bytes, below which a cache in a home folder is in the way


class Held(Unreadable):
    """Another process works at it."""


@dataclass(frozen=True)
class Kept:
    """A store in the cache, or what a fetch or a removal that was interrupted left of one.

    Attributes:
        path: of the store.
        storage: its storage digest.
        bytes: of all its objects.
        used: when it was last asked for, seconds since 1970.
        kind: of artefact; LEFT of what was left.
        content: its content digest.
        document: what its root says of it.
    """

    path: Path
    storage: str
    bytes: int
    used: float
    kind: str
    content: str
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_recent(self) -> bool:
        """Whether it is a store that was asked for so lately that somebody may be reading it."""
        return self.kind != LEFT and time.time() - self.used < RECENT_SECONDS

    @property
    def name(self) -> str:
        """`ID@VERSION`."""
        return f"{self.document.get('id')}@{self.document.get('version')}"


def stores_folder() -> Path:
    """Where fetched stores lie, each below its digest."""
    return cache_folder() / "stores"


def cramped() -> str:
    """What to know before more is kept: a home folder with little room; empty where all is well."""
    folder = cache_folder().absolute()
    home = Path("~").expanduser()
    if not folder.is_relative_to(home):
        return ""
    there = next(above for above in (folder, *folder.parents) if above.exists())
    free = shutil.disk_usage(there).free
    if free >= ROOM_AT_HOME:
        return ""
    return (
        f"the cache {folder} lies in a home folder with {free / 2**30:.1f} GiB left; "
        "VCSPEC_CACHE names another place"
    )


def path_of(storage: str) -> Path:
    """Where the store with that storage digest is, or would be."""
    return stores_folder() / f"{storage.removeprefix(STORAGE)}.zarr"


def is_kept(target: str) -> bool:
    """Whether a store lies in the cache, whose other stores do not belong to it."""
    return Path(target).parent == stores_folder()


def kept(storage: str, objects: Callable[[], Objects], *, progress: Progress | None = None) -> Path:
    """The store with that digest, brought from elsewhere unless it is here, every byte checked.

    What is here is read once, and what is damaged in it is brought again. Whoever asks for what
    another process is bringing waits for it. What was brought before an interruption is not
    brought again.

    Args:
        storage: storage digest.
        objects: gives the objects of the store where they are to be had.
        progress: called with bytes at hand, or checked, and bytes in all.

    Raises:
        Unreadable: it cannot be had, or the cache cannot be written.
    """
    target = path_of(storage)
    if _faults(target, storage, progress):
        try:
            with locked(target.stem):
                if _faults(target, storage, progress):
                    _bring(storage, objects(), target, progress)
        except OSError as error:
            message = f"{error.filename or target}: {error.strerror or error}"
            raise Unreadable(message) from error
    return asked_for(target)


_OWN: set[Path] = set()  # what this process has asked for


def asked_for(path: Path) -> Path:
    """The store, which is the last to be dropped now, and not by this process."""
    os.utime(path)
    _OWN.add(path)
    return path


@contextmanager
def locked(name: str, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """What only one process of a cache does at a time; others wait for it.

    The file of the lock stays: another process may hold it open, and would lock what is gone.

    Args:
        name: of what is done; the digest of a store that is brought or removed.
        seconds: that are waited.

    Raises:
        Held: another process does it for longer.
        Unreadable: the cache cannot be written.
    """
    folder = stores_folder()
    lock = FileLock(folder / f"{name}.lock", timeout=seconds)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        message = (
            f"another process has held {lock.lock_file} for {seconds} s; wait for it, or end it"
        )
        raise Held(message) from None
    except OSError as error:
        message = f"{error.filename or folder}: {error.strerror or error}; set VCSPEC_CACHE"
        raise Unreadable(message) from error
    try:
        yield
    finally:
        lock.release()


def _bring(storage: str, objects: Objects, target: Path, progress: Progress | None) -> None:
    partial = target.with_suffix(".partial")
    if os.path.lexists(target):  # damaged: what is right in it stays
        _drop(partial)
        target.replace(partial)
    if os.path.lexists(partial) and not _is_folder(partial):
        _drop(partial)
    contents = contents_of(objects, storage)
    make_room(contents.bytes, sparing=partial)
    bring(objects, contents, partial, progress=progress)
    partial.replace(target)


def limit() -> int:
    """Bytes that the cache may hold: VCSPEC_CACHE_LIMIT, or 20 GiB.

    Raises:
        Unreadable: the variable is no number of bytes.
    """
    from vcspec.engine.budget import parse_bytes

    named = os.environ.get("VCSPEC_CACHE_LIMIT")
    return parse_bytes(named) if named else LIMIT


def make_room(
    wanted: int, *, most: int | None = None, sparing: Path | None = None, force: bool = False
) -> list[Kept]:
    """Remove what was left, then the stores not asked for longest, until `wanted` bytes fit.

    What another process is bringing or removing counts, and stays. So does what this process has
    asked for within the last hour, and, where nothing is to be added, what any has: they may be
    reading it.

    Args:
        wanted: bytes that will be added.
        most: bytes that the cache may hold; `limit()` unless given.
        sparing: what was left of that which will be added; it stays, and does not count.
        force: remove also what somebody may be reading.

    Returns:
        What was removed.

    Raises:
        Unreadable: `wanted` is more than the cache may hold, alone or beside what stays.
    """
    most = limit() if most is None else most
    if wanted > most:
        message = (
            f"{wanted} bytes are more than the {most} that the cache may hold; set "
            "VCSPEC_CACHE_LIMIT, or fetch a part of it (--path and --output)"
        )
        raise Unreadable(message)
    stores = [one for one in left() if one.path != sparing]
    stores += sorted(in_cache(), key=lambda store: store.used)
    held, removed = sum(store.bytes for store in stores), []
    for store in stores:
        if held + wanted <= most:
            break
        if not force and store.is_recent and not (wanted and store.path not in _OWN):
            continue
        if remove(store):
            held -= store.bytes
            removed.append(store)
    if wanted and held + wanted > most and any(store.is_recent for store in stores):
        message = (
            f"{wanted} bytes do not fit into the cache ({most} bytes) beside what is in use; set "
            "VCSPEC_CACHE_LIMIT"
        )
        raise Unreadable(message)
    return removed


def remove(store: Kept) -> bool:
    """Take a store out of the cache; nobody sees a part of it.

    Returns:
        Whether it is gone; False where another process works at it.
    """
    gone = store.path.with_suffix(".gone")
    try:
        with locked(store.path.stem, seconds=0):
            if store.path != gone and os.path.lexists(store.path):
                _drop(gone)
                store.path.replace(gone)
            _drop(gone)
    except Held:
        return False
    return not os.path.lexists(gone)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _drop(path: Path) -> None:
    """Remove what is there as far as it goes, folder or not."""
    if _is_folder(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()


def left() -> Iterator[Kept]:
    """What fetches and removals left that were interrupted, or are under way."""
    folder = stores_folder()
    for path in sorted([*folder.glob("*.gone"), *folder.glob("*.partial")]):
        try:
            yield Kept(path, STORAGE + path.stem, _size(path), path.stat().st_mtime, LEFT, "")
        except FileNotFoundError:
            continue  # another process has just removed it, or put it in its place


def in_cache() -> Iterator[Kept]:
    """The stores that are kept, in the order of their digests."""
    folder = stores_folder()
    for path in sorted(folder.glob("*.zarr")) if folder.is_dir() else ():
        try:
            limits = standard().limits
            root = parse_document((path / manifest.ROOT).read_bytes(), limits)
            node = parse_document((path / "zarr.json").read_bytes(), limits)
            document = dict(node["attributes"]["vcspec"])
            yield Kept(
                path,
                STORAGE + path.stem,
                _size(path),
                path.stat().st_mtime,
                str(document.get("kind", "")),
                str(root["content"]),
                document,
            )
        except (OSError, ValueError, KeyError, TypeError):
            yield Kept(path, STORAGE + path.stem, _size(path), 0.0, "", "")


def held(kind: str, content: str, *, pin: str = "") -> list[Kept]:
    """Stores of that kind which are kept, the latest version first; their bytes are not checked.

    Args:
        kind: of artefact.
        content: its content digest; with `pin`, that of the artefact of that kind which it pins.
        pin: kind of what it pins.
    """

    def has(store: Kept) -> bool:
        pinned = store.document.get(pin)
        found = pinned.get("content") if isinstance(pinned, dict) else None
        return store.kind == kind and content == (found if pin else store.content)

    return sorted(filter(has, in_cache()), key=_version, reverse=True)


def _version(store: Kept) -> tuple[int, ...]:
    version = str(store.document.get("version"))
    return parts(version) if VERSION.fullmatch(version) else ()


def _size(path: Path) -> int:
    """Bytes of all files; 0 where another process has just moved it."""
    try:
        if not _is_folder(path):
            return path.lstat().st_size
        return sum(one.size for one in LocalObjects(path).listing().values())
    except FileNotFoundError:
        return 0


def unsound(store: Kept) -> list[str]:
    """Names of objects of a kept store that are not as its digest says; every byte is read."""
    return _faults(store.path, store.storage)


def _faults(path: Path, storage: str, progress: Progress | None = None) -> list[str]:
    objects = LocalObjects(path)
    try:
        contents = contents_of(objects, storage)
        known = {entry.name for entry in contents.entries}
        guests = [name for name in objects.listing() if name not in known]
        bad = damaged(objects, contents.entries, progress=progress)
    except (Unreadable, Refused, OSError):
        return [manifest.ROOT]
    return [entry.name for entry in bad] + guests
