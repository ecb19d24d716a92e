"""Manifests that no sealed store has, and arrays that hold nothing on purpose."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import zarr

from vcspec.actions.validate import validate
from vcspec.rules.subject import Subject
from vcspec.storage.opening import open_store

STORES = Path(__file__).parents[2] / "spec" / "1.0" / "conformance" / "stores"
NODE = "manifest/X/data/node.sha256"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    place = tmp_path / "dataset.zarr"
    shutil.copytree(STORES / "dataset.zarr", place)
    return place


def codes(place: Path, level: str = "full") -> list[tuple[str, str]]:
    return [(finding.code, finding.path) for finding in validate(place, level=level).findings]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "[]", "null", '"text"', "{}", "\x00", '{"nodes": 3}']
)
def test_a_manifest_of_any_form_is_a_finding_and_no_crash(text, store):
    (store / "manifest.json").write_text(text)
    assert codes(store) == [("VCS208", "/manifest.json")]


def test_a_manifest_that_is_too_large_is_not_read(store):
    with (store / "manifest.json").open("ab") as file:
        file.truncate(17_000_000)
    assert codes(store) == [("VCS208", "/manifest.json")]


def relist(store: Path, text: str) -> None:
    """Replace a node manifest, and make the root list its digest."""
    (store / NODE).write_text(text)
    root = json.loads((store / "manifest.json").read_bytes())
    entry = next(node for node in root["nodes"] if node["manifest"] == NODE)
    entry["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (store / "manifest.json").write_text(json.dumps(root))


@pytest.mark.parametrize("text", ["", "# another header\n", "# vcspec-node-manifest 1 sha256\nx\n"])
def test_a_node_manifest_of_any_form_is_a_finding_and_no_crash(text, store):
    relist(store, text)
    assert codes(store) == [("VCS208", f"/{NODE}")]


def test_an_object_that_the_totals_do_not_count_is_a_broken_manifest(store):
    extra = f"# size 9\n{'0' * 64}  X/data/more\n"
    relist(store, (store / NODE).read_text() + extra)
    assert codes(store) == [("VCS208", f"/{NODE}")]


def test_a_split_is_judged_though_the_manifest_beside_its_dataset_is_broken(store):
    (store / "manifest.json").write_text("not JSON")
    claimed = Subject(open_store(str(store))).claimed_content()
    assert claimed == json.loads((STORES / "dataset.zarr/manifest.json").read_bytes())["content"]


def test_none_as_anndata_writes_it_is_no_lost_chunk(store):
    group = zarr.open_group(str(store), mode="r+", use_consolidated=False)
    raw = group.create_array("raw", shape=(), dtype=bool, compressors=[zarr.codecs.Crc32cCodec()])
    raw.attrs.update({"encoding-type": "null", "encoding-version": "0.1.0"})
    root = json.loads((store / "zarr.json").read_bytes())
    root.pop("consolidated_metadata", None)
    (store / "zarr.json").write_text(json.dumps(root))
    assert not (store / "raw/c").exists()
    assert codes(store, "data") == []


def test_a_column_that_calls_itself_none_cannot_hide_a_lost_chunk(store):
    path = store / "obs/library_size/zarr.json"
    document = json.loads(path.read_bytes())
    document["attributes"]["encoding-type"] = "null"
    path.write_text(json.dumps(document))
    root = json.loads((store / "zarr.json").read_bytes())
    root.pop("consolidated_metadata", None)
    (store / "zarr.json").write_text(json.dumps(root))
    (store / "obs/library_size/c/0").unlink()
    column = "/obs/library_size"
    assert codes(store, "data") == [("VCS103", column), ("VCS205", column)]
