import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny
from support.reencode import Layout, reencode

from vcspec.actions.cells import ConditionCells
from vcspec.actions.curate import write_dataset
from vcspec.engine.budget import Budget
from vcspec.engine.settings import Settings
from vcspec.engine.spill import Spill
from vcspec.model.errors import Mismatch
from vcspec.model.matrix import Rows
from vcspec.rules.subject import Subject
from vcspec.storage.zarr_store import ZarrStore

SPACE = {"space": "log1p", "target_sum": tiny.TARGET_SUM, "total": "features"}
KEY = ("skin", "G03")


def cells(place: Path, **changes: Any) -> ConditionCells:
    return ConditionCells(Subject(ZarrStore(str(place))), {**SPACE, **changes})


def expected(screen: tiny.Screen) -> np.ndarray:
    return tiny.log1p(tiny.cells_of(ZarrStore(str(screen.dataset)), *KEY))


@pytest.mark.parametrize("matrix", ["csr", "csc", "dense"])
def test_counts_become_log1p_values_condition_by_condition(
    matrix: Any, screen: tiny.Screen, tmp_path: Path
) -> None:
    place = reencode(screen.dataset, tmp_path / "a.zarr", Layout(matrix))
    found = cells(place)
    assert found.count("|".join(KEY)) == tiny.CELLS
    rows = found.of("|".join(KEY))
    assert rows.data.dtype == np.float32
    np.testing.assert_array_equal(rows.dense(), expected(screen))


def test_a_matrix_by_columns_is_read_from_scratch_files_and_never_held(
    screen: tiny.Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    said: list[str] = []
    settings = Settings(budget=Budget(1, 1), announce=said.append)
    place = reencode(screen.dataset, tmp_path / "columns.zarr", Layout("csc"))
    subject = Subject(ZarrStore(str(place)), settings=settings)
    monkeypatch.setattr("vcspec.engine.budget.FEWEST_ENTRIES", 500)
    asked: list[int] = []
    add = Spill.add

    def counted(spill: Spill, rows: Rows) -> None:
        asked.append(len(rows.data))
        add(spill, rows)

    monkeypatch.setattr(Spill, "add", counted)
    found, wanted = ConditionCells(subject, SPACE), cells(screen.dataset)
    for _ in range(2):
        for key in wanted.runs:
            np.testing.assert_array_equal(found.of(key).dense(), wanted.of(key).dense())
    np.testing.assert_array_equal(found.stored_row(7).dense(), wanted.stored_row(7).dense())
    assert max(asked) <= 500
    assert sum(asked) == len(ZarrStore(str(screen.dataset)).array("/X/data"))
    (told,) = said
    assert "compressed by columns" in told
    assert len(list(scratch.iterdir())) == 1
    del found
    assert list(scratch.iterdir()) == []


def with_library(tmp_path: Path) -> tuple[Path, np.ndarray]:
    curated = tiny.curated()
    library = curated.rows.dense().sum(axis=1) + np.arange(len(curated.cells)) + 7
    obs = {**curated.obs, "library_size": library.astype(np.int64)}
    document = tiny.dataset_document(values={"space": "counts", "total": "library"})
    changed = tiny.Curated(curated.rows, curated.cells, curated.features, obs)
    write_dataset(tmp_path / "a.zarr", document, changed, overwrite=False)
    here = (obs["context"] == KEY[0]) & (obs["perturbation"] == KEY[1])
    counts = curated.rows.dense()[here]
    share = counts * tiny.TARGET_SUM / library[here][:, np.newaxis]
    return tmp_path / "a.zarr", np.log1p(share).astype(np.float32)


def test_totals_over_the_library_are_taken_from_the_column(tmp_path: Path) -> None:
    place, wanted = with_library(tmp_path)
    found = cells(place, total="library").of("|".join(KEY)).dense()
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("changes", [{"total": "library"}, {"target_sum": 1}])
def test_values_of_another_space_are_a_mismatch(
    changes: dict[str, Any], screen: tiny.Screen
) -> None:
    with pytest.raises(Mismatch, match=next(iter(changes))):
        cells(screen.predictions, **changes)


def test_counts_over_another_total_are_a_mismatch(screen: tiny.Screen) -> None:
    with pytest.raises(Mismatch, match="total"):
        cells(screen.dataset, total="library")
    cells(screen.dataset, target_sum=5)  # counts have no target sum to agree with


def test_halves_share_no_cell_and_leave_none_out(screen: tiny.Screen) -> None:
    found = cells(screen.dataset)
    for key in found.runs:
        first, second = found.halves(key)
        assert sorted([*first, *second]) == list(range(found.count(key)))
        assert 0 <= len(second) - len(first) <= 1
        assert (np.diff(first) > 0).all()
        assert (np.diff(second) > 0).all()


def test_the_second_half_is_the_larger_where_the_number_is_odd(tmp_path: Path) -> None:
    made = tiny.curated()
    kept = np.arange(1, len(made.cells))
    obs = {name: values[kept] for name, values in made.obs.items()}
    fewer = tiny.Curated(made.rows.take(kept), made.cells[kept], made.features, obs)
    write_dataset(tmp_path / "a.zarr", tiny.dataset_document(), fewer, overwrite=False)
    first, second = cells(tmp_path / "a.zarr").halves("liver|control")
    assert (len(first), len(second)) == (11, 12)


def test_halves_are_cut_by_the_hash_of_the_cells_names(screen: tiny.Screen) -> None:
    found = cells(screen.dataset)
    key = "|".join(KEY)
    run = found.runs[key]
    store = ZarrStore(str(screen.dataset))
    names = store.column("/obs", "_index").values[run.start : run.stop]
    by_hash = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    first, _ = found.halves(key)
    assert set(names[first]) == set(by_hash[: len(names) // 2])


def test_hashes_that_begin_alike_are_told_apart_by_the_rest(screen: tiny.Screen) -> None:
    wanted, found = cells(screen.dataset), cells(screen.dataset)
    rows = len(wanted.subject.labels("context"))
    keys = ["liver|control", "skin|control"]
    found.__dict__["_hash_starts"] = np.zeros(rows, dtype=np.uint64)
    for one, other in zip(found.halves(*keys), wanted.halves(*keys), strict=True):
        assert one.tolist() == other.tolist()


def test_halves_of_several_conditions_are_cut_together(screen: tiny.Screen) -> None:
    found = cells(screen.dataset)
    keys = ["liver|control", "skin|control"]
    first, second = found.halves(*keys)
    assert sorted([*first, *second]) == list(range(2 * tiny.CONTROLS))
    assert first.tolist() != sorted(
        [*found.halves(keys[0])[0], *(found.halves(keys[1])[0] + tiny.CONTROLS)]
    )
