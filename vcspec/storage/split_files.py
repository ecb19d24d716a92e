"""Files of splits that others have made: dictionaries (JSON, pickle) and tables of cells."""

import csv
import hashlib
import io
import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vcspec.model.errors import Refused, Unreadable

Sides = Mapping[str, Sequence[str]]
MOST_BYTES = 2**31


@dataclass(frozen=True)
class SplitFile:
    """What a file says.

    Attributes:
        name: of the file.
        sha256: of its bytes.
        groups: word for a side → names, of a dictionary; empty for a table.
        rows: (name, word for a side), of a table; empty for a dictionary.
        left_out: columns of a table that were not read.
        subgroups: name and SHA-256 of the file beside it that the tested part was taken from.
    """

    name: str
    sha256: str
    groups: Sides
    rows: Sequence[tuple[str, str]] = ()
    left_out: Sequence[str] = ()
    subgroups: tuple[str, str] | None = None


class _Data(pickle.Unpickler):
    """Reads dictionaries, lists and text; whatever would run code is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {("builtins", "set"), ("builtins", "frozenset")}:
            return set
        message = (
            f"the pickle asks for {module}.{name}; only dictionaries, lists, sets and text are "
            "read, since a pickle can run anything. Save the dictionary as JSON"
        )
        raise Refused(message)

    def persistent_load(self, _: Any) -> Any:
        message = "the pickle refers to objects outside it; save the dictionary as JSON"
        raise Refused(message)


def read_split_file(path: Path, subgroup: str = "") -> SplitFile:
    """A split in a file: JSON or pickle of a dictionary of sides, or CSV or TSV of cells.

    Args:
        path: of the file.
        subgroup: part of `test_subgroup` that is tested; where a dictionary has none, that of the
            file beside it is read whose name ends in `_subgroup`, as GEARS saves it.

    Raises:
        Unreadable: it cannot be read, or holds no split.
        Refused: a pickle that would run code.
    """
    data = _bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    found = _dictionary(data, path)
    if found is None:
        _require_no_subgroup(path, subgroup)
        rows, left_out = _rows(_text(data, path), path)
        return SplitFile(path.name, digest, {}, rows, left_out)
    if not subgroup:
        return SplitFile(path.name, digest, _plain(found, path))
    beside = path.with_name(f"{path.stem}_subgroup{path.suffix}")
    if "test_subgroup" in found or not beside.exists():
        parts = _parts(found, path, subgroup, f"; nor is there a file {beside.name} beside it")
        return SplitFile(path.name, digest, _of_part(_plain(found, path), parts, subgroup))
    data = _bytes(beside)
    parts = _parts(_dictionary(data, beside) or {}, beside, subgroup)
    sides = _of_part(_plain(found, path), parts, subgroup)
    source = (beside.name, hashlib.sha256(data).hexdigest())
    return SplitFile(path.name, digest, sides, subgroups=source)


def _bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}); give a file of a split"
        raise Unreadable(message) from error
    if size > MOST_BYTES:
        message = f"{path} has {size} bytes; a file of a split has at most {MOST_BYTES}"
        raise Unreadable(message)
    return data


def _dictionary(data: bytes, path: Path) -> Mapping[Any, Any] | None:
    """Of a pickle or JSON; None for a table."""
    if path.suffix.lower() in {".pkl", ".pickle"}:
        found = _unpickled(data, path)
    else:
        text = _text(data, path)
        if text.lstrip()[:1] != "{":
            return None
        found = _parsed(text, path)
    if not isinstance(found, dict):
        message = f"{path} holds a {type(found).__name__}; expected a dictionary of sides"
        raise Unreadable(message)
    return found


def _unpickled(data: bytes, path: Path) -> Any:
    try:
        return _Data(io.BytesIO(data)).load()
    except Refused:
        raise
    except Exception as error:
        message = f"{path} is no pickle of a dictionary ({type(error).__name__}: {error})"
        raise Unreadable(message) from error


def _parsed(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"{path} is not JSON ({error}); expected a dictionary of sides"
        raise Unreadable(message) from error


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{path} is not UTF-8 text ({error}); expected CSV, TSV or JSON"
        raise Unreadable(message) from error


def _plain(found: Mapping[Any, Any], path: Path) -> dict[str, list[str]]:
    """Side → names."""
    groups = {
        str(side): [str(name) for name in names]
        for side, names in found.items()
        if isinstance(names, (list, tuple, set))
    }
    if not groups:
        message = f"{path} holds no lists of names; expected such as train, val and test"
        raise Unreadable(message)
    return groups


def _parts(
    found: Mapping[Any, Any], path: Path, subgroup: str, beside: str = ""
) -> Mapping[str, set[str]]:
    """Subgroup → tested names."""
    parts = found.get("test_subgroup")
    if not isinstance(parts, dict):
        message = f"{path} has no test_subgroup, and so no subgroup {subgroup!r}{beside}"
        raise Unreadable(message)
    if subgroup not in parts:
        message = f"{path} has no subgroup {subgroup!r}; it has {', '.join(map(str, parts))}"
        raise Unreadable(message)
    return {str(name): {str(one) for one in names} for name, names in parts.items()}


def _of_part(groups: Mapping[str, list[str]], parts: Mapping[str, set[str]], name: str) -> Sides:
    """The sides with a subgroup tested, and the other tested names aside."""
    others = set(groups.get("test", ())).union(*parts.values()) - parts[name]
    return {**groups, "test": sorted(parts[name]), "": sorted(others)}


def _require_no_subgroup(path: Path, subgroup: str) -> None:
    if subgroup:
        message = f"{path} is a table, which has no subgroup {subgroup!r}; leave subgroup out"
        raise Unreadable(message)


CELL = frozenset({"", "cell", "cell_id", "cellid", "barcode", "index", "obs_names", "cell_name"})
SIDE = frozenset({"split", "role", "set", "side", "partition", "subset"})


def _rows(text: str, path: Path) -> tuple[Sequence[tuple[str, str]], Sequence[str]]:
    """(cell, side) of each row, with a header or without one; and the other columns."""
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    if not rows or len(rows[0]) < 2:
        message = f"{path} has fewer than two columns; expected cells and their sides"
        raise Unreadable(message)
    head = [name.strip().casefold() for name in rows[0]]
    cell = next((at for at, name in enumerate(head) if name in CELL), 0)
    named = next((at for at, name in enumerate(head) if name in SIDE), None)
    has_head = named is not None or head[cell] in CELL
    side = named if named is not None else next(at for at in range(len(head)) if at != cell)
    uneven = [number for number, row in enumerate(rows, 1) if len(row) != len(head)]
    if uneven:
        message = f"{path} has not {len(head)} fields, as its first row, in row {uneven[0]}"
        raise Unreadable(message)
    names = rows[0] if has_head else [f"number {number}" for number in range(1, len(head) + 1)]
    others = [name.strip() for at, name in enumerate(names) if at not in {cell, side}]
    return [(row[cell].strip(), row[side].strip()) for row in rows[has_head:]], others
