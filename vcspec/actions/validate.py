"""validate: everything that the rules say about an artefact."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from vcspec.actions.traffic import tell_traffic, traffic_of
from vcspec.engine.ahead import begun
from vcspec.engine.settings import Settings, settings_in_force
from vcspec.model import manifest
from vcspec.model.errors import Invalid, Refused, Unreadable, UsageError
from vcspec.model.finding import Fault, Report, aggregate
from vcspec.model.store import Damaged
from vcspec.rules.book import LEVELS, examine, unreadable
from vcspec.rules.structure import axis_length
from vcspec.rules.subject import Subject
from vcspec.standard import standard
from vcspec.storage.objects import LocalObjects, local_path
from vcspec.storage.opening import open_store

Target = str | os.PathLike[str]
NEEDED = {"predictions": ("split",), "reference": ("split",), "split": ("dataset",)}


def validate(
    target: Target,
    *,
    level: str = "data",
    split: Target | None = None,
    dataset: Target | None = None,
    settings: Settings | None = None,
) -> Report:
    """Everything that the rules say about the artefact at `target`.

    Args:
        target: path or URL of a store, or path of a scorecard.
        level: how deep to look: `metadata`, `axes`, `data` or `full`, each with those before it.
        split: for predictions and references, the split that they pin; looked for beside `target`
            by its digest when it is not given.
        dataset: for splits, the dataset that they pin; looked for in the same way.
        settings: how passes over the cells are run; nothing of it changes a finding.

    Raises:
        UsageError: there is no such level.
    """
    given = {"split": split, "dataset": dataset}
    report, subject = examined(target, given, level=level, settings=settings)
    if subject is not None:
        tell_traffic(subject.settings, traffic_of([subject, *subject.companions.values()]))
    return report


def examined(
    target: Target,
    given: Mapping[str, Target | None],
    *,
    level: str = "data",
    settings: Settings | None = None,
) -> tuple[Report, Subject | None]:
    """The report on the artefact at `target`, and the artefact where it could be opened.

    Raises:
        UsageError: there is no such level.
    """
    if level not in LEVELS:
        message = f"the level {level!r} does not exist; choose one of {', '.join(LEVELS)}"
        raise UsageError(message)
    name = os.fspath(target)
    with (settings or settings_in_force()).in_force():
        known = {} if level == "metadata" else given
        coming = {kind: opening(place, kind) for kind, place in known.items() if place is not None}
        try:
            subject = Subject(open_store(name, brief=level == "metadata"))
            subject.skeleton  # noqa: B018 - reading it here finds out whether the place can be read
        except Refused as error:
            return _refused(name, level, str(error)), None
        except (Unreadable, OSError) as error:
            return unreadable(name, level, error), None
        report = examine(
            subject, level, name, companions=partial(companions, subject, coming, level)
        )
    return replace(report, facts=_facts(subject, report) | _promise(subject, report)), subject


def _refused(name: str, level: str, reason: str) -> Report:
    code, entry = "VCS001", standard().rules["VCS001"]
    findings = aggregate(
        code, entry["name"], "MUST", entry["mend"], [Fault("/", reason, "a safe place")]
    )
    return Report(name, "", "", level, findings, (), (code,), "refused")


def companions(
    subject: Subject, given: Mapping[str, Callable[[], Subject]], level: str
) -> dict[str, Subject]:
    """The artefacts that `subject` pins: as given, else found beside it by their digest."""
    found: dict[str, Subject] = {}
    wanted = NEEDED.get(subject.kind, ()) if level != "metadata" else ()
    for kind in wanted:
        if kind in given:
            found[kind] = given[kind]()
        elif level != "data" or kind == "split":
            beside = by_digest(subject.store.target, kind, pinned(subject, kind))
            if beside is not None:
                found[kind] = beside
    return found


def pinned(subject: Subject, kind: str) -> str:
    """Content digest of the artefact of that kind which the document pins; empty where none."""
    document = subject.document
    pin = (document.get("datasets") or [{}])[0] if kind == "dataset" else document.get(kind)
    return str(pin.get("content", "")) if isinstance(pin, dict) else ""


def opening(place: Target, kind: str, *, level: str = "axes") -> Callable[[], Subject]:
    """What gives the artefact at `place`, `checked`: begun at once where the place is far away."""
    name = os.fspath(place)
    work = partial(checked, name, kind, level=level)
    try:
        is_far = local_path(name) is None
    except Refused:  # told when it is opened
        is_far = False
    return begun(work).result if is_far else work


def checked(place: str, kind: str, *, level: str = "axes") -> Subject:
    """The artefact at `place`, read only once it is known to be sound.

    Args:
        place: path or URL.
        kind: that it must be of.
        level: how deep to look; `data` before cells are read, `full` where the digest that it
            claims must be the digest that it has.

    Raises:
        UsageError: it is of another kind.
        Invalid: it breaks a rule; the error carries the report, and ends with its exit code.
    """
    subject = Subject(open_store(place), settings=settings_in_force().here)
    try:
        subject.skeleton  # noqa: B018 - before rules are loaded, which another thread may do meanwhile
    except FileNotFoundError as error:
        message = f"{place}: {error.strerror}; a {kind} is needed there"
        raise Unreadable(message) from error
    report = examine(subject, level, place)
    needed = f"a sound {kind} is needed (vcspec validate {place})"
    if report.errors:
        message = f"{place} breaks {', '.join(_broken(report))}; {needed}"
        raise _invalid(message, report)
    if subject.kind != kind:
        message = f"{place} is of kind {subject.kind!r}; {needed}"
        raise UsageError(message)
    return subject


def by_digest(
    target: str, kind: str, content: str, *, pin: str = "", level: str = "full"
) -> Subject | None:
    """The store beside `target` whose manifest lists the content digest `content`.

    Args:
        target: a path; nothing is looked for beside a URL.
        kind: of the store that is wanted.
        content: its content digest; with `pin`, that of the artefact which it pins under that name.
        pin: a member of the wanted store's document.
        level: how deep it is looked at; `metadata` where nothing but its document is wanted.
    """
    for place in _beside(target):
        if not _names(place, content):
            continue
        try:
            subject = Subject(open_store(str(place)))
            found = pinned(subject, pin) if pin else subject.manifest.get("content")
            if subject.kind == kind and found == content:
                return checked(str(place), kind, level=level)
        except (Unreadable, Refused, Invalid, UsageError, ValueError):
            continue
    return None


def dataset_of(split: Subject, given: Target | None, *, level: str = "data") -> Subject:
    """The dataset that a split pins: as given, else found beside it by its digest.

    Args:
        split: a sound split.
        given: path or URL; None where it lies beside the split.
        level: how deep one that is given is looked at.

    Raises:
        UsageError: none is given, and none lies there; or it is no dataset.
        Invalid: it breaks a rule.
    """
    if given is not None:
        return checked(os.fspath(given), "dataset", level=level)
    place = split.store.target
    found = by_digest(place, "dataset", pinned(split, "dataset"))
    if found is None:
        message = f"no dataset of {place} lies beside it; name it with --dataset"
        raise UsageError(message)
    return found


def _names(place: Path, content: str) -> bool:
    """Whether the digest stands in the store's root documents; a quick look before it is opened."""
    for name in ("manifest.json", "zarr.json", ".zattrs"):
        try:
            if content.encode() in LocalObjects(place).read(name):
                return True
        except OSError:
            continue
    return False


def _beside(target: str) -> Iterator[Path]:
    path = local_path(target)
    if path is not None:
        yield from sorted(place for place in path.resolve().parent.glob("*.zarr") if place.is_dir())


def _facts(subject: Subject, report: Report) -> dict[str, str | int]:
    if report.verdict == "refused" or subject.kind not in subject.standard.layouts:
        return {}
    facts: dict[str, str | int] = {}
    for name, table in (("rows", "/obs"), ("features", "/var")):
        try:
            length = axis_length(subject, table)
        except (KeyError, TypeError):
            length = None
        if length is not None:
            facts[name] = length
    try:
        content = subject.manifest.get("content")
    except (ValueError, Damaged):
        content = None
    if content:
        facts["content"] = str(content)
    if report.level == "full" and manifest.ROOT in subject.skeleton.objects:
        # Which bytes were looked at, for statements about them.
        digest = hashlib.sha256(subject.store.read(manifest.ROOT)).hexdigest()
        facts["storage"] = f"vcs1s-sha256:{digest}"
    return facts


def _promise(subject: Subject, report: Report) -> dict[str, str | int]:
    """Whether the dataset at hand is the one that the split withholds."""
    from vcspec.rules.split import is_the_withheld

    compared = "VCS406" in report.checked and "VCS406" not in report.codes
    is_kept = compared and is_the_withheld(subject)
    return {"dataset": "the withheld dataset, as promised"} if is_kept else {}


def require_valid(report: Report) -> None:
    """Pass a report that is valid.

    Raises:
        Invalid: it is not; the error carries the report.
    """
    if report.verdict != "valid":
        lacking = dict.fromkeys(
            one.because for one in report.skipped if one.because.endswith("at hand")
        )
        reasons = ", ".join(_broken(report) or lacking) or report.verdict
        remedy = "; name it, or a registry that has it" if lacking and not _broken(report) else ""
        message = f"{report.target} is {report.verdict}: {reasons}{remedy}"
        raise _invalid(message, report)


def _broken(report: Report) -> list[str]:
    """Codes of the rules that are broken, each once."""
    return list(dict.fromkeys(finding.code for finding in report.errors))


def _invalid(message: str, report: Report) -> Invalid:
    """An error that ends with the report's exit code."""
    error = Invalid(message, report)
    error.exit_code = report.exit_code
    return error
