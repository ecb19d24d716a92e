from dataclasses import replace

from support.descriptions import SHA

from vcspec.model.described import Attested
from vcspec.render.statement import statement


def attested(report, **changes):
    return replace(Attested("tiny@1.0.0", SHA, report, "0.1.0", "12" * 32), **changes)


def test_the_subject_is_the_store_by_the_digest_of_its_manifest(sound):
    found = statement(attested(sound))
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert found["subject"] == [{"name": "tiny@1.0.0", "digest": {"sha256": SHA}}]
    assert statement(attested(sound, name=""))["subject"] == [{"digest": {"sha256": SHA}}]


def test_every_rule_stands_in_one_list_and_the_worst_decides(report, sound):
    unlicensed, missing = report.findings
    both = (missing, replace(missing, level="SHOULD"))
    for findings, result, lists in (
        ((), "PASSED", (["VCS102", "VCS301", "VCS504"], [], [])),
        ((unlicensed,), "WARNED", (["VCS102", "VCS504"], ["VCS301"], [])),
        ((unlicensed, missing), "FAILED", (["VCS102"], ["VCS301"], ["VCS504"])),
        (both, "FAILED", (["VCS102", "VCS301"], [], ["VCS504"])),
    ):
        predicate = statement(attested(replace(sound, findings=findings)))["predicate"]
        assert predicate["result"] == result
        names = ("passedTests", "warnedTests", "failedTests")
        assert tuple(predicate[name] for name in names) == lists


def test_the_configuration_names_the_rules_by_digest_and_what_was_not_checked(report):
    rules, tool = statement(attested(report))["predicate"]["configuration"]
    assert rules["name"] == "spec/1.0/rules.toml"
    assert rules["digest"] == {"sha256": "12" * 32}
    noted = rules["annotations"]
    assert (noted["kind"], noted["level"]) == ("predictions", "data")
    assert noted["skipped"]["VCS511"] == "needs VCS504"
    assert tool == {"name": "vcspec", "uri": "pkg:generic/vcspec@0.1.0"}
