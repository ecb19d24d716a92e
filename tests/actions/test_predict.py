from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from scipy import sparse
from support import tiny

from vcspec.actions.predict import Split, baseline, open_split, template
from vcspec.actions.validate import validate
from vcspec.engine.settings import Settings
from vcspec.model.condition import Condition
from vcspec.model.errors import Mismatch, UnknownName, UsageError
from vcspec.storage.sealing import sealed_content


@pytest.fixture
def opened(screen: tiny.Screen) -> Split:
    """The tiny split."""
    return open_split(screen.split)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    return tmp_path / "scratch"


def matrices(split: Split, data_type: Any = np.float32) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    shape = (split.cells_per_condition, len(split.features))
    return {c.key: (2 * draw.random(shape)).astype(data_type) for c in split.conditions}


def test_a_split_says_what_is_to_be_predicted(opened: Split) -> None:
    assert [c.key for c in opened.conditions] == [
        f"{context}|G0{number}" for context in tiny.CONTEXTS for number in (5, 6, 7)
    ]
    assert opened.cells_per_condition == tiny.CELLS
    assert opened.features == [f"G{number:02d}" for number in range(80)]
    assert {c.perturbation for c in opened.having("excluded")} == {"G04+G05"}
    assert len(opened.having("train", "excluded")) == 18
    assert "6 test conditions × 80 features" in repr(opened)


def test_only_a_split_is_opened_as_one(screen: tiny.Screen) -> None:
    with pytest.raises(UsageError, match="kind 'dataset'"):
        open_split(screen.dataset)


def test_what_was_given_is_written_in_the_splits_order(opened: Split, tmp_path: Path) -> None:
    given = matrices(opened)
    with opened.writer(tmp_path / "a.zarr", model="m", version="2") as out:
        assert out.conditions == opened.conditions
        for condition in reversed(out.conditions):
            out[condition] = given[condition.key]
    found = anndata.read_zarr(tmp_path / "a.zarr")
    np.testing.assert_array_equal(
        found.X.toarray(), np.concatenate([given[c.key] for c in opened.conditions])
    )
    assert list(found.obs["context"]) == ["liver"] * 30 + ["skin"] * 30
    assert list(found.var_names) == opened.features
    report = validate(tmp_path / "a.zarr", level="full", split=opened.subject.store.target)
    assert (report.verdict, report.codes) == ("valid", ())


def test_a_condition_is_named_by_its_key_or_by_itself_and_the_last_word_counts(
    opened: Split, tmp_path: Path
) -> None:
    given = matrices(opened)
    with opened.writer(tmp_path / "a.zarr") as out:
        for key, matrix in given.items():
            out[key] = np.zeros_like(matrix)
        for condition in out.conditions:
            out[condition] = sparse.csr_matrix(given[condition.key])
    found = anndata.read_zarr(tmp_path / "a.zarr").X.toarray()
    np.testing.assert_array_equal(found, np.concatenate(list(given.values())))


@pytest.mark.parametrize(
    "shape", [(tiny.CELLS - 1, 80), (tiny.CELLS, 79), (80,), (80, tiny.CELLS), (0, 80), ()]
)
def test_a_matrix_of_another_shape_is_an_error(
    shape: tuple[int, ...], opened: Split, tmp_path: Path, scratch: Path
) -> None:
    expected = rf"\({tiny.CELLS}, 80\) \(rows, features\) is expected"
    with pytest.raises(UsageError, match=expected), opened.writer(tmp_path / "a.zarr") as out:
        out[opened.conditions[0]] = np.zeros(shape)
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("matrix", [np.full((10, 80), "a"), np.full((10, 80), 1j)])
def test_a_matrix_of_anything_but_real_numbers_is_an_error(
    matrix: Any, opened: Split, tmp_path: Path
) -> None:
    with (
        pytest.raises(UsageError, match="real numbers"),
        opened.writer(tmp_path / "a.zarr") as out,
    ):
        out[opened.conditions[0]] = matrix
    assert not list(tmp_path.iterdir())


def test_a_condition_that_is_not_tested_is_an_error(
    opened: Split, tmp_path: Path, scratch: Path
) -> None:
    for condition in (
        "skin|G5",
        "skin|control",
        "G05",
        Condition.of(context="liver", perturbation="G00"),
    ):
        with pytest.raises(UsageError, match="near: "), opened.writer(tmp_path / "a.zarr") as out:
            out[condition] = np.zeros((tiny.CELLS, 80))
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]
    assert not list(scratch.iterdir())


def write_some(opened: Split, target: Path, number: int, error: type[BaseException] | None) -> None:
    with opened.writer(target) as out:
        for key, matrix in list(matrices(opened).items())[:number]:
            out[key] = matrix
        if error is not None:
            raise error


def test_a_condition_that_is_missing_is_an_error_and_nothing_is_written(
    opened: Split, tmp_path: Path, scratch: Path
) -> None:
    with pytest.raises(UsageError, match=r"2 of 6 conditions were not given, first skin\|G06"):
        write_some(opened, tmp_path / "a.zarr", 4, None)
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("number", [3, 6])
def test_an_interruption_leaves_nothing(
    error: type[BaseException], number: int, opened: Split, tmp_path: Path, scratch: Path
) -> None:
    with pytest.raises(error):
        write_some(opened, tmp_path / "a.zarr", number, error)
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]
    assert not list(scratch.iterdir())


def test_an_interruption_while_the_store_is_written_leaves_nothing(
    opened: Split, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vcspec.storage.writing.seal", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_some(opened, tmp_path / "a.zarr", 6, None)
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]
    assert not list(scratch.iterdir())


def test_a_place_that_is_taken_is_told_before_anything_is_predicted(
    opened: Split, tmp_path: Path
) -> None:
    write_some(opened, tmp_path / "a.zarr", 6, None)
    with pytest.raises(UsageError, match="exists"):
        opened.writer(tmp_path / "a.zarr")
    with pytest.raises(UsageError, match="no such folder"):
        opened.writer(tmp_path / "nowhere" / "a.zarr")
    opened.writer(tmp_path / "a.zarr", overwrite=True)


def test_a_level_that_does_not_exist_is_an_error(opened: Split, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cells or profiles"):
        opened.writer(tmp_path / "a.zarr", level="cell")


def test_a_model_without_a_name_is_an_error(opened: Split, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no predictions can be written with /model/name: "):
        opened.writer(tmp_path / "a.zarr", model="")


COUNTS = {"space": "counts", "total": "features"}
TYPES = [
    ({}, [np.float32] * 6, np.float32),
    ({}, [np.float32] * 5 + [np.float64], np.float64),
    ({}, [np.float16] * 6, np.float32),
    ({}, [np.int64] * 6, np.float32),
    ({"values": COUNTS}, [np.int64] * 6, np.int32),
    ({"values": COUNTS}, [np.uint16, bool] * 3, np.int32),
    ({"values": COUNTS}, [np.int64] * 5 + [np.float32], np.float32),
    ({"values": COUNTS}, [np.int64] * 5 + [np.float64], np.float64),
]


@pytest.mark.parametrize(("options", "given", "written"), TYPES)
def test_the_values_are_kept_in_a_type_that_holds_all_of_them(
    options: Any, given: list[Any], written: Any, opened: Split, tmp_path: Path
) -> None:
    draw = np.random.default_rng(0)
    wanted = [draw.integers(0, 2, (tiny.CELLS, 80)).astype(kind) for kind in given]
    if np.dtype(given[-1]).kind == "f":
        wanted[-1] = wanted[-1] + given[-1](0.5)
    with opened.writer(tmp_path / "a.zarr", **options) as out:
        for condition, matrix in zip(out.conditions, wanted, strict=True):
            out[condition] = matrix
    found = anndata.read_zarr(tmp_path / "a.zarr").X
    assert found.dtype == written
    np.testing.assert_array_equal(found.toarray(), np.concatenate(wanted).astype(float))


def test_a_count_too_large_for_the_store_is_an_error(opened: Split, tmp_path: Path) -> None:
    given = matrices(opened, np.int64)
    given["skin|G05"][0, 0] = 2**31

    def write() -> None:
        tiny.predict_with(opened, tmp_path / "a.zarr", given, values=COUNTS)

    with pytest.raises(UsageError, match="do not fit"):
        write()
    assert not list(tmp_path.iterdir())


def test_profiles_have_one_row_a_condition(opened: Split, tmp_path: Path) -> None:
    means = {key: matrix.mean(axis=0) for key, matrix in matrices(opened).items()}
    tiny.predict_with(opened, tmp_path / "a.zarr", means, level="profiles")
    found = anndata.read_zarr(tmp_path / "a.zarr")
    np.testing.assert_array_equal(found.X.toarray(), np.array(list(means.values())))
    report = validate(tmp_path / "a.zarr", split=opened.subject.store.target)
    assert (report.verdict, report.codes) == ("valid", ())


def test_what_a_model_has_seen_is_declared(opened: Split, tmp_path: Path) -> None:
    training = {"datasets": ["tiny"], "corpora": [], "priors": ["a graph"]}
    tiny.predict_with(opened, tmp_path / "a.zarr", matrices(opened), training=training)
    from vcspec.storage.zarr_store import ZarrStore

    document = ZarrStore(str(tmp_path / "a.zarr")).skeleton.document
    assert document is not None
    assert document["training"] == training
    assert document["split"]["content"] == sealed_content(Path(opened.subject.store.target))


@pytest.mark.parametrize("level", ["cells", "profiles"])
@pytest.mark.parametrize("name", ["no-change", "context-mean"])
def test_a_baseline_predicts_the_mean_that_it_says(
    name: str, level: str, screen: tiny.Screen, tmp_path: Path
) -> None:
    content = baseline(name, screen.split, screen.dataset, tmp_path / "a.zarr", level=level)
    assert content == sealed_content(tmp_path / "a.zarr")
    assert baseline(name, screen.split, screen.dataset, tmp_path / "b.zarr", level=level) == content
    report = validate(tmp_path / "a.zarr", split=screen.split)
    assert report.verdict == "valid"
    if (name, level) == ("no-change", "cells"):
        return  # a draw of control cells has the mean of the draw
    data = anndata.read_zarr(screen.dataset)
    found = anndata.read_zarr(tmp_path / "a.zarr")
    for context in tiny.CONTEXTS:
        labels = ["control"]
        if name == "context-mean":
            labels = ["G00", "G01", "G02", "G03", "G04", "G00+G01", "G02+G03"]
        wanted = np.mean([mean(data, context, label) for label in labels], axis=0)
        own = found[(found.obs["context"] == context) & (found.obs["perturbation"] == "G06")]
        np.testing.assert_allclose(own.X.toarray().astype(float).mean(0), wanted, rtol=3e-7)


def test_a_baseline_that_falls_back_says_so(screen: tiny.Screen, tmp_path: Path) -> None:
    said: list[str] = []
    with Settings(announce=said.append).in_force():
        baseline("additive", screen.split, screen.dataset, tmp_path / "a.zarr")
        baseline("context-mean", screen.split, screen.dataset, tmp_path / "b.zarr")
    (told,) = said
    lost = (
        "additive says nothing of its own for 6 of 6 conditions, and there what context-mean says"
    )
    assert told.startswith(lost)


def mean(data: anndata.AnnData, context: str, label: str) -> np.ndarray:
    own = data[(data.obs["context"] == context) & (data.obs["perturbation"] == label)]
    return tiny.log1p(own.X.toarray()).astype(float).mean(axis=0)


def test_a_baseline_that_does_not_exist_is_an_error(screen: tiny.Screen, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no-change"):
        baseline("nochange", screen.split, screen.dataset, tmp_path / "a.zarr")
    assert not list(tmp_path.iterdir())


def test_a_baseline_needs_the_dataset_that_the_split_pins(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    from vcspec.actions.curate import write_dataset

    write_dataset(
        tmp_path / "o.zarr", tiny.dataset_document(), tiny.curated(seed=3), overwrite=False
    )
    with pytest.raises(Mismatch):
        baseline("no-change", screen.split, tmp_path / "o.zarr", tmp_path / "a.zarr")


@pytest.mark.parametrize(("level", "rows"), [("cells", 60), ("profiles", 6)])
def test_a_template_has_the_shape_of_predictions(
    level: str, rows: int, screen: tiny.Screen, tmp_path: Path
) -> None:
    template(screen.split, tmp_path / "a.zarr", level=level)
    found = anndata.read_zarr(tmp_path / "a.zarr")
    assert found.shape == (rows, 80)
    assert found.X.nnz == 0
    codes = validate(tmp_path / "a.zarr", split=screen.split).codes
    assert not {code for code in codes if code[:4] in ("VCS0", "VCS1")}
    assert not {"VCS501", "VCS502", "VCS503", "VCS504", "VCS505", "VCS506", "VCS508"} & set(codes)
