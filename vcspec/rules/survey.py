"""One look at a column, piece by piece: what is absent, malformed or there twice."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest

import numpy as np
from numpy.typing import NDArray

from vcspec.model.condition import FIELD_SEPARATOR
from vcspec.model.finding import SHOWN
from vcspec.model.store import Column
from vcspec.statistics.distinct import distinct

NO_LABEL = re.compile(r"^\s*$|^(nan|none|null|na|<na>)$", re.IGNORECASE)
LONGEST_NO_LABEL = 5  # "<na>" and the line feed that `$` lets pass; longer ones are blank
NOTHING = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Survey:
    """What was seen of rows that stand one after the other.

    Attributes:
        sort: of the column.
        rows: number of rows.
        absent: number of rows without a value.
        absent_rows: the first of them.
        malformed: (labels,) hashes of the malformed labels, each once.
        examples: the first malformed labels in the order of their letters.
        hashes: hashes of all names where they must differ; of a whole column, (names,) those that
            came more than once.
    """

    sort: str
    rows: int
    absent: int
    absent_rows: tuple[int, ...]
    malformed: NDArray[np.int64]
    examples: tuple[str, ...]
    hashes: NDArray[np.int64]


def survey(pieces: Iterable[Column], *, is_condition: bool, is_index: bool) -> Survey:
    """What there is to see of a column.

    Args:
        pieces: at least one.
        is_condition: whether it names a condition, whose labels hold no separator.
        is_index: whether its values name rows and must differ.
    """
    parts: list[Survey] = []
    rows = 0
    for piece in pieces:
        parts.append(_look(piece, rows, is_condition=is_condition, is_index=is_index))
        rows += len(piece)
    hashes = np.concatenate([part.hashes for part in parts])
    return Survey(
        parts[0].sort,
        rows,
        sum(part.absent for part in parts),
        tuple(row for part in parts for row in part.absent_rows)[:SHOWN],
        distinct(np.concatenate([part.malformed for part in parts])),
        tuple(nsmallest(SHOWN, {label for part in parts for label in part.examples})),
        _shared(hashes),
    )


def _shared(hashes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those that stand more than once, each once; `hashes` is sorted in place."""
    hashes.sort()
    return distinct(hashes[1:][hashes[1:] == hashes[:-1]])


def _look(piece: Column, first: int, *, is_condition: bool, is_index: bool) -> Survey:
    rows = np.flatnonzero(absent(piece))
    bad: list[str] = []
    if piece.sort == "string":
        labels = _labels(piece)
        together = "".join(labels)
        if " " in together or not _is_plain(together, is_condition=is_condition):
            bad = [
                label
                for label in set(labels)
                if not _is_plain(label, is_condition=is_condition)
                and label_problem(label, is_condition=is_condition)
            ]
    return Survey(
        piece.sort,
        len(piece),
        len(rows),
        tuple((rows[:SHOWN] + first).tolist()),
        _hashes(bad),
        tuple(nsmallest(SHOWN, bad)),
        _hashes(_texts(piece)) if is_index else NOTHING,
    )


def _labels(piece: Column) -> list[str]:
    """Each of the texts that stand in a row, at least once."""
    if piece.codes is None or piece.categories is None:
        return list(piece.values.tolist())
    used = np.flatnonzero(np.bincount(piece.codes + 1)[1:])
    return list(piece.categories[used].tolist())


def _texts(piece: Column) -> list[str]:
    """The values as text."""
    values = piece.values if piece.sort == "string" else piece.values.astype(str)
    return list(values.tolist())


def _hashes(texts: Sequence[str]) -> NDArray[np.int64]:
    return np.fromiter(map(hash, texts), dtype=np.int64, count=len(texts))


def _is_plain(label: str, *, is_condition: bool) -> bool:
    """Whether a quick look shows that nothing can be wrong with the label."""
    clean = label.isprintable() and label == label.strip()
    normal = label.isascii() or unicodedata.is_normalized("NFC", label)
    return clean and normal and not (is_condition and FIELD_SEPARATOR in label)


def absent(column: Column) -> NDArray[np.bool_]:
    """(rows,) whether the value is missing, or text that stands for nothing."""
    missing = column.missing if column.missing is not None else np.zeros(len(column), dtype=bool)
    if column.sort == "string":
        nothing = _nothing(_labels(column))
        if not nothing:
            return missing
        labels = column.values.tolist()
        return missing | np.fromiter(
            map(nothing.__contains__, labels), dtype=bool, count=len(labels)
        )
    if column.values.dtype.kind == "f":
        return np.asarray(missing | np.isnan(column.values))
    return missing


def _nothing(labels: Sequence[str]) -> set[str]:
    """Those of the labels that stand for nothing."""
    if min(map(len, labels), default=0) > LONGEST_NO_LABEL and not any(map(str.isspace, labels)):
        return set()
    return {
        label
        for label in set(labels)
        if (len(label) <= LONGEST_NO_LABEL or label.isspace()) and NO_LABEL.match(label)
    }


def label_problem(label: str, *, is_condition: bool) -> str:
    """What is wrong with a label; empty where nothing is."""
    if label != label.strip():
        return "white space at its ends"
    if any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co"} for letter in label):
        return "a control or invisible character"
    if unicodedata.normalize("NFC", label) != label:
        return "another Unicode form than NFC"
    return f"the separator {FIELD_SEPARATOR}" if is_condition and FIELD_SEPARATOR in label else ""


def names_twice(pieces: Iterable[Column], shared: NDArray[np.int64]) -> list[str]:
    """The names that stand more than once, sorted; all of them have one of the hashes `shared`."""
    counts = Counter(name for piece in pieces for name in _having(piece, shared))
    return sorted(name for name, number in counts.items() if number > 1)


def _having(piece: Column, shared: NDArray[np.int64]) -> Iterator[str]:
    names = _texts(piece)
    for row in np.flatnonzero(np.isin(_hashes(names), shared)).tolist():
        yield names[row]
