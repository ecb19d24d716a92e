"""verify, of a store: every byte against its manifest."""

import hashlib
import os
from dataclasses import replace

from vcspec.actions.verify_part import Mode, verify_part
from vcspec.engine.settings import Settings, settings_in_force
from vcspec.model import manifest
from vcspec.model.errors import Unreadable, UsageError
from vcspec.model.finding import Fault, Report, aggregate
from vcspec.model.release import STORAGE
from vcspec.rules import container, documents, integrity  # noqa: F401 - this claims their rules
from vcspec.rules.artefact import Artefact
from vcspec.rules.book import examine, unreadable
from vcspec.standard import standard
from vcspec.storage.opening import open_stored

Target = str | os.PathLike[str]
# What a manifest says of a store's bytes.
STORED = frozenset({"VCS201", "VCS202", "VCS203", "VCS204", "VCS207", "VCS208"})


def verify_store(target: Target, *, storage: str = "", settings: Settings | None = None) -> Report:
    """Compare every object of a store with its manifest, byte for byte.

    Values are not looked at: this is as fast as the bytes can be hashed.

    Args:
        target: path or URL of the store.
        storage: storage digest that it must have; what anybody may rewrite is not believed then.
        settings: how objects are shared out.

    Raises:
        UsageError: the store has no manifest.
    """
    name = os.fspath(target)
    try:
        subject = Artefact(open_stored(name), settings=settings or settings_in_force())
        report = _examined(subject, name, storage)
    except (Unreadable, OSError) as error:
        return unreadable(name, "full", error)
    if "VCS207" in report.codes:
        message = f"{name} has no manifest to be compared with; `vcspec seal` gives a store its own"
        raise UsageError(message)
    return report


def _examined(subject: Artefact, name: str, storage: str) -> Report:
    """The report; piece by piece where an object is not there that nothing could list."""
    is_listed = subject.skeleton.listed
    try:
        report = examine(subject, "full", name, only=STORED)
    except FileNotFoundError:
        if is_listed:
            raise
        return verify_part(name, Mode(), storage=storage)
    if storage and manifest.ROOT in subject.skeleton.objects:
        return _held_against(report, subject.store.read(manifest.ROOT), storage)
    return report


def _held_against(report: Report, root: bytes, storage: str) -> Report:
    """The report, with the root manifest held against the digest that names the store."""
    found = STORAGE + hashlib.sha256(root).hexdigest()
    if found == storage:
        return report
    entry = standard().rules["VCS208"]
    fault = Fault(f"/{manifest.ROOT}", f"storage digest {found}", storage)
    more = aggregate("VCS208", entry["name"], "MUST", entry["mend"], [fault])
    findings = tuple(sorted((*report.findings, *more), key=lambda one: (one.code, one.path)))
    verdict = "invalid" if report.verdict == "valid" else report.verdict
    return replace(report, findings=findings, verdict=verdict)
