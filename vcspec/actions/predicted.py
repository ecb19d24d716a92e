"""The predicted side: one pass over a prediction, for its statistics and for its rules."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vcspec.actions.cells import ConditionCells
from vcspec.actions.suites import Wanted
from vcspec.engine.cells import Cells, StoredCells
from vcspec.engine.controls import Sortable, all_sorted
from vcspec.engine.spill import BY_COLUMNS, Spill, SpilledCells, spilling
from vcspec.engine.sweep import Group, Swept, look, sweep
from vcspec.engine.visit import Wants
from vcspec.metrics.changes import is_finite
from vcspec.model.comparison import Expression, Side, Space
from vcspec.model.matrix import Array
from vcspec.rules.subject import DEVIATION, Subject, bounds_of
from vcspec.statistics.cellwise import NOTHING_MORE, Cellwise, Taking, with_cellwise
from vcspec.statistics.fingerprints import Shown
from vcspec.statistics.labels import Grouped
from vcspec.statistics.ranksum import SortedControl


class Control(Sortable, Protocol):
    """What a side is compared with."""

    @property
    def mean(self) -> Array:
        """(features,) mean profile, log1p."""

    def cellwise(self, taking: Taking, space: Space | None) -> Cellwise:
        """What is wanted of the control cells beyond their mean."""


class Asked(Protocol):
    """Which conditions a prediction is asked for, and what they are compared with."""

    @property
    def keys(self) -> list[str]:
        """Of the conditions."""

    @property
    def number(self) -> NDArray[np.int64]:
        """(conditions,) number of each one's control."""

    @property
    def controls(self) -> Sequence[Control]:
        """One for each context."""

    @property
    def shown(self) -> Shown | None:
        """What the split shows, as far as it is known by fingerprints."""


def predicted_side(
    subject: Subject, cells: ConditionCells, asked: Asked, wanted: Wanted, *, partial: bool = False
) -> Side | None:
    """Statistics of the predicted conditions; None where the rows are not sound.

    What the rules on values need to know, and the content digest, are taken in the same pass and
    left with the subject.

    Args:
        subject: predictions whose axes are sound, and which hold every condition once.
        cells: how its values are scaled.
        asked: the conditions, in the order of the result, and their controls.
        wanted: what is taken of them.
        partial: conditions may be missing, and values may not be finite; their means are NaN.
    """
    keys, number, controls = asked.keys, asked.number, asked.controls
    is_cells = subject.document["level"] == "cells"
    stretches, grouped = subject.stretches, subject.stretches.grouped()
    place = {key: at for at, key in enumerate(keys)}
    order = np.array([place[key] for key in stretches.keys], dtype=np.int64)
    groups = [
        Group(int(start), int(stop), int(control) if is_cells else -1)
        for start, stop, control in zip(
            grouped.borders[:-1], grouped.borders[1:], number[order], strict=True
        )
    ]
    tested = all_sorted(controls, subject.settings) if is_cells else []
    taking = wanted.taking if is_cells else NOTHING_MORE
    wants = Wants(
        notes=True,
        bounds=bounds_of(subject.document),
        leaves=True,
        scale=cells.scale,
        taking=taking,
        lenient=partial,
    )
    swept = _swept(subject, cells, grouped, _Pass(groups, tested, wants, wanted.space, asked.shown))
    if swept.means is None:
        return None
    base = np.array([control.mean for control in controls])
    if not is_cells:
        # Rounded alike, a pasted control differs from the control by nothing.
        control = base.astype(np.float32).astype(np.float64)[number]
        side = Side(_placed(swept.means, order, len(keys), np.nan), control, None)
        return replace(side, deviation=_deviation(subject, grouped, order, len(keys)))
    assert swept.expression is not None  # every condition was tested
    side = Side(
        _placed(swept.means, order, len(keys), np.nan),
        base[number],
        Expression(
            _placed(swept.expression.z, order, len(keys), 0.0),
            _placed(swept.expression.p_value, order, len(keys), 1.0),
            _placed(swept.expression.fdr, order, len(keys), 1.0),
        ),
        shown=_tallied(swept.shown),
    )
    if not taking:
        return side
    known = [control.cellwise(taking, wanted.space) for control in controls]
    found = dict(zip(order.tolist(), swept.cellwise, strict=True))
    # What is missing or not finite is gated; until then it is no change, and moves no other.
    lacking = ~is_finite(side.mean)
    taken = [known[number[at]] if lacking[at] else found[at] for at in range(len(keys))]
    return with_cellwise(side, taken, known, number)


def _deviation(
    subject: Subject, grouped: Grouped, order: NDArray[np.int64], conditions: int
) -> Array | None:
    """(conditions, features) deviations that the predictions state; None where they do not."""
    if subject.node(DEVIATION) is None:
        return None
    rows = grouped.ordered(subject.array(DEVIATION).astype(np.float64))
    return _placed(rows, order, conditions, 0.0)


def _tallied(shown: NDArray[np.int64] | None) -> tuple[int, int] | None:
    """Cells that can be told, and those of them that are shown, over all conditions."""
    return None if shown is None else (int(shown[:, 0].sum()), int(shown[:, 1].sum()))


def _placed(values: Array, order: NDArray[np.int64], conditions: int, absent: float) -> Array:
    """(conditions, features) rows at the places `order`; `absent` where there is none."""
    if len(order) == conditions and (order == np.arange(conditions)).all():
        return values
    out = np.full((conditions, values.shape[1]), absent)
    out[order] = values
    return out


class _Pass(NamedTuple):
    """One pass over the cells: which groups, against which controls, for what."""

    groups: Sequence[Group]
    controls: Sequence[SortedControl]
    wants: Wants
    space: Space | None
    shown: Shown | None


def _swept(subject: Subject, cells: ConditionCells, grouped: Grouped, asked: _Pass) -> Swept:
    groups, controls, wants, space, shown = asked
    subject.digest_meanwhile()
    node = subject.node("/X")
    by_columns = node is not None and node.encoding == "csc_matrix"
    if node is not None and not by_columns and grouped.order is None:
        stored: Cells = StoredCells(subject.store)
        together = replace(wants, by_group=True)
        swept = subject.reading(
            lambda: sweep(
                stored,
                groups,
                controls,
                together,
                subject.settings,
                totals=cells.totals,
                space=space,
                shown=shown,
                what="cells",
            )
        )
        subject.keep("/X", swept)
        return swept
    with ExitStack() as stack:
        why = BY_COLUMNS if by_columns else "rows of a condition do not stand together"
        spilled = _spilled(stack, subject, grouped, wants, why)
        if spilled is None:
            return Swept()
        totals = None if cells.totals is None else grouped.ordered(cells.totals)
        second = replace(wants, notes=False, leaves=False)
        settings = subject.settings
        return sweep(
            spilled,
            groups,
            controls,
            second,
            settings,
            totals=totals,
            space=space,
            shown=shown,
        )


def _spilled(
    stack: ExitStack, subject: Subject, grouped: Grouped, wants: Wants, why: str
) -> SpilledCells | None:
    """The rows brought together by condition on disk, and noted on the way; None if not sound."""
    store, settings = subject.store, subject.settings
    opened = spilling(store, "/X", grouped.order, why, settings)
    spill: Spill = subject.reading(stack.enter_context, opened)
    blocks, rows = store.blocks("/X", settings.budget.entries()), spill.rows
    swept = subject.reading(lambda: look(blocks, "/X", wants, settings, rows=rows, also=spill.add))
    subject.keep("/X", swept)
    return spill.cells if wants.takes(swept.scan) else None
