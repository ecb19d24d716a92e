import os
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from vcspec.model.errors import Refused, Unreadable, UsageError
from vcspec.model.matrix import stack
from vcspec.model.store import Damaged
from vcspec.storage import anndata_source as module
from vcspec.storage.anndata_source import AnnDataSource, anndata_source
from vcspec.storage.hdf5 import Hdf5Tree

BESIDE = Path(__file__).parents[3] / "shared" / "sources"
MIRROR = Path(os.environ.get("VCSPEC_SOURCE_MIRROR") or BESIDE)
SCGEN = MIRROR / "theislab/scgen/dd7e178f9b42b9dfef9eb18d0da4b8e3caea4cf7/data/valid.h5ad"

pytestmark = [
    pytest.mark.filterwarnings("ignore:Writing zarr v2 data"),  # anndata, about its own writing
    pytest.mark.filterwarnings("ignore:zarr v3 autosharding"),
    pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part"),
]

SHAPES = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "dense": lambda x: x}


def counts(rows: int = 40, features: int = 7) -> np.ndarray:
    return np.random.default_rng(3).poisson(0.8, (rows, features)).astype(np.float32)


def table(values: np.ndarray, **columns: object) -> anndata.AnnData:
    rows, features = values.shape
    obs = pd.DataFrame(columns, index=[f"cell{row}" for row in range(rows)])
    var = pd.DataFrame(index=[f"gene{column}" for column in range(features)])
    return anndata.AnnData(X=values, obs=obs, var=var)


def written(data: anndata.AnnData, path: Path, zarr_format: int = 3) -> Path:
    if path.suffix == ".h5ad":
        data.write_h5ad(path)
        return path
    before = anndata.settings.zarr_write_format
    anndata.settings.zarr_write_format = zarr_format
    try:
        data.write_zarr(path)
    finally:
        anndata.settings.zarr_write_format = before
    return path


@pytest.fixture(params=[("x.h5ad", 3), ("v2.zarr", 2), ("v3.zarr", 3)], ids=["h5ad", "v2", "v3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, int]:
    name, zarr_format = request.param
    return tmp_path / name, zarr_format


class TestBothContainers:
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("block", [1, 20, 4_000_000])
    def test_any_encoding_in_any_blocks_gives_the_same_rows(
        self, place: tuple[Path, int], shape: str, block: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        values = counts()
        data = table(values)
        data.X = SHAPES[shape](values)
        path = written(data, *place)
        monkeypatch.setattr(module, "BLOCK_ENTRIES", block)
        with anndata_source(str(path)) as source:
            matrix = source.matrix()
            blocks = list(source.blocks(matrix))
            assert (matrix.sort, matrix.shape) == (shape, values.shape)
        assert [found.first for found in blocks] == np.cumsum([0, *map(len, blocks)])[:-1].tolist()
        assert np.array_equal(stack(blocks).dense(), values)

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("block", [13, 4_000_000])
    def test_rows_come_in_the_order_asked_for_and_others_are_left_out(
        self, place: tuple[Path, int], shape: str, block: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        values = counts()
        data = table(values)
        data.layers["counts"] = SHAPES[shape](values)
        path = written(data, *place)
        order = np.random.default_rng(5).permutation(len(values))[:31]
        monkeypatch.setattr(module, "BLOCK_ENTRIES", block)
        with anndata_source(str(path)) as source:
            found = stack(list(source.rearranged(source.matrix("counts"), order)))
        assert np.array_equal(found.dense(), values[order])

    def test_columns_of_every_sort_are_read(self, place: tuple[Path, int]) -> None:
        rows = 6
        data = table(
            counts(rows),
            category=pd.Categorical(["b", "a", None, "b", "a", "a"]),
            number=np.arange(rows) / 4,
            whole=np.arange(rows),
            yes=np.array([True, False] * 3),
            absent=pd.array([1, None, 3, 4, 5, 6], dtype="Int64"),
            coded=pd.Categorical([3, 1, 1, 3, 3, 1]),
            text=[f"unlike{row}" for row in range(rows)],
        )
        path = written(data, *place)
        with anndata_source(str(path)) as source:
            assert set(source.columns("obs")) == set(data.obs.columns)
            columns = {name: source.column("obs", name) for name in source.columns("obs")}
            assert source.index("obs").tolist() == data.obs_names.tolist()
            assert source.index("var").tolist() == data.var_names.tolist()
        sorts = {name: column.sort for name, column in columns.items()}
        assert sorts == {
            "category": "string", "number": "number", "whole": "integer", "yes": "boolean",
            "absent": "integer", "coded": "integer", "text": "string",
        }  # fmt: skip
        assert columns["category"].values.tolist() == ["b", "a", "", "b", "a", "a"]
        assert columns["category"].missing.tolist() == [False, False, True, False, False, False]
        assert columns["absent"].missing.tolist() == [False, True, False, False, False, False]
        assert columns["coded"].values.tolist() == [3, 1, 1, 3, 3, 1]
        assert columns["text"].values.tolist() == data.obs["text"].tolist()

    def test_a_matrix_that_is_not_there_is_answered_with_those_that_are(
        self, place: tuple[Path, int]
    ) -> None:
        data = table(counts())
        data.layers["counts"] = data.X
        path = written(data, *place)
        with anndata_source(str(path)) as source:
            with pytest.raises(
                UsageError, match=r"no matrix layers/count; it has X, layers/counts"
            ):
                source.matrix("count")
            assert source.matrix("layers/counts").path == "layers/counts"

    def test_the_raw_matrix_has_features_of_its_own(self, place: tuple[Path, int]) -> None:
        data = table(counts())
        data.raw = data.copy()
        path = written(data[:, :3].copy(), *place)
        with anndata_source(str(path)) as source:
            matrix = source.matrix("raw/X")
            assert matrix.shape == (40, 7)
            assert len(source.index(matrix.features)) == 7


def test_chunks_that_a_zarr_writer_left_out_are_read_as_zero_and_named(tmp_path: Path) -> None:
    data = table(np.zeros((30, 5), dtype=np.float32))
    path = written(data, tmp_path / "x.zarr")
    with anndata_source(str(path)) as source:
        assert not stack(list(source.blocks(source.matrix()))).dense().any()
        assert source.tree.absent == {"/X"}


def test_tables_of_anndata_0_6_are_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "old.h5ad", "w") as file:
        obs = np.array(
            [(b"c0", 1, 2.5), (b"c1", 0, 3.5)], [("index", "S2"), ("kind", "i1"), ("n", "f4")]
        )
        file["obs"] = obs
        file["var"] = np.array([(b"g0",), (b"g1",), (b"g2",)], [("index", "S2")])
        file["uns/kind_categories"] = np.array([b"ctrl", b"A"])
        stored = file.create_group("X")
        stored.attrs.update({"h5sparse_format": "csr", "h5sparse_shape": (2, 3)})
        stored["data"], stored["indices"], stored["indptr"] = [1.0, 2.0], [2, 0], [0, 1, 2]
    with anndata_source(str(tmp_path / "old.h5ad")) as source:
        assert source.columns("obs") == ("kind", "n")
        assert source.index("obs").tolist() == ["c0", "c1"]
        assert source.column("obs", "kind").values.tolist() == ["A", "ctrl"]
        assert source.column("obs", "n").values.tolist() == [2.5, 3.5]
        dense = stack(list(source.blocks(source.matrix()))).dense()
    assert dense.tolist() == [[0, 0, 1], [2, 0, 0]]


def test_tables_of_anndata_0_7_are_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "old.h5ad", "w") as file:
        obs = file.create_group("obs")
        obs.attrs["_index"] = "barcode"
        obs["barcode"] = np.array([b"c0", b"c1", b"c2"])
        obs["kind"] = np.array([1, 0, -1], dtype=np.int8)
        obs["__categories/kind"] = np.array([b"ctrl", b"A"])
        var = file.create_group("var")
        var["index"] = np.array([b"g0", b"g1"])
        file["X"] = np.eye(3, 2)
    with anndata_source(str(tmp_path / "old.h5ad")) as source:
        kind = source.column("obs", "kind")
        assert source.columns("obs") == ("kind",)
        assert kind.values.tolist() == ["A", "ctrl", ""]
        assert kind.missing.tolist() == [False, False, True]
        assert source.index("var").tolist() == ["g0", "g1"]
        assert source.matrix().sort == "dense"


@pytest.mark.skipif(not SCGEN.is_file(), reason=f"real data missing: {SCGEN}")
def test_a_file_as_published_in_2018_is_read() -> None:
    with h5py.File(SCGEN) as file:
        expected = float(file["X/data"][()].sum(dtype=np.float64))
    with anndata_source(str(SCGEN)) as source:
        assert set(source.column("obs", "condition").values) == {"control", "stimulated"}
        assert len(set(source.column("obs", "cell_type").values)) == 7
        matrix = source.matrix()
        assert matrix.shape == (1975, 6998)
        total = sum(float(block.data.sum(dtype=np.float64)) for block in source.blocks(matrix))
    assert total == pytest.approx(expected, rel=1e-12)


class TestHostileFiles:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return written(table(counts(), kind=["a"] * 40), tmp_path / "x.h5ad")

    @pytest.mark.parametrize("name", ["obs", "obs/kind"])
    @pytest.mark.parametrize("soft", [True, False])
    def test_links_are_refused_and_not_followed(
        self, path: Path, tmp_path: Path, name: str, *, soft: bool
    ) -> None:
        elsewhere = tmp_path / "missing.h5"  # following the link would fail as `cannot be opened`
        with h5py.File(path, "a") as file:
            del file[name]
            file[name] = h5py.SoftLink("/var") if soft else h5py.ExternalLink(elsewhere, "/secret")
        with pytest.raises(Refused, match="is a link"), anndata_source(str(path)) as source:
            source.column("obs", "kind")

    def test_links_to_matrices_are_refused_too(self, path: Path, tmp_path: Path) -> None:
        with h5py.File(path, "a") as file:
            del file["X"]
            file["X"] = h5py.ExternalLink(tmp_path / "missing.h5", "/secret")
        with pytest.raises(Refused, match="is a link"), anndata_source(str(path)) as source:
            source.matrix()

    def test_values_kept_in_other_files_are_refused(self, path: Path, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_bytes(b"\0" * 4 * 40 * 7)
        with h5py.File(path, "a") as file:
            del file["X"]
            file.create_dataset("X", (40, 7), "f4", external=[(secret, 0, h5py.h5f.UNLIMITED)])
        with pytest.raises(Refused, match="other files"), anndata_source(str(path)) as source:
            list(source.blocks(source.matrix()))

    def test_virtual_datasets_are_refused(self, path: Path, tmp_path: Path) -> None:
        layout = h5py.VirtualLayout((40, 7), "f4")
        layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "d", (40, 7))
        with h5py.File(path, "a") as file:
            del file["X"]
            file.create_virtual_dataset("X", layout)
        with pytest.raises(Refused, match="other files"), anndata_source(str(path)) as source:
            list(source.blocks(source.matrix()))

    def test_a_file_that_decodes_to_far_more_than_it_stores_is_refused(self, path: Path) -> None:
        with h5py.File(path, "a") as file:
            del file["obs/kind"]
            file.create_dataset("obs/kind", (10**10,), "f8", chunks=(1000,))
        with (
            pytest.raises(Refused, match="decode to 80000000000"),
            anndata_source(str(path)) as source,
        ):
            source.column("obs", "kind")

    def test_objects_that_are_not_text_are_refused_and_never_unpickled(self, path: Path) -> None:
        bytes_of = np.frombuffer(pickle.dumps(["x"]), dtype=np.uint8)
        with h5py.File(path, "a") as file:
            del file["obs/kind"]
            ragged = h5py.vlen_dtype(np.uint8)
            file.create_dataset("obs/kind", (40,), ragged)[0] = bytes_of
        with (
            pytest.raises(Refused, match="neither numbers nor text"),
            anndata_source(str(path)) as source,
        ):
            source.column("obs", "kind")

    @pytest.mark.parametrize(
        ("part", "values"),
        [
            ("indptr", [1, 1, 2]),
            ("indptr", [0, 2, 1]),
            ("indptr", [0.0, 1.5, 2.0]),
            ("indptr", [[0, 1, 2]]),
            ("indptr", ["0", "1", "2"]),
            ("indices", [9, 0]),
            ("indices", [-1, 0]),
            ("indices", [1.5, 0.0]),
        ],
    )
    def test_a_matrix_that_contradicts_itself_is_damaged(
        self, path: Path, part: str, values: list[Any]
    ) -> None:
        with h5py.File(path, "a") as file:
            del file["X"]
            stored = file.create_group("X")
            stored.attrs.update({"encoding-type": "csr_matrix", "shape": (2, 3)})
            parts = {"data": [1.0, 2.0], "indices": [2, 0], "indptr": [0, 1, 2], part: values}
            for name, content in parts.items():
                stored[name] = content
        with pytest.raises(Damaged, match=f"X/{part}"), anndata_source(str(path)) as source:
            list(source.blocks(source.matrix()))

    def test_a_matrix_without_a_shape_is_damaged(self, path: Path) -> None:
        with h5py.File(path, "a") as file:
            del file["X"]
            file.create_group("X").attrs["encoding-type"] = "csr_matrix"
        with pytest.raises(Damaged, match="shape None"), anndata_source(str(path)) as source:
            source.matrix()

    @pytest.mark.parametrize(
        "shape", [5, "xy", [2.5, 3.0], [-1, 3], [[2, 3]], [2, 3, 4], ["2", "3"]]
    )
    def test_a_shape_of_something_else_is_damaged(self, path: Path, shape: Any) -> None:
        with h5py.File(path, "a") as file:
            del file["X"]
            attributes = {"encoding-type": "csr_matrix", "shape": shape}
            file.create_group("X").attrs.update(attributes)
        with (
            pytest.raises(Damaged, match=r"shape .* is not one"),
            anndata_source(str(path)) as source,
        ):
            source.matrix()

    @pytest.mark.parametrize("name", ["encoding-type", "column-order", "_index"])
    @pytest.mark.parametrize("value", [5, [1, 2], [[1], [2]], np.nan, h5py.Empty("f")])
    def test_attributes_of_something_else_are_passed_over(
        self, path: Path, name: str, value: Any
    ) -> None:
        with h5py.File(path, "a") as file:
            for table in ("obs", "X", "obs/kind"):
                file[table].attrs[name] = value
        with anndata_source(str(path)) as source:
            assert (source.matrix().sort, "kind" in source.columns("obs")) == ("dense", True)

    def test_an_attribute_that_is_not_utf8_is_damaged(self, path: Path) -> None:
        with h5py.File(path, "a") as file:
            file["X"].attrs["encoding-type"] = np.bytes_(b"\xff\xfe")
        with (
            pytest.raises(Damaged, match="X: the attribute encoding-type"),
            anndata_source(str(path)) as source,
        ):
            source.matrix()

    @pytest.mark.parametrize(
        ("part", "values", "told"),
        [
            ("codes", np.zeros((40, 1), dtype=np.int8), "an array of 2 dimensions"),
            ("codes", np.zeros(40), "float64 where whole numbers are expected"),
            ("codes", np.array([b"a"] * 40), "where whole numbers are expected"),
            ("categories", np.array([[b"a"]]), "an array of 2 dimensions"),
        ],
    )
    def test_a_column_of_something_else_is_damaged(
        self, path: Path, part: str, values: Any, told: str
    ) -> None:
        with h5py.File(path, "a") as file:
            del file[f"obs/kind/{part}"]
            file[f"obs/kind/{part}"] = values
        with pytest.raises(Damaged, match=told), anndata_source(str(path)) as source:
            source.column("obs", "kind")

    @pytest.mark.parametrize("mask", [[False] * 39, [[False]] * 40, ["no"] * 40])
    def test_a_mask_of_something_else_is_damaged(self, path: Path, mask: list[Any]) -> None:
        with h5py.File(path, "a") as file:
            del file["obs/kind"]
            file["obs/kind/values"] = np.arange(40)
            file["obs/kind/mask"] = mask
        with pytest.raises(Damaged, match="obs/kind"), anndata_source(str(path)) as source:
            source.column("obs", "kind")

    def test_text_that_is_not_utf8_is_damaged(self, path: Path) -> None:
        with h5py.File(path, "a") as file:
            del file["obs/kind"]
            file["obs/kind"] = np.array([b"\xff\xfe"] * 40)
        with pytest.raises(Damaged, match="obs/kind"), anndata_source(str(path)) as source:
            source.column("obs", "kind")

    def test_codes_without_a_category_are_damaged(self, path: Path) -> None:
        with h5py.File(path, "a") as file:
            file["obs/kind/codes"][3] = 7
        with (
            pytest.raises(Damaged, match=r"codes outside -1\.\.0"),
            anndata_source(str(path)) as source,
        ):
            source.column("obs", "kind")


class TestNotAnnData:
    def test_what_is_no_hdf5_is_said_to_be_none(self, tmp_path: Path) -> None:
        (tmp_path / "x.h5ad").write_text("cell,gene\n")
        with (
            pytest.raises(Unreadable, match="cannot be opened as HDF5"),
            anndata_source(str(tmp_path / "x.h5ad")),
        ):
            pass

    def test_a_missing_file_is_said_to_be_missing(self, tmp_path: Path) -> None:
        with (
            pytest.raises(Unreadable, match="does not exist"),
            anndata_source(str(tmp_path / "x.h5ad")),
        ):
            pass

    def test_a_10x_file_is_answered_with_what_to_do(self, tmp_path: Path) -> None:
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file["matrix/data"] = [1]
        with (
            pytest.raises(Unreadable, match=r"it has matrix\. .*read_10x_h5"),
            anndata_source(str(tmp_path / "x.h5")),
        ):
            pass


class Watched(Hdf5Tree):
    """Notes how many elements each read asks for."""

    def __init__(self, target: str, file: h5py.File) -> None:
        super().__init__(target, file)
        self.asked: list[int] = []

    def part(self, path: str, start: int, stop: int) -> np.ndarray:
        found = super().part(path, start, stop)
        if not path.endswith("indptr"):
            self.asked.append(found.size)
        return found


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shuffled", [True, False])
def test_no_read_and_no_block_is_larger_than_the_bound(
    shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, shuffled: bool
) -> None:
    values = counts(400, 9)
    data = table(values)
    data.X = SHAPES[shape](values)
    path = written(data, tmp_path / "x.h5ad")
    monkeypatch.setattr(module, "BLOCK_ENTRIES", 100)
    order = np.random.default_rng(1).permutation(400) if shuffled else np.arange(400)
    with h5py.File(path) as file:
        tree = Watched(str(path), file)
        source = AnnDataSource(str(path), tree)
        sizes = [len(block.data) for block in source.rearranged(source.matrix(), order)]
    assert len(sizes) > 10
    assert max(sizes) <= 100
    assert max(tree.asked) <= 100


@pytest.mark.parametrize("shuffled", [True, False])
def test_memory_stays_far_below_the_matrix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, shuffled: bool
) -> None:
    rows, width, entries = 10_000, 500, 2_000_000
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "x.h5ad", "w") as file:
        file["obs/_index"] = np.arange(rows).astype("S6")
        file["var/_index"] = np.arange(width).astype("S6")
        stored = file.create_group("X")
        stored.attrs.update({"encoding-type": "csr_matrix", "shape": (rows, width)})
        stored["data"] = rng.random(entries, dtype=np.float32)
        stored["indices"] = np.tile(np.arange(200, dtype=np.int32), rows)
        stored["indptr"] = np.arange(0, entries + 1, 200)
    monkeypatch.setattr(module, "BLOCK_ENTRIES", 100_000)
    order = rng.permutation(rows) if shuffled else np.arange(rows)
    with anndata_source(str(tmp_path / "x.h5ad")) as source:
        tracemalloc.start()
        total = sum(len(block.data) for block in source.rearranged(source.matrix(), order))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert total == entries
    assert peak < 12_000_000  # in memory, with int64 column numbers, the matrix has 24 MB
