from itertools import pairwise
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcspec.engine import plan
from vcspec.engine.plan import Block, cut, planned


@st.composite
def matrices(draw: st.DrawFn) -> tuple[np.ndarray, list[int], list[int]]:
    """Ends of rows, borders and kinds of conditions."""
    sizes = draw(st.lists(st.integers(1, 30), min_size=1, max_size=25))
    kinds = draw(st.lists(st.integers(-1, 2), min_size=len(sizes), max_size=len(sizes)))
    lengths = draw(st.lists(st.integers(0, 9), min_size=sum(sizes), max_size=sum(sizes)))
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return ends, [0, *np.cumsum(sizes).tolist()], kinds


ENTRIES, TILES = st.integers(1, 120), st.sampled_from([1, 4, 1_024])
WORKERS = st.integers(1, 3)


def tapering(
    matrix: tuple[np.ndarray, list[int], list[int]], entries: int, tile: int, workers: int
) -> list[Block]:
    """Blocks that may become as small as a condition."""
    with patch.object(plan, "FEWEST_ENTRIES", 1):
        return planned(*matrix, entries=entries, tile=tile, workers=workers)


def pieces_of(blocks: list[Block]) -> list[tuple[int, int]]:
    return [piece for block in blocks for piece in block.pieces]


@given(matrices(), ENTRIES, TILES, WORKERS)
def test_every_row_and_every_condition_comes_once_and_in_order(
    matrix: tuple[np.ndarray, list[int], list[int]], entries: int, tile: int, workers: int
) -> None:
    ends, _, kinds = matrix
    blocks = tapering(matrix, entries, tile, workers)
    rows = [row for start, stop in pieces_of(blocks) for row in range(start, stop)]
    assert rows == list(range(len(ends) - 1))
    conditions = [number for block in blocks for number in range(block.first, block.last)]
    assert conditions == list(range(len(kinds)))


@given(matrices(), ENTRIES, TILES, WORKERS)
def test_blocks_hold_whole_conditions_of_one_kind(
    matrix: tuple[np.ndarray, list[int], list[int]], entries: int, tile: int, workers: int
) -> None:
    _, borders, kinds = matrix
    for block in tapering(matrix, entries, tile, workers):
        assert (block.start, block.stop) == (borders[block.first], borders[block.last])
        assert len(set(kinds[block.first : block.last])) == 1


@given(matrices(), ENTRIES, TILES, WORKERS)
def test_blocks_keep_the_limit_and_only_a_single_condition_is_cut(
    matrix: tuple[np.ndarray, list[int], list[int]], entries: int, tile: int, workers: int
) -> None:
    ends = matrix[0]
    for block in tapering(matrix, entries, tile, workers):
        if len(block.pieces) > 1:
            assert block.last - block.first == 1
            assert ends[block.stop] - ends[block.start] > entries
        for start, stop in block.pieces:
            assert stop > start
            assert stop - start == 1 or ends[stop] - ends[start] <= entries


@given(matrices(), ENTRIES, TILES)
def test_blocks_are_no_smaller_than_they_must_be(
    matrix: tuple[np.ndarray, list[int], list[int]], entries: int, tile: int
) -> None:
    ends, borders, kinds = matrix
    for one, two in pairwise(planned(ends, borders, kinds, entries=entries, tile=tile)):
        together = ends[borders[two.first + 1]] - ends[one.start]
        assert kinds[one.first] != kinds[two.first] or together > entries


@pytest.mark.parametrize("workers", [2, 5])
def test_the_last_blocks_of_several_workers_are_smaller(workers: int) -> None:
    """In a queue of equal conditions, the last worker ends one condition after the first."""
    conditions, each = 1_000, 65_536
    ends, borders = np.arange(conditions + 1) * each, list(range(conditions + 1))
    blocks = planned(ends, borders, [0] * conditions, entries=40 * each, tile=4, workers=workers)
    sizes = [block.last - block.first for block in blocks]
    assert sum(sizes) == conditions
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (40, 1)
    done = [0] * workers
    for size in sizes:
        done[done.index(min(done))] += size
    assert max(done) - min(done) <= 1
    few = planned(ends[:5], borders[:5], [0] * 4, entries=40 * each, tile=4, workers=1)
    assert len(few) == 1


@given(matrices(), ENTRIES, TILES)
def test_conditions_are_cut_at_tiles_where_a_tile_fits(
    matrix: tuple[np.ndarray, list[int], list[int]], entries: int, tile: int
) -> None:
    ends = matrix[0]
    for start, stop in cut(ends, 0, len(ends) - 1, entries=entries, tile=tile)[:-1]:
        whole = (start // tile + 1) * tile
        fits = ends[min(whole, len(ends) - 1)] - ends[start] <= entries and whole < len(ends)
        assert stop % tile == 0 or not fits


def test_a_matrix_without_rows_has_no_blocks() -> None:
    assert planned(np.zeros(1, dtype=np.int64), [0], [], entries=1, tile=4) == []


def test_rows_that_store_nothing_are_one_block() -> None:
    ends = np.zeros(101, dtype=np.int64)
    (block,) = planned(ends, [0, 50, 100], [0, 0], entries=1, tile=4)
    assert block.pieces == ((0, 100),)
