"""export: what descriptions of an artefact for the ecosystem are made of."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from vcspec.actions.validate import by_digest, checked, pinned, require_valid
from vcspec.model.described import Described, DescribedColumn, stated_creators
from vcspec.model.errors import Mismatch, Unreadable, UsageError
from vcspec.model.manifest import ROOT, Entry
from vcspec.rules.book import examine
from vcspec.rules.structure import axis_length
from vcspec.rules.subject import Subject
from vcspec.storage.opening import open_store

Target = str | os.PathLike[str]
KINDS = ("dataset", "split", "reference")
# What a manifest says of a store, as far as it can be told without reading every byte.
LISTED = frozenset({"VCS201", "VCS202", "VCS204", "VCS207", "VCS208"})
DOCUMENTS = frozenset({"zarr.json", ".zgroup", ".zattrs", ".zmetadata"})
DOI = re.compile(r"10\.[0-9]{4,9}/\S+")
ADDRESS = re.compile(r"(https?|s3|gs|az)://\S+")


def describe(
    target: Target,
    *,
    dataset: Target | None = None,
    url: str = "",
    doi: str = "",
    authors: Sequence[str] = (),
    about: Target | None = None,
) -> Described:
    """What the metadata of a dataset, split or reference tell, for descriptions of it.

    Args:
        target: path or URL of a sealed store.
        dataset: that a split or reference pins, for its citations and licences; looked for beside
            `target` by its digest.
        url: where the store is or will be published; `target`, where that is a web address.
        doi: of the artefact itself.
        authors: who made it, `Family, Given` for a person; in place of those that the document, or
            else its citations, name.
        about: file with a section in Markdown, written by hand.

    Raises:
        Invalid: the store breaks a rule.
        UsageError: it is of another kind, or has no manifest; or `url` or `doi` are none.
        Mismatch: its document is not the one that was sealed, or `dataset` is not the pinned one.
        Unreadable: it, or the file `about`, cannot be read.
    """
    name = os.fspath(target)
    subject = opened(name)
    _require(ADDRESS, url, "--url", "an address such as https://example.org/data.zarr")
    _require(DOI, doi, "--doi", "a DOI such as 10.5281/zenodo.1234")
    nodes = subject.manifest["nodes"]
    root = subject.node("/")
    return Described(
        document=subject.document,
        columns=tuple(_columns(subject)),
        counts=_counts(subject),
        manifest=root_manifest(subject),
        content=str(subject.manifest["content"]),
        objects=sum(node["objects"] for node in nodes),
        size=sum(node["bytes"] for node in nodes),
        zarr_format=root.zarr_format if root else 3,
        place=PurePosixPath(urlsplit(name).path.replace(os.sep, "/")).name,
        value_type=subject.store.value_type("/X") if subject.node("/X") else "",
        upstream=_upstream(subject, dataset),
        roles=_roles(subject),
        address=url or _web_address(name),
        doi=doi,
        creators=tuple(authors) or stated_creators(subject.document),
        about=_text(Path(about)) if about is not None else "",
    )


def opened(name: str) -> Subject:
    """The store at `name`, sound down to its tables, and with the document that was sealed.

    Raises:
        Invalid: it breaks a rule.
        UsageError: it is of another kind, or has no manifest.
        Mismatch: its document is not the one that was sealed.
    """
    subject = Subject(open_store(name))
    if subject.kind and subject.kind not in KINDS:
        message = f"{name} is of kind {subject.kind!r}; what is described is {', '.join(KINDS)}"
        raise UsageError(message)
    require_valid(examine(subject, "axes", name))
    require_sealed(subject, name)
    require_valid(examine(subject, "full", name, only=LISTED))
    documents = [entry for entry in subject.listed if entry.name in DOCUMENTS]
    digests = subject.store.digests([entry.name for entry in documents])
    for entry, digest in zip(documents, digests, strict=True):
        if digest != entry.sha256:
            message = (
                f"{name}: {entry.name} has the sha256 {digest}, the manifest lists {entry.sha256}; "
                "its document was edited after sealing: `vcspec seal` gives it a new manifest"
            )
            raise Mismatch(message)
    return subject


def require_sealed(subject: Subject, name: str) -> None:
    """Pass a store that has a manifest.

    Raises:
        UsageError: it has none.
    """
    if ROOT not in subject.skeleton.objects:
        message = f"{name} has no {ROOT}, whose digest names it; `vcspec seal` gives it one"
        raise UsageError(message)


def root_manifest(subject: Subject) -> Entry:
    """`manifest.json` with size and digest."""
    body = subject.store.read(ROOT)
    return Entry(ROOT, len(body), hashlib.sha256(body).hexdigest())


def _require(pattern: re.Pattern[str], text: str, option: str, expected: str) -> None:
    if text and not pattern.fullmatch(text):
        message = f"{option} is {text!r}; give {expected}"
        raise UsageError(message)


def _web_address(name: str) -> str:
    """The target without user, password and query, where it is a web address."""
    parts = urlsplit(name)
    if parts.scheme not in {"http", "https"}:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"{path} is not UTF-8 text ({error}); a section in Markdown is expected"
        raise Unreadable(message) from error


def _columns(subject: Subject) -> Iterator[DescribedColumn]:
    known = {(entry["table"], entry["name"]): entry["holds"] for entry in subject.layout["column"]}
    known |= {("obs", name): holds for name, holds in subject.document.get("columns", {}).items()}
    counted = {*subject.condition_columns, "role"}
    for table in ("obs", "var"):
        node = subject.node(f"/{table}")
        order = node.attributes["column-order"] if node else ()
        rows = axis_length(subject, f"/{table}") or 0
        for name in ("_index", *order):
            first = subject.store.column_part(f"/{table}", name, 0, min(rows, 1))
            levels = len(_levels(subject, name)) if table == "obs" and name in counted else None
            holds = known.get((table, name), "")
            yield DescribedColumn(table, str(name), first.sort, str(holds), levels)


def _levels(subject: Subject, name: str) -> tuple[str, ...]:
    return tuple(filter(None, subject.labels(name).names))


def _counts(subject: Subject) -> dict[str, int]:
    rows, features = (axis_length(subject, path) or 0 for path in ("/obs", "/var"))
    if subject.kind == "split":
        return {"conditions": rows, "features": features}
    if subject.kind == "reference":
        lists = {"metrics": "/uns/metrics", "anchors": "/uns/subjects"}
        lengths = {name: axis_length(subject, path) or 0 for name, path in lists.items()}
        return {"conditions": rows, "features": features, **lengths}
    control = str(subject.document["control"])
    return {
        "cells": rows,
        "features": features,
        "stored values": _stored(subject),
        "conditions": len(subject.stretches.keys),
        "contexts": len(_levels(subject, "context")),
        "perturbations": len({*_levels(subject, "perturbation")} - {control}),
        "control cells": int(subject.labels("perturbation").are(control).sum()),
    }


def _stored(subject: Subject) -> int:
    node = subject.node("/X/data") or subject.node("/X")
    return node.elements if node else 0


def _roles(subject: Subject) -> dict[str, int]:
    """Role → number of conditions, in the order of the vocabulary."""
    if subject.kind != "split":
        return {}
    labels = subject.labels("role")
    sizes = {role: int(labels.are(role).sum()) for role in subject.standard.vocabularies["role"]}
    return {role: size for role, size in sizes.items() if size}


def _upstream(subject: Subject, given: Target | None) -> Mapping[str, Any] | None:
    if subject.kind == "dataset":
        return None
    content = pinned(subject, "dataset")
    if given is None:
        beside = by_digest(subject.store.target, "dataset", content, level="metadata")
        return beside.document if beside else None
    found = checked(os.fspath(given), "dataset", level="metadata")
    if found.claimed_content() != content:
        message = f"{given} is {found.claimed_content()}; {subject.store.target} pins {content}"
        raise Mismatch(message)
    return found.document
