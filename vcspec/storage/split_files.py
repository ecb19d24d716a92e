"""Files of splits that others have made: dictionaries (JSON, pickle) and tables of cells."""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vcspec.model.errors import Refused, Unreadable
from vcspec.storage.split_pickles import unpickled
from vcspec.storage.split_tables import SplitTable, split_table

Sides = Mapping[str, Sequence[str]]
MOST_BYTES = 2**31
GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class SplitFile:
    """What a file says.

    Attributes:
        name: of the file.
        sha256: of its bytes.
        groups: word for a side → names, of a dictionary; empty for a table.
        table: of a table; empty for a dictionary.
        subgroups: name and SHA-256 of the file beside it that the tested part was taken from.
    """

    name: str
    sha256: str
    groups: Sides
    table: SplitTable = field(default_factory=SplitTable)
    subgroups: tuple[str, str] | None = None


def read_split_file(path: Path, subgroup: str = "", columns: Sequence[str] = ()) -> SplitFile:
    """A split in a file: JSON or pickle of a dictionary of sides, or a table; gzipped or not.

    Args:
        path: of the file.
        subgroup: part of `test_subgroup` that is tested; where a dictionary has none, that of the
            file beside it is read whose name ends in `_subgroup`, as GEARS saves it.
        columns: of conditions, for a table of conditions.

    Raises:
        Unreadable: it cannot be read, or holds no split.
        Refused: a pickle that would run code.
    """
    stored = _bytes(path)
    data, digest = _inflated(stored, path), hashlib.sha256(stored).hexdigest()
    found = _dictionary(data, path)
    if found is None:
        _require_no_subgroup(path, subgroup)
        return SplitFile(path.name, digest, {}, split_table(_text(data, path), path, columns))
    if not subgroup:
        return SplitFile(path.name, digest, _plain(found, path))
    packed = ".gz" if path.suffix.lower() == ".gz" else ""
    inside = path.with_suffix("") if packed else path
    beside = path.with_name(f"{inside.stem}_subgroup{inside.suffix}{packed}")
    if "test_subgroup" in found or not beside.exists():
        parts = _parts(found, path, subgroup, f"; nor is there a file {beside.name} beside it")
        return SplitFile(path.name, digest, _of_part(_plain(found, path), parts, subgroup))
    stored = _bytes(beside)
    parts = _parts(_dictionary(_inflated(stored, beside), beside) or {}, beside, subgroup)
    sides = _of_part(_plain(found, path), parts, subgroup)
    source = (beside.name, hashlib.sha256(stored).hexdigest())
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


def _inflated(data: bytes, path: Path) -> bytes:
    """The bytes, unpacked where they are gzipped."""
    if not data.startswith(GZIP):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            found = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        message = f"{path} is no whole gzip file ({error}); fetch or pack it again"
        raise Unreadable(message) from error
    if len(found) > MOST_BYTES:
        message = f"{path} unpacks to more than {MOST_BYTES} bytes, the most for a file of a split"
        raise Unreadable(message)
    return found


def _dictionary(data: bytes, path: Path) -> Mapping[Any, Any] | None:
    """Of a pickle or JSON; None for a table."""
    if {suffix.lower() for suffix in path.suffixes[-2:]} & {".pkl", ".pickle"}:
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
        return unpickled(data)
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
    empty = [name for name, names in parts.items() if not isinstance(names, (list, tuple, set))]
    if empty:
        message = f"{path} holds no list of names in its subgroup {str(empty[0])!r}; expected one"
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
