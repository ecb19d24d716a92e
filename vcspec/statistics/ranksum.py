"""Rank-sum test of conditions against a control that is sorted once.

Only stored values are touched. The zeros of a feature, stored or not, are one block of ties that is
counted in closed form; negative values sort below it. U and the sum of ties are whole numbers and
halves, so that a compiled kernel and numpy come to the same bits.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import Array, Rows, stack
from vcspec.statistics.kernels import call, compiled, narrow, scratch
from vcspec.statistics.placement import Landscape, cubic, distinct, keys_of

EXACT_CELLS = 2**21  # beyond, the cubes of the kernel do not fit 64 bits
HELD = 2**23  # stored values of a control that are held while they are counted
MOST_CONDITIONS = 2**16  # that the kernel numbers in one call
AT_ONCE = 2**24  # entries that are tested together; memory for more costs more than it saves


@dataclass(frozen=True, eq=False)
class RankSum:
    """Outcome of the test of each feature; every array (features,), or (conditions, features).

    Attributes:
        u: pairs (cell, control cell) in which the cell is higher, ties counting one half.
        ties: sum of t³ - t over the groups of t equal values of both sides together.
        z: normal deviate of `u`, positive where the condition is higher; 0 without variance.
        p_value: two-sided; 1 without variance.
    """

    u: Array
    ties: Array
    z: Array
    p_value: Array


@dataclass(frozen=True, eq=False)
class SortedControl:
    """The control's non-zero values, sorted within each feature; 4 bytes a value, 5 once compared.

    Attributes:
        start: (features + 1,) where the values of each feature begin.
        values: (stored,) whole numbers in the order of the float32 values they stand for.
        ties: (features,) sum of t³ - t over the control's groups of equal non-zero values.
        cells: number of control cells.
    """

    start: NDArray[np.int64]
    values: NDArray[np.uint32]
    ties: NDArray[np.uint64]
    cells: int

    @classmethod
    def of(cls, rows: Rows) -> "SortedControl":
        """The control's cells, sorted; costs one sort of their stored values."""
        return cls.streamed(lambda: [rows], rows.width)

    @classmethod
    def streamed(
        cls, blocks: Callable[[], Iterable[Rows]], width: int, threads: int = 1
    ) -> "SortedControl":
        """The control's cells; where they are many they are read twice, and never held.

        Args:
            blocks: gives all cells, block by block, each time it is called.
            width: number of features.
            threads: that sort, each some of the features.
        """
        if compiled() is None:
            return _sorted_by_numpy(blocks(), width)
        count, cells, stored = np.zeros(width, dtype=np.int64), 0, 0
        held: list[tuple[NDArray[np.int32], NDArray[np.uint32]]] = []
        for block in blocks():
            indices, bits = narrow(block.indices), _bits(block)
            call("vcs_count", len(indices), indices, bits, width, count)
            cells, stored = cells + len(block), stored + len(indices)
            if stored <= HELD:
                held.append((indices.copy(), bits.copy()))
            else:
                held.clear()
        start = np.concatenate([[0], np.cumsum(count)])
        values, cursor = np.empty(int(start[-1]), dtype=np.uint32), start[:-1].copy()
        again = (
            held
            if stored <= HELD
            else ((narrow(block.indices), _bits(block)) for block in blocks())
        )
        for indices, bits in again:
            call("vcs_place", len(indices), indices, bits, width, cursor, start[1:], values)
        ties = np.empty(width, dtype=np.uint64)

        def sort(first: int, last: int) -> None:
            call("vcs_sort_control", last - first, start[first:], values, ties[first:])

        if threads == 1:
            sort(0, width)
        else:
            even = np.linspace(0, start[-1], threads + 1)[1:-1]
            inner = np.searchsorted(start, even).tolist()
            with ThreadPoolExecutor(threads, thread_name_prefix="vcspec-controls") as pool:
                list(pool.map(sort, [0, *inner], [*inner, width]))
        return cls(start, values, ties, cells)

    @property
    def width(self) -> int:
        """Number of features."""
        return len(self.start) - 1

    @property
    def nbytes(self) -> int:
        """Bytes of its values, and of the index that comparing makes of them."""
        return self.values.nbytes + (self._index.nbytes if compiled() is not None else 0)

    @cached_property
    def _index(self) -> NDArray[np.uint32]:
        """Where the kernel begins to look for a value."""
        length = call("vcs_index_length", self.width, len(self.values))
        found = np.empty(length, dtype=np.uint32)
        call("vcs_index", self.width, self.start, self.values, found)
        return found

    @cached_property
    def _landscape(self) -> Landscape:
        return Landscape.of(self.start, self.values, self.cells)

    def compare(self, rows: Rows) -> RankSum:
        """Test the cells `rows`, of one condition and as wide as the control, against the control.

        Values are compared as float32; NaN is not allowed. Equal to SciPy's
        `mannwhitneyu(method="asymptotic", use_continuity=True)` on each feature as float64.

        Source: Mann & Whitney 1947, doi:10.1214/aoms/1177730491.
        """
        one = self.compare_all(rows, np.array([0, len(rows)]))
        return RankSum(one.u[0], one.ties[0], one.z[0], one.p_value[0])

    def compare_all(self, rows: Rows, borders: NDArray[np.int64]) -> RankSum:
        """Test several conditions at once; each comes out as if it stood alone.

        Args:
            rows: cells of all the conditions, one condition after the other.
            borders: (conditions + 1,) rows at which conditions begin, and the number of rows.

        Raises:
            ValueError: an entry lies outside the control's features.
        """
        cells = np.diff(borders)
        shape = (len(cells), self.width)
        u, ties = np.empty(shape), np.empty(shape)
        fits = len(cells) <= MOST_CONDITIONS and self.cells + cells.max(initial=0) <= EXACT_CELLS
        if compiled() is not None and fits:
            for first, last in _few(rows.indptr[borders]):
                some = rows.slice(int(borders[first]), int(borders[last]))
                self._by_kernel(some, cells[first:last], u[first:last], ties[first:last])
        else:
            own = self.ties.astype(np.float64)
            for place, (start, stop) in enumerate(pairwise(borders.tolist())):
                one = rows.slice(start, stop)
                u[place], ties[place] = self._landscape.rank_sums(one, own)
        z, p_value = two_sided(u, ties, cells=cells[:, np.newaxis], control_cells=self.cells)
        return RankSum(u, ties, z, p_value)

    def compare_in_parts(self, pieces: Callable[[], Iterable[Rows]], *, parts: int) -> RankSum:
        """Test one condition that comes in pieces and is too large to be held whole.

        Its features are tested in `parts` ranges of about equally many entries, for each of which
        the pieces are read once more.

        Args:
            pieces: gives all the condition's cells, piece by piece, each time it is called.
            parts: how many ranges; the arrays of the result are (1, features).
        """
        found = [
            self._features(start, stop).compare_all(rows, np.array([0, len(rows)]))
            for start, stop in self._ranges(pieces(), parts)
            for rows in [stack([_columns(piece, start, stop) for piece in pieces()])]
        ]
        names = ("u", "ties", "z", "p_value")
        return RankSum(
            *(np.concatenate([getattr(one, name) for one in found], axis=1) for name in names)
        )

    def _ranges(self, pieces: Iterable[Rows], parts: int) -> list[tuple[int, int]]:
        count = np.zeros(self.width, dtype=np.int64)
        for piece in pieces:
            count += np.bincount(piece.indices, minlength=self.width)
        reached = np.cumsum(count)
        goals = reached[-1] * np.arange(1, parts) / parts if self.width else []
        cuts = np.unique([0, *(np.searchsorted(reached, goals) + 1), self.width])
        return list(pairwise(cuts[cuts <= self.width].tolist()))

    def _features(self, start: int, stop: int) -> "SortedControl":
        """The control of the features `start` to `stop` alone."""
        lo, hi = int(self.start[start]), int(self.start[stop])
        own = np.ascontiguousarray(self.start[start : stop + 1] - lo)
        return SortedControl(own, self.values[lo:hi], self.ties[start:stop], self.cells)

    def _by_kernel(self, rows: Rows, cells: NDArray[np.int64], u: Array, ties: Array) -> None:
        condition = np.repeat(np.arange(len(cells), dtype=np.uint16), cells)
        block = (rows.indptr, narrow(rows.indices), _bits(rows), condition)
        own = (self.start, self.values, self._index, self.ties, self.cells)
        cells = np.ascontiguousarray(cells, dtype=np.int64)
        values = scratch("values", len(rows.data), np.uint32)
        tested = (len(cells), cells, values)
        call("vcs_rank_sums", len(rows), *block, self.width, *own, *tested, u, ties)


def readings(stored: int) -> int:
    """How often the blocks of a control of so many stored values are read at most."""
    return 1 if compiled() is None or stored <= HELD else 2


def _few(ends: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of conditions of at most about `AT_ONCE` entries; `ends` is (conditions + 1,)."""
    first = 0
    while first < len(ends) - 1:
        last = int(np.searchsorted(ends, ends[first] + AT_ONCE, side="right")) - 1
        last = min(max(last, first + 1), len(ends) - 1)
        yield first, last
        first = last


def _columns(rows: Rows, start: int, stop: int) -> Rows:
    """The entries of the features `start` to `stop`, which are numbered anew."""
    inside = (rows.indices >= start) & (rows.indices < stop)
    before = np.concatenate([[0], np.cumsum(inside)])
    indices = rows.indices[inside] - start
    return Rows(before[rows.indptr], indices, rows.data[inside], stop - start, rows.first)


def _bits(rows: Rows) -> NDArray[np.uint32]:
    return np.ascontiguousarray(rows.data, dtype=np.float32).view(np.uint32)


def _sorted_by_numpy(blocks: Iterable[Rows], width: int) -> SortedControl:
    parts = [(keys_of(block), len(block)) for block in blocks]
    keys = np.sort(np.concatenate([np.empty(0, dtype=np.uint64), *(part for part, _ in parts)]))
    feature = (keys >> np.uint64(32)).astype(np.int64)
    start = np.searchsorted(feature, np.arange(width + 1)).astype(np.int64)
    known, count = distinct(keys)
    own = (known >> np.uint64(32)).astype(np.int64)
    ties = np.bincount(own, weights=cubic(count), minlength=width).astype(np.uint64)
    return SortedControl(start, keys.astype(np.uint32), ties, sum(cells for _, cells in parts))


def two_sided(
    u: Array,
    ties: Array,
    *,
    cells: int | NDArray[np.int64],
    control_cells: int,
    continuity: bool = True,
) -> tuple[Array, Array]:
    """Signed normal deviate of `u` and its two-sided p-value.

    Args:
        u: (…, features) pairs won by the condition, ties counting one half.
        ties: as `u`, sum of t³ - t over all groups of ties.
        cells: number of the condition's cells, or one for each condition, (conditions, 1).
        control_cells: number of control cells.
        continuity: move `u` one half towards its expectation, never past it.

    Returns:
        z and p, as `u`; 0 and 1 where all values are equal.
    """
    if compiled() is not None:
        return _by_tails(u, ties, np.asarray(cells), control_cells, continuity=continuity)
    from scipy.special import erfc

    own = np.asarray(cells, dtype=np.float64)
    both, pairs = own + control_cells, own * control_cells
    # 0 where all values are equal and at least 3 elsewhere: 1 tells them apart despite rounding.
    spread = (both + 1) - ties / (both * np.maximum(both - 1, 1))
    varies = spread > 1
    deviation = np.sqrt(pairs / 12 * np.where(varies, spread, 1))
    gap = u - pairs / 2
    excess = np.maximum(np.abs(gap) - 0.5 * continuity, 0)
    z = np.where(varies, np.sign(gap) * excess / deviation, 0.0)
    return z, np.asarray(erfc(np.abs(z) / np.sqrt(2)), dtype=np.float64)


def _by_tails(
    u: Array, ties: Array, cells: NDArray[np.int64], control_cells: int, *, continuity: bool
) -> tuple[Array, Array]:
    width = u.shape[-1]
    own = np.broadcast_to(cells.reshape(-1), (u.size // max(width, 1),))
    flat = [np.ascontiguousarray(part).reshape(-1, width) for part in (u, ties)]
    z, p_value = np.empty(flat[0].shape), np.empty(flat[0].shape)
    for at, number in enumerate(own.tolist()):
        tests = (width, flat[0][at], flat[1][at], int(number), control_cells, continuity)
        call("vcs_two_sided", *tests, z[at], p_value[at])
    return z.reshape(u.shape), p_value.reshape(u.shape)
