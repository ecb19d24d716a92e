from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

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


def pieces_of(blocks: list[Block]) -> list[tuple[int, int]]:
    return [piece for block in blocks for piece in block.pieces]


@given(matrices(), ENTRIES, TILES)
def test_every_row_and_every_condition_comes_once_and_in_order(
    matrix: tuple[np.ndarray, list[int], list[int]], entries: int, tile: int
) -> None:
    ends, borders, kinds = matrix
    blocks = planned(ends, borders, kinds, entries=entries, tile=tile)
    rows = [row for start, stop in pieces_of(blocks) for row in range(start, stop)]
    assert rows == list(range(len(ends) - 1))
    conditions = [number for block in blocks for number in range(block.first, block.last)]
    assert conditions == list(range(len(kinds)))


@given(matrices(), ENTRIES, TILES)
def test_blocks_hold_whole_conditions_of_one_kind(
    matrix: tuple[np.ndarray, list[int], list[int]], entries: int, tile: int
) -> None:
    ends, borders, kinds = matrix
    for block in planned(ends, borders, kinds, entries=entries, tile=tile):
        assert (block.start, block.stop) == (borders[block.first], borders[block.last])
        assert len(set(kinds[block.first : block.last])) == 1


@given(matrices(), ENTRIES, TILES)
def test_blocks_keep_the_limit_and_only_a_single_condition_is_cut(
    matrix: tuple[np.ndarray, list[int], list[int]], entries: int, tile: int
) -> None:
    ends, borders, kinds = matrix
    for block in planned(ends, borders, kinds, entries=entries, tile=tile):
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
