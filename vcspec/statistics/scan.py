"""Scan: what one pass over the rows of a matrix notes for the rules on values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import AnyArray, Rows
from vcspec.model.tally import Tally
from vcspec.statistics.kernels import call, compiled, narrow, real
from vcspec.statistics.mixing import splitmix64

COUNTED = ("out_of_range", "twice", "unsorted", "not_finite", "negative", "fractional")
TALLIED = (*COUNTED, "above", "heavy", "light")
KEPT = ("filled", "total", "is_whole", "fingerprint")
MANY = 255
RICH = 5  # entries from which on equal rows of a condition are copies, and no coincidence
Prints = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Scan:
    """What was seen. Zeros that are stored count as zeros; arrays are (rows,).

    Attributes:
        out_of_range: entries with a column number outside the matrix.
        twice: entries whose column was there already in their row.
        unsorted: entries that stand before one with a smaller column number.
        not_finite: NaN and infinite values.
        negative: values below zero.
        fractional: values that are not whole.
        above: rows whose largest value is above its bound, once each.
        heavy: rows whose sum of expm1, the total on the scale that log1p came from, is above its
            bounds, once each.
        light: rows that are not empty and whose sum of expm1 is below its bounds, once each.
        entries: number of entries that are not zero.
        filled: the same by row, uint8; 255 stands for 255 and more.
        total: sum of the values, float64; nothing where there are bounds.
        is_whole: whether all values are whole.
        fingerprint: 64-bit hash of the row's (column, value) pairs, whatever their order; 0 where a
            column is out of range. Nothing where it was taken together by group.
    """

    out_of_range: Tally
    twice: Tally
    unsorted: Tally
    not_finite: Tally
    negative: Tally
    fractional: Tally
    above: Tally
    heavy: Tally
    light: Tally
    entries: int
    filled: NDArray[np.uint8]
    total: NDArray[np.float64]
    is_whole: NDArray[np.bool_]
    fingerprint: NDArray[np.uint64]

    @property
    def is_sound(self) -> bool:
        """Whether statistics can be taken: columns in range, each once, and finite values."""
        faults = (self.out_of_range, self.twice, self.not_finite)
        return not any(fault.rows for fault in faults)

    @property
    def is_readable(self) -> bool:
        """Whether rows are rows, though values may not be finite."""
        return not (self.out_of_range.rows or self.twice.rows)

    def without_fingerprints(self) -> "Scan":
        """The same, but for the fingerprints."""
        return replace(self, fingerprint=np.empty(0, dtype=np.uint64))


def prints_of(
    fingerprint: NDArray[np.uint64], borders: NDArray[np.int64], filled: NDArray[np.uint8]
) -> Prints:
    """Fingerprints taken together.

    Args:
        fingerprint: (rows,) of consecutive rows.
        borders: (groups + 1,) places at which groups begin, none of them empty, and the end.
        filled: (rows,) numbers of entries; rows with few of them may be equal by chance.

    Returns:
        (groups, 5) sum modulo 2**64, smallest and largest; number of rows with `RICH` entries or
        more, and how many of them repeat one of their group.
    """
    if len(borders) < 2:
        return np.empty((0, 5), dtype=np.uint64)
    starts = borders[:-1]
    ways = (np.add, np.minimum, np.maximum)
    columns = [way.reduceat(fingerprint, starts) for way in ways]
    return np.stack([*columns, *_repeated_rows(fingerprint, borders, filled >= RICH)], axis=1)


def _repeated_rows(
    fingerprint: NDArray[np.uint64], borders: NDArray[np.int64], is_rich: NDArray[np.bool_]
) -> tuple[Prints, Prints]:
    """(groups,) rich rows, and those of them that repeat another of their group."""
    groups, span = len(borders) - 1, slice(int(borders[0]), int(borders[-1]))
    group = np.repeat(np.arange(groups), np.diff(borders))[is_rich[span]]
    own = fingerprint[span][is_rich[span]]
    order = np.lexsort((own, group))
    is_same = (own[order][1:] == own[order][:-1]) & (group[order][1:] == group[order][:-1])
    rich = np.bincount(group, minlength=groups)
    again = np.bincount(group[order][1:][is_same], minlength=groups)
    return rich.astype(np.uint64), again.astype(np.uint64)


EXACT = 2.0**53  # above, float64 does not tell neighbouring whole numbers apart


@dataclass(frozen=True)
class Bounds:
    """What log1p values should keep within.

    Attributes:
        most: of a value.
        totals: least and most that expm1 of a row's values should add up to.
    """

    most: float = np.inf
    totals: tuple[float, float] = (0.0, np.inf)


def scan(blocks: Iterable[Rows], bounds: Bounds | None = None) -> Scan:
    """Notes on every row of the blocks, in order; each row depends on its own entries alone."""
    return together([noted(block, bounds) for block in blocks])


def together(parts: Sequence[Scan]) -> Scan:
    """Notes on consecutive blocks, in their order."""
    if not parts:
        return noted(Rows(np.zeros(1, dtype=np.int64), np.empty(0, np.int32), np.empty(0), 0))
    tallies = {name: Tally.together(getattr(part, name) for part in parts) for name in TALLIED}
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in KEPT}
    entries = sum(part.entries for part in parts)
    found: dict[str, Any] = {**tallies, **arrays, "entries": entries}
    return Scan(**found)


def noted(block: Rows, bounds: Bounds | None = None) -> Scan:
    """Notes on one block.

    Args:
        block: column numbers may be anything; offsets must be sound.
        bounds: of log1p values; None for others, of which the totals are taken instead.
    """
    natural, known = bounds is not None, bounds or Bounds()
    found = _by_kernel(block, natural=natural) if compiled() else _by_numpy(block, natural=natural)
    least, most = known.totals
    found["above"] = found["largest"] > (known.most if natural else EXACT)
    found["heavy"] = found["natural_total"] > most
    found["light"] = (found["natural_total"] < least) & (found["stored"] > 0)
    tallies = {name: Tally.of(found[name], block.first) for name in TALLIED}
    # Copies in the smallest types: what is kept of each row is what a pass needs of memory.
    everything: dict[str, Any] = {
        **tallies,
        "entries": int(found["stored"].sum(dtype=np.int64)),
        "filled": np.minimum(found["stored"], MANY).astype(np.uint8),
        "total": found["total"] if not natural else np.empty(0),
        "is_whole": found["fractional"] == 0,
        "fingerprint": found["fingerprint"],
    }
    return Scan(**everything)


@lru_cache(maxsize=4)
def _column_hashes(width: int) -> NDArray[np.uint64]:
    return splitmix64(np.arange(width, dtype=np.uint64))


def _by_kernel(block: Rows, *, natural: bool) -> dict[str, AnyArray]:
    rows, values = len(block), real(block.data)
    counts = np.empty((7, rows), dtype=np.int32)
    reals = np.empty((2, rows), dtype=np.float32)
    total, fingerprint = np.empty(rows), np.empty(rows, dtype=np.uint64)
    entries = (block.indptr, narrow(block.indices), values, values.dtype == np.float64)
    asked = (block.width, _column_hashes(block.width), natural)
    call("vcs_scan", rows, *entries, *asked, counts, total, reals, fingerprint)
    names = ("stored", "out_of_range", "twice", "unsorted", "not_finite", "negative", "fractional")
    found: dict[str, AnyArray] = dict(zip(names, counts, strict=True))
    for row in np.flatnonzero(found["unsorted"]).tolist():
        found["twice"][row] = _repeated(block.slice(row, row + 1)).sum()
    rest = {"total": total, "natural_total": reals[0], "largest": reals[1]}
    return {**found, **rest, "fingerprint": fingerprint}


def _by_numpy(block: Rows, *, natural: bool) -> dict[str, AnyArray]:
    row = block.row_of_entry
    inside = (block.indices >= 0) & (block.indices < block.width)
    value = block.data.astype(np.float64)
    finite = np.isfinite(value)
    sound = np.where(finite, value, 0.0)

    def counted(which: NDArray[np.bool_]) -> NDArray[np.int32]:
        return np.bincount(row[which], minlength=len(block)).astype(np.int32)

    def summed(weights: AnyArray) -> AnyArray:
        return np.bincount(row, weights=weights, minlength=len(block)).astype(np.float64)

    exponent = np.minimum(sound, 88.0) if natural else np.zeros_like(sound)
    with np.errstate(over="ignore"):
        largest, sums = _row_maximum(block, sound).astype(np.float32), summed(np.expm1(exponent))
        return {
            "out_of_range": counted(~inside),
            "twice": _repeated(block),
            "unsorted": _falling(block),
            "not_finite": counted(~finite),
            "negative": counted(sound < 0),
            "fractional": counted(sound != np.floor(sound)),
            "stored": counted(value != 0),
            "total": summed(sound),
            "natural_total": sums.astype(np.float32),
            "largest": largest,
            "fingerprint": _fingerprint(block, row, counted(~inside) > 0),
        }


def _row_maximum(block: Rows, value: AnyArray) -> AnyArray:
    largest, filled = np.zeros(len(block)), np.diff(block.indptr) > 0
    if filled.any():
        found = np.maximum.reduceat(value, block.indptr[:-1][filled])
        largest[filled] = np.maximum(found, 0.0)  # where nothing is stored there is a zero
    return largest


def _falling(block: Rows) -> NDArray[np.int32]:
    row = block.row_of_entry
    falls = (np.diff(block.indices) < 0) & (np.diff(row) == 0)
    return np.bincount(row[1:][falls], minlength=len(block)).astype(np.int32)


def _repeated(block: Rows) -> NDArray[np.int32]:
    column, of = block.indices, block.row_of_entry
    if ((np.diff(column) < 0) & (np.diff(of) == 0)).any():
        order = np.lexsort((column, of))
        column, of = column[order], of[order]
    same = (np.diff(column) == 0) & (np.diff(of) == 0)
    return np.bincount(of[1:][same], minlength=len(block)).astype(np.int32)


def _fingerprint(block: Rows, row: AnyArray, broken: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Sum, modulo 2**64, of a hash of each entry that is not zero."""
    bits = block.data.astype(np.float64).view(np.uint64)
    mixed = splitmix64(bits ^ splitmix64(block.indices.astype(np.uint64)))
    mixed[(block.data == 0) | broken[row]] = 0
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(mixed, dtype=np.uint64)])
    return np.asarray(sums[block.indptr[1:]] - sums[block.indptr[:-1]])
