"""Reports as SARIF 2.1.0, which code hosts and editors show at the place of the fault."""

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import PureWindowsPath
from typing import Any
from urllib.parse import quote

from vcspec.model.address import shown as named
from vcspec.model.finding import Finding, Report
from vcspec.render.report_text import SEVERITY, place, remedy, sentence, shown, tally
from vcspec.standard import CURRENT, Table
from vcspec.version import __version__

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
HOME = "https://vcspec.org"
RESULTS = 5000  # GitHub drops the results after these
METADATA = re.compile(r"(\.z(array|group|attrs|metadata)|.*\.json)$")
CHUNK = re.compile(r"/(c(/\d+)+|\d+(\.\d+)+)$")

Place = tuple[Report, Finding]


def log(reports: Sequence[Report], rules: Mapping[str, Table]) -> dict[str, Any]:
    """The reports as one run of the tool.

    Args:
        reports: all become results of the same run; errors come first when results are cut.
        rules: code → rule of the standard; a code that is not among them has only its name.
    """
    found = [(report, finding) for report in reports for finding in report.findings]
    found.sort(key=lambda pair: pair[1].level)  # MUST before SHOULD; the sort is stable
    kept = found[:RESULTS]
    codes = {finding.code: finding for _, finding in kept}
    index = {code: number for number, code in enumerate(sorted(codes))}
    driver = {
        "name": "vcspec",
        "version": __version__,
        "informationUri": HOME,
        "rules": [_descriptor(codes[code], rules.get(code, {})) for code in index],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(reports, dropped=len(found) - len(kept))],
        "results": [_result(pair, index[pair[1].code]) for pair in kept],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _invocation(reports: Iterable[Report], *, dropped: int) -> dict[str, Any]:
    """Silence must not look like success: what could not be checked is a notification."""
    unfinished = [report for report in reports if report.verdict in ("unknown", "refused")]
    notes = [
        {"level": "error", "message": {"text": f"{shown(named(report.target))}: {tally(report)}"}}
        for report in unfinished
    ]
    if dropped:
        text = f"{dropped} more findings are left out; --format json lists all"
        notes.append({"level": "warning", "message": {"text": text}})
    return {"executionSuccessful": not unfinished, "toolExecutionNotifications": notes}


def _descriptor(finding: Finding, rule: Table) -> dict[str, Any]:
    texts = {
        "shortDescription": rule.get("what", finding.name),
        "fullDescription": rule.get("because", ""),
        "help": rule.get("mend", ""),
    }
    return {
        "id": finding.code,
        "name": finding.name,
        "helpUri": f"{HOME}/spec/{CURRENT}/rules#{finding.code}",
        "defaultConfiguration": {"level": SEVERITY[finding.level]},
        **{key: {"text": text} for key, text in texts.items() if text},
    }


def _result(pair: Place, rule_index: int) -> dict[str, Any]:
    report, finding = pair
    message = f"{finding.name}: {sentence(finding)}. {remedy(finding)}"
    physical = {
        "artifactLocation": {"uri": _uri(report.target, finding.path)},
        "region": {"startLine": 1},
    }
    logical = {"fullyQualifiedName": place(finding)}
    return {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": SEVERITY[finding.level],
        # An artefact must not place a [link](…) of its own in the message.
        "message": {"text": message.replace("](", "] (")},
        "locations": [{"physicalLocation": physical, "logicalLocations": [logical]}],
        "partialFingerprints": {"primaryLocationLineHash": _fingerprint(report, finding)},
    }


def _uri(target: str, path: str) -> str:
    """The metadata file nearest to the path; relative where the target is."""
    parts = filter(None, _file(path).split("/"))
    inside = "/".join(quote(part, safe="", errors="surrogatepass") for part in parts)
    return f"{_store(named(target))}{inside}"


def _store(target: str) -> str:
    """The store as the beginning of a URI, with its slash."""
    scheme, mark, rest = target.rpartition("://")
    windows = PureWindowsPath(target)
    if windows.drive and not mark:
        scheme, mark, rest = "file", ":///", windows.as_posix()
    elif target.startswith("/"):
        scheme, mark, rest = "file", "://", target
    elif not mark:
        rest = "" if target == "." else target.removeprefix("./")
    safe = "/:" if mark else "/"
    slash = "/" if rest.strip("/") else ""
    return scheme + mark + quote(rest.rstrip("/"), safe=safe, errors="surrogatepass") + slash


def _file(path: str) -> str:
    """Metadata file of the node at a Zarr path; the root's where the path leaves the store."""
    node = CHUNK.sub("", path)
    if {".", ".."} & set(node.split("/")):
        return "zarr.json"
    return node if METADATA.match(node.rsplit("/", 1)[-1]) else f"{node}/zarr.json"


def _fingerprint(report: Report, finding: Finding) -> str:
    """Equal for the same fault of the same store on another machine or in a later run."""
    store = named(report.target).rstrip("/").replace("\\", "/").rsplit("/", 1)[-1]
    identity = "\n".join((store, finding.code, place(finding)))
    return sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]
