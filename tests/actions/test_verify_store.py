"""Every byte of a store against its manifest."""

import shutil
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
from support import tiny

import vcspec
from vcspec.actions.verify_store import verify_store
from vcspec.model.errors import UsageError


@pytest.fixture
def store(screen: tiny.Screen, tmp_path: Path) -> Path:
    return Path(shutil.copytree(screen.predictions, tmp_path / "store.zarr"))


def flip(store: Path) -> None:
    chunk = store / "X/data/c/0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)


def swap(store: Path) -> None:
    """Two manifests of nodes that differ and are of one size change places."""
    files = sorted(store.rglob("node.sha256"))
    one, other = next(
        (one, other)
        for one, other in combinations(files, 2)
        if one.stat().st_size == other.stat().st_size and one.read_bytes() != other.read_bytes()
    )
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


EDITS = {
    "a flip": (flip, {"VCS203"}),
    "a cut": (lambda s: (s / "X/data/c/0").write_bytes(b"short"), {"VCS202"}),
    "a loss": (lambda s: (s / "X/data/c/0").unlink(), {"VCS201"}),
    "a guest": (lambda s: (s / "X/data/c/9").write_bytes(b"new"), {"VCS204"}),
    "a swap of objects of one size": (swap, {"VCS208"}),
    "an object in another's place": (
        lambda s: shutil.copyfile(s / "X/indices/c/0", s / "X/data/c/0"),
        {"VCS202"},
    ),
}


def test_a_store_as_it_was_sealed_is_sound(store):
    report = verify_store(store)
    assert (report.verdict, report.codes) == ("valid", ())
    assert {"VCS201", "VCS202", "VCS203", "VCS204"} <= set(report.checked)


@pytest.mark.parametrize("name", EDITS)
def test_whatever_is_done_to_its_bytes_is_found(store, name):
    edit, wanted = EDITS[name]
    edit(store)
    report = verify_store(store)
    assert report.verdict == "invalid"
    assert wanted <= set(report.codes)


def test_without_a_manifest_there_is_nothing_to_compare_with(store):
    (store / "manifest.json").unlink()
    with pytest.raises(UsageError, match="no manifest"):
        verify_store(store)


def test_values_are_not_looked_at(store):
    assert not {"VCS111", "VCS209", "VCS509"} & set(verify_store(store).checked)


def test_what_is_not_there_cannot_be_verified(tmp_path):
    assert verify_store(tmp_path / "nothing.zarr").verdict == "unknown"


def test_bytes_are_verified_without_numpy(store):
    code = (
        "import sys; from vcspec.actions.verify_store import verify_store\n"
        "print(verify_store(sys.argv[1]).verdict)\n"
        "print(sorted({'numpy', 'jsonschema', 'zarr', 'fsspec'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(store)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["valid", "[]"]


def test_a_scorecard_has_no_manifest(screen, tmp_path):
    card = tmp_path / "card.json"
    card.write_text(vcspec.score(screen.predictions, reference=screen.reference).to_json())
    report = verify_store(card)
    assert (report.verdict, report.kind, report.codes) == ("valid", "scorecard", ())
