"""Visit: everything that is taken from one block of rows, in one reading of it.

A visit is a pure function of its arguments, which can be pickled: threads of this process and
workers elsewhere run the same one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vcspec.engine.cells import Cells, Scale
from vcspec.engine.plan import Block
from vcspec.engine.stopping import go_on
from vcspec.model.comparison import Space
from vcspec.model.matrix import Array, Rows
from vcspec.model.store import Damaged
from vcspec.statistics.cellwise import NOTHING_MORE, Cellwise, Piece, Taking, cellwise
from vcspec.statistics.content import matrix_leaf, raw_leaf
from vcspec.statistics.expression import benjamini_hochberg
from vcspec.statistics.fingerprints import Shown
from vcspec.statistics.moments import add_to
from vcspec.statistics.ranksum import RankSum, SortedControl
from vcspec.statistics.scan import Bounds, Prints, Scan, noted, prints_of, together
from vcspec.statistics.tree import TILE_ROWS


@dataclass(frozen=True)
class Wants:
    """What is taken.

    Attributes:
        notes: what the rules on values ask for.
        bounds: with the notes, what log1p values should keep within; None for others.
        by_group: with the notes, fingerprints taken together by condition, and not by row.
        leaves: digests of tiles, for the content digest.
        scale: how values become log1p; None where neither means nor tests are wanted.
        taking: with the scale, what is taken of each condition beyond its mean.
        lenient: with the scale, statistics are taken of rows with values that are not finite as
            well: the mean is not finite either, and such values count as 0 elsewhere.
    """

    notes: bool = False
    bounds: Bounds | None = None
    by_group: bool = False
    leaves: bool = False
    scale: Scale | None = None
    taking: Taking = NOTHING_MORE
    lenient: bool = False

    def takes(self, scan: Scan | None) -> bool:
        """Whether statistics are taken of rows on which these are the notes."""
        if self.scale is None:
            return False
        return scan is None or scan.is_sound or (self.lenient and scan.is_readable)


@dataclass(frozen=True, eq=False)
class Against:
    """What visits share, which is handed over once.

    Attributes:
        control: what conditions are tested against; None where they are not tested.
        space: what drawn cells are seen in; None where none are drawn.
        shown: cells that are looked for among those of the block; None where none are.
    """

    control: SortedControl | None
    space: Space | None = None
    shown: Shown | None = None


@dataclass(frozen=True, eq=False)
class Task:
    """One block and what is taken from it; small, as it travels: no array is as long as the store.

    Attributes:
        cells: where the rows are.
        block: which rows.
        borders: (conditions of the block + 1,) rows at which its conditions begin, and its end.
        totals: (rows of the block,) totals of its cells, where the scale needs them.
        wants: what is taken.
        rows: how many rows there are in all.
    """

    cells: Cells
    block: Block
    borders: tuple[int, ...]
    totals: Array | None
    wants: Wants
    rows: int


@dataclass(frozen=True, eq=False)
class Seen:
    """What a visit found.

    Attributes:
        scan: notes on the rows.
        leaves: digests of the tiles that begin in the block.
        undigested: why the tiles have none; empty where they have.
        prints: (conditions of the block, 5) fingerprints, as `prints_of`; None where they were not
            wanted.
        means: (conditions of the block, features) mean profiles, log1p.
        z: (conditions of the block, features), as `RankSum`; None where they are not tested.
        p_value: as `z`.
        fdr: as `z`, adjusted within each condition.
        cellwise: of each condition of the block, what was wanted beyond its mean.
        shown: (conditions of the block, 2) as `Shown.tally`; None where nothing was looked for.
    """

    scan: Scan | None = None
    leaves: tuple[bytes, ...] = ()
    undigested: str = ""
    prints: Prints | None = None
    means: Array | None = None
    z: Array | None = None
    p_value: Array | None = None
    fdr: Array | None = None
    cellwise: tuple[Cellwise, ...] = ()
    shown: NDArray[np.int64] | None = None


def visit(task: Task, against: Against | None) -> Seen:
    """Read the block and take what is wanted.

    Statistics are left out where the notes say that the rows are not sound.

    Args:
        task: the block, and what is wanted.
        against: what its conditions are held against; None where they are held against nothing.

    Raises:
        Damaged: rows cannot be read.
    """
    if len(task.block.pieces) > 1:
        return _visit_in_pieces(task, against)
    read = _read(task, *task.block.pieces[0])
    own = read.slice(0, task.block.stop - task.block.start)
    borders = np.array(task.borders) - task.block.start
    seen = _grouped(Seen(*_looked_at(task, read, own)), borders, task.wants)
    scale = task.wants.scale
    if scale is None or not task.wants.takes(seen.scan):
        return seen
    rows = scale.log1p(own, task.totals)
    means = np.array([_mean([rows.slice(*pair)]) for pair in _pairs(borders)])
    seen = replace(seen, means=means, shown=_tally(rows, borders, against))
    if seen.scan is not None and not seen.scan.is_sound:
        own = _finite(own)
        rows = scale.log1p(own, task.totals)
    if task.wants.taking:
        whole = scale.piece(own, task.totals)
        parts = [whole.slice(*pair) for pair in _pairs(borders)]
        found = tuple(_cellwise(task, [part], len(part.log1p), against) for part in parts)
        seen = replace(seen, cellwise=found)
    if against is None or against.control is None:
        return seen
    return _with(seen, against.control.compare_all(rows, borders))


def _tally(
    rows: Rows, borders: NDArray[np.int64], against: Against | None
) -> NDArray[np.int64] | None:
    shown = against.shown if against is not None else None
    return None if shown is None else shown.tally(rows, borders)


def _added(sums: Array, rows: Rows, against: Against | None) -> NDArray[np.int64] | None:
    """The tally of rows of one condition, which are added to its sums."""
    add_to(sums, rows)
    return _tally(rows, np.array([0, len(rows)]), against)


def _summed(tallies: Sequence[NDArray[np.int64] | None]) -> NDArray[np.int64] | None:
    known = [tally for tally in tallies if tally is not None]
    return np.asarray(np.sum(known, axis=0)) if known else None


def _cellwise(task: Task, pieces: Sequence[Piece], cells: int, against: Against | None) -> Cellwise:
    space = against.space if against is not None else None
    return cellwise(lambda: pieces, cells, task.cells.width, task.wants.taking, space)


def _with(seen: Seen, test: RankSum) -> Seen:
    fdr = benjamini_hochberg(test.p_value)
    return replace(seen, z=test.z, p_value=test.p_value, fdr=fdr)


def _grouped(seen: Seen, borders: NDArray[np.int64], wants: Wants) -> Seen:
    """The same with fingerprints by condition, where they are wanted so."""
    if seen.scan is None or not wants.by_group:
        return seen
    prints = prints_of(seen.scan.fingerprint, borders, seen.scan.filled)
    return replace(seen, prints=prints, scan=seen.scan.without_fingerprints())


def _read(task: Task, start: int, stop: int) -> Rows:
    """The rows, and where tiles are digested those that complete the last tile."""
    whole = min(-(-stop // TILE_ROWS) * TILE_ROWS, task.rows)
    reach = whole if task.wants.leaves else stop
    return _rows(task, start, reach)


def _rows(task: Task, start: int, stop: int) -> Rows:
    """The rows, unless nobody waits for them any more."""
    go_on()
    return task.cells.rows(start, stop)


def _looked_at(task: Task, read: Rows, own: Rows) -> tuple[Scan | None, tuple[bytes, ...], str]:
    wants = task.wants
    scan = noted(own, wants.bounds) if wants.notes else None
    if not wants.leaves:
        return scan, (), ""
    try:
        return scan, tuple(_leaves(read, len(own))), ""
    except Damaged as error:
        return scan, (), error.reason


def _leaves(read: Rows, own: int) -> Iterator[bytes]:
    """Digests of the tiles that begin among the first `own` rows."""
    for start in range(-read.first % TILE_ROWS, own, TILE_ROWS):
        tile = read.slice(start, min(start + TILE_ROWS, len(read)))
        yield raw_leaf(tile) or matrix_leaf(tile, "/X")


def _pairs(borders: NDArray[np.int64]) -> list[tuple[int, int]]:
    return list(zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True))


def _mean(pieces: list[Rows]) -> Array:
    sums = np.zeros((pieces[0].width, 2))
    for rows in pieces:
        add_to(sums, rows)
    return np.asarray(sums[:, 0] / sum(map(len, pieces)))


def _visit_in_pieces(task: Task, against: Against | None) -> Seen:
    """One condition that is larger than a block may be, read piece by piece."""
    scans: list[Scan] = []
    leaves: list[bytes] = []
    tallies: list[NDArray[np.int64] | None] = []
    undigested, sums, scale = "", np.zeros((task.cells.width, 2)), task.wants.scale
    for start, stop in task.block.pieces:
        read = _read(task, start, stop)
        own = read.slice(0, stop - start)
        scan, found, problem = _looked_at(task, read, own)
        scans += [scan] if scan is not None else []
        leaves += found
        undigested = undigested or problem
        if scale is not None and task.wants.takes(scan):
            tallies.append(_added(sums, _scaled(task, scale, own, start), against))
    scan = together(scans) if scans else None
    cells = task.block.stop - task.block.start
    seen = _grouped(Seen(scan, tuple(leaves), undigested), np.array([0, cells]), task.wants)
    if scale is None or not task.wants.takes(scan):
        return seen
    seen = replace(seen, means=sums[np.newaxis, :, 0] / cells, shown=_summed(tallies))
    if task.wants.taking:
        seen = replace(seen, cellwise=(_cellwise_in_pieces(task, scale, against),))
    if against is None or against.control is None:
        return seen

    def pieces() -> Iterator[Rows]:
        for start, stop in task.block.pieces:
            yield _scaled(task, scale, _finite(_rows(task, start, stop)), start)

    control = against.control
    return _with(seen, control.compare_in_parts(pieces, parts=len(task.block.pieces)))


def _cellwise_in_pieces(task: Task, scale: Scale, against: Against | None) -> Cellwise:
    def pieces() -> Iterator[Piece]:
        for start, stop in task.block.pieces:
            rows = _finite(_rows(task, start, stop))
            yield scale.piece(rows, _totals(task, start, len(rows)))

    space = against.space if against is not None else None
    cells = task.block.stop - task.block.start
    return cellwise(pieces, cells, task.cells.width, task.wants.taking, space)


def _finite(rows: Rows) -> Rows:
    """The rows, with 0 in place of values that are not finite."""
    lost = ~np.isfinite(rows.data)
    return replace(rows, data=np.where(lost, 0, rows.data)) if lost.any() else rows


def _scaled(task: Task, scale: Scale, rows: Rows, start: int) -> Rows:
    return scale.log1p(rows, _totals(task, start, len(rows)))


def _totals(task: Task, start: int, rows: int) -> Array | None:
    at = start - task.block.start
    return None if task.totals is None else task.totals[at : at + rows]
