"""Tables of one column in every encoding, with any chunks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from hypothesis import strategies as st
from zarr.dtype import VariableLengthUTF8

from vcspec.storage.zarr_store import ZarrStore

AWKWARD = [
    *("", " ", "nan", "None", "<NA>", "A", "control", "A+B", "a long label", " A", "A ", "A|B"),
    *("A\tB", "A\u200bB", "e\u0301", "é", "10 µM dasatinib", "A\u00a0", "A\x00"),
]


@dataclass(frozen=True)
class Drawn:
    """A column as plain lists; `missing` holds for the encodings that can say so."""

    values: list[Any]
    missing: list[bool]
    encoding: Literal["plain", "categorical", "nullable"]
    chunk: int

    @property
    def is_absent(self) -> list[bool]:
        """(rows,) whether the store says that the value is missing."""
        return [False] * len(self.values) if self.encoding == "plain" else self.missing


def drawn(values: st.SearchStrategy[Any], *, rows: int = 40) -> st.SearchStrategy[Drawn]:
    """Columns of up to `rows` values."""

    def build(pairs: list[tuple[Any, bool]], encoding: Any, chunk: int) -> Drawn:
        return Drawn([v for v, _ in pairs], [m for _, m in pairs], encoding, chunk)

    pairs = st.lists(st.tuples(values, st.booleans()), min_size=1, max_size=rows)
    encodings = st.sampled_from(["plain", "categorical", "nullable"])
    return st.builds(build, pairs, encodings, st.integers(1, rows))


def table_of(place: Path, column: Drawn) -> ZarrStore:
    """A store with the table `obs`, whose column `a` and row names are the column."""
    root = zarr.create_group(zarr.storage.LocalStore(place))
    table = root.create_group("obs")
    table.attrs.update({"encoding-type": "dataframe", "_index": "a"})
    with zarr.config.set({"array.write_empty_chunks": True}):
        _write(table, column)
    return ZarrStore(str(place))


def _write(table: Any, column: Drawn) -> None:
    if column.encoding == "plain":
        _put(table, "a", column.values, column.chunk)
        return
    group = table.create_group("a")
    if column.encoding == "categorical":
        categories = sorted(set(column.values))
        pairs = zip(column.values, column.missing, strict=True)
        codes = [-1 if missing else categories.index(value) for value, missing in pairs]
        _put(group, "categories", categories, column.chunk)
        _put(group, "codes", np.array(codes, dtype=np.int16), column.chunk)
        group.attrs["encoding-type"] = "categorical"
        return
    _put(group, "values", column.values, column.chunk)
    _put(group, "mask", np.array(column.missing), column.chunk)
    group.attrs["encoding-type"] = "nullable-string-array"


def _put(group: Any, name: str, values: Any, chunk: int) -> None:
    is_text = isinstance(values[0], str)
    found = np.array(values, dtype=object if is_text else None)
    kind: Any = VariableLengthUTF8() if is_text else found.dtype
    group.create_array(name, shape=found.shape, chunks=(chunk,), dtype=kind)[...] = found
