import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import zarr

from vcspec.model.store import Node, Skeleton, StoredObject
from vcspec.standard import standard
from vcspec.storage import hierarchy
from vcspec.storage.hierarchy import skeleton
from vcspec.storage.object_store import ObjectStore
from vcspec.storage.objects import LocalObjects, Unreached, Wanted


class Written:
    """Objects that are held in memory."""

    requests = bytes_read = 0

    def __init__(self, objects: Mapping[str, Any]) -> None:
        self.objects = {
            name: found if isinstance(found, bytes) else json.dumps(found).encode()
            for name, found in objects.items()
        }

    def listing(self) -> dict[str, StoredObject]:
        return {name: StoredObject(len(data)) for name, data in self.objects.items()}

    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        return self.objects[name][start:stop]

    def read_many(self, wanted: Sequence[Wanted]) -> list[bytes]:
        return [self.read(*one) for one in wanted]


GROUP = {"zarr_format": 3, "node_type": "group", "attributes": {"vcspec": {"kind": "split"}}}
ARRAY: dict[str, Any] = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [10, 4],
    "data_type": "float32",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [3, 4]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": "NaN",
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, "crc32c"],
    "attributes": {"encoding-type": "array"},
}
SHARD: dict[str, Any] = {"chunk_shape": [1, 2], "codecs": ["bytes"], "index_codecs": ["bytes"]}
OLD: dict[str, Any] = {
    "zarr_format": 2,
    "shape": [5],
    "chunks": [2],
    "dtype": "<f8",
    "fill_value": 0,
    "compressor": {"id": "zstd", "level": 1},
    "filters": None,
    "order": "C",
}


def seen(**objects: Any) -> Skeleton:
    return skeleton(Written({name.replace("__", "/"): found for name, found in objects.items()}))


def node(document: Mapping[str, Any]) -> Node:
    return skeleton(Written({"zarr.json": GROUP, "a/zarr.json": document})).nodes["/a"]


def test_a_group_of_format_3_carries_the_document() -> None:
    found = skeleton(Written({"zarr.json": GROUP}))
    assert found.document == {"kind": "split"}
    assert (found.nodes["/"].sort, found.nodes["/"].zarr_format) == ("group", 3)


def test_an_array_of_format_3_says_shape_grid_type_fill_and_codecs() -> None:
    found = node(ARRAY)
    assert (found.shape, found.chunks, found.grid) == ((10, 4), (3, 4), (4, 1))
    assert (found.data_type, found.encoding, found.elements) == ("float32", "array", 40)
    assert math.isnan(found.fill_value)
    assert [name for name, _ in found.codecs] == ["bytes", "crc32c"]
    assert list(found.object_names()) == ["a/c/0/0", "a/c/1/0", "a/c/2/0", "a/c/3/0"]


@pytest.mark.parametrize("spelling", ["NaN", "0x7fc00000", "0x7ff8000000000000"])
def test_a_fill_value_of_nan_is_nan_however_it_is_spelled(spelling: str) -> None:
    assert math.isnan(node({**ARRAY, "fill_value": spelling}).fill_value)


def test_codecs_inside_shards_are_told_too() -> None:
    inside = [{"name": "bytes"}, {"name": "pickle", "configuration": {}}]
    shard = {
        "name": "sharding_indexed",
        "configuration": {"chunk_shape": [1, 2], "codecs": inside, "index_codecs": ["zlib"]},
    }
    found = node({**ARRAY, "codecs": [shard]})
    assert [name for name, _ in found.codecs] == ["sharding_indexed", "bytes", "pickle"]
    assert found.inner_chunks == (1, 2)
    assert found.index_codecs == (("zlib", {}),)


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ({"name": "default"}, ["a/c/0", "a/c/1"]),
        ({"name": "default", "configuration": {"separator": "."}}, ["a/c.0", "a/c.1"]),
        ({"name": "v2"}, ["a/0", "a/1"]),
    ],
)
def test_objects_are_named_by_the_key_encoding(encoding: Any, names: list[str]) -> None:
    grid = {"name": "regular", "configuration": {"chunk_shape": [1]}}
    document = {**ARRAY, "shape": [2], "chunk_grid": grid, "chunk_key_encoding": encoding}
    assert list(node(document).object_names()) == names


def test_an_array_of_format_2_says_the_same() -> None:
    found = skeleton(
        Written(
            {
                ".zgroup": {"zarr_format": 2},
                ".zattrs": {"vcspec": {"kind": "dataset"}},
                "a/.zarray": OLD,
                "a/.zattrs": {"encoding-type": "array"},
            }
        )
    )
    assert found.document == {"kind": "dataset"}
    array = found.nodes["/a"]
    assert (array.zarr_format, array.shape, array.data_type) == (2, (5,), "float64")
    assert [name for name, _ in array.codecs] == ["zstd"]
    assert array.encoding == "array"
    assert list(array.object_names()) == ["a/0", "a/1", "a/2"]


@pytest.mark.parametrize(
    ("declared", "filters", "name"),
    [
        ("|b1", None, "bool"),
        (">i4", None, "int32"),
        ("<u2", None, "uint16"),
        ("|O", [{"id": "vlen-utf8"}], "string"),
        ("|O", [{"id": "pickle"}], "object"),
        ("|O", None, "object"),
        ("<U7", None, "<U7"),
        ([["a", "<i4"]], None, "[['a', '<i4']]"),
    ],
)
def test_data_types_of_format_2_have_the_names_of_format_3(
    declared: Any, filters: Any, name: str
) -> None:
    document = {**OLD, "dtype": declared, "filters": filters}
    found = skeleton(Written({".zgroup": {"zarr_format": 2}, "a/.zarray": document}))
    assert found.nodes["/a"].data_type == name


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("shape", [(7,), (7, 5), ()])
def test_the_objects_that_zarr_writes_are_those_that_are_expected(
    tmp_path: Path, zarr_format: Any, shape: tuple[int, ...]
) -> None:
    root = zarr.create_group(zarr.storage.LocalStore(tmp_path), zarr_format=zarr_format)
    chunks = tuple(3 for _ in shape)
    array = root.create_array("a", shape=shape, dtype="f4", chunks=chunks)
    array[...] = np.ones(shape)
    found = skeleton(LocalObjects(tmp_path))
    stored = {name for name in found.objects if not name.rpartition("/")[2].startswith((".z", "z"))}
    assert set(found.nodes["/a"].object_names()) == stored
    assert not found.broken


@pytest.mark.parametrize(
    "change",
    [
        {"zarr_format": 4},
        {"node_type": "matrix"},
        {"shape": [-1, 4]},
        {"shape": [1.5, 4]},
        {"shape": [True, 4]},
        {"shape": "ten"},
        {"chunk_grid": {"name": "regular"}},
        {"chunk_grid": []},
        {"chunk_grid": {**ARRAY["chunk_grid"], "name": "irregular"}},
        {"chunk_key_encoding": {"name": "None"}},
        {"chunk_key_encoding": {"name": []}},
        {"chunk_key_encoding": "default"},
        {"chunk_key_encoding": {"name": "default", "configuration": []}},
        {"chunk_key_encoding": {"name": "default", "configuration": {"separator": 1}}},
        {"chunk_key_encoding": {"name": "v2", "configuration": {"separator": "/../"}}},
        {"codecs": [1]},
        {"codecs": [{"name": "bytes", "configuration": 3}]},
        {"codecs": [{"name": "sharding_indexed", "configuration": {"codecs": []}}]},
        {"codecs": 5},
        {"codecs": [{"name": "bytes", "configuration": {"endian": "middle"}}]},
        *(
            {"codecs": [{"name": "sharding_indexed", "configuration": {**SHARD, **change}}]}
            for change in (
                {"index_codecs": 5},
                {"index_codecs": None},
                {"index_codecs": [{"name": "bytes", "configuration": None}]},
                {"index_codecs": [{"name": "bytes", "configuration": {"endian": 1}}]},
                {"index_location": "middle"},
            )
        ),
        {"data_type": {}},
        {"attributes": []},
        {"fill_value": None, "shape": None},
    ],
)
def test_metadata_that_describe_no_node_are_told_and_raise_nothing(change: Any) -> None:
    found = seen(**{"zarr.json": GROUP, "a__zarr.json": {**ARRAY, **change}})
    assert "/a" not in found.nodes
    assert "a/zarr.json" in found.broken


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "<fx"},
        {"compressor": "zstd"},
        {"compressor": {"level": 1}},
        {"filters": 3},
        {"dimension_separator": 1},
        {"chunks": [-1]},
        {"shape": None},
    ],
)
def test_metadata_of_format_2_that_describe_no_node_raise_nothing(change: Any) -> None:
    found = seen(**{".zgroup": {"zarr_format": 2}, "a__.zarray": {**OLD, **change}})
    assert "/a" not in found.nodes
    assert "a/.zarray" in found.broken


@pytest.mark.parametrize("missing", sorted(ARRAY.keys() - {"attributes"}))
def test_a_member_that_is_missing_is_told(missing: str) -> None:
    document = {name: value for name, value in ARRAY.items() if name != missing}
    found = seen(**{"zarr.json": GROUP, "a__zarr.json": document})
    assert found.broken == {"a/zarr.json": f"not Zarr metadata: no member {missing!r}"}


def test_a_document_that_is_not_strict_is_told() -> None:
    found = seen(**{"zarr.json": b'{"a": 1, "a": 2}'})
    assert found.broken.keys() == {"zarr.json"}
    assert found.document is None


def test_a_document_over_the_limit_is_not_read() -> None:
    class Huge(Written):
        def listing(self) -> dict[str, StoredObject]:
            return {"zarr.json": StoredObject(2**40)}

        def read(self, name: str, *_: int | None) -> bytes:
            raise AssertionError(name)

    assert skeleton(Huge({})).broken.keys() == {"zarr.json"}


def test_a_node_of_both_formats_is_told() -> None:
    found = seen(**{"zarr.json": GROUP, "a__zarr.json": ARRAY, "a__.zarray": OLD})
    assert found.twice == ("/a",)


def test_consolidated_metadata_of_format_3_are_read_beside_the_nodes() -> None:
    copy = {"metadata": {"a": ARRAY, "b": 5, "c": {"zarr_format": 3}}}
    found = seen(**{"zarr.json": {**GROUP, "consolidated_metadata": copy}, "a__zarr.json": ARRAY})
    assert found.consolidated is not None
    assert found.consolidated.keys() == {"/a"}
    assert repr(found.consolidated["/a"]) == repr(found.nodes["/a"])


def test_consolidated_metadata_of_format_2_are_read_beside_the_nodes() -> None:
    copy = {"metadata": {".zgroup": {"zarr_format": 2}, "a/.zarray": OLD, "b/.zarray": 5}}
    found = seen(
        **{".zgroup": {"zarr_format": 2}, "a__.zarray": OLD, ".zmetadata": copy},
    )
    assert found.consolidated == {"/a": found.nodes["/a"]}


@pytest.mark.parametrize("copy", [5, [], {"metadata": 5}, {"metadata": [1]}, {}, None])
def test_consolidated_metadata_of_any_other_form_raise_nothing(copy: Any) -> None:
    found = seen(**{"zarr.json": {**GROUP, "consolidated_metadata": copy}})
    assert found.consolidated is None


@pytest.mark.parametrize("copy", [{"metadata": 5}, {"metadata": {"a/.zattrs": 5, "a/.zgroup": {}}}])
def test_consolidated_metadata_of_format_2_of_any_other_form_raise_nothing(copy: Any) -> None:
    found = seen(**{".zgroup": {"zarr_format": 2}, ".zmetadata": copy})
    assert not found.consolidated


def test_links_are_no_metadata(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(json.dumps(GROUP))
    store = tmp_path / "store"
    store.mkdir()
    (store / "zarr.json").symlink_to(tmp_path / "elsewhere")
    found = skeleton(LocalObjects(store))
    assert not found.nodes
    assert found.objects["zarr.json"].sort == "link"


class Vanishing(Written):
    """Objects of which some are listed and cannot be read."""

    def __init__(self, objects: Mapping[str, Any], failing: Mapping[str, Exception]) -> None:
        super().__init__(objects)
        self.failing = failing
        self.asked: list[list[str]] = []

    def read_many(self, wanted: Sequence[Wanted]) -> list[bytes]:
        self.asked.append([name for name, _, _ in wanted])
        for name, _, _ in wanted:
            if name in self.failing:
                raise self.failing[name]
        return super().read_many(wanted)


MANY = {"zarr.json": GROUP} | {f"{letter}/zarr.json": GROUP for letter in "abcdefg"}


def test_all_documents_are_asked_for_together() -> None:
    objects = Vanishing(MANY | {"a/c/0": b"1"}, {})
    assert len(skeleton(objects).nodes) == 8
    assert objects.asked == [list(MANY)]


def test_a_document_that_cannot_be_read_spoils_no_other() -> None:
    gone = {f"{letter}/zarr.json": FileNotFoundError(f"gone {letter}") for letter in "be"}
    found = skeleton(Vanishing(MANY, gone))
    assert set(found.nodes) == {"/", "/a", "/c", "/d", "/f", "/g"}
    assert found.broken == {"b/zarr.json": "gone b", "e/zarr.json": "gone e"}


def test_where_no_answer_came_nothing_is_said_about_the_document() -> None:
    with pytest.raises(Unreached):
        skeleton(Vanishing(MANY, {"c/zarr.json": Unreached("silence")}))


@pytest.mark.parametrize(("listed", "is_brief"), [(19, False), (20, True)])
def test_of_very_many_objects_metadata_are_read_without_a_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: int, *, is_brief: bool
) -> None:
    limits = {**standard().limits, "brief_objects": 19}
    monkeypatch.setattr(hierarchy, "standard", lambda: SimpleNamespace(limits=limits))
    nodes = [{"manifest": "manifest/1", "objects": number} for number in (listed - 12, 12)]
    copy = {"metadata": {"a": GROUP, "a/b": GROUP}, "kind": "inline", "must_understand": False}
    for name, document in {
        "zarr.json": {**GROUP, "consolidated_metadata": copy},
        "a/zarr.json": GROUP,
        "a/b/zarr.json": GROUP,
        "manifest.json": {"nodes": nodes},
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(document))
    whole = ObjectStore(str(tmp_path)).skeleton
    found = ObjectStore(str(tmp_path), brief=True).skeleton
    assert set(found.nodes) == set(whole.nodes) == {"/", "/a", "/a/b"}
    assert (whole.listed, found.listed) == (True, not is_brief)
    assert len(found.objects) == (2 if is_brief else 4)


@pytest.mark.parametrize("manifest", ["", "{}", "[]", '{"nodes": 3}', '{"nodes": [{}]}', "{"])
def test_a_folder_without_a_sound_manifest_is_listed(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "zarr.json").write_text(json.dumps(GROUP))
    (tmp_path / "manifest.json").write_text(manifest)
    assert ObjectStore(str(tmp_path), brief=True).skeleton.listed


def test_documents_are_held_a_few_at_a_time_and_large_ones_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    most = 2 * len(json.dumps(GROUP))
    limits = {**standard().limits, "document_bytes": most}
    monkeypatch.setattr(hierarchy, "standard", lambda: SimpleNamespace(limits=limits))
    objects = Vanishing({**MANY, "d/zarr.json": b"{" * (most + 1)}, {})
    assert f"{most + 1} bytes" in skeleton(objects).broken["d/zarr.json"]
    assert [len(names) for names in objects.asked] == [7]
    monkeypatch.setattr(hierarchy, "AT_ONCE", 1)
    objects.asked.clear()
    skeleton(objects)
    assert [len(names) for names in objects.asked] == [2, 2, 2, 1]
