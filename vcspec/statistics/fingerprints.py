"""Fingerprints of what a split shows, which tell predictions that are pasted together of it.

A cell that was counted is known by its amounts in units of the smallest, which are whole: the same
for counts and for log1p values, whatever total they are scaled to. Other cells are known by their
float32 values. A profile is known by projections of it, and recognised near them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import AnyArray, Array, Rows
from vcspec.statistics.cell_identity import BLOCK, WHOLE, Hashes
from vcspec.statistics.kernels import call, compiled, narrow
from vcspec.statistics.mixing import splitmix64

FEWEST = 10  # values; cells with fewer may be equal by chance
MOST = 2**20  # fingerprints that are kept: of more, the smallest
LENGTHS = 32  # projections of a profile, at most 64: one for each bit of a name's hash
NEAR = 1e-4  # distance of a profile that is recognised, as a share of its own length
RAW = np.uint64(1 << 32)  # marks what is hashed by its bits; counts are below


@dataclass(frozen=True, eq=False)
class Shown:
    """What a split shows of its dataset, as predicted cells and profiles are held against it.

    Attributes:
        names: (features,) as `name_hashes`.
        cells: fingerprints, rising, each once.
        profiles: (shown conditions, LENGTHS) projections.
        counted: whether values are log1p of amounts.
    """

    names: Hashes
    cells: Hashes
    profiles: Array
    counted: bool

    def tally(self, rows: Rows, borders: NDArray[np.int64]) -> NDArray[np.int64]:
        """(groups, 2) cells that can be told, and those of them that are shown.

        Args:
            rows: consecutive cells, log1p values or values as measured, float32.
            borders: (groups + 1,) rows at which groups begin, none of them empty, and the end.
        """
        prints, is_known = fingerprints(rows, self.names, counted=self.counted)
        if len(self.cells) >= MOST:
            is_known &= prints <= self.cells[-1]
        found = np.stack([is_known, is_known & self._holds(prints)], axis=1)
        return np.add.reduceat(found, borders[:-1], dtype=np.int64)

    def _holds(self, prints: Hashes) -> NDArray[np.bool_]:
        if not len(self.cells):
            return np.zeros(len(prints), dtype=bool)
        nearest = self.cells.take(np.searchsorted(self.cells, prints), mode="clip")
        return nearest == prints

    def recognises(self, profiles: Array) -> NDArray[np.bool_]:
        """(profiles,) whether each is one that is shown, but for rounding."""
        signs = signs_of(self.names)
        own = np.array([projected(profile, signs) for profile in profiles])
        return np.array(
            [
                bool((_lengths(self.profiles - one) <= NEAR * _lengths(one[np.newaxis])).any())
                for one in own
            ],
            dtype=bool,
        )


def fewest_kept(prints: Hashes) -> Hashes:
    """Fingerprints as they are kept: rising, each once, at most `MOST`."""
    return np.unique(prints)[:MOST]


def signs_of(names: Hashes) -> Array:
    """(features, LENGTHS) signs with which values are added up: -1 where the name's bit is set."""
    bits = (names[:, np.newaxis] >> np.arange(LENGTHS, dtype=np.uint64)) & np.uint64(1)
    return np.where(bits == 1, -1.0, 1.0)


def projected(profile: Array, signs: Array) -> Array:
    """(LENGTHS,) sums of the profile's values with their signs.

    Added up in the order of the features, so that the bits are the same everywhere: numpy adds rows
    one after the other.
    """
    return np.asarray(np.add.reduce(profile[:, np.newaxis] * signs, axis=0))


def _lengths(vectors: Array) -> Array:
    return np.asarray(np.sqrt(np.square(vectors).sum(axis=1)))


def fingerprints(rows: Rows, names: Hashes, *, counted: bool) -> tuple[Hashes, NDArray[np.bool_]]:
    """(cells,) fingerprints, and whether a cell has `FEWEST` values, all of them finite.

    Args:
        rows: log1p values or values as measured, float32; columns in range, each once.
        names: (features,) as `name_hashes`.
        counted: whether they are log1p of amounts.
    """
    if compiled() is None:
        step = max(1, BLOCK * len(rows) // max(1, len(rows.data)))
        blocks = [rows.slice(at, min(at + step, len(rows))) for at in range(0, len(rows), step)]
        parts = [_by_numpy(block, names, counted=counted) for block in blocks or [rows]]
        found, is_known = (np.concatenate(kind) for kind in zip(*parts, strict=True))
        return found, is_known
    prints, filled = np.empty(len(rows), dtype=np.uint64), np.empty(len(rows), dtype=np.int64)
    values = np.ascontiguousarray(rows.data, dtype=np.float32)
    entries = (np.ascontiguousarray(rows.indptr), narrow(rows.indices), values)
    call("vcs_fingerprints", len(rows), *entries, rows.width, names, counted, prints, filled)
    return prints, filled >= FEWEST


def _by_numpy(rows: Rows, names: Hashes, *, counted: bool) -> tuple[Hashes, NDArray[np.bool_]]:
    kept = rows.data != 0
    cell, name = rows.row_of_entry[kept], names[rows.indices[kept]]
    values = rows.data[kept].astype(np.float32)
    cells = len(rows)
    odd = np.bincount(cell[~np.isfinite(values)], minlength=cells) > 0
    filled = np.where(odd, 0, np.bincount(cell, minlength=cells))
    states = values.view(np.uint32).astype(np.uint64) | RAW
    if counted:
        units, is_whole = _units(values, cell, cells)
        states = np.where(is_whole[cell], units, states)
    sums = np.zeros(len(name) + 1, dtype=np.uint64)
    np.cumsum(splitmix64(name ^ splitmix64(states)), out=sums[1:])
    ends = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=cells))])
    prints = sums[ends[1:]] - sums[ends[:-1]]
    return np.where(odd, np.uint64(0), prints), filled >= FEWEST


def _units(
    values: AnyArray, cell: NDArray[np.int64], cells: int
) -> tuple[Hashes, NDArray[np.bool_]]:
    """(entries,) amounts in units of their cell's smallest; (cells,) whether they are whole."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        amounts = np.expm1(values.astype(np.float64))
        least, starts = np.full(cells, np.inf), np.flatnonzero(np.diff(cell, prepend=-1))
        positive = np.where(amounts > 0, amounts, np.inf)
        least[cell[starts]] = np.minimum.reduceat(positive, starts) if len(starts) else []
        share = amounts / least[cell]
        units = np.rint(share)
        fits = (units >= 1) & (units < 2.0**32) & (np.abs(share - units) <= WHOLE * units)
    is_whole = np.bincount(cell[~fits], minlength=cells) == 0
    return np.where(fits, units, 0).astype(np.uint64), is_whole
