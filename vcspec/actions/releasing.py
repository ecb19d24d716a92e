"""What publishing needs to know of an artefact, and refuses to go without."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vcspec.actions.validate import examined, require_valid
from vcspec.engine.settings import Settings
from vcspec.model.address import secret_in
from vcspec.model.described import stated_creators
from vcspec.model.errors import Unreadable, UsageError
from vcspec.model.finding import Report
from vcspec.model.release import ID, KINDS, VERSION
from vcspec.rules.documents import validator
from vcspec.rules.structure import axis_length
from vcspec.rules.subject import Subject
from vcspec.standard import CURRENT
from vcspec.storage.objects import LocalObjects, local_path
from vcspec.storage.transfer import Contents, contents_of
from vcspec.version import __version__

Target = str | os.PathLike[str]
COMPANION = {"split": "dataset", "reference": "split"}
CONTACT = re.compile(r"\s*([^<>]+?)\s*<([^<>\s]+)>\s*")
MOST_LABELS = 20_000
CITED = ("VCS602", "VCS603")  # advice elsewhere; without them nothing is published


@dataclass(frozen=True)
class Prepared:
    """An artefact that is sound, and complete enough to be published.

    Attributes:
        path: of the store.
        subject: the store.
        report: of the validation at level `full`.
        contents: every object of it.
    """

    path: Path
    subject: Subject
    report: Report
    contents: Contents

    @property
    def kind(self) -> str:
        """Kind of the artefact."""
        return self.subject.kind

    @property
    def document(self) -> Mapping[str, Any]:
        """Its root document."""
        return self.subject.document


def prepared(
    store: Target,
    *,
    dataset: Target | None = None,
    split: Target | None = None,
    settings: Settings | None = None,
) -> Prepared:
    """The artefact at `store`, examined at level `full`.

    Args:
        store: path of a sealed dataset, split or reference.
        dataset: of a split; looked for beside it.
        split: of a reference; looked for beside it.
        settings: how passes over the cells are run.

    Raises:
        Invalid: it breaks a rule; the error carries the report.
        UsageError: it is remote, of a kind that is not published, or lacks what readers need.
    """
    name = os.fspath(store)
    path = local_path(name)
    if path is None:
        message = f"{name} is remote; fetch it first, and publish the local copy"
        raise UsageError(message)
    given = {"dataset": dataset, "split": split}
    report, subject = examined(name, given, level="full", settings=settings)
    require_valid(report)
    if subject is None or subject.kind not in KINDS:
        message = f"{name} is of kind {report.kind!r}; what is published is a {_either(KINDS)}"
        raise UsageError(message)
    _require_whole(subject, report)
    return Prepared(path, subject, report, contents_of(LocalObjects(path)))


def _either(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _require_whole(subject: Subject, report: Report) -> None:
    """Refuse what readers could not cite, trace or check.

    Raises:
        UsageError: something is missing.
    """
    name = subject.store.target
    stated = subject.document
    if not (ID.fullmatch(stated["id"]) and VERSION.fullmatch(stated["version"])):
        message = f"{name} cannot be published: nobody could name it by its id and version"
        raise UsageError(message)
    for kind, one in {subject.kind: subject, **subject.companions}.items():
        require_no_secret(one.document, f"the {kind} {one.store.target}", "/vcspec")
    lacking = [finding for finding in report.findings if finding.code in CITED]
    if lacking:
        wanted = "; ".join(f"{one.found}, expected {one.expected}" for one in lacking)
        message = f"{name} cannot be published: {wanted} (in its root document)"
        raise UsageError(message)
    companion = COMPANION.get(subject.kind)
    if companion and companion not in subject.companions:
        message = (
            f"the {companion} that {name} pins is not beside it, so that it cannot be examined; "
            f"name it with --{companion}"
        )
        raise UsageError(message)


def require_no_secret(stated: Any, where: str, pointer: str = "") -> None:
    """Refuse what would make a password or a signed address public.

    Args:
        stated: a document, or a part of one.
        where: what it is.
        pointer: JSON pointer of the part.

    Raises:
        UsageError: an address in it has a user, or a query that signs it.
    """
    if isinstance(stated, str) and (secret := secret_in(stated)):
        at = f" at {pointer}" if pointer else ""
        message = f"{where} holds {secret}{at}, which everybody would read; leave it out"
        raise UsageError(message)
    if isinstance(stated, Mapping):
        for name, value in stated.items():
            require_no_secret(value, where, f"{pointer}/{name}")
    elif isinstance(stated, Sequence) and not isinstance(stated, str):
        for number, value in enumerate(stated):
            require_no_secret(value, where, f"{pointer}/{number}")


def contact_of(text: str) -> dict[str, str]:
    """`NAME <ADDRESS>` as a release states it.

    Raises:
        UsageError: it is not of that form, the address is none, or a secret.
    """
    match = CONTACT.fullmatch(text)
    found = {"name": match[1], "address": match[2]} if match else {}
    schema = {"$ref": "release.schema.json#/properties/contact"}
    is_complete = validator(CURRENT, "release").evolve(schema=schema).is_valid
    if not found or not found["name"].isprintable() or not is_complete(found):
        message = (
            f"the contact {text[:200]!r} is not complete; write --contact 'NAME <ADDRESS>' with an "
            "e-mail address or a web page"
        )
        raise UsageError(message)
    require_no_secret(found, "the contact")
    return found


def release_of(
    artefact: Prepared, contact: Mapping[str, str], beside: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The document of a release.

    Args:
        artefact: what is published.
        contact: as `contact_of`.
        beside: `card` and `report` with their place, SHA-256 and bytes.

    Raises:
        Unreadable: it would break its schema.
    """
    stated, contents = artefact.document, artefact.contents
    told = _measured(artefact.subject)
    licences = {source["licence"] for source in told.get("sources", ())}
    if told is not stated:
        licences.add(told["licence"])
    document = {
        "kind": "release",
        "spec": CURRENT,
        "of": artefact.kind,
        "id": stated["id"],
        "version": stated["version"],
        "title": stated.get("title") or f"Reference of {stated['id']}",
        "simulated": stated["simulated"],
        "storage": contents.storage,
        "content": contents.root["content"],
        "elements": dict(contents.root["elements"]),
        "objects": len(contents.entries),
        "bytes": contents.bytes,
        "parents": _parents(artefact),
        "licence": stated["licence"],
        "upstream_licences": sorted(licences),
        **({"creators": list(makers)} if (makers := stated_creators(told)) else {}),
        "citations": list(told.get("citations", ())),
        "sources": list(told.get("sources", ())),
        "contact": dict(contact),
        "holds": _holds(artefact),
        **beside,
        "published": now(),
        "tool": {"name": "vcspec", "version": __version__},
    }
    error = next(validator(CURRENT, "release").iter_errors(document), None)
    if error is not None:
        message = f"{artefact.path} cannot be described: {error.json_path}: {error.message[:200]}"
        raise Unreadable(message)
    return document


def now() -> str:
    """This moment, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _measured(subject: Subject) -> Mapping[str, Any]:
    """The document that names sources and citations: the dataset's, as far as it is at hand."""
    while subject.kind in COMPANION and COMPANION[subject.kind] in subject.companions:
        subject = subject.companions[COMPANION[subject.kind]]
    return subject.document


def _parents(artefact: Prepared) -> list[dict[str, str]]:
    stated = artefact.document
    pins = [("dataset", pin) for pin in stated.get("datasets", ())]
    if artefact.kind == "reference":
        pins.append(("split", stated["split"]))
    fields = ("id", "version", "content")
    return [{"of": of, **{name: pin[name] for name in fields}} for of, pin in pins]


def _holds(artefact: Prepared) -> dict[str, Any]:
    """What an artefact is searched by."""
    subject, stated = artefact.subject, artefact.document
    told = _measured(subject)
    found: dict[str, Any] = {
        name: source[name]
        for name, source in (
            ("modality", told),
            ("organism", told),
            ("task", stated),
            ("claim", stated),
        )
        if name in source
    }
    strategy = stated.get("strategy", {})
    if strategy.get("name"):
        found["strategy"] = strategy["name"]
    if artefact.kind == "reference":
        found["suites"] = list(stated.get("suites", [stated["suite"]]))
    for field in ("context", "perturbation"):
        if field in subject.condition_columns:
            found[f"{field}s"] = sorted(set(subject.labels(field).names))[:MOST_LABELS]
    lengths = {"rows": axis_length(subject, "/obs"), "features": axis_length(subject, "/var")}
    return found | {name: length for name, length in lengths.items() if length is not None}
