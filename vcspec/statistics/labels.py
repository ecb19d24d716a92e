"""Labels of many rows in little memory, and the stretches of rows that share all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.model.condition import FIELD_SEPARATOR
from vcspec.model.matrix import AnyArray
from vcspec.model.store import Column


@dataclass(frozen=True, eq=False)
class Labels:
    """A column of text.

    Attributes:
        codes: (rows,) place of each row's label among `names`, in a small type.
        names: each label that a row has, once; a missing one is "".
    """

    codes: NDArray[np.signedinteger[Any]]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def are(self, label: str) -> NDArray[np.bool_]:
        """(rows,) whether the row has that label."""
        code = self.names.index(label) if label in self.names else -1
        return np.asarray(self.codes == code)

    def of(self, row: int) -> str:
        """The label of a row."""
        return self.names[int(self.codes[row])]


def labels_of(pieces: Iterable[Column]) -> Labels:
    """The labels of a column that comes in pieces."""
    known: dict[str, int] = {}
    parts = []
    for piece in pieces:
        codes = _codes(piece, known)
        parts.append(codes.astype(np.min_scalar_type(-len(known) - 1)))
    return Labels(np.concatenate(parts), tuple(known))


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
    is_first = np.ones(rows, dtype=bool)
    is_first[1:] = False
    for column in columns:
        is_first[1:] |= column.codes[1:] != column.codes[:-1]
    starts = np.flatnonzero(is_first)
    first, place = _combinations([column.codes[starts] for column in columns])
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
