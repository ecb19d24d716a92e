import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
import zarr
from scipy import sparse
from support import tiny

from vcspec.model.errors import UsageError
from vcspec.model.matrix import Rows, rows_of_dense
from vcspec.storage import writing
from vcspec.storage.writing import (
    draft_of,
    new_store,
    require_free,
    tidied,
    write_array,
    write_rows,
    write_table,
)
from vcspec.storage.zarr_store import ZarrStore


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 10 elements and shards of 40."""
    monkeypatch.setattr(writing, "CHUNK", 10)
    monkeypatch.setattr(writing, "SHARD", 40)


@pytest.fixture
def group(tmp_path: Path) -> Any:
    """A fresh group on disk."""
    return zarr.create_group(zarr.storage.LocalStore(tmp_path / "group.zarr"))


def blocks(whole: np.ndarray, *borders: int) -> Iterator[Rows]:
    for start, stop in itertools.pairwise([0, *borders, len(whole)]):
        yield rows_of_dense(whole[start:stop], first=start)


def counts(rows: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(0.7, (rows, width)).astype(np.int32)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("rows", [0, 1, 3, 9, 33, 60])
@pytest.mark.parametrize("cuts", [(), (1,), (3, 3, 20)])
def test_streamed_blocks_are_the_matrix_whatever_the_blocks(
    rows: int, cuts: tuple[int, ...], group: Any
) -> None:
    whole = counts(rows, 7)
    cuts = tuple(cut for cut in cuts if cut <= rows)
    assert write_rows(group, "X", blocks(whole, *cuts), 7, data_type=np.float32) == (rows, 7)
    found = anndata.io.read_elem(group["X"])
    assert isinstance(found, sparse.csr_matrix)
    np.testing.assert_array_equal(found.toarray(), whole)
    assert found.dtype == np.float32


@pytest.mark.usefixtures("small")
def test_the_bytes_of_a_streamed_matrix_do_not_depend_on_the_blocks(tmp_path: Path) -> None:
    whole, seen = counts(60, 7), []
    for cuts in [(), (1, 2, 3), (30,), (59,)]:
        place = tmp_path / str(len(seen))
        group = zarr.create_group(zarr.storage.LocalStore(place))
        write_rows(group, "X", blocks(whole, *cuts), 7, data_type=np.float32)
        seen.append({p.name: p.read_bytes() for p in place.rglob("c/*") if p.is_file()})
    assert seen[0]
    assert all(found == seen[0] for found in seen)


def metadata(group: Any, path: str) -> dict[str, Any]:
    return json.loads((Path(group.store.root) / path / "zarr.json").read_text())


@pytest.mark.usefixtures("small")
def test_a_long_array_is_sharded_with_checksums_and_its_index_at_the_start(group: Any) -> None:
    write_rows(group, "X", blocks(counts(60, 7), 13), 7, data_type=np.float32)
    found = metadata(group, "X/data")
    assert found["chunk_grid"]["configuration"]["chunk_shape"] == [40]
    (sharding,) = found["codecs"]
    assert sharding["name"] == "sharding_indexed"
    assert sharding["configuration"]["index_location"] == "start"
    assert sharding["configuration"]["chunk_shape"] == [10]
    assert [codec["name"] for codec in sharding["configuration"]["codecs"]][-1] == "crc32c"
    assert [codec["name"] for codec in sharding["configuration"]["index_codecs"]][-1] == "crc32c"
    assert found["fill_value"] == "NaN"


def test_a_short_array_is_one_chunk_with_a_checksum(group: Any) -> None:
    write_rows(group, "X", blocks(counts(6, 7)), 7, data_type=np.float32)
    for part in ("data", "indices", "indptr"):
        found = metadata(group, f"X/{part}")
        assert found["chunk_grid"]["configuration"]["chunk_shape"] == found["shape"]
        assert found["codecs"][-1]["name"] == "crc32c"


def test_every_float_array_has_nan_where_nothing_was_written(screen: tiny.Screen) -> None:
    arrays = 0
    for place in (screen.dataset, screen.split, screen.reference, screen.predictions):
        for node in ZarrStore(str(place)).skeleton.nodes.values():
            if node.sort == "array":
                if node.data_type.startswith("float"):
                    arrays += 1
                    assert np.isnan(node.fill_value)
                assert "crc32c" in [name for name, _ in node.codecs]
                assert node.zarr_format == 3
    assert arrays > 5


def test_chunks_of_fill_values_are_written_nevertheless(tmp_path: Path) -> None:
    with new_store(tmp_path / "a.zarr", SPLIT) as root:
        write_array(root, "uns/a", np.zeros(5, dtype=np.int64))
        write_array(root, "uns/b", np.full(5, np.nan))
        tables(root)
    store = ZarrStore(str(tmp_path / "a.zarr"))
    assert {"uns/a/c/0", "uns/b/c/0"} <= store.skeleton.objects.keys()


def test_rows_are_tidied_without_losing_what_is_not_a_number() -> None:
    indptr = np.array([0, 4, 4, 6])
    indices = np.array([5, 1, 3, 0, 2, 1])
    data = np.array([1.0, 0.0, np.nan, -2.0, 0.0, 7.0])
    found = tidied(Rows(indptr, indices, data, 6, first=9))
    assert found.indptr.tolist() == [0, 3, 3, 4]
    assert found.indices.tolist() == [0, 3, 5, 1]
    np.testing.assert_array_equal(found.data, [-2.0, np.nan, 1.0, 7.0])
    assert found.first == 9


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1])
def test_counts_that_do_not_fit_are_an_error_and_never_another_count(
    value: int, group: Any
) -> None:
    rows = rows_of_dense(np.array([[value]], dtype=np.int64))
    with pytest.raises(UsageError, match="do not fit"):
        write_rows(group, "X", [rows], 1, data_type=np.int32)


def test_a_column_number_that_does_not_fit_is_an_error(group: Any) -> None:
    rows = Rows(np.array([0, 1]), np.array([2**31]), np.array([1.0]), 10)
    with pytest.raises(UsageError, match="do not fit"):
        write_rows(group, "X", [rows], 10, data_type=np.float32)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("wide", [False, True])
def test_column_numbers_and_offsets_have_one_type_so_that_scipy_can_work_in_place(
    wide: bool,  # noqa: FBT001
    group: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = counts(60, 7)
    monkeypatch.setattr(writing, "WIDE", (whole != 0).sum() + (not wide))
    write_rows(group, "X", blocks(whole, 13), 7, data_type=np.float32)
    assert sorted(group["X"].array_keys()) == ["data", "indices", "indptr"]
    kinds = {str(group["X"][name].dtype) for name in ("indices", "indptr")}
    assert kinds == {"int64" if wide else "int32"}
    found = anndata.io.read_elem(group["X"])
    np.testing.assert_array_equal(found.toarray(), whole)
    found.data[:5] = 0
    wanted = found.toarray()
    found.eliminate_zeros()
    found.sort_indices()
    np.testing.assert_array_equal(found.toarray(), wanted)


def test_column_numbers_of_a_wide_matrix_fit(group: Any) -> None:
    rows = Rows(np.array([0, 2]), np.array([3, 69_999]), np.array([1.0, 2.0]), 70_000)
    write_rows(group, "X", [rows], 70_000, data_type=np.float32)
    assert anndata.io.read_elem(group["X"])[0, 69_999] == 2.0


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("shape", [(3,), (25,), (4, 5), (1, 1, 99), (1, 64), (0, 4), ()])
@pytest.mark.parametrize("data_type", ["f8", "i4", "?"])
def test_a_dense_array_is_read_back_in_chunks_that_are_bounded(
    shape: tuple[int, ...], data_type: str, group: Any
) -> None:
    values = np.random.default_rng(1).integers(0, 2, shape).astype(data_type)
    write_array(group, "uns/deep/a", values)
    np.testing.assert_array_equal(group["uns/deep/a"][...], values)
    assert np.prod(group["uns/deep/a"].chunks) <= 10
    assert group["uns/deep"].attrs["encoding-type"] == "dict"


def test_strings_are_read_back(group: Any) -> None:
    write_array(group, "uns/names", np.array(["a", "", "ü|ß"], dtype=object))
    assert list(anndata.io.read_elem(group["uns/names"])) == ["a", "", "ü|ß"]


def test_labels_that_repeat_become_categorical_and_others_stay_text(group: Any) -> None:
    many = [f"label-{number % 130:03d}" for number in range(400)]
    columns = {
        "few": np.array(["b", "a"] * 200, dtype=object),
        "many": np.array(many, dtype=object),
        "unique": np.array([f"u{number}" for number in range(400)], dtype=object),
        "number": np.arange(400) / 2,
        "truth": np.arange(400) % 3 == 0,
    }
    write_table(group, "obs", np.array([f"row-{n}" for n in range(400)], dtype=object), columns)
    kinds = {name: group["obs"][name].attrs["encoding-type"] for name in columns}
    assert kinds == {
        "few": "categorical",
        "many": "categorical",
        "unique": "string-array",
        "number": "array",
        "truth": "array",
    }
    found = anndata.io.read_elem(group["obs"])
    assert list(found.columns) == list(columns)
    assert found.index[399] == "row-399"
    for name, values in columns.items():
        assert list(found[name]) == list(values)


SPLIT: dict[str, Any] = {"kind": "split", "spec": "1.0", "condition": ["context", "perturbation"]}


def tables(root: Any) -> None:
    for name in ("obs", "var"):
        write_table(root, name, np.array(["a", "b"], dtype=object), {})


def written(target: Path, **options: Any) -> None:
    with new_store(target, SPLIT, **options) as root:
        tables(root)


def test_a_store_appears_when_it_is_whole_and_sealed(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"
    with new_store(target, SPLIT) as root:
        tables(root)
        assert draft_of(root).is_dir()
        assert not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
    assert (target / "manifest.json").is_file()
    assert not {"layers", "obsm", "obsp", "varm", "varp", "uns", "obs", "var"} - {
        path.name for path in target.iterdir()
    }


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interruption_leaves_nothing(error: type[BaseException], tmp_path: Path) -> None:
    def interrupted() -> None:
        with new_store(tmp_path / "a.zarr", SPLIT) as root:
            tables(root)
            raise error

    with pytest.raises(error):
        interrupted()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("step", ["_complete", "_consolidate", "seal", "_move"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_interruption_of_any_later_step_leaves_what_was_there(
    step: str, error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.zarr"
    written(target)
    before = {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))}

    def interrupted(*_: Any) -> None:
        raise error

    monkeypatch.setattr(writing, step, interrupted)
    with pytest.raises(error):
        written(target, overwrite=True)
    assert {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))} == before
    with pytest.raises(error):
        written(tmp_path / "b.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_the_old_store_comes_back_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.zarr"
    written(target)
    (target / "mine").write_text("mine")
    rename = Path.rename

    def stubborn(self: Path, new: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError("no")  # noqa: EM101
        return rename(self, new)

    monkeypatch.setattr(Path, "rename", stubborn)
    with pytest.raises(OSError, match="no"):
        written(target, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
    assert (target / "mine").read_text() == "mine"


def test_a_check_that_fails_makes_the_draft_vanish(tmp_path: Path) -> None:
    def look(draft: Path) -> None:
        assert (draft / "manifest.json").is_file()
        raise UsageError("no")  # noqa: EM101

    with pytest.raises(UsageError):
        written(tmp_path / "a.zarr", check=look)
    assert not list(tmp_path.iterdir())


def test_overwriting_replaces_the_whole_store(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"
    written(target)
    (target / "stray").write_text("of the old store")
    written(target, overwrite=True)
    assert not (target / "stray").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_a_store_of_format_2_may_be_overwritten(tmp_path: Path) -> None:
    zarr.create_group(zarr.storage.LocalStore(tmp_path / "a.zarr"), zarr_format=2)
    require_free(tmp_path / "a.zarr", overwrite=True)


def test_a_store_is_not_overwritten_unasked(tmp_path: Path) -> None:
    written(tmp_path / "a.zarr")
    with pytest.raises(UsageError, match="exists"):
        written(tmp_path / "a.zarr")


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_store_is_never_overwritten(overwrite: bool, tmp_path: Path) -> None:  # noqa: FBT001
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").write_text("years")
    (tmp_path / "file").write_text("years")
    for name in ("folder", "file"):
        with pytest.raises(UsageError, match="exists"):
            written(tmp_path / name, overwrite=overwrite)
    assert (tmp_path / "folder" / "thesis.txt").read_text() == "years"
    assert (tmp_path / "file").read_text() == "years"


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        written(tmp_path / "nowhere" / "a.zarr")
