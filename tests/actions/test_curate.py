from pathlib import Path

import anndata
import numpy as np
import pytest

from vcspec.actions.curate import curate, dataset_document
from vcspec.cards import dataset_card, dataset_ids
from vcspec.model.errors import Mismatch, UnknownName, Unreadable, UsageError
from vcspec.storage.sealing import sealed_content

CARD = """
id = "toy"
version = "1.0.0"
title = "A simulated toy"
summary = "SIMULATED. Nothing is measured."
modality = "transcriptomics"
organism = "none"
assay = ["none"]
licence = "CC0-1.0"
access = "open"
simulated = true
condition = ["context", "perturbation"]
control = "control"
sources = []
citations = []
content = "{content}"
curation = ["Draw counts."]
caveats = ["Simulated."]
[values]
space = "counts"
total = "features"
[features]
type = "gene"
namespace = "simulated"
"""
RECIPE = """
import numpy as np
from vcspec.model.curated import Curated
from vcspec.model.matrix import rows_of_dense

def build(sources, card):
    labels = ["B+A", "control", "A", "control+A", "B", "control"]
    counts = np.arange(1, 19, dtype=np.int32).reshape(6, 3)
    return Curated(
        rows_of_dense(counts),
        np.array([f"c{n}" for n in range(6)]),
        np.array(["A", "B", "C"]),
        {"context": np.array(["x"] * 6), "perturbation": np.array(labels)},
    )
"""


def toy(folder: Path, content: str = "") -> str:
    (folder / "toy").mkdir(exist_ok=True)
    (folder / "toy" / "card.toml").write_text(CARD.replace("{content}", content))
    (folder / "toy" / "recipe.py").write_text(RECIPE)
    return str(folder / "toy")


def test_a_folder_of_ones_own_is_curated(tmp_path: Path) -> None:
    content = curate(toy(tmp_path), tmp_path / "a.zarr")
    assert content == sealed_content(tmp_path / "a.zarr")
    found = anndata.read_zarr(tmp_path / "a.zarr")
    assert list(found.obs["perturbation"]) == ["control", "control", "A", "A", "A+B", "B"]
    assert list(found.obs_names) == ["c1", "c5", "c2", "c3", "c0", "c4"]
    np.testing.assert_array_equal(found.X.toarray()[:, 0], [4, 16, 7, 10, 1, 13])


def test_the_document_is_that_of_the_card() -> None:
    for name in dataset_ids():
        card = dataset_card(name)
        document = dataset_document(card)
        assert (document["id"], document["version"]) == (card.id, card.version)
        assert document["columns"] == card.document.get("other_columns", {})
        assert "content" not in document
        assert len(document["sources"]) == len(card.sources)


def test_another_digest_than_the_published_one_is_a_mismatch_and_the_store_is_kept_aside(
    tmp_path: Path,
) -> None:
    real = curate(toy(tmp_path), tmp_path / "real.zarr")
    (tmp_path / "out").mkdir()
    folder = toy(tmp_path, "vcs1c-sha256:" + "0" * 64)
    for _ in range(2):
        with pytest.raises(Mismatch, match=f"came out as {real}"):
            curate(folder, tmp_path / "out" / "a.zarr")
        (aside,) = (tmp_path / "out").iterdir()
        assert aside.name != "a.zarr"
        assert sealed_content(aside) == real


def test_the_published_digest_is_accepted(tmp_path: Path) -> None:
    real = curate(toy(tmp_path), tmp_path / "real.zarr")
    assert curate(toy(tmp_path, real), tmp_path / "a.zarr") == real


def test_a_store_is_replaced_when_asked(tmp_path: Path) -> None:
    folder = toy(tmp_path)
    curate(folder, tmp_path / "a.zarr")
    with pytest.raises(UsageError, match="exists"):
        curate(folder, tmp_path / "a.zarr")
    curate(folder, tmp_path / "a.zarr", overwrite=True)


def test_a_dataset_that_the_library_does_not_have_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="simulated-screen"):
        curate("simulated-scren", tmp_path / "a.zarr")


def test_a_source_that_cannot_be_had_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object, **__: object) -> Path:
        raise Unreadable("no")  # noqa: EM101

    monkeypatch.setattr("vcspec.actions.curate.fetch", absent)
    with pytest.raises(Unreadable):
        curate("kang-ifnb", tmp_path / "a.zarr")
    assert not list(tmp_path.iterdir())
