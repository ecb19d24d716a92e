"""Tables that fit the terminal: narrow ones in place of wide ones, and columns in blocks."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from vcspec.render.report_text import drawn

if TYPE_CHECKING:
    from rich.table import Table

Column = TypeVar("Column")


def fits(table: "Table", width: int | None) -> bool:
    """Whether no cell is cut or wrapped in so many columns of a terminal; None has room for all."""
    return width is None or _needed(table) <= width


def in_blocks(
    build: Callable[[Sequence[Column]], "Table"], columns: Sequence[Column], width: int | None
) -> "list[Table | str]":
    """Tables of as many of the columns as fit, in their order; one at least in each.

    An empty line follows each.

    Args:
        build: makes the table of some of the columns, with what stands in all of them.
        columns: which there are.
        width: columns of the terminal; None for one table.
    """
    blocks: list[Sequence[Column]] = [columns[:1]]
    for column in columns[1:]:
        wider = [*blocks[-1], column]
        if width is None or fits(build(wider), width):
            blocks[-1] = wider
        else:
            blocks.append([column])
    return [part for block in blocks for part in (build(block), "")]


def _needed(table: "Table") -> int:
    return max(map(len, drawn([table], colour=False, width=None).split("\n")))
