"""The book: which rules run, in which order, and what the findings make of an artefact."""

import errno
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from vcspec.actions.validate import companions
from vcspec.model.errors import Unreadable
from vcspec.model.finding import Fault, Report
from vcspec.model.store import Damaged
from vcspec.rules.book import LEVELS, RULES, STAGES, examine, unreadable
from vcspec.rules.subject import Subject
from vcspec.standard import standard
from vcspec.storage.opening import open_store

STORES = Path(__file__).parents[2] / "spec" / "1.0" / "conformance" / "stores"
ENTRIES = standard().rules
NAMES = ["dataset.zarr", "split.zarr", "reference.zarr", "predictions-cells.zarr", "scorecard.json"]


def report(name: str, level: str = "full", *, alone: bool = False) -> Report:
    subject = Subject(open_store(str(STORES / name)))
    subject.companions = {} if alone else companions(subject, {}, level)
    return examine(subject, level, name)


def broken(_: Subject) -> Iterator[Fault]:
    yield Fault("/", "something", "nothing")


def damaged(_: Subject) -> Iterator[Fault]:
    yield from _unreadable()


def _unreadable() -> list[Fault]:
    path = "/X"
    raise Damaged(path, "cannot be decoded")


@pytest.mark.parametrize("code", sorted(ENTRIES))
def test_a_rule_needs_known_rules_of_its_own_stage_or_earlier(code):
    for need in ENTRIES[code]["needs"]:
        assert STAGES.index(ENTRIES[need]["stage"]) <= STAGES.index(ENTRIES[code]["stage"]), need


def test_needs_have_no_circle():
    settled: set[str] = set()
    waiting = set(ENTRIES)
    while waiting:
        free = {code for code in waiting if settled >= set(ENTRIES[code]["needs"])}
        assert free, waiting
        settled, waiting = settled | free, waiting - free


@pytest.mark.parametrize("name", NAMES)
def test_only_rules_of_the_kind_are_checked(name):
    found = report(name)
    foreign = [code for code in found.checked if found.kind not in ENTRIES[code]["kinds"]]
    assert [ENTRIES[code]["stage"] for code in foreign] == ["safety"] * len(foreign)


@pytest.mark.parametrize("name", NAMES)
def test_every_level_checks_what_the_one_before_checks_and_more(name):
    checked = [set(report(name, level).checked) for level in LEVELS]
    for shallow, deep in pairwise(checked):
        assert shallow <= deep
    assert name == "scorecard.json" or len(checked[0]) < len(checked[-1])


def test_a_rule_whose_need_is_broken_is_not_checked_and_says_why(monkeypatch):
    monkeypatch.setitem(RULES._claims, "VCS110", broken)
    found = report("dataset.zarr")
    because = {skipped.code: skipped.because for skipped in found.skipped}
    assert (because["VCS111"], because["VCS209"], found.codes) == ("VCS110", "VCS112", ("VCS110",))


def test_a_rule_without_its_companion_says_what_it_lacks():
    found = report("predictions-cells.zarr", "axes", alone=True)
    because = {skipped.code: skipped.because for skipped in found.skipped}
    assert (because["VCS503"], because["VCS506"]) == ("no split at hand", "no split at hand")


@pytest.mark.parametrize(
    ("name", "level", "verdict"),
    [
        ("predictions-cells.zarr", "axes", "unknown"),
        ("predictions-cells.zarr", "metadata", "valid"),
        ("reference.zarr", "data", "valid"),
        ("split.zarr", "full", "valid"),
    ],
)
def test_predictions_alone_cannot_be_judged_and_other_kinds_can(name, level, verdict):
    assert report(name, level, alone=True).verdict == verdict


@pytest.mark.parametrize(
    ("codes", "verdict"),
    [
        (["VCS113"], "valid"),
        (["VCS113", "VCS101"], "invalid"),
        (["VCS012", "VCS001"], "refused"),
        (["VCS001"], "unknown"),
    ],
)
def test_the_worst_finding_decides(codes, verdict, monkeypatch):
    for code in codes:
        monkeypatch.setitem(RULES._claims, code, broken)
    assert report("dataset.zarr").verdict == verdict


def test_nothing_is_decoded_once_an_artefact_is_refused(monkeypatch):
    monkeypatch.setitem(RULES._claims, "VCS004", broken)
    found = report("dataset.zarr")
    assert {ENTRIES[code]["stage"] for code in found.checked} == {"safety"}


def test_what_could_not_be_read_is_never_called_valid(monkeypatch):
    monkeypatch.setitem(RULES._claims, "VCS301", damaged)
    found = report("dataset.zarr")
    assert (found.verdict, found.findings) == ("unknown", ())


def test_what_cannot_be_opened_is_unknown_and_not_invalid():
    found = unreadable("nowhere.zarr", "data", Unreadable("no such path"))
    assert (found.verdict, found.exit_code, found.codes) == ("unknown", 3, ("VCS001",))
    assert found.findings[0].found == "no such path"


def test_what_the_system_says_is_told_without_its_number():
    found = unreadable("nowhere.zarr", "data", OSError(errno.EIO, "no answer", "nowhere/zarr.json"))
    assert found.findings[0].found == "no answer: nowhere/zarr.json"
