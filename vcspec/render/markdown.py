"""Text of strangers in Markdown: shown as it is, steering nothing."""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from vcspec.render.description import URL_SAFE

MARKS = re.compile(r"[\\`*\[\]<>&|~#$^]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
ADDRESSES = re.compile(r"(?i)(?<=[a-z]):(?=//)|(?<=www)\.|(?<=mailto):|(?<=xmpp):")
# What begins a list or underlines a heading at the start of a line; `#` and `>` are marks.
STARTS = re.compile(r"[-+=]|[0-9]+(?=[.)])")
BAR, BARRED = re.compile(r"(?<!\\)[|]"), r"\\|"


def plain(text: str) -> str:
    r"""Text in one line that Markdown shows as it stands, within a line.

    >>> plain("<b>*a*</b>\n# [x](y)")
    '\\<b\\>\\*a\\*\\</b\\> \\# \\[x\\](y)'
    """
    return ADDRESSES.sub(r"\\\g<0>", MARKS.sub(r"\\\g<0>", _line(text)))


def opening(text: str) -> str:
    r"""The same for text that opens a paragraph or an entry of a list.

    >>> opening("- 1. one"), opening("1. one")
    ('\\- 1. one', '1\\. one')
    """
    escaped = plain(text)
    start = STARTS.match(escaped)
    if start is None:
        return escaped
    place = start.end() if start[0].isdigit() else 0
    return f"{escaped[:place]}\\{escaped[place:]}"


def code(text: str) -> str:
    """Text as code, in a fence that it does not hold."""
    line = _line(text)
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{line}{space}{fence}"


def link(text: str, url: str) -> str:
    """A link to a web address; the text alone where the address is none."""
    if not re.match("https?://", url):
        return plain(text)
    return f"[{plain(text)}](<{quote(url, safe=URL_SAFE)}>)"


def bullets(items: Iterable[str]) -> list[str]:
    """A list of what is Markdown already."""
    return [f"- {item}" for item in items]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of what is Markdown already; also within code a bar would end a cell."""
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(BAR.sub(BARRED, cell) for cell in row)} |" for row in rows),
    ]


def _line(text: str) -> str:
    """Text without breaks, and with everything in it visible."""
    line = " ".join(text.split())
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in line
    )
