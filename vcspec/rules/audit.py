"""The report of an audit: every leak of the standard, looked for in turn."""

from vcspec.model.finding import Finding, Report, Skipped, aggregate
from vcspec.rules import contamination, leaking_cells, leaking_fits  # noqa: F401 - for their leaks
from vcspec.rules.evidence import Evidence
from vcspec.rules.leaks import LEAKS, NotLooked
from vcspec.standard import standard


def audit_report(evidence: Evidence, target: str) -> Report:
    """Every leak that the evidence allows to look for."""
    entries = standard().leaks
    findings: list[Finding] = []
    skipped, checked = [], []
    for code, entry in entries.items():
        lacking = [need for need in entry["needs"] if not evidence.has[need]]
        if lacking:
            skipped.append(Skipped(code, f"no {lacking[0]} at hand"))
            continue
        try:
            faults = list(LEAKS[code](evidence))
        except NotLooked as error:
            skipped.append(Skipped(code, str(error)))
            continue
        checked.append(code)
        findings += aggregate(code, entry["name"], entry["level"], entry["mend"], faults)
    bad = any(finding.level == "MUST" for finding in findings)
    return Report(
        target=target,
        kind="split",
        spec=str(evidence.split.document["spec"]),
        level="audit",
        findings=tuple(findings),
        skipped=tuple(skipped),
        checked=tuple(checked),
        verdict="invalid" if bad else "valid",
    )
