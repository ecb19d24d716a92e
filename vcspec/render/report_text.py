"""Reports for people: errors first, the verdict last, and words that the formats share.

Names and values in a report come from artefacts that strangers made. `shown` keeps them from
steering a terminal or the machine that reads a build log.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from vcspec.model.address import shown as named
from vcspec.model.finding import Finding, Report, Skipped

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

LIMIT = 200  # characters shown of one string of an artefact
HINT_LIMIT = 600
DECLARED_LIMIT = 40
LISTED = 100  # findings listed in text; JSON lists all
CODES_LISTED = 6
UNWRAPPED = 100_000  # columns
LABEL = 15  # columns
STYLE = {
    "error": "bold red",
    "warning": "bold yellow",
    "valid": "bold green",
    "invalid": "bold red",
    "unknown": "bold yellow",
    "refused": "bold red",
}
SEVERITY = {"MUST": "error", "SHOULD": "warning"}


def shown(text: str, limit: int = LIMIT) -> str:
    r"""A string of an artefact, safe to print: one line, nothing invisible, at most `limit` long.

    >>> shown("gene\x1b[2J\n")
    'gene\\x1b[2J\\n'
    """
    plain = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii")
        for c in text[: limit + 1]
    )
    # Build servers obey ##[command] and ##vso[command] wherever they stand in a line of a log.
    plain = plain.replace("##", "#\\x23")
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def place(finding: Finding) -> str:
    """Zarr path of the finding, and `#` with the JSON pointer where there is one."""
    return finding.path + (f"#{finding.pointer}" if finding.pointer else "")


def examples(finding: Finding) -> str:
    """The examples in one line; it ends in `…` where there are more places than examples."""
    more = ["…"] if len(finding.examples) < finding.count else []
    return ", ".join([*map(shown, finding.examples), *more]) if finding.examples else ""


def sentence(finding: Finding) -> str:
    """What was found, what was expected and the first examples, in one line."""
    parts = [shown(finding.found)]
    if finding.expected:
        parts.append(f"expected {shown(finding.expected)}")
    if finding.examples:
        parts.append(f"examples {examples(finding)}")
    return "; ".join(parts)


def remedy(finding: Finding) -> str:
    """The hint, and where to read more."""
    return f"{shown(finding.hint, HINT_LIMIT)} (vcspec explain {finding.code})".lstrip()


def ordered(report: Report) -> tuple[Finding, ...]:
    """The findings, errors before warnings, else in the order of the report."""
    return report.errors + report.warnings


def tally(report: Report) -> str:
    """The verdict and how it came about, in one line."""
    counts = (
        counted(len(report.errors), "error"),
        counted(len(report.warnings), "warning"),
        f"{counted(len(report.checked), 'rule')} checked",
        f"{len(report.skipped)} not checked",
    )
    return f"{report.verdict}: {', '.join(counts)}"


def counted(number: int, noun: str) -> str:
    """The number and its noun, in the plural where that is due."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def drawn(parts: Iterable["RenderableType"], *, colour: bool, width: int | None) -> str:
    """Parts one under the other, without blanks at line ends; `width` None does not wrap."""
    from rich.console import Console

    console = Console(
        file=StringIO(),
        width=width or UNWRAPPED,
        force_terminal=colour,
        force_jupyter=False,
        color_system="standard" if colour else None,
        no_color=not colour,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    lines = "\n".join(line.rstrip() for line in capture.get().rstrip("\n").split("\n"))
    # GitHub obeys ::command:: at the start of a line, which wrapping could have brought there;
    # such a line grows by three columns.
    return re.sub(r"(?m)^(\s*)::", r"\1:\\x3a", lines)


def text(reports: Sequence[Report], *, colour: bool = False, width: int | None = None) -> str:
    """The reports one under the other; several end in one line about all."""
    blocks = [drawn(_parts(report), colour=colour, width=width) for report in reports]
    if len(reports) > 1:
        verdicts = [report.verdict for report in reports]
        each = (f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
        blocks.append(f"{len(reports)} artefacts: {', '.join(each)}")
    return "\n\n".join(blocks)


def _parts(report: Report) -> Iterator["RenderableType"]:
    from rich.text import Text

    declared = " ".join(shown(part, DECLARED_LIMIT) for part in (report.kind, report.spec) if part)
    target = (shown(named(report.target)), "bold")
    yield Text.assemble(target, f"  {declared or 'of no declared kind'}  level {report.level}")
    yield _grid(report)
    yield Text.assemble(
        (report.verdict, STYLE[report.verdict]), tally(report)[len(report.verdict) :]
    )


def _grid(report: Report) -> "Table":
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=LABEL, no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in _rows(report):
        style = STYLE.get(label.split(" ", 1)[0], "dim")
        grid.add_row(Text(label, style=style), Text(value))
    return grid


def _rows(report: Report) -> Iterator[tuple[str, str]]:
    findings = ordered(report)
    for finding in findings[:LISTED]:
        yield from _finding(finding)
    if len(findings) > LISTED:
        yield "      …", f"{counted(len(findings) - LISTED, 'more finding')} (--format json)"
    if report.skipped:
        yield "skipped", "\n".join(_skipped(report.skipped))
    if report.facts:
        facts = (f"{shown(name)}  {shown(str(value))}" for name, value in report.facts.items())
        yield "facts", "\n".join(facts)


def _finding(finding: Finding) -> Iterator[tuple[str, str]]:
    places = f"  {counted(finding.count, 'place')}" if finding.count > 1 else ""
    headline = f"{finding.name}  {shown(place(finding))}{places}"
    yield f"{SEVERITY[finding.level]} {finding.code}", headline
    yield "      found", shown(finding.found)
    if finding.expected:
        yield "      expected", shown(finding.expected)
    if finding.examples:
        yield "      examples", examples(finding)
    yield "      hint", remedy(finding)


def _skipped(skipped: Sequence[Skipped]) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for rule in skipped:
        by_reason.setdefault(rule.because, []).append(rule.code)
    yield f"{counted(len(skipped), 'rule')} not checked"
    for reason, codes in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        more = f", … {len(codes) - CODES_LISTED} more" if len(codes) > CODES_LISTED else ""
        yield f"{', '.join(codes[:CODES_LISTED])}{more}: {shown(reason)}"
