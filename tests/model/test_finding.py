import pytest

from vcspec.model.finding import SHOWN, Fault, Report, Skipped, aggregate


def test_faults_of_a_path_become_one_finding_with_an_exact_count() -> None:
    faults = [
        Fault("/b", "3 rows", "none", ("r1", "r2"), 3, hint="remove them"),
        Fault("/a", "other", "none"),
        Fault("/b", "2 rows", "none", tuple(f"s{n}" for n in range(9)), 2),
    ]
    first, second = aggregate("VCS101", "name", "MUST", "mend it", faults)
    assert (first.path, first.count, first.hint) == ("/a", 1, "mend it")
    assert (second.path, second.count, second.found) == ("/b", 5, "3 rows")
    assert second.hint == "remove them"
    assert second.examples == ("r1", "r2", "s0", "s1", "s2")
    assert len(second.examples) == SHOWN


def test_faults_that_differ_and_give_no_examples_are_all_told() -> None:
    """A document with two wrong members is mended at once."""
    (found,) = aggregate("VCS101", "n", "MUST", "", [Fault("/", "organism"), Fault("/", "assay")])
    assert found.examples == ("organism", "assay")
    (same,) = aggregate("VCS101", "n", "MUST", "", [Fault("/", "organism")] * 2)
    assert same.examples == ()


@pytest.mark.parametrize(
    ("verdict", "code"), [("valid", 0), ("invalid", 1), ("unknown", 3), ("refused", 4)]
)
def test_a_verdict_has_an_exit_code(verdict: str, code: int) -> None:
    report = Report("a", "split", "1.0", "data", (), (Skipped("VCS101", "x"),), (), verdict)  # type: ignore[arg-type]
    assert report.exit_code == code


def test_errors_and_warnings_are_told_apart() -> None:
    findings = (
        *aggregate("VCS102", "n", "MUST", "", [Fault("/a", "")]),
        *aggregate("VCS101", "n", "SHOULD", "", [Fault("/a", ""), Fault("/b", "")]),
    )
    report = Report("a", "split", "1.0", "data", findings, (), (), "invalid")
    assert [finding.code for finding in report.errors] == ["VCS102"]
    assert [finding.path for finding in report.warnings] == ["/a", "/b"]
    assert report.codes == ("VCS101", "VCS102")
