import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vcspec.engine import budget as budgets
from vcspec.engine.budget import Budget
from vcspec.engine.cells import Scale
from vcspec.engine.controls import StoredControl
from vcspec.engine.settings import Settings
from vcspec.engine.sweep import Group, Swept, look, sweep
from vcspec.engine.visit import Wants
from vcspec.model.matrix import Rows, rows_of_dense
from vcspec.model.store import Damaged
from vcspec.statistics.ranksum import SortedControl

WIDTH, TARGET = 12, 100
SIZES = (3, 1, 2_500, 40, 7)
EVERYTHING = Wants(notes=True, leaves=True, scale=Scale("counts", TARGET))


@dataclass(frozen=True, eq=False)
class HeldCells:
    """Cells in memory, which note what is read of them."""

    held: Rows
    width: int
    read: list[tuple[int, int]]

    @property
    def ends(self) -> np.ndarray[Any, Any]:
        return self.held.indptr

    def rows(self, start: int, stop: int) -> Rows:
        self.read.append((start, stop))
        return self.held.slice(start, stop)


def held(dense: np.ndarray[Any, Any]) -> HeldCells:
    return HeldCells(rows_of_dense(dense), dense.shape[1], [])


def counts(rows: int, seed: int = 0) -> np.ndarray[Any, Any]:
    draw = np.random.default_rng(seed)
    found = draw.poisson(draw.lognormal(0, 1, WIDTH), (rows, WIDTH))
    found[:, 0] += 1  # every cell has a total
    return found.astype(np.float32)


def groups(sizes: Sequence[int], controls: Sequence[int]) -> list[Group]:
    ends = np.cumsum(sizes).tolist()
    return [
        Group(stop - size, stop, control)
        for size, stop, control in zip(sizes, ends, controls, strict=True)
    ]


def scaled(dense: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """log1p values as the scale has them."""
    rows = Scale("counts", TARGET).log1p(rows_of_dense(dense), None)
    return np.asarray(rows.dense(), dtype=np.float64)


def controls() -> list[SortedControl]:
    return [
        SortedControl.of(rows_of_dense(scaled(counts(30, seed)).astype(np.float32)))
        for seed in (1, 2)
    ]


@pytest.fixture
def no_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks may be as small as the budget says."""
    monkeypatch.setattr(budgets, "FEWEST_ENTRIES", 1)


def swept(cells: HeldCells, entries: int, workers: int = 1, wants: Wants = EVERYTHING) -> Swept:
    memory = entries * workers * budgets.ENTRY_BYTES
    size = sum(control.values.nbytes for control in controls())
    limits = Settings(budget=Budget(memory + size, workers))
    kinds = [0, 0, 1, -1, 1]
    return sweep(cells, groups(SIZES, kinds), controls(), wants, limits)


def same(one: Swept, two: Swept) -> None:
    """Whether two sweeps found the same bits."""
    assert one.leaves == two.leaves
    for name in ("z", "p_value", "fdr"):
        a, b = (getattr(found.expression, name) for found in (one, two))
        np.testing.assert_array_equal(a, b)
    assert one.means is not None
    assert two.means is not None
    np.testing.assert_array_equal(one.means, two.means)
    assert one.scan is not None
    assert two.scan is not None
    for name in vars(one.scan):
        found = getattr(one.scan, name)
        if isinstance(found, np.ndarray):
            np.testing.assert_array_equal(found, getattr(two.scan, name))
        else:
            assert found == getattr(two.scan, name)


@pytest.mark.usefixtures("no_floor")
def test_statistics_are_those_of_each_condition_alone() -> None:
    dense = counts(sum(SIZES))
    found = swept(held(dense), 10**6)
    assert found.means is not None
    assert found.expression is not None
    tested = 0
    for at, group in enumerate(groups(SIZES, [0, 0, 1, -1, 1])):
        own = scaled(dense[group.start : group.stop])
        np.testing.assert_allclose(found.means[at], own.mean(axis=0), rtol=1e-6)
        if group.control < 0:
            continue
        control = scaled(counts(30, group.control + 1)).astype(np.float32)
        sides = (own.astype(np.float32).astype(float), control.astype(float))
        wanted = stats.mannwhitneyu(*sides, method="asymptotic", use_continuity=True)
        np.testing.assert_allclose(found.expression.p_value[tested], wanted.pvalue, rtol=1e-9)
        np.testing.assert_allclose(
            found.expression.fdr[tested], stats.false_discovery_control(wanted.pvalue), rtol=1e-9
        )
        tested += 1
    assert tested == len(found.expression.z) == 4


@pytest.mark.usefixtures("no_floor")
@pytest.mark.parametrize("entries", [20, 400, 9_000])
def test_a_condition_in_pieces_has_the_bits_of_a_whole_one(entries: int) -> None:
    dense = counts(sum(SIZES))
    cells = held(dense)
    found = swept(cells, entries)
    assert len([one for one in cells.read if 4 <= one[0] < 2_504]) > 2
    same(found, swept(held(dense), 10**6))


@pytest.mark.usefixtures("no_floor")
@settings(deadline=None, max_examples=8)
@given(st.integers(100, 30_000), st.integers(1, 4))
def test_neither_memory_nor_workers_change_a_bit(entries: int, workers: int) -> None:
    dense = counts(sum(SIZES), seed=5)
    same(swept(held(dense), entries, workers), swept(held(dense), 10**7))


def test_rows_are_read_once_where_a_block_holds_them() -> None:
    cells = held(counts(sum(SIZES)))
    swept(cells, 10**7, wants=Wants(scale=Scale("counts", TARGET)))
    read = [row for start, stop in cells.read for row in range(start, stop)]
    assert sorted(read) == list(range(sum(SIZES)))


def test_totals_over_more_features_are_taken_as_given() -> None:
    dense = counts(20)
    totals = dense.sum(axis=1).astype(np.float64) * 2
    wants = Wants(scale=Scale("counts", TARGET))
    found = sweep(
        held(dense), groups([20], [-1]), [], wants, Settings(budget=Budget(1, 1)), totals=totals
    )
    assert found.means is not None
    wanted = np.log1p(dense * TARGET / totals[:, np.newaxis]).mean(axis=0)
    np.testing.assert_allclose(found.means[0], wanted, rtol=1e-6)


def test_rows_that_are_not_sound_have_notes_and_no_statistics() -> None:
    dense = counts(sum(SIZES))
    dense[100, 3] = np.nan
    found = swept(held(dense), 10**6)
    assert (found.means, found.expression) == (None, None)
    assert found.scan is not None
    assert found.scan.not_finite.rows == 1
    assert found.leaves is not None


def test_progress_reaches_the_number_of_rows() -> None:
    told: list[tuple[int, int, str]] = []
    chosen = Settings(budget=Budget(1, 2), progress=lambda *one: told.append(one))
    sweep(held(counts(60)), groups([30, 30], [-1, -1]), [], Wants(notes=True), chosen, what="rows")
    assert told[0] == (0, 60, "rows")
    assert told[-1] == (60, 60, "rows")


def test_nothing_is_found_where_there_are_no_rows() -> None:
    found = sweep(held(np.zeros((0, 3))), [], [], EVERYTHING, Settings(budget=Budget(1, 1)))
    assert (found.leaves, found.undigested) == ([], "")


def test_what_is_looked_at_block_by_block_gives_the_notes_of_a_sweep() -> None:
    dense = counts(sum(SIZES))
    rows, handed = rows_of_dense(dense), []
    blocks = (rows.slice(start, min(start + 700, len(rows))) for start in range(0, len(rows), 700))
    wants = Wants(notes=True, leaves=True)
    found = look(
        blocks, "/X", wants, Settings(budget=Budget(1, 1)), rows=len(rows), also=handed.append
    )
    whole = swept(held(dense), 10**7)
    assert found.leaves == whole.leaves
    assert found.scan is not None
    assert whole.scan is not None
    np.testing.assert_array_equal(found.scan.fingerprint, whole.scan.fingerprint)
    assert sum(map(len, handed)) == len(rows)


def test_damage_is_passed_on_from_any_worker() -> None:
    damage = Damaged("/X", "gone")

    class Broken(HeldCells):
        def rows(self, *_: int) -> Rows:
            raise damage

    cells = Broken(rows_of_dense(counts(9)), WIDTH, [])
    with pytest.raises(Damaged, match="gone"):
        sweep(cells, groups([9], [-1]), [], EVERYTHING, Settings(budget=Budget(1, 3)))


@pytest.mark.usefixtures("no_floor")
@pytest.mark.parametrize("cells_of_one", [(300, 0), (0, 300)])
def test_a_condition_in_pieces_is_given_up_where_the_pass_ends(
    cells_of_one: tuple[int, int],
) -> None:
    """Damage in another condition, like Ctrl-C, ends the pass."""
    damage = Damaged("/X", "gone")
    lasting, first = max(cells_of_one), cells_of_one[0] == 0

    class Slow(HeldCells):
        def rows(self, start: int, stop: int) -> Rows:
            if (start < 1) if first else (stop > lasting):
                raise damage
            time.sleep(0.01)
            return super().rows(start, stop)

    cells = Slow(rows_of_dense(counts(lasting + 1)), WIDTH, [])
    sizes = [1, lasting] if first else [lasting, 1]
    memory = 2 * 2 * WIDTH * budgets.ENTRY_BYTES  # two rows for each of two workers
    wants = replace(EVERYTHING, leaves=False)
    with pytest.raises(Damaged, match="gone"):
        sweep(cells, groups(sizes, [-1, -1]), [], wants, Settings(budget=Budget(memory, 2)))
    assert len(cells.read) < lasting / 20


@pytest.mark.parametrize("ranges", [((0, 40),), ((0, 3), (3, 4), (10, 40))])
def test_a_control_in_several_ranges_is_their_cells_together(
    ranges: tuple[tuple[int, int], ...],
) -> None:
    dense = counts(40)
    found = StoredControl(held(dense), ranges, Scale("counts", TARGET), entries=20)
    own = scaled(np.concatenate([dense[start:stop] for start, stop in ranges]))
    whole = SortedControl.of(rows_of_dense(own.astype(np.float32)))
    np.testing.assert_array_equal(found.sorted.values, whole.values)
    np.testing.assert_array_equal(found.sorted.ties, whole.ties)
    assert found.sorted.cells == len(own)
    np.testing.assert_allclose(found.mean, own.mean(axis=0), rtol=1e-6)
