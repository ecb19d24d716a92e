"""Scorecards on terminals of several widths."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from support import tiny

from vcspec.actions.score import score
from vcspec.model.scorecard import Scorecard
from vcspec.render.fitting import fits, in_blocks
from vcspec.render.scorecard_text import (
    number,
    render_calibration,
    render_comparison,
    render_contexts,
    render_scorecard,
    render_strata,
)

VIEWS = [render_scorecard, render_contexts, render_strata, render_calibration]


@pytest.fixture(scope="module")
def card(screen: tiny.Screen) -> Scorecard:
    return score(screen.predictions)


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("view", VIEWS)
def test_no_number_is_cut_whatever_the_terminal(
    card: Scorecard, view: Callable[..., str], width: int
) -> None:
    text = view(card, width=width)
    assert max(map(len, text.split("\n"))) <= width
    assert not re.search(r"\S…|…\S", text)  # `low … high` is no cut
    for metric in card.metrics:
        value = card.value(metric)
        assert metric in text
        assert view is not render_scorecard or value is None or number(value) in text


@pytest.mark.parametrize("width", [80, 100, None])
def test_models_side_by_side_have_all_values_whatever_the_terminal(
    card: Scorecard, width: int | None
) -> None:
    names = ["no-change", "context-mean", "additive", "ridge", "a-long-name-of-a-model"]
    cards = [replace(card, document={**card.document, "model": {"name": name, "version": "1"}})
             for name in names]  # fmt: skip
    text = render_comparison(cards, width=width)
    assert "…" not in text
    assert all(name in text for name in names)
    assert width is None or max(map(len, text.split("\n"))) <= width


def test_a_metric_that_cannot_tell_anything_is_marked_and_explained(card: Scorecard) -> None:
    blind = [
        one
        for one, found in card.document["metrics"].items()
        if found["calibration"] and not found["calibration"]["informative"]
    ]
    narrow, wide = render_scorecard(card, width=80), render_scorecard(card, width=200)
    assert narrow.count(" *\n") == wide.count("not informative here") == len(blind)
    assert ("*: not informative here" in narrow) == bool(blind)


@pytest.mark.parametrize(
    ("values", "told"), [([0.25, None], "0.25:"), ([0.25, 0.5, 0.125], "0.125 … 0.5:")]
)
def test_variation_is_one_number_where_least_and_most_are_one(
    card: Scorecard, values: list[float | None], told: str
) -> None:
    variation = {str(place): value for place, value in enumerate(values)}
    found = replace(card, document={**card.document, "systematic_variation": variation})
    assert f"systematic variation {told}" in render_scorecard(found, width=200)


def test_columns_come_in_blocks_of_as_many_as_fit() -> None:
    from rich.table import Table

    def build(columns: object) -> Table:
        table = Table(box=None, pad_edge=False)
        for column in ("metric", *columns):  # type: ignore[misc]
            table.add_column(column, no_wrap=True)
        return table

    names = [f"column-{at}" for at in range(7)]
    parts = in_blocks(build, names, 30)
    assert parts[1::2] == [""] * 4
    blocks = [part for part in parts[::2] if isinstance(part, Table)]
    assert all(fits(block, 30) for block in blocks)
    assert [column.header for block in blocks for column in block.columns[1:]] == names
    assert [len(block.columns) for block in blocks] == [3, 3, 3, 2]
    assert len(in_blocks(build, names, None)) == 2
    assert len(in_blocks(build, names, 5)) == 2 * len(names)
