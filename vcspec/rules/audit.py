"""The report of an audit: every leak of the standard, looked for in turn."""

from collections.abc import Container
from dataclasses import dataclass

from vcspec.model.finding import Finding, Report, Skipped, aggregate
from vcspec.rules import contamination, leaking_cells, leaking_fits  # noqa: F401 - for their leaks
from vcspec.rules.contamination import FOUND, VERDICTS, tested_of, verdict_on
from vcspec.rules.evidence import Evidence
from vcspec.rules.leaks import LEAKS, NotLooked
from vcspec.standard import standard


def audit_report(evidence: Evidence, target: str, codes: Container[str] | None = None) -> Report:
    """Every leak that the evidence allows to look for; of some, where `codes` are given."""
    entries = standard().leaks
    findings: list[Finding] = []
    skipped, checked = [], []
    for code, entry in entries.items():
        if codes is not None and code not in codes:
            continue
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


@dataclass(frozen=True)
class Verdict:
    """Whether a model had seen a tested dataset.

    Attributes:
        dataset: its name.
        said: confirmed, likely, not declared or unlikely.
        because: why, for a reader.
    """

    dataset: str
    said: str
    because: str


def verdicts(evidence: Evidence, target: str) -> list[Verdict]:
    """One for each dataset that has test conditions, by what is known of that one alone.

    Args:
        evidence: with predictions and dataset.
        target: what the split is called by.
    """
    found = []
    for part in tested_of(evidence):
        of_part = evidence.testing(part.studies)
        report = audit_report(of_part, target, [code for code, *_ in FOUND])
        found.append(Verdict(part.name, *verdict_on(of_part, report, part.released)))
    return found


def contamination_facts(evidence: Evidence, target: str) -> dict[str, str]:
    """The worst verdict, and why; and each one's, where the pinned dataset is of several."""
    assert evidence.dataset is not None
    found = verdicts(evidence, target)
    worst = min(found, key=lambda one: VERDICTS.index(one.said))
    facts = {"contamination": worst.said, "because": worst.because}
    if "study" not in evidence.dataset.document["condition"]:
        return facts
    facts["because"] = f"{worst.dataset}: {worst.because}"
    for one in found:
        facts[f"contamination of {one.dataset}"] = one.said
        facts[f"because of {one.dataset}"] = one.because
    return facts
