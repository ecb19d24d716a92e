import hashlib
import shutil
import uuid
import warnings
from pathlib import Path
from typing import Any

import anndata
import fsspec
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import sparse
from support import tiny
from support.reencode import Layout, reencode

from vcspec.model.matrix import stack
from vcspec.model.store import Damaged
from vcspec.storage import object_store, zarr_store
from vcspec.storage.zarr_store import ZarrStore

LAYOUTS = [
    Layout("csr", 3, 2_500),
    Layout("csc", 3, 3_000),
    Layout("dense", 3, 60),
    Layout("csr", 3, 900, sharded=True, big_endian=True, labels="categorical"),
    Layout("dense", 3, 40, sharded=True, labels="nullable", zstd=False),
    Layout("csc", 2, 4_000, labels="nullable"),
    Layout("dense", 2, 70, big_endian=True),
]


@pytest.fixture(scope="module", params=LAYOUTS, ids=str)
def laid_out(
    request: pytest.FixtureRequest, screen: tiny.Screen, tmp_path_factory: pytest.TempPathFactory
) -> ZarrStore:
    """The tiny dataset in another layout."""
    place = tmp_path_factory.mktemp("layout") / "data.zarr"
    return ZarrStore(str(reencode(screen.dataset, place, request.param)))


def test_every_layout_gives_the_same_rows(laid_out: ZarrStore, screen: tiny.Screen) -> None:
    expected = anndata.read_zarr(screen.dataset).X.toarray()
    np.testing.assert_array_equal(tiny.dense_matrix(laid_out), expected)


def test_every_layout_gives_the_same_columns(laid_out: ZarrStore, screen: tiny.Screen) -> None:
    expected = anndata.read_zarr(screen.dataset)
    for name in ("context", "perturbation"):
        column = laid_out.column("/obs", name)
        assert column.sort == "string"
        assert list(column.values) == list(expected.obs[name])
        assert column.missing is None
    assert list(laid_out.column("/obs", "_index").values) == list(expected.obs_names)
    assert list(laid_out.column("/var", "_index").values) == list(expected.var_names)


def test_the_rows_of_small_blocks_are_the_rows(
    laid_out: ZarrStore, screen: tiny.Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zarr_store, "BLOCK_ENTRIES", 3_000)
    blocks = list(laid_out.blocks("/X"))
    assert len(blocks) > 3
    assert [block.first for block in blocks] == np.cumsum([0, *map(len, blocks)])[:-1].tolist()
    expected = anndata.read_zarr(screen.dataset).X.toarray()
    np.testing.assert_array_equal(stack(blocks).dense(), expected)
    assert len({block.data.dtype for block in blocks}) == 1


@pytest.mark.parametrize("matrix", ["csr", "dense"])
def test_a_span_of_rows_is_those_rows(matrix: Any, screen: tiny.Screen, tmp_path: Path) -> None:
    store = ZarrStore(str(reencode(screen.dataset, tmp_path / "a.zarr", Layout(matrix))))
    whole = tiny.dense_matrix(store)
    for start, stop in [(0, 1), (3, 60), (40, 40), (len(whole) - 2, len(whole))]:
        rows = store.rows("/X", start, stop)
        assert rows.first == start
        np.testing.assert_array_equal(rows.dense(), whole[start:stop])


def test_rows_of_a_matrix_compressed_by_columns_come_in_blocks_alone(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    store = ZarrStore(str(reencode(screen.dataset, tmp_path / "a.zarr", Layout("csc"))))
    with pytest.raises(Damaged, match="csc_matrix"):
        store.rows("/X", 0, 1)


def copy(screen: tiny.Screen, tmp_path: Path, layout: Layout | None = None) -> Path:
    place = tmp_path / "copy.zarr"
    if layout is not None:
        return reencode(screen.dataset, place, layout)
    shutil.copytree(screen.dataset, place)
    return place


def chunks(place: Path, array: str) -> list[Path]:
    names = ZarrStore(str(place)).skeleton.nodes[f"/{array}"].object_names()
    return [place / name for name in names]


WHOLE = Layout("csr", 3, 3_000)
EVERY = [
    (WHOLE, "X/data"),
    (WHOLE, "X/indices"),
    (WHOLE, "X/indptr"),
    (Layout("csc"), "X/indices"),
    (Layout("dense", 3, 60), "X"),
    (Layout("csr", 3, 700, sharded=True), "X/data"),
    (Layout("csr", 2, 3_000), "X/data"),
]


@pytest.mark.parametrize(("layout", "array"), EVERY, ids=str)
def test_an_absent_chunk_is_damage_and_never_a_fill_value(
    layout: Layout, array: str, screen: tiny.Screen, tmp_path: Path
) -> None:
    place = copy(screen, tmp_path, layout)
    chunks(place, array)[-1].unlink()
    with pytest.raises(Damaged, match="absent"):
        list(ZarrStore(str(place)).blocks("/X"))


@pytest.mark.parametrize(("layout", "array"), EVERY, ids=str)
def test_a_truncated_chunk_is_damage(
    layout: Layout, array: str, screen: tiny.Screen, tmp_path: Path
) -> None:
    place = copy(screen, tmp_path, layout)
    chunk = chunks(place, array)[0]
    chunk.write_bytes(chunk.read_bytes()[: chunk.stat().st_size // 2])
    with pytest.raises(Damaged, match=r"cannot be decoded|beyond the shard"):
        list(ZarrStore(str(place)).blocks("/X"))


@pytest.mark.parametrize(("layout", "array"), EVERY[:-1], ids=str)
def test_a_flipped_bit_is_damage(
    layout: Layout, array: str, screen: tiny.Screen, tmp_path: Path
) -> None:
    place = copy(screen, tmp_path, layout)
    chunk = chunks(place, array)[0]
    data = bytearray(chunk.read_bytes())
    for at in (0, len(data) // 2, len(data) - 1):
        data[at] ^= 0x10
        chunk.write_bytes(data)
        with pytest.raises(Damaged):
            list(ZarrStore(str(place)).blocks("/X"))
        data[at] ^= 0x10


def test_a_column_with_an_absent_chunk_is_damage(screen: tiny.Screen, tmp_path: Path) -> None:
    place = copy(screen, tmp_path)
    chunks(place, "obs/_index")[0].unlink()
    with pytest.raises(Damaged, match="absent"):
        ZarrStore(str(place)).column("/obs", "_index")


def test_a_node_that_is_not_there_is_damage(screen: tiny.Screen) -> None:
    store = ZarrStore(str(screen.dataset))
    with pytest.raises(Damaged):
        store.array("/nothing")
    with pytest.raises(Damaged):
        store.column("/obs", "nothing")


@pytest.mark.parametrize(
    ("array", "change"),
    [
        ("indptr", lambda values: values[::-1]),
        ("indptr", lambda values: values * 2),
        ("indptr", lambda values: values - 1),
        ("indptr", lambda values: values[:-3]),
        ("data", lambda values: values[:-3]),
        ("indices", lambda values: values[:-3]),
    ],
)
@pytest.mark.parametrize("matrix", ["csr", "csc"])
def test_a_matrix_that_contradicts_itself_is_damage(
    array: str, change: Any, matrix: Any, screen: tiny.Screen, tmp_path: Path
) -> None:
    place = copy(screen, tmp_path, Layout(matrix, 3, 100_000))
    values = ZarrStore(str(place)).array(f"/X/{array}")
    rewrite(place, f"X/{array}", change(values))
    with pytest.raises(Damaged):
        every_row(ZarrStore(str(place)))


def every_row(store: ZarrStore) -> None:
    node = store.skeleton.nodes["/X"]
    if node.encoding == "csr_matrix":
        store.rows("/X", 0, node.attributes["shape"][0])
    else:
        list(store.blocks("/X"))


def test_row_numbers_outside_a_matrix_compressed_by_columns_are_damage(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    place = copy(screen, tmp_path, Layout("csc", 3, 100_000))
    values = ZarrStore(str(place)).array("/X/indices")
    values[5] = 100_000
    rewrite(place, "X/indices", values)
    with pytest.raises(Damaged, match="row numbers"):
        list(ZarrStore(str(place)).blocks("/X"))


def rewrite(place: Path, path: str, values: Any) -> None:
    root = zarr.open_group(place, mode="r+")
    del root[path]
    root.create_array(path, data=np.ascontiguousarray(values))


def put_table(place: Path, write: Any) -> ZarrStore:
    root = zarr.create_group(zarr.storage.LocalStore(place))
    table = root.create_group("obs")
    table.attrs.update({"encoding-type": "dataframe", "_index": "_index"})
    write(table)
    return ZarrStore(str(place))


def test_codes_without_a_category_are_damage(tmp_path: Path) -> None:
    def write(table: Any) -> None:
        group = table.create_group("a")
        group.attrs["encoding-type"] = "categorical"
        group.create_array("codes", data=np.array([0, 2, 1], dtype="i1"))
        group.create_array("categories", data=np.array([1.0, 2.0]))

    with pytest.raises(Damaged, match="codes"):
        put_table(tmp_path / "a.zarr", write).column("/obs", "a")


def test_values_and_a_mask_of_another_length_are_damage(tmp_path: Path) -> None:
    def write(table: Any) -> None:
        group = table.create_group("a")
        group.attrs["encoding-type"] = "nullable-integer"
        group.create_array("values", data=np.arange(3))
        group.create_array("mask", data=np.zeros(2, dtype=bool))

    with pytest.raises(Damaged, match="mask"):
        put_table(tmp_path / "a.zarr", write).column("/obs", "a")


@pytest.mark.parametrize("categories", [np.array([False, True]), np.array([1.5, 2.5], dtype="f4")])
def test_categories_keep_their_data_type(categories: Any, tmp_path: Path) -> None:
    def write(table: Any) -> None:
        group = table.create_group("a")
        group.attrs["encoding-type"] = "categorical"
        group.create_array("codes", data=np.array([0, 1, -1], dtype="i1"))
        group.create_array("categories", data=categories)

    column = put_table(tmp_path / "a.zarr", write).column("/obs", "a")
    assert column.values.dtype == categories.dtype
    assert list(column.values[:2]) == list(categories)
    assert column.missing is not None
    assert list(column.missing) == [False, False, True]


OBS = pd.DataFrame(
    {
        "category": pd.Categorical(["b", "a", None, "b"], categories=["b", "a", "c"]),
        "ordered": pd.Categorical([3, 1, 3, 1], ordered=True),
        "text": ["x", "", "ü", "x"],
        "nullable_text": pd.array(["p", None, "q", "p"], dtype="string"),
        "nullable_whole": pd.array([1, None, 3, 4], dtype="Int32"),
        "nullable_truth": pd.array([True, None, False, True], dtype="boolean"),
        "truth": [True, False, True, True],
        "number": np.array([0.5, 7.0, -1, 2], dtype=np.float32),
        "whole": np.array([1, 2, 3, 4], dtype=np.uint8),
    },
    index=["i", "j", "k", "l"],
)
SECOND = [False, True, False, False]
READ: dict[str, tuple[str, list[Any], list[bool] | None]] = {
    "_index": ("string", ["i", "j", "k", "l"], None),
    "category": ("string", ["b", "a", "", "b"], [False, False, True, False]),
    "ordered": ("integer", [3, 1, 3, 1], None),
    "text": ("string", ["x", "", "ü", "x"], None),
    "nullable_text": ("string", ["p", "", "q", "p"], SECOND),
    "nullable_whole": ("integer", [1, None, 3, 4], SECOND),
    "nullable_truth": ("boolean", [True, None, False, True], SECOND),
    "truth": ("boolean", [True, False, True, True], None),
    "number": ("number", [0.5, 7.0, -1, 2], None),
    "whole": ("integer", [1, 2, 3, 4], None),
}


@pytest.fixture(scope="module", params=[2, 3])
def by_anndata(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ZarrStore:
    """A store that anndata wrote, in either format."""
    place = tmp_path_factory.mktemp("anndata") / "a.zarr"
    options = {"zarr_write_format": request.param, "allow_write_nullable_strings": True}
    with warnings.catch_warnings(), anndata.settings.override(**options):
        warnings.simplefilter("ignore")
        made = anndata.AnnData(sparse.csr_matrix(np.eye(4, 3, dtype=np.float32)), obs=OBS)
        made.write_zarr(place)
    store = ZarrStore(str(place))
    assert store.skeleton.nodes["/"].zarr_format == request.param
    return store


def test_a_matrix_that_anndata_wrote_is_read(by_anndata: ZarrStore) -> None:
    assert not by_anndata.skeleton.broken
    np.testing.assert_array_equal(tiny.dense_matrix(by_anndata), np.eye(4, 3))


@pytest.mark.parametrize("name", READ)
def test_a_column_that_anndata_wrote_is_read(name: str, by_anndata: ZarrStore) -> None:
    found, (sort, values, missing) = by_anndata.column("/obs", name), READ[name]
    assert found.sort == sort
    assert (None if found.missing is None else found.missing.tolist()) == missing
    pairs = zip(found.values.tolist(), values, strict=True)
    assert all(value == wanted for value, wanted in pairs if wanted is not None)
    if name in ("number", "whole"):
        assert found.values.dtype == OBS[name].dtype


def test_row_names_are_found_under_whatever_name_they_are_kept(tmp_path: Path) -> None:
    def write(table: Any) -> None:
        table.attrs["_index"] = "barcode"
        table.create_array("barcode", data=np.array([4, 5]))

    assert list(put_table(tmp_path / "a.zarr", write).column("/obs", "_index").values) == [4, 5]


def test_an_array_without_axes_is_read_in_both_formats(tmp_path: Path) -> None:
    for zarr_format in (2, 3):
        place = tmp_path / f"{zarr_format}.zarr"
        root = zarr.create_group(zarr.storage.LocalStore(place), zarr_format=zarr_format)  # type: ignore[arg-type]
        root.create_array("a", shape=(), dtype="f8")[...] = 2.5
        assert ZarrStore(str(place)).array("/a") == 2.5


def test_an_array_at_the_root_is_read(tmp_path: Path) -> None:
    zarr.create_array(zarr.storage.LocalStore(tmp_path / "a.zarr"), data=np.arange(5.0))
    store = ZarrStore(str(tmp_path / "a.zarr"))
    np.testing.assert_array_equal(store.array("/"), np.arange(5.0))


def test_an_empty_array_needs_no_object(tmp_path: Path) -> None:
    root = zarr.create_group(zarr.storage.LocalStore(tmp_path / "a.zarr"))
    root.create_array("a", shape=(0,), chunks=(1,), dtype="f4")
    store = ZarrStore(str(tmp_path / "a.zarr"))
    assert store.array("/a").shape == (0,)
    assert store.span("/a", 0, 0).shape == (0,)


def test_a_span_past_the_end_is_damage(tmp_path: Path) -> None:
    root = zarr.create_group(zarr.storage.LocalStore(tmp_path / "a.zarr"))
    root.create_array("a", data=np.arange(1.0, 8.0), chunks=(5,))
    store = ZarrStore(str(tmp_path / "a.zarr"))
    assert store.span("/a", 4, 6).tolist() == [5.0, 6.0]
    with pytest.raises(Damaged):
        store.span("/a", 4, 9)
    with pytest.raises(Damaged):
        store.span("/a", 4, 20)


def test_objects_are_hashed_in_pieces(screen: tiny.Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "HASHED_AT_ONCE", 7)
    place = f"memory://{uuid.uuid4().hex}/data.zarr"
    filesystem, root = fsspec.core.url_to_fs(place)
    filesystem.put(str(screen.dataset) + "/", root, recursive=True)
    store = ZarrStore(place)
    data = (screen.dataset / "zarr.json").read_bytes()
    read: list[tuple[int | None, int | None]] = []
    plain = store._objects.read
    monkeypatch.setattr(
        store._objects, "read", lambda name, *span: read.append(span) or plain(name, *span)
    )
    assert store.digests(["zarr.json"]) == [hashlib.sha256(data).hexdigest()]
    assert read == [(at, min(at + 7, len(data))) for at in range(0, len(data), 7)]


def test_a_store_behind_fsspec_is_read_like_a_local_one(screen: tiny.Screen) -> None:
    place = f"memory://{uuid.uuid4().hex}/data.zarr"
    filesystem, root = fsspec.core.url_to_fs(place)
    filesystem.put(str(screen.dataset) + "/", root, recursive=True)
    remote, local = ZarrStore(place), ZarrStore(str(screen.dataset))
    assert remote.skeleton.objects == local.skeleton.objects
    assert repr(remote.skeleton.nodes) == repr(local.skeleton.nodes)
    np.testing.assert_array_equal(tiny.dense_matrix(remote), tiny.dense_matrix(local))
    assert list(remote.column("/obs", "_index").values) == list(
        local.column("/obs", "_index").values
    )
    assert remote.digests(["zarr.json"]) == local.digests(["zarr.json"])
    filesystem.rm(f"{root}/X/data/c/0")
    with pytest.raises(Damaged, match="absent"):
        list(ZarrStore(place).blocks("/X"))


def test_opening_a_store_decodes_nothing(
    screen: tiny.Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("zarr was asked")  # noqa: EM101

    monkeypatch.setattr(zarr, "open_array", never)
    store = ZarrStore(str(screen.dataset))
    assert store.skeleton.document is not None
    assert store.skeleton.document["kind"] == "dataset"
