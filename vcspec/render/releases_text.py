"""Releases, uploads and kept stores as text."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill
from typing import Any

from vcspec.render.report_text import shown

GAP, BELOW, NARROWEST = 2, 4, 24  # columns
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(count: float) -> str:
    """A number of bytes as people read it.

    >>> size(999), size(2048), size(3 * 2**30)
    ('999 B', '2.0 KiB', '3.0 GiB')
    """
    for unit in UNITS:
        if count < 1024 or unit == UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, width: int | None = None) -> str:
    """Columns of text, as wide as they must be.

    Args:
        head: names of the columns.
        rows: a text for each column.
        width: columns of the terminal: the last column is wrapped where it does not fit, and stands
            below the others where they leave it no room; None wraps nothing.
    """
    cells = [list(head), *([shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(head))]
    before = sum(widths[:-1]) + GAP * (len(head) - 1)
    if not width or before + widths[-1] <= width:
        return "\n".join(_line(row, widths) for row in cells)
    if width - before >= NARROWEST:
        return "\n".join(_wrapped(row, widths, before, width) for row in cells)
    short = (
        f"{_line(row[:-1], widths[:-1])}\n{fill(row[-1], width, **_indented(BELOW))}"
        for row in cells
    )
    return "\n".join(short)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    return (" " * GAP).join(cells).rstrip()


def _wrapped(row: Sequence[str], widths: Sequence[int], before: int, width: int) -> str:
    text = fill(row[-1], width, **_indented(before))
    return _line(row[:-1], widths[:-1]).ljust(before) + text[before:]


def _indented(by: int) -> dict[str, Any]:
    return {"initial_indent": " " * by, "subsequent_indent": " " * by}


def releases(
    entries: Sequence[Mapping[str, Any]], *, tell: str = "of", width: int | None = None
) -> str:
    """A line for each release.

    Args:
        entries: of a registry.
        tell: what the second column tells, `of` (the kind) or `claim`.
        width: columns of the terminal, as of `table`.
    """
    if not entries:
        return "nothing fits"
    head = ("name", "kind" if tell == "of" else tell, "size", "licence", "state", "title")
    return table(head, (_row(entry, tell) for entry in entries), width=width)


def _row(entry: Mapping[str, Any], tell: str) -> tuple[str, ...]:
    release = entry["release"]
    later = entry.get("superseded_by")
    state = "withdrawn" if "withdrawn" in entry else "superseded" if later else "current"
    return (
        f"{release['id']}@{release['version']}",
        str(release.get(tell) or release["holds"].get(tell, "-")),
        size(release["bytes"]),
        release["licence"],
        f"{state}, use {later}" if later else state,
        release["title"],
    )


def plan(done: Any) -> str:
    """What publishing would do: every object, what it costs, and where it ends up.

    Args:
        done: what a dry run of `publish` returns.
    """
    release, note = done.release, done.note
    lines = [
        f"{entry.size:>14,}  {shown(entry.name)}{'  (there)' if entry.name in done.there else ''}"
        for entry in done.entries
    ]
    lines += [
        "",
        f"{release['of']} {release['id']}@{release['version']}",
        f"  objects   {release['objects']:,}, {release['bytes']:,} bytes",
        f"  to send   {done.sent:,}, {done.sent_bytes:,} bytes; {len(done.there):,} are there",
        f"  requests  about {done.writes:,} to write, {done.reads:,} to read everything back",
        f"  stored    {size(release['bytes'])}, for as long as it is kept",
        f"  storage   {release['storage']}",
        f"  url       {shown(done.url, 400)}",
    ]
    return "\n".join([*lines, *([f"  note      {shown(note, 400)}"] if note else [])])
