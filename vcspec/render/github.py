"""Reports as annotations of a GitHub workflow run."""

from collections.abc import Iterator, Sequence

from vcspec.model.address import shown as named
from vcspec.model.finding import Finding, Report
from vcspec.render.report_text import (
    SEVERITY,
    ordered,
    place,
    remedy,
    sentence,
    shown,
    tally,
)

VERDICT = {"valid": "notice", "invalid": "notice", "unknown": "error", "refused": "error"}


def annotations(reports: Sequence[Report]) -> Iterator[str]:
    """One workflow command a finding, errors first, then one for the verdict of each report."""
    for report in reports:
        target = shown(named(report.target))
        for finding in ordered(report):
            yield _annotation(target, finding)
        yield _command(VERDICT[report.verdict], "vcspec", f"{target}: {tally(report)}")


def _annotation(target: str, finding: Finding) -> str:
    message = f"{target} {shown(place(finding))}: {sentence(finding)}\n{remedy(finding)}"
    return _command(SEVERITY[finding.level], f"{finding.code} {finding.name}", message)


def _command(command: str, title: str, message: str) -> str:
    return f"::{command} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """Text after the second `::`; the percent sign goes first, for the others bring one."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
