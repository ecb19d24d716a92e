"""Control cells, sorted while they are read."""

from dataclasses import dataclass

import numpy as np
import pytest

from vcspec.engine.budget import Budget
from vcspec.engine.cells import Scale
from vcspec.engine.controls import StoredControl, all_sorted
from vcspec.engine.settings import Settings
from vcspec.model.matrix import Rows, rows_of_dense, stack
from vcspec.statistics.moments import mean_profile
from vcspec.statistics.ranksum import SortedControl

BLOCK = (np.random.default_rng(0).poisson(1.0, (60, 11)) * 0.25).astype(np.float32)
SCALE = Scale("log1p", 0)


@dataclass
class Held:
    """Cells in memory that count how often they are read."""

    rows_: Rows
    reads: int = 0

    @property
    def ends(self):
        return self.rows_.indptr

    @property
    def width(self):
        return self.rows_.width

    def rows(self, start, stop):
        self.reads += stop - start
        return self.rows_.slice(start, stop)


def same(found: SortedControl, wanted: SortedControl) -> None:
    for name in ("start", "values", "ties", "cells"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)


@pytest.mark.parametrize("most", [50, 10_000])
@pytest.mark.parametrize("ranges", [((0, 60),), ((3, 20), (40, 60))])
def test_blocks_and_ranges_do_not_change_a_control(ranges, most):
    cells = rows_of_dense(BLOCK)
    whole = stack([cells.slice(*pair) for pair in ranges])
    control = StoredControl(Held(cells), ranges, SCALE, entries=most)
    same(control.sorted, SortedControl.of(whole))
    assert control.mean.tobytes() == mean_profile(whole).tobytes()


def test_a_control_that_fits_a_block_is_read_once():
    cells = Held(rows_of_dense(BLOCK))
    control = StoredControl(cells, ((0, 60),), SCALE)
    assert len(control.mean) == len(control.sorted.ties) == 11
    assert cells.reads == 60


def test_a_mean_that_is_known_is_not_taken_again():
    cells = Held(rows_of_dense(BLOCK))
    known = np.arange(11.0)
    assert StoredControl(cells, ((0, 60),), SCALE, known=known).mean is known
    assert cells.reads == 0


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_contexts_prepared_side_by_side_are_those_prepared_in_turn(workers):
    cells = rows_of_dense(BLOCK)
    ranges = [(0, 20), (20, 45), (45, 60)]
    told: list[tuple[int, int, str]] = []
    settings = Settings(budget=Budget(1, workers), progress=lambda *done: told.append(done))
    found = all_sorted([StoredControl(Held(cells), (pair,), SCALE) for pair in ranges], settings)
    assert told == [(done, 3, "controls sorted") for done in range(4)]
    for one, pair in zip(found, ranges, strict=True):
        same(one, SortedControl.of(cells.slice(*pair)))
