"""Releases, uploads and kept stores as text."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vcspec.render.report_text import shown

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


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns of text, as wide as they must be."""
    cells = [list(head), *([shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(head))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
    return "\n".join(lines)


def releases(entries: Sequence[Mapping[str, Any]]) -> str:
    """A line for each release."""
    if not entries:
        return "nothing fits"
    head = ("name", "kind", "size", "licence", "state", "title")
    return table(head, (_row(entry) for entry in entries))


def _row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    release = entry["release"]
    later = entry.get("superseded_by")
    state = "withdrawn" if "withdrawn" in entry else "superseded" if later else "current"
    return (
        f"{release['id']}@{release['version']}",
        release["of"],
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
