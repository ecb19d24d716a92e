"""Control cells, sorted while they are read."""

import signal
import threading
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest

from vcspec.engine.budget import Budget
from vcspec.engine.cells import Scale
from vcspec.engine.controls import StoredControl, all_sorted
from vcspec.engine.settings import Settings
from vcspec.model.matrix import Rows, rows_of_dense, stack
from vcspec.statistics import ranksum
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


@pytest.mark.parametrize("threads", [2, 3, 40])
def test_several_threads_sort_one_control_as_one_does(threads):
    cells = rows_of_dense(BLOCK)
    settings = Settings(budget=Budget(1, threads))
    (found,) = all_sorted([StoredControl(Held(cells), ((0, 60),), SCALE, entries=50)], settings)
    same(found, SortedControl.of(cells))


class Borrowed(Held):
    """Cells whose memory is its thread's own: what was read last is lost with the next reading."""

    def __init__(self, rows):
        super().__init__(rows)
        self.own = threading.local()

    def rows(self, start, stop):
        if (last := getattr(self.own, "last", None)) is not None:
            last.data[:], last.indices[:] = 9.0, 0
        found = super().rows(start, stop)
        self.own.last = replace(found, data=found.data.copy(), indices=found.indices.copy())
        return self.own.last


@pytest.mark.parametrize("held", [1_000_000, 10])
@pytest.mark.parametrize("threads", [1, 2, 3, 40])
def test_no_block_is_read_over_another_that_is_still_needed(threads, held, monkeypatch):
    monkeypatch.setattr(ranksum, "HELD", held)
    cells = rows_of_dense(BLOCK)
    control = StoredControl(Borrowed(cells), ((0, 60),), SCALE, entries=50)
    (found,) = all_sorted([control], Settings(budget=Budget(1, threads)))
    same(found, SortedControl.of(cells))
    assert control.mean.tobytes() == mean_profile(cells).tobytes()


def test_a_control_of_many_blocks_gives_its_mean_while_it_is_sorted():
    cells = Held(rows_of_dense(BLOCK))
    control = StoredControl(cells, ((0, 60),), SCALE, entries=50)
    all_sorted([control], Settings(budget=Budget(1, 2)))
    assert control.mean.tobytes() == mean_profile(cells.rows_).tobytes()
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
    assert {(total, what) for _, total, what in told} == {(60, "controls sorted")}
    done = [number for number, _, _ in told]
    assert (done[0], done[-1], sorted(done)) == (0, 60, done)
    for one, pair in zip(found, ranges, strict=True):
        same(one, SortedControl.of(cells.slice(*pair)))


@pytest.mark.parametrize("held", [1_000_000, 10])
@pytest.mark.parametrize("again", [False, True])
def test_progress_is_told_within_a_control(
    held: int, monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    """Of its cells, though they are read twice; of one that is sorted already as well."""
    monkeypatch.setattr(ranksum, "HELD", held)
    told: list[int] = []
    settings = Settings(budget=Budget(1, 2), progress=lambda done, *_: told.append(done))
    control = StoredControl(Held(rows_of_dense(BLOCK)), ((0, 60),), SCALE, entries=50)
    for _ in range(1 + again):
        told.clear()
        all_sorted([control], settings)
    assert (told[0], told[-1], sorted(told)) == (0, 60, told)
    assert len(told) > 5 or again


@pytest.mark.parametrize("workers", [1, 3])
def test_ctrl_c_ends_sorting_after_the_blocks_that_are_being_read(workers: int) -> None:
    """Of many blocks of several controls, some of which have not begun."""

    pressed = threading.Lock()

    class Interrupted(Held):
        def rows(self, start, stop):
            time.sleep(0.1)  # all have begun
            if pressed.acquire(blocking=False):
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(0.3)
            return super().rows(start, stop)

    cells = Interrupted(rows_of_dense(BLOCK))
    controls = [StoredControl(cells, ((0, 60),), SCALE, entries=1) for _ in range(2 * workers)]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            all_sorted(controls, Settings(budget=Budget(1, workers)))
    finally:
        signal.signal(signal.SIGINT, before)
    assert cells.reads <= workers
    assert not [one for one in threading.enumerate() if one.name.startswith("vcspec")]
