"""Sealed stores on their way to a place and back: every object as its manifest lists it.

A store's storage digest names the root manifest, which names the node manifests, which name the
objects: whoever knows the digest can check each byte on its own, wherever it comes from.
"""

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

from vcspec.model import manifest
from vcspec.model.errors import Unreadable
from vcspec.model.manifest import Entry
from vcspec.model.release import STORAGE
from vcspec.standard import standard
from vcspec.storage.documents import parse_document
from vcspec.storage.objects import Corrupt, LocalObjects, Objects, inside
from vcspec.storage.place import Place

AT_ONCE = 8
LARGE_BYTES = 33_554_432  # few of these at a time: a driver may hold them whole
LARGE_AT_ONCE = 2
PIECE = 8_388_608  # of a remote object: a request each

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Contents:
    """All objects of a sealed store, its manifest included.

    Attributes:
        storage: storage digest.
        root: the document `manifest.json`.
        entries: the objects, the manifests last and the root manifest at the very end.
        bodies: the manifests, by name.
    """

    storage: str
    root: dict[str, Any]
    entries: tuple[Entry, ...]
    bodies: Mapping[str, bytes] = field(repr=False)

    @property
    def bytes(self) -> int:
        """Length of all of them."""
        return sum(entry.size for entry in self.entries)


def contents_of(objects: Objects, storage: str = "") -> Contents:
    """What the manifests of a store list.

    Args:
        objects: of the store.
        storage: digest that it must have; nothing is believed that it does not vouch for.

    Raises:
        Unreadable: a manifest is missing, damaged or another one than was asked for.
    """
    body = _read(objects, manifest.ROOT)
    found = STORAGE + hashlib.sha256(body).hexdigest()
    if storage and found != storage:
        message = f"the manifest there has the digest {found}; expected {storage}"
        raise Unreadable(message)
    try:
        root = parse_document(body, standard().limits)
        nodes = [(str(n["manifest"]), str(n["sha256"]), int(n["bytes"])) for n in root["nodes"]]
    except (ValueError, KeyError, TypeError) as error:
        message = f"{manifest.ROOT} is no manifest ({error!r}); seal the store"
        raise Unreadable(message) from error
    wanted = [(inside(name), None, None) for name, _, _ in nodes]
    listed: list[Entry] = []
    own: list[Entry] = []
    bodies = {manifest.ROOT: body}
    for (name, digest, _), text in zip(nodes, map(bytes, objects.read_many(wanted)), strict=True):
        bodies[name] = text
        if hashlib.sha256(text).hexdigest() != digest:
            message = f"{name} is damaged: it has not the SHA-256 {digest}"
            raise Unreadable(message)
        own.append(Entry(name, len(text), digest))
        listed += _parsed(name, text)
    last = Entry(manifest.ROOT, len(body), found.removeprefix(STORAGE))
    return Contents(found, root, (*listed, *own, last), bodies)


def _read(objects: Objects, name: str) -> bytes:
    try:
        return objects.read(name)
    except FileNotFoundError:
        message = f"there is no {name}; `vcspec seal` gives a store its manifest"
        raise Unreadable(message) from None


def _parsed(name: str, text: bytes) -> tuple[Entry, ...]:
    try:
        entries = manifest.parse_node_manifest(text.decode())
    except ValueError as error:
        message = f"{name} is no node manifest: {error}"
        raise Unreadable(message) from error
    for entry in entries:
        inside(entry.name)
    return entries


def lacking(contents: Contents, place: Place, prefix: str) -> list[Entry]:
    """Objects that are not at the place in their size, in order."""
    there = place.sizes(prefix)
    return [entry for entry in contents.entries if there.get(entry.name) != entry.size]


def requests_to_read(entries: Iterable[Entry]) -> int:
    """How many requests it takes to read the objects from a remote place."""
    return sum(-(-entry.size // PIECE) for entry in entries)


def send(
    store: Path, contents: Contents, place: Place, prefix: str, *, progress: Progress | None = None
) -> tuple[int, int]:
    """Bring a local store to a place; objects that are there in their size are not sent again.

    Data go first, node manifests then, the root manifest last.

    Returns:
        Number of objects that were sent, and their bytes.

    Raises:
        Unreadable: the place does not take them.
    """
    todo = lacking(contents, place, prefix)
    advance = _counting(todo, progress, contents.bytes - sum(entry.size for entry in todo))
    data = [entry for entry in todo if not manifest.is_manifest(entry.name)]
    nodes = [entry for entry in todo if manifest.is_manifest(entry.name)][:-1]
    for stage in (data, nodes, todo[len(data) + len(nodes) :]):
        _each(stage, lambda one: place.put(f"{prefix}/{one.name}", store / one.name), advance)
    return len(todo), sum(entry.size for entry in todo)


def resend(store: Path, entries: Iterable[Entry], place: Place, prefix: str) -> None:
    """Send objects again, whatever is there."""
    for entry in entries:
        place.put(f"{prefix}/{entry.name}", store / entry.name)


def damaged(
    objects: Objects, entries: Sequence[Entry], *, progress: Progress | None = None
) -> list[Entry]:
    """Those of the entries whose bytes are not there as they are listed: every byte is read.

    Raises:
        OSError: the place gives no answer.
    """
    bad: list[Entry] = []

    def look(entry: Entry) -> None:
        try:
            found = sha256_of(objects, entry)
        except (FileNotFoundError, Corrupt):
            found = ""
        if found != entry.sha256:
            bad.append(entry)

    _each(entries, look, _counting(entries, progress))
    return sorted(bad, key=lambda entry: entry.name)


def sizes_of(objects: Objects, names: Sequence[str]) -> dict[str, int]:
    """Name → bytes of each object that is there; each is asked for, nothing is listed.

    Raises:
        OSError: the place gives no answer.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sizes = pool.map(objects.size, names)
        return {name: size for name, size in zip(names, sizes, strict=True) if size is not None}


def sha256_of(objects: Objects, entry: Entry) -> str:
    """SHA-256 of an object of which no more bytes are read than are listed, and one."""
    if isinstance(objects, LocalObjects):
        return objects.sha256(entry.name)
    digest = hashlib.sha256()
    for piece in _pieces(objects, entry):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(objects: Objects, entry: Entry) -> Iterator[bytes]:
    if isinstance(objects, LocalObjects):
        yield from objects.pieces(entry.name, entry.size)
        return
    if 0 < entry.size <= PIECE:
        yield objects.read(entry.name)
        return
    for start in range(0, entry.size, PIECE):
        yield objects.read(entry.name, start, min(start + PIECE, entry.size))


def bring(
    objects: Objects,
    contents: Contents,
    folder: Path,
    *,
    only: Callable[[str], bool] | None = None,
    progress: Progress | None = None,
) -> None:
    """Bring a store into a local folder; of what lies there, only what is right and wanted stays.

    Args:
        objects: of the store.
        contents: of the same.
        folder: where they go.
        only: names that are wanted; all unless given.
        progress: called with bytes at hand and bytes in all.

    Raises:
        Unreadable: an object is missing or damaged there.
        OSError: the place gives no answer, or the folder cannot be written.
    """
    entries = [one for one in contents.entries if only is None or only(one.name)]
    there = _cleared(folder, {entry.name for entry in entries})
    for above in {entry.name.rpartition("/")[0] for entry in entries}:
        (folder / above).mkdir(parents=True, exist_ok=True)

    def land(entry: Entry) -> None:
        is_there = there.get(entry.name) == entry.size
        if is_there and LocalObjects(folder).sha256(entry.name) == entry.sha256:
            return
        body = contents.bodies.get(entry.name)
        _land([body] if body is not None else _pieces(objects, entry), entry, folder)

    try:
        _each(entries, land, _counting(entries, progress))
    except FileNotFoundError as error:
        message = f"{error.filename}: the manifest lists this object, and it is not there"
        raise Unreadable(message) from error


def _cleared(folder: Path, wanted: Container[str]) -> dict[str, int]:
    """Bytes of the wanted files that lie there, when guests, links and the like are removed."""
    there = {}
    for name, found in LocalObjects(folder).listing().items() if folder.is_dir() else ():
        if name in wanted and found.sort == "file":
            there[name] = found.size
        else:
            (folder / name).unlink()
    return there


def _land(pieces: Iterable[bytes], entry: Entry, folder: Path) -> None:
    path = folder / entry.name
    digest = hashlib.sha256()
    with path.open("wb", buffering=0) as file:
        for piece in pieces:
            digest.update(piece)
            _write(file, piece)
    if digest.hexdigest() != entry.sha256:
        path.unlink()
        message = (
            f"{entry.name} came as {digest.hexdigest()}; its manifest lists {entry.sha256}, "
            f"{entry.size} bytes. Try again, or another mirror"
        )
        raise Unreadable(message)


def _write(file: FileIO, piece: bytes) -> None:
    """All of it: the system may take a part at a time."""
    rest = memoryview(piece)
    while rest:
        rest = rest[file.write(rest) :]


def _counting(
    entries: Iterable[Entry], progress: Progress | None, done: int = 0
) -> Callable[[Entry], None]:
    """What is called after each entry: tells the progress, of `done` bytes and the entries'."""
    total = done + sum(entry.size for entry in entries)

    def advance(entry: Entry) -> None:
        nonlocal done
        done += entry.size
        if progress is not None:
            progress(done, total)

    return advance


def _each(
    entries: Sequence[Entry], work: Callable[[Entry], None], advance: Callable[[Entry], None]
) -> None:
    """Do the work for each, some at a time; at the first failure the others are not begun."""
    for size, chosen in (
        (AT_ONCE, [entry for entry in entries if entry.size <= LARGE_BYTES]),
        (LARGE_AT_ONCE, [entry for entry in entries if entry.size > LARGE_BYTES]),
    ):
        if not chosen:
            continue
        with ThreadPoolExecutor(min(size, len(chosen))) as pool:
            begun: dict[Future[None], Entry] = {pool.submit(work, one): one for one in chosen}
            try:
                for future in as_completed(begun):
                    future.result()
                    advance(begun[future])
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
