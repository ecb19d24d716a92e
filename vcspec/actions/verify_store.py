"""verify, of a store: every byte against its manifest."""

import os

import vcspec.rules  # noqa: F401 - importing the room claims its rules
from vcspec.engine.settings import Settings
from vcspec.model.errors import Unreadable, UsageError
from vcspec.model.finding import Report
from vcspec.rules.book import examine, unreadable
from vcspec.rules.subject import Subject
from vcspec.storage.opening import open_store

Target = str | os.PathLike[str]
# What a manifest says of a store's bytes.
STORED = frozenset({"VCS201", "VCS202", "VCS203", "VCS204", "VCS207", "VCS208"})


def verify_store(target: Target, *, settings: Settings | None = None) -> Report:
    """Compare every object of a store with its manifest, byte for byte.

    Values are not looked at: this is as fast as the bytes can be hashed.

    Args:
        target: path or URL of the store.
        settings: how objects are shared out.

    Raises:
        UsageError: the store has no manifest.
    """
    name = os.fspath(target)
    try:
        subject = Subject(open_store(name), settings=settings or Settings())
        report = examine(subject, "full", name, only=STORED)
    except (Unreadable, OSError) as error:
        return unreadable(name, "full", str(error))
    if "VCS207" in report.codes:
        message = f"{name} has no manifest to be compared with; `vcspec seal` gives a store its own"
        raise UsageError(message)
    return report
