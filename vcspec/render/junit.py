"""Reports as JUnit XML: one suite an artefact, one case a rule, so that a CI page shows them."""

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

from vcspec.model.address import shown as named
from vcspec.model.finding import Finding, Report
from vcspec.render.report_text import place, remedy, sentence, shown, tally
from vcspec.standard import Table


def junit(reports: Sequence[Report], rules: Mapping[str, Table]) -> str:
    """The reports as XML in ASCII.

    A case fails where a MUST is broken, is skipped where the rule was not checked, and passes
    otherwise; the output of a passed case holds the findings of a rule that says SHOULD. A report
    without a verdict of its own has one case more, which is in error.

    Args:
        reports: one suite each.
        rules: code → rule of the standard, for the names of rules that found nothing.
    """
    suites = [_suite(report, rules) for report in reports]
    root = ET.Element("testsuites", {"name": "vcspec", **_counts(suites)})
    root.extend(suites)
    ET.indent(root)
    return ET.tostring(root, encoding="us-ascii", xml_declaration=True).decode("ascii")


def _suite(report: Report, rules: Mapping[str, Table]) -> ET.Element:
    findings: dict[str, list[Finding]] = {}
    for finding in report.findings:
        findings.setdefault(finding.code, []).append(finding)
    skipped = {rule.code: rule.because for rule in report.skipped}
    suite = ET.Element("testsuite", name=shown(named(report.target)))
    for code in sorted({*report.checked, *findings, *skipped}):
        case = _case(suite, report, f"{code} {_name(code, findings, rules)}".rstrip())
        _outcome(case, findings.get(code, []), skipped.get(code))
    if report.verdict in ("unknown", "refused"):
        case = _case(suite, report, "verdict")
        ET.SubElement(case, "error", message=tally(report), type=report.verdict)
    suite.attrib.update(_counts([suite]))
    return suite


def _name(code: str, findings: Mapping[str, Sequence[Finding]], rules: Mapping[str, Table]) -> str:
    return findings[code][0].name if code in findings else str(rules.get(code, {}).get("name", ""))


def _case(suite: ET.Element, report: Report, name: str) -> ET.Element:
    kind = shown(report.kind) or "artefact"
    return ET.SubElement(suite, "testcase", classname=f"vcspec.{kind}", name=name)


def _outcome(case: ET.Element, findings: Sequence[Finding], skipped: str | None) -> None:
    text = "\n".join(f"{shown(place(f))}: {sentence(f)}. {remedy(f)}" for f in findings)
    if any(finding.level == "MUST" for finding in findings):
        message = f"{shown(place(findings[0]))}: {sentence(findings[0])}"
        ET.SubElement(case, "failure", message=message, type=findings[0].name).text = text
    elif skipped is not None:
        ET.SubElement(case, "skipped", message=shown(skipped))
    if findings and case.find("failure") is None:
        ET.SubElement(case, "system-out").text = text


def _counts(suites: Sequence[ET.Element]) -> dict[str, str]:
    tags = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    return {
        name: str(sum(sum(1 for _ in suite.iter(tag)) for suite in suites))
        for name, tag in tags.items()
    }
