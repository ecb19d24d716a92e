"""Reports and entries of the standard as text; what this room returns, only `cli` prints."""

from collections.abc import Callable, Mapping, Sequence

from vcspec.model.errors import UsageError
from vcspec.model.finding import Report
from vcspec.standard import Table, standard

Format = Callable[..., str]  # (reports, *, colour, width)


def _text(reports: Sequence[Report], *, colour: bool, width: int | None) -> str:
    from vcspec.render.report_text import text

    return text(reports, colour=colour, width=width)


def _json(reports: Sequence[Report], **_: object) -> str:
    from vcspec.render.report_json import document, dumps

    return dumps(document(reports), indent=2)


def _jsonl(reports: Sequence[Report], **_: object) -> str:
    from vcspec.render.report_json import dumps, lines

    return "\n".join(dumps(line) for line in lines(reports))


def _known() -> Mapping[str, Table]:
    """Code → rule or leak."""
    return {**standard().rules, **standard().leaks}


def _sarif(reports: Sequence[Report], **_: object) -> str:
    from vcspec.render.report_json import dumps
    from vcspec.render.sarif import log

    return dumps(log(reports, _known()), indent=2)


def _junit(reports: Sequence[Report], **_: object) -> str:
    from vcspec.render.junit import junit

    return junit(reports, _known())


def _github(reports: Sequence[Report], **_: object) -> str:
    from vcspec.render.github import annotations

    return "\n".join(annotations(reports))


FORMATS: Mapping[str, Format] = {
    "text": _text,
    "json": _json,
    "jsonl": _jsonl,
    "sarif": _sarif,
    "junit": _junit,
    "github": _github,
}


def render_reports(
    reports: Sequence[Report], format: str, *, colour: bool = False, width: int | None = None
) -> str:
    """Several reports as one document, without a newline at its end.

    Args:
        reports: in the order in which they appear.
        format: a key of `FORMATS`.
        colour: whether text may hold ANSI colours; the other formats never do.
        width: columns at which text is wrapped; None does not wrap.

    Raises:
        UsageError: there is no such format.
    """
    if format not in FORMATS:
        message = f"there is no report format {format!r}; choose one of {', '.join(FORMATS)}"
        raise UsageError(message)
    return FORMATS[format](reports, colour=colour, width=width)


def render_report(
    report: Report, format: str, *, colour: bool = False, width: int | None = None
) -> str:
    """One report; the same document as `render_reports` of a list of one."""
    return render_reports((report,), format, colour=colour, width=width)
