"""Labels of many rows in little memory, and the stretches of rows that share all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.model.condition import FIELD_SEPARATOR
from vcspec.model.matrix import AnyArray
from vcspec.model.store import Column

Codes = NDArray[np.signedinteger[Any]]
LONG = 8  # rows of a run, on average, from which runs take less memory than rows


@dataclass(frozen=True, eq=False)
class Labels:
    """A column of text, of which runs of equal labels are kept where these are long.

    Attributes:
        kept: place among `names` of the label of each run, or of each row, in a small type.
        borders: (runs + 1,) first row of each run, and the number of rows; None where rows are
            kept.
        names: each label that a row has, once; a missing one is "".
    """

    kept: Codes
    borders: NDArray[np.int64] | None
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.kept) if self.borders is None else int(self.borders[-1])

    @property
    def codes(self) -> Codes:
        """(rows,) place of each row's label among `names`."""
        return _expanded(self.kept, self.borders)

    def starts(self) -> NDArray[np.int64]:
        """Rows among which are all whose label is not that of the row before, and the first."""
        return _starts(self.kept) if self.borders is None else self.borders[:-1]

    def at(self, rows: NDArray[np.int64]) -> Codes:
        """Places among `names` of the labels of some rows."""
        if self.borders is not None:
            rows = np.searchsorted(self.borders, rows, side="right") - 1
        return self.kept[rows]

    def are(self, label: str) -> NDArray[np.bool_]:
        """(rows,) whether the row has that label."""
        code = self.names.index(label) if label in self.names else -1
        return np.asarray(self.codes == code)

    def of(self, row: int) -> str:
        """The label of a row."""
        return self.names[int(self.at(np.array([row]))[0])]


def labels_of(pieces: Iterable[Column]) -> Labels:
    """The labels of a column that comes in pieces."""
    known: dict[str, int] = {}
    parts: list[tuple[Codes, NDArray[np.int64] | None]] = []
    for piece in pieces:
        codes = _codes(piece, known)
        starts = _starts(codes)
        codes = codes.astype(np.min_scalar_type(-len(known) - 1))
        in_runs = len(starts) * LONG <= len(codes)
        parts.append((codes[starts], np.append(starts, len(codes))) if in_runs else (codes, None))
    names = tuple(known)
    if any(borders is None for _, borders in parts):
        return Labels(np.concatenate([_expanded(*part) for part in parts]), None, names)
    ends = np.concatenate([[0], *(np.diff(borders) for _, borders in parts if borders is not None)])
    return Labels(np.concatenate([kept for kept, _ in parts]), np.cumsum(ends), names)


def _starts(codes: Codes) -> NDArray[np.int64]:
    return np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]])[: len(codes)])


def _expanded(kept: Codes, borders: NDArray[np.int64] | None) -> Codes:
    return kept if borders is None else np.repeat(kept, np.diff(borders))


def _codes(piece: Column, known: dict[str, int]) -> NDArray[np.int32]:
    """(rows,) numbers of the labels; those not met before are added to `known`."""
    if piece.sort != "string":
        return _numbered(piece.values.astype(str).tolist(), known)
    if piece.codes is None or piece.categories is None:
        return _numbered(piece.values.tolist(), known)
    used, place = np.unique(piece.codes, return_inverse=True)
    texts = ["" if code < 0 else str(piece.categories[code]) for code in used.tolist()]
    return _numbered(texts, known)[place]


def _numbered(texts: Sequence[str], known: dict[str, int]) -> NDArray[np.int32]:
    numbers = (known.setdefault(text, len(known)) for text in texts)
    return np.fromiter(numbers, dtype=np.int32, count=len(texts))


@dataclass(frozen=True, eq=False)
class Stretches:
    """Consecutive rows of one condition each.

    Attributes:
        borders: (stretches + 1,) first row of each, and the number of rows.
        codes: (stretches,) place of its key among `keys`.
        keys: (conditions,) each key once, in the order of their first rows.
    """

    borders: NDArray[np.int64]
    codes: NDArray[np.int64]
    keys: tuple[str, ...]

    def numbers(self) -> NDArray[np.int64]:
        """(conditions,) in how many stretches the rows of each key stand."""
        return np.bincount(self.codes, minlength=len(self.keys))

    def grouped(self) -> "Grouped":
        """All rows of each key together, keys in the order of their first rows."""
        lengths = np.diff(self.borders)
        borders = np.concatenate([[0], np.cumsum(list(self.sizes().values()))]).astype(np.int64)
        if len(self.codes) == len(self.keys):
            return Grouped(borders, None)
        of_row = np.repeat(self.codes.astype(np.int32), lengths)
        return Grouped(borders, np.argsort(of_row, kind="stable").astype(np.int64))

    def sizes(self) -> Mapping[str, int]:
        """Key → number of its rows, in the order of their first."""
        sizes = np.zeros(len(self.keys), dtype=np.int64)
        np.add.at(sizes, self.codes, np.diff(self.borders))
        return dict(zip(self.keys, sizes.tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class Grouped:
    """Rows brought together by key.

    Attributes:
        borders: (keys + 1,) place of the first row of each key, and the number of rows.
        order: (rows,) number of the row at each place; None where rows are together as they stand.
    """

    borders: NDArray[np.int64]
    order: NDArray[np.int64] | None

    def ordered(self, values: AnyArray) -> AnyArray:
        """(rows,) values in that order."""
        return values if self.order is None else values[self.order]


def stretches(columns: Sequence[Labels]) -> Stretches:
    """Stretches of rows whose labels, joined, are one key; `columns` are those of a condition."""
    rows = len(columns[0])
    is_first = np.zeros(rows, dtype=bool)
    for column in columns:
        is_first[column.starts()] = True
    starts = np.flatnonzero(is_first)
    first, place = _combinations([column.at(starts) for column in columns])
    known: dict[str, int] = {}
    keys = [FIELD_SEPARATOR.join(c.of(row) for c in columns) for row in starts[first].tolist()]
    codes = _numbered(keys, known).astype(np.int64)[place]
    is_other = np.ones(len(codes), dtype=bool)  # other labels may join to the same key
    is_other[1:] = codes[1:] != codes[:-1]
    return Stretches(np.append(starts[is_other], rows), codes[is_other], tuple(known))


def _combinations(columns: Sequence[AnyArray]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each combination of codes stands first, and (places,) the number of each place's."""
    number = first = np.zeros(len(columns[0]), dtype=np.int64)
    for codes in columns:  # numbered afresh each time, so that products stay small
        wide = number * (int(codes.max(initial=0)) + 1) + codes
        _, first, number = np.unique(wide, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return first[order], rank[number]
