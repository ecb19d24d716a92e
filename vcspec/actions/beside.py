"""Tables that stand beside a dataset when it is split: families, structures, dates, profiles."""

import csv
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from vcspec.model.errors import Unreadable, UsageError
from vcspec.model.matrix import Array

Path_ = str | os.PathLike[str]
Columns = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Beside:
    """A table given beside a dataset.

    Attributes:
        name: of the file.
        sha256: of its bytes.
        columns: name → one text a row; surrounding blanks removed.
    """

    name: str = ""
    sha256: str = ""
    columns: Columns = field(default_factory=lambda: MappingProxyType({}))

    @property
    def parameters(self) -> dict[str, str]:
        """What a split states of the table: its name and digest."""
        return {"table": self.name, "table_sha256": self.sha256} if self.name else {}


def read_table(path: Path_) -> Beside:
    """The table at `path`: CSV, or TSV where the name ends so, UTF-8, with a header.

    Raises:
        Unreadable: there is no such file, it is no such table, or its rows are uneven.
    """
    place = Path(path)
    try:
        data = place.read_bytes()
        text = data.decode("utf-8-sig")
        delimiter = "\t" if place.suffix.lower() in {".tsv", ".tab"} else ","
        header, *rows = list(csv.reader(text.splitlines(), delimiter=delimiter)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        message = f"{place} cannot be read as a table in UTF-8 ({error}); give a CSV file"
        raise Unreadable(message) from error
    rows = [row for row in rows if row]
    names = [name.strip() for name in header]
    if not rows or len(set(names)) != len(names) or not all(names):
        message = f"{place} is no table; expected a header of distinct names and rows below it"
        raise Unreadable(message)
    uneven = [number for number, row in enumerate(rows, start=2) if len(row) != len(names)]
    if uneven:
        message = f"{place} has not {len(names)} fields, as its header, in row {uneven[0]}"
        raise Unreadable(message)
    columns = {name: tuple(row[at].strip() for row in rows) for at, name in enumerate(names)}
    return Beside(place.name, hashlib.sha256(data).hexdigest(), MappingProxyType(columns))


def profiles_in(table: Beside) -> Mapping[str, Array]:
    """Context → its numbers, of a table with a column `context` and columns of numbers.

    Raises:
        UsageError: a value is no finite number, or a context stands twice.
    """
    contexts = table.columns["context"]
    if len(set(contexts)) != len(contexts):
        message = f"{table.name} has a context more than once; give one row for each"
        raise UsageError(message)
    names = [name for name in table.columns if name != "context"]
    try:
        values = np.array([table.columns[name] for name in names], dtype=np.float64).T
    except ValueError as error:
        message = f"{table.name} holds something that is no number ({error}); give numbers"
        raise UsageError(message) from None
    if not names or not np.isfinite(values).all():
        message = f"{table.name} needs columns of finite numbers beside context"
        raise UsageError(message)
    return dict(zip(contexts, values, strict=True))
