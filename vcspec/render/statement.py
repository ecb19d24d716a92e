"""A validation as an in-toto statement: which bytes, which rules, what came of it."""

from typing import Any

from vcspec.model.described import Attested

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
HOME = "https://vcspec.org"


def statement(found: Attested) -> dict[str, Any]:
    """The statement, of predicate type test-result; it is not signed."""
    report = found.report
    failed = sorted({finding.code for finding in report.errors})
    warned = sorted({finding.code for finding in report.warnings} - {*failed})
    name = {"name": found.name} if found.name else {}
    return {
        "_type": STATEMENT,
        "subject": [{**name, "digest": {"sha256": found.sha256}}],
        "predicateType": PREDICATE,
        "predicate": {
            "result": "FAILED" if failed else "WARNED" if warned else "PASSED",
            "configuration": [_rules(found), _tool(found)],
            "passedTests": sorted({*report.checked} - {*failed, *warned}),
            "warnedTests": warned,
            "failedTests": failed,
        },
    }


def _rules(found: Attested) -> dict[str, Any]:
    report = found.report
    return {
        "name": f"spec/{report.spec}/rules.toml",
        "uri": f"{HOME}/spec/{report.spec}/rules.toml",
        "digest": {"sha256": found.rules},
        "annotations": {
            "spec": report.spec,
            "kind": report.kind,
            "level": report.level,
            "skipped": {rule.code: rule.because for rule in report.skipped},
        },
    }


def _tool(found: Attested) -> dict[str, Any]:
    return {"name": "vcspec", "uri": f"pkg:generic/vcspec@{found.tool}"}
