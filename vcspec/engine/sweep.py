"""Sweep: one pass over a matrix, for everything that is wanted of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vcspec.engine.budget import give_back
from vcspec.engine.cells import Cells, StoredCells
from vcspec.engine.executors import Advance, Executor, run
from vcspec.engine.plan import Block, planned
from vcspec.engine.settings import Settings
from vcspec.engine.visit import Against, Seen, Task, Wants, visit
from vcspec.model.comparison import Expression, Space
from vcspec.model.matrix import Array, Rows
from vcspec.model.store import Damaged
from vcspec.statistics.cellwise import Cellwise
from vcspec.statistics.content import matrix_leaf, raw_leaf, tiles
from vcspec.statistics.fingerprints import Shown
from vcspec.statistics.ranksum import SortedControl
from vcspec.statistics.scan import Prints, Scan, noted, together
from vcspec.statistics.tree import TILE_ROWS

MANY_PIECES = 4
Number = TypeVar("Number", np.uint64, np.int64)


@dataclass(frozen=True, eq=False)
class Group:
    """Rows of one condition.

    Attributes:
        start: first row.
        stop: row after the last.
        control: number of the control that it is compared with; -1 where it is not tested.
    """

    start: int
    stop: int
    control: int = -1


@dataclass(frozen=True, eq=False)
class Swept:
    """What a sweep found; statistics are None where they were not wanted, or rows are not sound.

    Attributes:
        scan: notes on all rows.
        leaves: digests of the tiles, in order; None where they were not wanted.
        undigested: why there is no digest; empty where there is.
        prints: (groups, 5) fingerprints by group, as `prints_of`.
        means: (groups, features) mean profiles, log1p.
        expression: of the groups that are tested, in their order.
        cellwise: of each group, what was wanted beyond its mean.
        shown: (groups, 2) as `Shown.tally`.
    """

    scan: Scan | None = None
    leaves: list[bytes] | None = None
    undigested: str = ""
    prints: Prints | None = None
    means: Array | None = None
    expression: Expression | None = None
    cellwise: tuple[Cellwise, ...] = ()
    shown: NDArray[np.int64] | None = None


def sweep(  # noqa: PLR0913 - what is read, what is taken, and how
    cells: Cells,
    groups: Sequence[Group],
    controls: Sequence[SortedControl],
    wants: Wants,
    settings: Settings,
    *,
    totals: Array | None = None,
    space: Space | None = None,
    shown: Shown | None = None,
    what: str = "cells",
) -> Swept:
    """Read each row once and take what is wanted.

    Args:
        cells: the rows.
        groups: consecutive groups that cover all rows; for notes and digests alone any will do.
        controls: what groups are tested against.
        wants: what is taken.
        settings: who does it, within which memory.
        totals: (rows,) totals of the cells, where the scale needs them.
        space: what drawn cells are seen in.
        shown: cells that are looked for among those of groups that are tested.
        what: is being read, for the progress bar.

    Raises:
        Damaged: rows cannot be read.
    """
    ends = cells.ends
    borders = [*(group.start for group in groups), groups[-1].stop] if groups else [0]
    size = sum(control.nbytes for control in controls)
    size += 0 if shown is None else shown.cells.nbytes
    entries = settings.budget.entries(size)
    kinds = [group.control for group in groups]
    workers = settings.budget.workers
    blocks = planned(ends, borders, kinds, entries=entries, tile=TILE_ROWS, workers=workers)
    _warn(blocks, settings)
    against = [Against(control, space, shown) for control in controls]
    alone = Against(None, space) if space is not None else None
    tasks = [
        (
            _task(cells, block, groups, totals, wants),
            against[kinds[block.first]] if kinds[block.first] >= 0 else alone,
            block.stop - block.start,
        )
        for block in blocks
    ]
    give_back()
    with (
        settings.executor() as executor,
        settings.advancing(len(ends) - 1, what) as advance,
    ):
        parts = _visited(executor, tasks, advance, cells, settings)
    found = combined(parts, wants)  # when the workers have given their memory back
    del parts
    give_back()  # else what follows takes its memory beside what the blocks have left
    return found


def _visited(
    executor: Executor,
    tasks: Sequence[tuple[Task, Against | None, int]],
    advance: Advance | None,
    cells: Cells,
    settings: Settings,
) -> list[Seen]:
    """What the visits found; what workers elsewhere asked a store for is reckoned with the rest."""
    if settings.engine == "threads" or not isinstance(cells, StoredCells):
        return run(executor, visit, tasks, advance)
    parts = run(executor, partial(_counted, visit), tasks, advance)
    for _, traffic in parts:
        cells.store.reckon(*traffic)
    return [seen for seen, _ in parts]


def _counted(
    visited: Callable[[Task, Against | None], Seen], task: Task, against: Against | None
) -> tuple[Seen, tuple[int, int]]:
    """A visit in another process, and what its store was asked for that nobody has been told."""
    assert isinstance(task.cells, StoredCells)
    return visited(task, against), task.cells.store.untold()


def _warn(blocks: Sequence[Block], settings: Settings) -> None:
    """Say so where memory is so short that cells are read over and over."""
    most = max((len(block.pieces) for block in blocks), default=1)
    if most >= MANY_PIECES:
        settings.say(
            f"the largest condition takes {most} times the memory of a block and is read about "
            f"{most + 2} times; more --memory, or fewer --workers, is faster"
        )


def _task(
    cells: Cells, block: Block, groups: Sequence[Group], totals: Array | None, wants: Wants
) -> Task:
    own = groups[block.first : block.last]
    return Task(
        cells=cells,
        block=block,
        borders=(*(group.start for group in own), own[-1].stop),
        totals=None if totals is None else totals[block.start : block.stop],
        wants=wants,
        rows=groups[-1].stop,
    )


def combined(parts: Sequence[Seen], wants: Wants) -> Swept:
    """What the visits of consecutive blocks found, as one."""
    scan = together([part.scan for part in parts if part.scan is not None])
    undigested = next((part.undigested for part in parts if part.undigested), "")
    found = Swept(
        scan=scan if wants.notes else None,
        leaves=[leaf for part in parts for leaf in part.leaves] if wants.leaves else None,
        undigested=undigested,
        prints=_stacked(part.prints for part in parts),
    )
    if wants.scale is None or not parts or any(part.means is None for part in parts):
        return found
    means = np.concatenate([part.means for part in parts if part.means is not None])
    tests = [part for part in parts if part.z is not None]
    names = ("z", "p_value", "fdr")
    expression = (
        Expression(*(np.concatenate([getattr(part, name) for part in tests]) for name in names))
        if tests
        else None
    )
    taken = tuple(one for part in parts for one in part.cellwise)
    shown = _stacked(part.shown for part in parts)
    return replace(found, means=means, expression=expression, cellwise=taken, shown=shown)


def _stacked(parts: Iterable[NDArray[Number] | None]) -> NDArray[Number] | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None


def look(
    blocks: Iterable[Rows],
    path: str,
    wants: Wants,
    settings: Settings,
    *,
    rows: int,
    also: Callable[[Rows], None] | None = None,
) -> Swept:
    """Notes and digests of rows that come one block after the other, and cannot be asked for.

    Args:
        blocks: consecutive rows.
        path: of the matrix.
        wants: what is taken; no statistics.
        settings: who is told how far it has come.
        rows: how many there will be.
        also: is handed every tile as well.
    """
    parts: list[Seen] = []
    with settings.advancing(rows, "rows brought together") as advance:
        for tile in tiles(blocks):
            parts.append(_looked_at(tile, path, wants))
            if also is not None:
                also(tile)
            if advance is not None:
                advance(len(tile))
    return combined(parts, replace(wants, scale=None))


def _looked_at(tile: Rows, path: str, wants: Wants) -> Seen:
    scan = noted(tile, wants.bounds) if wants.notes else None
    if not wants.leaves:
        return Seen(scan)
    try:
        return Seen(scan, (raw_leaf(tile) or matrix_leaf(tile, path),))
    except Damaged as error:
        return Seen(scan, (), error.reason)
