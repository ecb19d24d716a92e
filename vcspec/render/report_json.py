"""Reports for programs; `report.schema.json` of the standard says what the fields mean."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vcspec.model.address import shown as named
from vcspec.model.finding import Report
from vcspec.version import __version__

REPORT_VERSION = "1"


def document(reports: Sequence[Report]) -> dict[str, Any]:
    """The reports as one JSON document."""
    return {"report_version": REPORT_VERSION, "reports": [one(report) for report in reports]}


def one(report: Report) -> dict[str, Any]:
    """One report as a JSON object; a URL loses its user, password and query."""
    return {
        "target": named(report.target),
        "kind": report.kind,
        "spec": report.spec,
        "level": report.level,
        "verdict": report.verdict,
        "exit_code": report.exit_code,
        "findings": [asdict(finding) for finding in report.findings],
        "skipped": [asdict(rule) for rule in report.skipped],
        "checked": list(report.checked),
        "facts": dict(report.facts),
        "tool": {"name": "vcspec", "version": __version__},
    }


def lines(reports: Sequence[Report]) -> Iterator[dict[str, Any]]:
    """The reports as a stream of objects: each finding, then the report without its findings."""
    for report in reports:
        summary = one(report)
        for finding in summary.pop("findings"):
            yield {"type": "finding", "target": summary["target"], **finding}
        yield {"type": "report", **summary}


def dumps(document: Mapping[str, Any], *, indent: int | None = None) -> str:
    """JSON in ASCII: no control character, no unpaired surrogate and no NaN can leave here."""
    encoded = json.dumps(document, indent=indent, allow_nan=False)
    # Only strings can hold a #; build servers obey ##[command] wherever it stands in a log.
    return encoded.replace("##", "#\\u0023")
