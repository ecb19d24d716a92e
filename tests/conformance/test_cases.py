"""The conformance kit, run on ourselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kit import STORES, Case, Outcome, cases, expected, prepared

from vcspec.actions.validate import validate
from vcspec.model.finding import Fault
from vcspec.rules.book import RULES
from vcspec.rules.subject import Subject
from vcspec.standard import standard

CASES = cases()
SOUND = sorted(path.name for path in STORES.iterdir() if path.name != "dataset-v2.zarr")


def found(case: Case, folder: Path) -> Outcome:
    target, companions = prepared(case, folder)
    given = {kind: str(path) for kind, path in companions.items()}
    report = validate(target, level=case.level, **given)
    pairs = tuple(sorted((finding.code, finding.path) for finding in report.findings))
    return Outcome(pairs, report.verdict, report.exit_code)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
def test_exactly_the_expected_findings_come_out(case, tmp_path):
    assert found(case, tmp_path) == expected(case)


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_store_has_no_finding_at_any_depth_and_nothing_is_left_unchecked(name):
    report = validate(STORES / name, level="full")
    assert (report.verdict, report.findings, report.skipped) == ("valid", (), ())


def test_cases_have_names_of_their_own():
    slugs = [case.slug for case in CASES]
    assert len(set(slugs)) == len(slugs)


@pytest.mark.parametrize("code", sorted(standard().rules))
def test_every_rule_has_a_case_that_breaks_it_alone(code):
    assert any(case.codes == {code} for case in CASES)


def nothing(_: Subject) -> Iterator[Fault]:
    return iter(())


@pytest.mark.parametrize("code", sorted(standard().rules))
def test_a_rule_that_finds_nothing_is_noticed(code, monkeypatch, tmp_path):
    own = [case for case in CASES if case.codes == {code}]
    monkeypatch.setitem(RULES._claims, code, nothing)
    for number, case in enumerate(own):
        (tmp_path / str(number)).mkdir()
        try:
            same = found(case, tmp_path / str(number)) == expected(case)
        except (IndexError, KeyError, TypeError, ValueError, RuntimeWarning):
            return  # another rule fell over what this one should have kept from it
        if not same:
            return
    pytest.fail(f"no case notices that {code} finds nothing")
