"""Facts about an artefact, as the rules ask for them."""

import shutil
import threading
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from vcspec.engine.budget import Budget
from vcspec.engine.settings import Settings
from vcspec.model.store import Damaged
from vcspec.rules import subject as module
from vcspec.rules.subject import Run, Subject
from vcspec.statistics.content import content_of
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


def by(workers: int, place: Path) -> Subject:
    settings = Settings(budget=Budget(1_000_000, workers))
    return Subject(ZarrStore(str(place)), settings=settings, is_deep=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_tables_are_digested_beside_a_pass_of_several_workers(workers, monkeypatch):
    found = by(workers, STORES / "dataset.zarr")
    threads, real = [], module.elements_of

    def noted(*arguments, **options):
        threads.append(threading.current_thread().name)
        return real(*arguments, **options)

    monkeypatch.setattr(module, "elements_of", noted)
    assert len(found.scan.filled) == len(found.conditions)
    assert found.content == content_of(found.store)
    assert threads == ["vcspec-begun"] * (workers > 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_table_that_cannot_be_digested_is_damage_whoever_does_it(workers, tmp_path):
    place = tmp_path / "a.zarr"
    shutil.copytree(STORES / "dataset.zarr", place)
    shutil.rmtree(place / "obs" / "_index" / "c")
    found = by(workers, place)
    assert found.scan_of("/X")
    with pytest.raises(Damaged):
        found.content  # noqa: B018
    assert [fault.path for fault in found.damage] == ["/obs/_index"]
