"""attest: what a validation found of a store, for a statement that others can sign."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vcspec.actions.export import require_sealed, root_manifest
from vcspec.actions.validate import Target, validate
from vcspec.cards import conforming
from vcspec.engine.settings import Settings
from vcspec.model.described import Attested
from vcspec.model.errors import Mismatch, Refused, Unreadable
from vcspec.model.finding import Finding, Report, Skipped
from vcspec.rules.subject import Subject
from vcspec.standard import standard
from vcspec.storage.documents import NotStrict, parse_document
from vcspec.storage.opening import open_store
from vcspec.version import __version__

LEVEL = "full"


def attest(
    target: Target,
    *,
    report: Target | None = None,
    split: Target | None = None,
    dataset: Target | None = None,
    settings: Settings | None = None,
) -> Attested:
    """Hold a store against the rules, byte for byte, for a statement about it.

    Args:
        target: path or URL of a store of any kind, sound or not.
        report: file of a validation of this very store at level `full`, by this version, as
            `vcspec validate --format json` writes it; without one the store is validated now.
        split: as for `validate`.
        dataset: as for `validate`.
        settings: how passes over the cells are run.

    Raises:
        UsageError: the store has no manifest, whose digest would name it.
        Mismatch: the report is about other bytes, less deep, or of another version.
        Unreadable: the store could not be checked to its end, so that there is nothing to state.
        Refused: it is unsafe, or of a version that is not known.
    """
    name = os.fspath(target)
    subject = Subject(open_store(name))
    require_sealed(subject, name)
    digest = root_manifest(subject).sha256
    if report is None:
        found = validate(target, level=LEVEL, split=split, dataset=dataset, settings=settings)
    else:
        found = _reported(Path(report), digest)
    _require_checked(found)
    if found.facts.get("storage") != f"vcs1s-sha256:{digest}":
        message = f"{name} changed while it was read; nothing is stated, run the same again"
        raise Mismatch(message)
    rules = standard(found.spec).root / "rules.toml"
    return Attested(
        name=_name(subject.document),
        sha256=digest,
        report=found,
        tool=__version__,
        rules=hashlib.sha256(rules.read_bytes()).hexdigest(),
    )


def _require_checked(report: Report) -> None:
    if report.verdict in ("valid", "invalid"):
        return
    codes = ", ".join(finding.code for finding in report.errors)
    message = (
        f"{report.target} is {report.verdict}{f': {codes}' if codes else ''}; only a check that "
        f"came to its end is stated (vcspec validate --level {LEVEL})"
    )
    raise (Refused if report.verdict == "refused" else Unreadable)(message)


def _name(document: Mapping[str, Any]) -> str:
    """Id and version; empty where one of them is not sound."""
    common = standard().schemas["common"]["$defs"]
    parts = [(document.get(name), common[name]["pattern"]) for name in ("id", "version")]
    sound = all(isinstance(text, str) and re.search(wanted, text) for text, wanted in parts)
    return "@".join(str(text)[:128] for text, _ in parts) if sound else ""


def _reported(path: Path, digest: str) -> Report:
    """The report in the file that is about the store with that manifest."""
    try:
        document = parse_document(path.read_bytes(), standard().limits)
    except NotStrict as error:
        message = f"{path} is no report ({error}); expected what validate --format json writes"
        raise Unreadable(message) from error
    conforming(document, "report", path)
    storage = f"vcs1s-sha256:{digest}"
    about = [one for one in document["reports"] if one["facts"].get("storage") == storage]
    if not about:
        message = (
            f"{path} holds no report on the bytes at hand, {storage}; "
            f"write one with `vcspec validate --level {LEVEL} --format json`"
        )
        raise Mismatch(message)
    _require_same(about[0], path)
    return _report(about[0])


def _require_same(stated: Mapping[str, Any], path: Path) -> None:
    for what, found, wanted in (
        ("at level", stated["level"], LEVEL),
        ("by vcspec", stated["tool"]["version"], __version__),
    ):
        if found != wanted:
            message = f"{path} holds a report {what} {found}; one {what} {wanted} is needed"
            raise Mismatch(message)


def _report(stated: Mapping[str, Any]) -> Report:
    findings = tuple(
        Finding(**{**finding, "examples": tuple(finding["examples"])})
        for finding in stated["findings"]
    )
    return Report(
        target=stated["target"],
        kind=stated["kind"],
        spec=stated["spec"],
        level=stated["level"],
        findings=findings,
        skipped=tuple(Skipped(**rule) for rule in stated["skipped"]),
        checked=tuple(stated["checked"]),
        verdict=stated["verdict"],
        facts=stated["facts"],
    )
