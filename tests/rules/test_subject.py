"""Facts about an artefact, as the rules ask for them."""

import shutil
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from vcspec.rules import subject as module
from vcspec.rules.subject import Run, Subject
from vcspec.storage.zarr_store import ZarrStore

STORES = Path(__file__).parents[2] / "spec" / "1.0" / "conformance" / "stores"


@pytest.fixture
def opened() -> Subject:
    return Subject(ZarrStore(str(STORES / "dataset.zarr")))


def test_runs_are_consecutive_rows_of_one_condition(opened):
    columns = [opened.column("obs", name).values for name in opened.condition_columns]
    keys = ["|".join(row) for row in zip(*columns, strict=True)]
    wanted, start = [], 0
    for key, rows in groupby(keys):
        stop = start + len(list(rows))
        wanted.append(Run(key, start, stop))
        start = stop
    assert list(opened.runs) == wanted
    assert [opened.condition_at(run.start).key for run in opened.runs] == [r.key for r in wanted]


def test_the_condition_of_a_row_is_the_one_that_its_columns_give(opened):
    assert [opened.condition_at(row) for row in (0, 7)] == [opened.conditions[n] for n in (0, 7)]


@pytest.mark.parametrize("near", [1, 5, 65_536])
def test_a_few_rows_are_shown_with_their_names(near, opened, monkeypatch):
    monkeypatch.setattr(module, "PIECE_ROWS", near)
    names = opened.column("obs", "_index").values
    rows = np.array([0, 3, 4, 20, 30, 31])
    assert opened.row_names(rows) == tuple(f"row {row} ({names[row]})" for row in rows[:5])


def test_no_more_names_are_read_than_are_shown(opened, monkeypatch):
    monkeypatch.setattr(opened.store, "column", None)
    monkeypatch.setattr(opened.store, "pieces", None)
    asked = []
    part = opened.store.column_part
    monkeypatch.setattr(
        opened.store, "column_part", lambda *where: asked.append(where[2:]) or part(*where)
    )
    opened.row_names(np.array([4, 9]))
    assert asked == [(4, 10)]


def test_rows_whose_names_cannot_be_read_are_numbered(tmp_path):
    place = tmp_path / "a.zarr"
    shutil.copytree(STORES / "dataset.zarr", place)
    shutil.rmtree(place / "obs" / "_index" / "c")
    found = Subject(ZarrStore(str(place)))
    assert found.row_names(np.array([4, 9])) == ("row 4", "row 9")
    assert [fault.path for fault in found.damage] == ["/obs/_index"]
