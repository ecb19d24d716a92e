"""Tables of splits: a row for each cell, or for each condition, and its side."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vcspec.model.errors import Unreadable
from vcspec.model.sides import side_of

UNNAMED = frozenset({"", "index", "unnamed: 0"})
CELL = UNNAMED | {
    *("cell", "cells", "cell_id", "cellid", "cell_name", "cell_barcode", "cell_barcodes"),
    *("barcode", "barcodes", "obs_names"),
}
SIDE = frozenset({"split", "role", "set", "side", "partition", "subset"})
BESIDE_ROLES = ("reason", "group")
DELIMITERS = ",;\t"
LOOKED_AT = 8192  # characters by which the delimiter is told


@dataclass(frozen=True)
class SplitTable:
    """What a table says.

    Attributes:
        rows: (cell, word for a side); empty for a table of conditions.
        conditions: column → value of each row, with the word for its side as `role`; empty for a
            table of cells.
        left_out: columns that were not read.
        assumed: the first line, where it is left out because it looks like a header.
    """

    rows: Sequence[tuple[str, str]] = ()
    conditions: Sequence[Mapping[str, str]] = ()
    left_out: Sequence[str] = ()
    assumed: str = ""


def split_table(text: str, path: Path, columns: Sequence[str] = ()) -> SplitTable:
    """A table of cells, or of conditions where a column `perturbation` stands in place of cells.

    Commas, semicolons or tabs are between fields; lines with `#` before all others are left out.

    Args:
        text: of the file.
        path: for messages.
        columns: of conditions.

    Raises:
        Unreadable: there are fewer than two columns, or rows of several lengths.
    """
    while text.startswith("#"):
        text = text.partition("\n")[2]
    rows = _fields(text, path)
    if not rows or len(rows[0]) < 2:
        message = f"{path} has fewer than two columns; expected cells and their sides"
        raise Unreadable(message)
    uneven = [number for number, row in enumerate(rows, 1) if len(row) != len(rows[0])]
    if uneven:
        message = f"{path} has not {len(rows[0])} fields, as its first row, in row {uneven[0]}"
        raise Unreadable(message)
    rows = [[value.strip() for value in row] for row in rows]
    head = [name.casefold() for name in rows[0]]
    side = _side(head)
    if side is not None and "perturbation" in head and not _names_cells(head, rows[1:]):
        return _of_conditions(rows, head, side, columns)
    return _of_cells(rows, head, side)


def _fields(text: str, path: Path) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(text), delimiter=_delimiter(text)) if row]
    except csv.Error as error:
        message = f"{path} is no table ({error}); expected cells and their sides"
        raise Unreadable(message) from error


def _delimiter(text: str) -> str:
    """By the first lines together; where they do not agree, what is most in the first."""
    try:
        return csv.Sniffer().sniff(text[:LOOKED_AT], DELIMITERS).delimiter
    except csv.Error:
        return max(DELIMITERS, key=text.partition("\n")[0].count)


def _side(head: Sequence[str]) -> int | None:
    """The column of sides by its name; None where the first row names none."""
    named = [at for at, name in enumerate(head) if name in SIDE]
    if named:
        return named[0]
    like = [at for at, name in enumerate(head) if "split" in name]
    return like[0] if len(like) == 1 and not any(map(side_of, head)) else None


def _names_cells(head: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a column names cells; numbers in order that stand before a table name none."""
    at = next((at for at, name in enumerate(head) if name in CELL), None)
    if at is None:
        return False
    numbers = [str(number) for number in range(len(rows))]
    return head[at] not in UNNAMED or [row[at] for row in rows] != numbers


def _of_conditions(
    rows: Sequence[Sequence[str]], head: Sequence[str], side: int, columns: Sequence[str]
) -> SplitTable:
    known = {"perturbation", *columns, *BESIDE_ROLES}
    places = {name: at for at, name in enumerate(head) if name in known}
    left_out = [
        _shown(rows[0][at], at) for at, name in enumerate(head) if name not in known and at != side
    ]
    found = [
        {name: row[at] for name, at in places.items()} | {"role": row[side]} for row in rows[1:]
    ]
    return SplitTable(conditions=found, left_out=left_out)


def _of_cells(rows: Sequence[Sequence[str]], head: Sequence[str], named: int | None) -> SplitTable:
    cells = [at for at, name in enumerate(head) if name in CELL and at != named]
    own = [at for at in cells if head[at] not in UNNAMED]
    cell = next(iter([*own, *cells]), 0 if named != 0 else 1)
    has_head = named is not None or head[cell] in CELL
    side = named if named is not None else next(at for at in range(len(head)) if at != cell)
    names = rows[0] if has_head else [""] * len(head)
    left_out = [_shown(name, at) for at, name in enumerate(names) if at not in {cell, side}]
    pairs = [(row[cell], row[side]) for row in rows[has_head:]]
    assumed = ""
    if not has_head and _is_header(pairs):
        assumed, pairs = ", ".join(rows[0]), pairs[1:]
    return SplitTable(pairs, left_out=left_out, assumed=assumed)


def _is_header(pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether the first row says no side, and a word that no other says, where others say some."""
    (_, word), *others = pairs
    rest = {side for _, side in others}
    return side_of(word) is None and word not in rest and any(map(side_of, rest))


def _shown(name: str, at: int) -> str:
    return name or f"number {at + 1}"
