"""registry: the releases of a place, in one file for those who cannot list it."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import rfc8785

from vcspec.model.address import is_below, shown
from vcspec.model.errors import Mismatch, Refused, Unreadable, UsageError
from vcspec.model.naming import near
from vcspec.model.release import KINDS, REGISTRY, Named, is_document, parts, path_of, same
from vcspec.rules.documents import validator
from vcspec.standard import CURRENT
from vcspec.storage.objects import local_path
from vcspec.storage.place import Place, reading_place

ROUNDS = 8
NOTHING: Mapping[str, Any] = MappingProxyType({})


def read_release(place: Place, kind: str, id_: str, version: str) -> Mapping[str, Any] | None:
    """The release document; None where there is none."""
    name = path_of("releases", kind, id_, version)
    try:
        return parsed_release(place.read(name), name)
    except FileNotFoundError:
        return None


def parsed_release(body: bytes, name: str) -> Mapping[str, Any]:
    """A release document from its bytes.

    Raises:
        Unreadable: it is none.
    """
    return parsed(body, "release", name)


def parsed(body: bytes, schema: str, name: str) -> Mapping[str, Any]:
    """A document from its bytes.

    Raises:
        Unreadable: it is not JSON, or breaks its schema.
    """
    try:
        document = json.loads(body)
        error = next(validator(CURRENT, schema).iter_errors(document), None)
    except (ValueError, RecursionError) as failure:
        message = f"{name} is no JSON ({type(failure).__name__}); expected a {schema}"
        raise Unreadable(message) from failure
    if error is not None:
        message = f"{name} is no {schema}: {error.json_path}: {error.message[:200]}"
        raise Unreadable(message)
    found: Mapping[str, Any] = document
    return found


def versions_at(place: Place, kind: str, id_: str) -> list[str]:
    """Versions of an artefact that are released at the place, rising."""
    names = place.sizes(f"releases/{kind}s/{id_}")
    found = [name.removesuffix(".json") for name in names if is_document(f"{kind}s/{id_}/{name}")]
    return sorted((one for one in found if "/" not in one), key=parts)


def documents_at(place: Place, folder: str) -> list[str]:
    """Names of the documents below `releases` or `withdrawn`, in order."""
    return sorted(filter(is_document, place.sizes(folder)))


def releases_at(
    place: Place, known: Mapping[str, Mapping[str, Any]] = NOTHING
) -> dict[str, Mapping[str, Any]]:
    """Name below `releases/` → release, of all that are there.

    Args:
        place: that they are listed in.
        known: those that were read before; none changes.

    Raises:
        Unreadable: one of them is broken.
    """
    return _documents(place, "releases", "release", known)


def registry_of(place: Place, known: Mapping[str, Mapping[str, Any]] = NOTHING) -> dict[str, Any]:
    """The registry of a place, from its releases and withdrawals.

    Args:
        place: that they are listed in.
        known: releases that were read before, by their names below `releases/`; none changes.

    Raises:
        Unreadable: one of them is broken.
    """
    releases = releases_at(place, known)
    gone = _documents(place, "withdrawn", "withdrawal", NOTHING)
    entries: list[dict[str, Any]] = []
    for name, release in releases.items():
        entry: dict[str, Any] = {"release": dict(release), "places": []}
        entries.append(entry | ({"withdrawn": dict(gone[name])} if name in gone else {}))
    return as_registry(superseding(entries))


def _documents(
    place: Place, folder: str, schema: str, known: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """Name below the folder → document."""
    names = documents_at(place, folder)
    asked = [name for name in names if name not in known]
    bodies = place.objects(folder).read_many([(name, None, None) for name in asked])
    read = {
        name: parsed(bytes(body), schema, f"{place.url}/{folder}/{name}")
        for name, body in zip(asked, bodies, strict=True)
    }
    return {name: known[name] if name in known else read[name] for name in names}


def key_of(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """What an entry is sorted by: kind, name, version."""
    release = entry["release"]
    return KINDS.index(release["of"]), release["id"], parts(release["version"])


def superseding(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries in order, each with the latest version that stands in its place."""
    latest: dict[tuple[Any, ...], str] = {}
    for entry in sorted(entries, key=key_of):
        if "withdrawn" not in entry:
            latest[key_of(entry)[:2]] = entry["release"]["version"]
    for entry in entries:
        entry.pop("superseded_by", None)
        own = entry["release"]["version"]
        named = entry.get("withdrawn", {}).get("superseded_by")
        last = named or latest.get(key_of(entry)[:2], own)
        if last != own and (named or "withdrawn" in entry or parts(last) > parts(own)):
            entry["superseded_by"] = last
    return sorted(entries, key=key_of)


def refresh(place: Place, *, anew: bool = False) -> dict[str, Any]:
    """Write the registry of a place, until it tells of every release that is there.

    Whoever writes looks again afterwards, so that of several publishers the last one to look has
    seen the releases of all.

    Args:
        place: that it is written to.
        anew: read every release again, also those that the registry tells of already.
    """
    found = NOTHING if anew else _kept(place)
    for _ in range(ROUNDS):
        known = {_name(entry): entry["release"] for entry in found.get("releases", ())}
        found = registry_of(place, known)
        place.put(REGISTRY, rfc8785.dumps(found))
        withdrawn = {_name(entry) for entry in found["releases"] if "withdrawn" in entry}
        told = ({_name(entry) for entry in found["releases"]}, withdrawn)
        if tuple(set(documents_at(place, name)) for name in ("releases", "withdrawn")) == told:
            break
    return dict(found)


def _kept(place: Place) -> Mapping[str, Any]:
    """The registry as it stands; nothing where it cannot be used."""
    try:
        return parsed(place.read(REGISTRY), "registry", REGISTRY)
    except (FileNotFoundError, Unreadable):
        return NOTHING


def _name(entry: Mapping[str, Any]) -> str:
    release = entry["release"]
    name = path_of("releases", release["of"], release["id"], release["version"])
    return name.removeprefix("releases/")


def read_registry(target: str, *, named: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The entries of the registry at a path or URL: of a file `….json`, or of the place's own.

    Each entry's places are whole addresses; those under `unnamed` are the registry's word alone,
    and no credentials are for them. Local folders count only where the registry itself is local.

    Args:
        target: path or URL.
        named: what else the user has named, beside the addresses of VCSPEC_REGISTRY.

    Raises:
        UsageError: the target is empty.
        Unreadable: there is none, or it breaks its schema.
        Refused: a URL of a scheme that is not allowed.
    """
    base, name = parted(target)
    place = reading_place(base)
    try:
        body = place.read(name)
    except FileNotFoundError:
        message = f"{place.url} holds no {name}"
        if name == REGISTRY:
            message += f"; `vcspec registry {place.url} --write` writes one"
        raise Unreadable(message) from None
    except OSError as error:
        message = f"{place.url}/{name}: {error.strerror or error}"
        raise Unreadable(message) from error
    found = parsed(body, "registry", f"{place.url}/{name}")
    bases = [parted(one)[0] for one in (target, *named, *registries()) if one.strip()]
    return [{**entry, **_places(entry["places"], base, bases)} for entry in found["releases"]]


def parted(target: str) -> tuple[str, str]:
    """Address of a place and name of the registry in it, of a place or of a file `….json`."""
    path = local_path(target) if target.strip() else None
    if path is not None:
        is_file = path.suffix == ".json" and not path.is_dir()
        folder, name = (path.parent, path.name) if is_file else (path, REGISTRY)
        return str(folder.absolute()), name
    folder_, _, name = target.rpartition("/")
    if name.endswith(".json") and not folder_.endswith(":/"):
        return folder_, name
    return target.rstrip("/"), REGISTRY


def _is_local(address: str) -> bool:
    try:
        return local_path(address) is not None
    except Refused:
        return False


def _places(told: Sequence[str], base: str, named: Sequence[str]) -> dict[str, list[str]]:
    """`places` that may be asked, and those of them that the user has not named."""
    is_local = _is_local(base)
    places = [one for one in told or [base] if is_local or not _is_local(one)]
    unnamed = [one for one in places if not any(is_below(one, other) for other in named)]
    return {"places": places, **({"unnamed": unnamed} if unnamed else {})}


def registries() -> tuple[str, ...]:
    """Addresses that VCSPEC_REGISTRY names, parted by blanks."""
    return tuple(os.environ.get("VCSPEC_REGISTRY", "").split())


def entries_in(
    targets: Sequence[str] = (), *, announce: Callable[[str], None] | None = None
) -> list[dict[str, Any]]:
    """The entries of several registries as one; of one release the places of all are known.

    Args:
        targets: registries; those that VCSPEC_REGISTRY names unless given.
        announce: told of one that cannot be read while another can; without it that is an error.

    Raises:
        UsageError: none is named.
        Unreadable: one of them cannot be read; with `announce`, none can.
        Mismatch: two registries have other content under one name and version.
    """
    chosen = tuple(targets) or registries()
    if not chosen:
        message = (
            "no registry is named; say --registry URL, or set VCSPEC_REGISTRY to the places that "
            "you trust"
        )
        raise UsageError(message)
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for target, entries in _read(chosen, announce).items():
        for entry in entries:
            _add(merged, entry, target)
    return superseding(list(merged.values()))


def _read(
    targets: Sequence[str], announce: Callable[[str], None] | None
) -> dict[str, list[dict[str, Any]]]:
    """Registry → its entries, of those that can be read."""
    found: dict[str, list[dict[str, Any]]] = {}
    problems: list[str] = []
    for target in targets:
        try:
            found[target] = read_registry(target, named=targets)
        except Unreadable as error:
            if announce is None:
                raise
            problems.append(str(error))
    if not found:
        raise Unreadable("; ".join(problems))
    if announce is not None:
        for problem in problems:
            announce(f"{problem}; the other registries are used")
    return found


def as_registry(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Entries as a registry document; places as they may be told."""
    told = [{**entry, "places": [*map(shown, entry["places"])]} for entry in entries]
    for entry in told:
        entry.pop("unnamed", None)
    return {"kind": "registry", "spec": CURRENT, "releases": told}


def _add(merged: dict[tuple[Any, ...], dict[str, Any]], entry: dict[str, Any], where: str) -> None:
    key = key_of(entry)
    if key not in merged:
        merged[key] = entry
        return
    before = merged[key]
    if not same(before["release"], entry["release"]):
        name = f"{entry['release']['id']}@{entry['release']['version']}"
        there = f"at {before['places'][0]}" if before["places"] else "in another registry"
        message = (
            f"{name} is {before['release']['storage']} {there} and "
            f"{entry['release']['storage']} in {where}; leave out the one that you do not trust"
        )
        raise Mismatch(message)
    for name in ("places", "unnamed"):
        if both := list(dict.fromkeys([*before.get(name, ()), *entry.get(name, ())])):
            before[name] = both
    if "withdrawn" in entry:
        before["withdrawn"] = entry["withdrawn"]


def found_by_name(
    entries: Iterable[Mapping[str, Any]], name: Named, kind: str = ""
) -> Mapping[str, Any]:
    """The entry of a version, or of the latest that is not withdrawn; where all are, of the latest.

    Args:
        entries: of registries.
        name: that is looked for.
        kind: of artefact; a dataset or a split before a reference, which has the name of its split.

    Raises:
        UsageError: there is none.
    """
    everything = list(entries)
    named = [one for one in everything if one["release"]["id"] == name.id]
    of_kind = [one for one in named if not kind or one["release"]["of"] == kind]
    if name.version:
        fitting = [one for one in of_kind if one["release"]["version"] == name.version]
    else:
        fitting = [one for one in of_kind if "withdrawn" not in one] or of_kind
    if fitting:
        first = min(KINDS.index(one["release"]["of"]) for one in fitting)
        return max((one for one in fitting if key_of(one)[0] == first), key=key_of)
    has = _versions(of_kind or named)
    if not has:
        has = near(name.id, {one["release"]["id"] for one in everything}) or "nothing"
    wanted = f"{name.id}@{name.version}" if name.version else name.id
    message = f"the registry has no {kind or 'artefact'} {wanted}; it has {has}"
    raise UsageError(message)


def _versions(entries: Sequence[Mapping[str, Any]]) -> str:
    """The versions of each kind, in words; empty of nothing."""
    found: dict[str, list[str]] = {}
    for entry in sorted(entries, key=key_of):
        found.setdefault(entry["release"]["of"], []).append(entry["release"]["version"])
    return "; ".join(f"the {of} in {', '.join(versions)}" for of, versions in found.items())
