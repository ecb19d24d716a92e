"""Which cells are the same, or nearly: hashes of count vectors, and sketches of them.

A hash belongs to what was counted, by the names of the features: it is the same whatever the order
of the features, the storage, and whether counts or log1p values of them are held. A barcode is no
identity: barcodes of 10x kits come from fixed lists that every large corpus exhausts.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import AnyArray, Rows
from vcspec.model.spaces import AS_MEASURED
from vcspec.statistics.mixing import STEP, splitmix64
from vcspec.statistics.normalise import amounts_of
from vcspec.statistics.scan import EXACT

Hashes = NDArray[np.uint64]
DEFINITION = "vcs-cell-1"
LEAST_FEATURES = 20  # detected; cells with fewer are equal by chance
BANDS, PER_BAND = 4, 8
"""A sketch: cells that share a band are looked at closely. With Jaccard similarity s of their
(feature, count) pairs two cells share one with probability 1 - (1 - s⁸)⁴: 0.97 at 0.95, 0.90 at
0.92, 0.02 at 0.5."""
BINS = BANDS * PER_BAND
BLOCK = 65_536  # entries that are hashed at once, so that they stay in a processor's cache
WHOLE = 1e-3  # how far an amount may be from a whole number of the cell's smallest
SHIFT = np.uint64(64 - 5)  # the five top bits choose one of 32 bins


def name_hashes(names: Sequence[str] | AnyArray) -> Hashes:
    """(features,) the first eight bytes of the SHA-256 of each name in upper case."""
    digests = (hashlib.sha256(str(name).upper().encode()).digest()[:8] for name in names)
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def counts_of(rows: Rows, space: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Counts of the entries; log1p values in units of the cell's smallest amount.

    Returns:
        (stored,) whole numbers, and (cells,) whether all of a cell's amounts are such. A cell in
        which nothing was counted once comes out in other units, and matches nothing.
    """
    cell = rows.row_of_entry
    if space == "counts" and rows.data.dtype.kind in "iu":
        return rows.data.astype(np.int64), np.ones(len(rows), dtype=bool)
    values = amounts_of(rows, space=space).data
    if space != "counts":
        least = np.full(len(rows), np.inf)
        np.minimum.at(least, cell, np.where(values > 0, values, np.inf))
        values = values / least[cell]
    is_beyond = ~(np.abs(values) < EXACT)
    values = np.where(is_beyond, 0.0, values)
    counts = np.rint(values)
    off = is_beyond | (np.abs(values - counts) > WHOLE * np.maximum(1.0, counts))
    is_whole = np.bincount(cell, weights=off, minlength=len(rows)) == 0
    return counts.astype(np.int64), is_whole


def numbers_of(rows: Rows, space: str) -> tuple[Hashes, NDArray[np.bool_]]:
    """What the entries are hashed by: counts; or, of values as they were measured, float32 bits.

    Returns:
        (stored,) numbers, 0 for entries that are left out, and (cells,) whether all of a cell's are
        sound: whole counts, or finite values.
    """
    if space not in AS_MEASURED:
        counts, is_whole = counts_of(rows, space)
        return np.maximum(counts, 0).astype(np.uint64), is_whole
    values = rows.data.astype(np.float32)
    bits = np.where(values != 0, values.view(np.uint32), np.uint32(0)).astype(np.uint64)
    broken = np.bincount(rows.row_of_entry, weights=~np.isfinite(values), minlength=len(rows))
    return bits, broken == 0


@dataclass(frozen=True, eq=False)
class Identities:
    """What cells are known by.

    Attributes:
        hashes: (cells,) of the (feature, count) pairs.
        bands: (cells, bands) of the sketch; 0 where a band has an empty bin.
        known: (cells,) whether a cell has enough detected features, and whole counts or, as
            measured, finite values.
    """

    hashes: Hashes
    bands: Hashes
    known: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def is_sketched(self) -> NDArray[np.bool_]:
        """(cells,) whether a cell is known and fills a band, by which near copies are found."""
        return self.known & (self.bands != 0).any(axis=1)

    def of(self, rows: NDArray[np.int64]) -> "Identities":
        """Those of some cells."""
        return Identities(self.hashes[rows], self.bands[rows], self.known[rows])

    @classmethod
    def together(cls, parts: Sequence["Identities"]) -> "Identities":
        """Those of several blocks, one under the other."""
        if not parts:
            empty = np.empty(0, dtype=np.uint64)
            return cls(empty, empty.reshape(0, BANDS), empty.astype(bool))
        return cls(
            *(np.concatenate([getattr(p, n) for p in parts]) for n in ("hashes", "bands", "known"))
        )


def identities(rows: Rows, names: Hashes, space: str) -> Identities:
    """Hashes and sketches of the cells.

    The hash is the sum modulo 2**64 of a hash of each (feature, count) pair with a count above 0;
    in spaces that are scored as measured, of each (feature, value) pair with a value that is not 0.
    The sketch takes the least pair hash in each of 32 bins, and mixes eight of them to a band.

    Args:
        rows: cells × features.
        names: (features,) as `name_hashes`.
        space: of their values.
    """
    step = max(1, BLOCK * len(rows) // max(1, len(rows.data)))
    starts = range(0, len(rows), step)
    return Identities.together(
        [_of_block(rows.slice(at, min(at + step, len(rows))), names, space) for at in starts]
    )


def _of_block(rows: Rows, names: Hashes, space: str) -> Identities:
    numbers, is_sound = numbers_of(rows, space)
    kept = numbers > 0
    cell, numbers = rows.row_of_entry[kept], numbers[kept]
    with np.errstate(over="ignore"):
        pairs = splitmix64(names[rows.indices[kept]] ^ splitmix64(numbers))
        sums = np.zeros(len(rows), dtype=np.uint64)
        np.add.at(sums, cell, pairs)
    filled = np.bincount(cell, minlength=len(rows))
    known = is_sound & (filled >= LEAST_FEATURES)
    return Identities(sums, _bands(cell, pairs, len(rows)), known)


def _bands(cell: NDArray[np.int64], pairs: Hashes, cells: int) -> Hashes:
    most = np.iinfo(np.uint64).max
    least = np.full(cells * BINS, most, dtype=np.uint64)
    np.minimum.at(least, cell * BINS + (pairs >> SHIFT).astype(np.int64), pairs)
    bins = least.reshape(cells, BANDS, PER_BAND)
    found = np.zeros((cells, BANDS), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for place in range(PER_BAND):
            found = splitmix64(found ^ (bins[:, :, place] + STEP))
    # Bands of one cell are different questions: the same value in two places is no match.
    found ^= splitmix64(np.arange(BANDS, dtype=np.uint64))
    return np.where((bins == most).any(axis=2), np.uint64(0), found)


def jaccard(one: Rows, other: Rows, space: str, other_space: str = "") -> float:
    """Share of (feature, count) pairs of two cells, one row each, that they have in common.

    Args:
        one: (1, features).
        other: (1, the same features).
        space: of their values.
        other_space: of the other's, where that is another.
    """
    sets = []
    for rows, own in ((one, space), (other, other_space or space)):
        numbers, _ = numbers_of(rows, own)
        kept = numbers > 0
        sets.append(set(zip(rows.indices[kept].tolist(), numbers[kept].tolist(), strict=True)))
    union = sets[0] | sets[1]
    return len(sets[0] & sets[1]) / len(union) if union else 0.0


def shared(left: Hashes, right: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of equal values: each place of `left` with the first place of `right` that equals."""
    values, first = np.unique(right, return_index=True)
    at = np.searchsorted(values, left)
    at[at == len(values)] = 0
    found = np.flatnonzero(values[at] == left) if len(values) else np.empty(0, dtype=np.int64)
    return found, first[at[found]] if len(values) else found
