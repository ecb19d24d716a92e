"""fetch: a published artefact from wherever it lies, checked byte for byte, kept by its digest."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vcspec.actions.registry import entries_in, found_by_name, registries
from vcspec.engine.settings import Settings
from vcspec.model.errors import Mismatch, Refused, Unreadable, UsageError
from vcspec.model.manifest import is_manifest
from vcspec.model.naming import near
from vcspec.model.release import blob_of, named
from vcspec.storage import store_cache
from vcspec.storage.objects import LocalObjects, Objects
from vcspec.storage.place import reading_place
from vcspec.storage.transfer import Progress, bring, contents_of
from vcspec.storage.writing import placed, require_replaceable

Target = str | os.PathLike[str]
METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
UNNAMED = " (asked without credentials; they are used where --registry names the place as well)"


def fetch(  # noqa: PLR0913 - one for each thing that a reader decides
    name: str,
    target: Target | None = None,
    *,
    kind: str = "",
    registry: Sequence[str] = (),
    paths: Sequence[str] = (),
    withdrawn: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Path:
    """The artefact of that name as a local store, of which every byte was held against its digest.

    Args:
        name: `ID@VERSION`; `ID` for the latest version.
        target: path of a copy of one's own; without it the store in the cache is returned, which
            others use as well.
        kind: `reference` for the reference of a split.
        registry: places or files that are asked; those of VCSPEC_REGISTRY unless given.
        paths: Zarr paths such as `obs`; only what lies below them is brought, beside the metadata
            of the nodes above. Takes a `target`, for such a store is not whole.
        withdrawn: also what was withdrawn.
        overwrite: replace a store that is already at `target`.
        progress: called with bytes at hand and bytes in all.
        announce: told of a registry that cannot be read while another can; without it that is an
            error.

    Returns:
        Path of the store.

    Raises:
        UsageError: there is no such release.
        Mismatch: it was withdrawn.
        Unreadable: no place has it as its digest says.
    """
    entries = entries_in(registry, announce=announce)
    entry = found_by_name(entries, named(name), kind)
    _require_current(entry, withdrawn=withdrawn)
    if announce is not None:
        for line in _beside(entry, entries):
            announce(line)
        if target is None and (problem := store_cache.cramped()):
            announce(problem)
    if target is None and paths:
        message = "parts of a store are brought to a path of your own; say where with -o"
        raise UsageError(message)
    if target is None:
        return in_cache(entry, progress=progress)
    goal = _Goal(Path(target), overwrite)
    goal.require_free()
    if paths:
        return _in_part(entry, goal, paths, progress)
    return _copied(entry, goal, progress)


@dataclass(frozen=True)
class _Goal:
    """Where a copy of one's own is to lie."""

    path: Path
    overwrite: bool

    def require_free(self) -> None:
        """Pass a path that can be written, its folders being made where there are none.

        Raises:
            UsageError: something is there that is not to be replaced, or is no folder.
        """
        require_replaceable(self.path, overwrite=self.overwrite)
        above = next(one for one in self.path.absolute().parents if os.path.lexists(one))
        if not above.is_dir():
            message = f"{above} is no folder, so that nothing can lie in it; choose another path"
            raise UsageError(message)

    def draft(self, name: str) -> Path:
        """A path beside it, for what is not yet whole."""
        return self.path.with_name(f".{self.path.name}.{name}.partial")

    def take(self, draft: Path) -> Path:
        """Put the whole draft in place."""
        placed(draft, self.path, overwrite=self.overwrite)
        return self.path


def _require_current(entry: Mapping[str, Any], *, withdrawn: bool) -> None:
    if withdrawn or "withdrawn" not in entry:
        return
    message = f"{_gone(entry)}. Say --withdrawn to fetch it all the same"
    raise Mismatch(message)


def _gone(entry: Mapping[str, Any], which: str = "") -> str:
    """What was withdrawn, when, why, and what stands in its place."""
    release, gone = entry["release"], entry["withdrawn"]
    instead = f"; use {release['id']}@{entry['superseded_by']}" if "superseded_by" in entry else ""
    return (
        f"{release['id']}@{release['version']}{which} was withdrawn on {gone['withdrawn'][:10]}: "
        f"{gone['reason']}{instead}"
    )


def _beside(entry: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What to know of the dataset that a split or reference is of."""
    withdrawn = _withdrawn_parents(entry, entries)
    for parent in withdrawn:
        yield f"it rests on {_gone(parent, ', which')}"
    release = entry["release"]
    if release["of"] == "split" and not withdrawn:
        for parent in release["parents"]:
            yield f"it is of the dataset {parent['id']}@{parent['version']}"


def _withdrawn_parents(
    entry: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Entries of what a release was made of that were withdrawn."""
    pinned = {(one["of"], one["id"], one["version"]) for one in entry["release"]["parents"]}
    return [
        one
        for one in entries
        if "withdrawn" in one
        and tuple(one["release"][at] for at in ("of", "id", "version")) in pinned
    ]


def in_cache(entry: Mapping[str, Any], *, progress: Progress | None = None) -> Path:
    """The store of a registry's entry in the cache, from the first place that has it.

    Raises:
        Unreadable: no place has it as its digest says.
    """
    storage = str(entry["release"]["storage"])
    return _from_places(
        entry, lambda objects: store_cache.kept(storage, lambda: objects, progress=progress)
    )


def _from_places(entry: Mapping[str, Any], take: Callable[[Objects], Path]) -> Path:
    storage = str(entry["release"]["storage"])
    problems = []
    for base in entry["places"]:
        unnamed = base in entry.get("unnamed", ())
        try:
            place = reading_place(base, anonymous=unnamed)
        except (Unreadable, Refused) as error:
            problems.append(str(error))
            continue
        try:
            return take(place.objects(blob_of(storage)))
        except (Unreadable, OSError) as error:
            problems.append(f"{place.url}: {error}" + (UNNAMED if unnamed else ""))
    release = entry["release"]
    why = "; ".join(problems) or "its registry names local folders alone, which are not read"
    message = f"{release['id']}@{release['version']} cannot be had: {why}"
    raise Unreadable(message)


def _copied(entry: Mapping[str, Any], goal: _Goal, progress: Progress | None) -> Path:
    """A copy of what the cache has, checked as it is copied; the cache is mended where need be."""
    storage = str(entry["release"]["storage"])
    kept = store_cache.path_of(storage)
    if kept.is_dir():
        try:
            return _copy(store_cache.asked_for(kept), storage, goal, progress)
        except (Unreadable, OSError):  # damaged, or dropped meanwhile
            pass
    return _copy(in_cache(entry, progress=progress), storage, goal, progress)


def _copy(store: Path, storage: str, goal: _Goal, progress: Progress | None) -> Path:
    objects = LocalObjects(store)
    draft = goal.draft(uuid.uuid4().hex[:8])
    try:
        contents = contents_of(objects, storage)
        guests = set(objects.listing()) - {one.name for one in contents.entries}
        if guests:
            message = f"{store} holds {min(guests)}, which is no part of it"
            raise Unreadable(message)
        bring(objects, contents, draft, progress=progress)
        return goal.take(draft)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _in_part(
    entry: Mapping[str, Any], goal: _Goal, paths: Sequence[str], progress: Progress | None
) -> Path:
    storage = str(entry["release"]["storage"])
    inner = sorted({path.strip("/") for path in paths})
    # What an interruption leaves is continued by the same wish alone.
    wish = hashlib.sha256(
        "\0".join([str(goal.path.absolute()), storage, *inner]).encode()
    ).hexdigest()
    draft = goal.draft(wish[:16])

    def take(objects: Objects) -> Path:
        contents = contents_of(objects, storage)
        _require_there([one.name for one in contents.entries], inner)
        bring(
            objects, contents, draft, only=lambda name: _is_wanted(name, inner), progress=progress
        )
        return goal.take(draft)

    with store_cache.locked(wish):
        return _from_places(entry, take)


def _require_there(names: Sequence[str], paths: Sequence[str]) -> None:
    data = [name for name in names if not is_manifest(name)]
    for path in paths:
        if not any(_is_below(name, path) for name in data):
            nodes = {name.rpartition("/")[0] for name in data if name.endswith(METADATA)} - {""}
            message = f"the store has no {path or '/'}; it has {near(path, nodes)}"
            raise UsageError(message)


def _is_below(name: str, path: str) -> bool:
    return name == path or name.startswith(f"{path}/")


def _is_wanted(name: str, paths: Sequence[str]) -> bool:
    """Whether an object belongs to one of the paths, or tells of the nodes above."""
    folder, _, leaf = name.rpartition("/")
    tells = leaf in METADATA and any(not folder or path.startswith(f"{folder}/") for path in paths)
    return tells or is_manifest(name) or any(_is_below(name, path) for path in paths)


def published(kind: str, content: str, *, pin: str = "", settings: Settings) -> str | None:
    """The artefact that others pin by its content digest: of the registries named, or of the cache.

    Registries are asked first, for they tell of withdrawals; what is kept serves where none is
    named, none can be read or none has it.

    Args:
        kind: of artefact.
        content: its content digest; with `pin`, that of the artefact of that kind which it pins.
        pin: kind of the parent that has the digest.
        settings: told what is used, and which registry cannot be read.

    Returns:
        Path of the store in the cache; None where no registry is named, or none has it, nor has the
        cache.

    Raises:
        Unreadable: no registry can be read, or no place has the store, and the cache has it not.
    """
    entries: list[Mapping[str, Any]] = []
    problem: Unreadable | None = None
    try:
        every = entries_in(announce=settings.say) if registries() else []
        entries += _pinned(kind, content, pin, every)
        for entry in entries:
            if "withdrawn" not in entry:
                release = entry["release"]
                settings.say(f"using {kind} {release['id']}@{release['version']} of the registry")
                for parent in _withdrawn_parents(entry, every):
                    settings.say(f"it rests on {_gone(parent, ', which')}")
                if cramped := store_cache.cramped():
                    settings.say(cramped)
                return str(in_cache(entry))
    except Unreadable as error:
        problem = error
    gone = {entry["release"]["storage"] for entry in entries if "withdrawn" in entry}
    stores = [one for one in store_cache.held(kind, content, pin=pin) if one.storage not in gone]
    if problem is not None and stores:
        settings.say(str(problem))
    found = _sound(stores, settings.say)
    if found is None and problem is not None:
        raise problem
    return found


def _sound(stores: Sequence[store_cache.Kept], announce: Callable[[str], None]) -> str | None:
    """Path of the first of these stores whose bytes are as its digest says."""
    for store in stores:
        if store_cache.unsound(store):
            announce(f"{store.path} is damaged; `vcspec cache prune --damaged` removes it")
            continue
        announce(f"using {store.kind} {store.name} of the cache")
        return str(store_cache.asked_for(store.path))
    return None


def _pinned(
    kind: str, content: str, pin: str, entries: Sequence[Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    """Entries of that kind that have the digest, or whose parent `pin` has it; the latest first."""
    for entry in reversed(entries):
        release = entry["release"]
        parents = [one["content"] for one in release["parents"] if one["of"] == pin]
        if release["of"] == kind and content in (parents if pin else [release["content"]]):
            yield entry
