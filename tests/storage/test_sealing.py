import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import zarr
from support import tiny

from vcspec.model.store import Damaged
from vcspec.statistics.content import content_of
from vcspec.storage.sealing import seal, sealed_content
from vcspec.storage.zarr_store import ZarrStore

ARTEFACTS = ["dataset", "split", "reference", "predictions"]


@pytest.fixture
def store(screen: tiny.Screen, tmp_path: Path) -> Path:
    """A sealed store that may be changed."""
    place = tmp_path / "split.zarr"
    shutil.copytree(screen.split, place)
    return place


def contents(place: Path) -> dict[str, bytes]:
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("kind", ARTEFACTS)
def test_sha256sum_agrees_with_every_node_manifest(kind: str, screen: tiny.Screen) -> None:
    place = getattr(screen, kind)
    leaves = sorted((place / "manifest").rglob("node.sha256"))
    assert leaves
    for leaf in leaves:
        command = ["sha256sum", "--check", "--strict", "--quiet", str(leaf)]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("kind", ARTEFACTS)
def test_the_manifest_lists_every_object_once_with_its_size(kind: str, screen: tiny.Screen) -> None:
    place = getattr(screen, kind)
    root = json.loads((place / "manifest.json").read_bytes())
    listed: dict[str, int] = {}
    for node in root["nodes"]:
        text = (place / node["manifest"]).read_bytes()
        assert hashlib.sha256(text).hexdigest() == node["sha256"]
        lines = text.decode().splitlines()[1:]
        sizes = [int(line.removeprefix("# size ")) for line in lines[::2]]
        names = [line[66:] for line in lines[1::2]]
        assert (len(names), sum(sizes)) == (node["objects"], node["bytes"])
        assert not listed.keys() & set(names)
        listed |= dict(zip(names, sizes, strict=True))
    there = contents(place)
    inside = {name for name in there if name.startswith("manifest")}
    assert inside == {"manifest.json", *(node["manifest"] for node in root["nodes"])}
    assert listed == {name: len(there[name]) for name in there.keys() - inside}


@pytest.mark.parametrize("kind", ARTEFACTS)
def test_the_manifest_names_the_content(kind: str, screen: tiny.Screen) -> None:
    place = getattr(screen, kind)
    content = content_of(ZarrStore(str(place)))
    assert sealed_content(place) == content.digest
    assert json.loads((place / "manifest.json").read_bytes())["elements"] == content.elements


def test_sealing_again_changes_no_byte(store: Path) -> None:
    before = contents(store)
    assert seal(store) == sealed_content(store)
    assert contents(store) == before


def test_the_content_digest_does_not_depend_on_what_is_not_inherent(store: Path) -> None:
    before = sealed_content(store)
    root = zarr.open_group(store, mode="r+")
    root["uns"].attrs["note"] = "written later"
    assert seal(store) == before


def test_a_node_that_is_gone_leaves_no_manifest_behind(store: Path) -> None:
    with zarr.config.set({"array.write_empty_chunks": True}):
        group = zarr.open_group(store, mode="r+").require_group("uns/extra")
        group.create_array("a", shape=(3,), dtype="f4")[...] = 1.0
    seal(store)
    assert (store / "manifest/uns/extra/a/node.sha256").is_file()
    shutil.rmtree(store / "uns/extra")
    seal(store)
    assert not (store / "manifest/uns/extra").exists()
    listed = json.loads((store / "manifest.json").read_bytes())["nodes"]
    assert all((store / node["manifest"]).is_file() for node in listed)


def test_a_damaged_store_is_not_sealed(store: Path) -> None:
    chunk = next(path for path in (store / "var" / "_index").rglob("c/*") if path.is_file())
    chunk.unlink()
    before = contents(store)
    with pytest.raises(Damaged):
        seal(store)
    assert contents(store) == before
