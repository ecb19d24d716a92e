import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from support import tiny

from vcspec.actions import export
from vcspec.actions.curate import curate, write_dataset
from vcspec.actions.export import describe
from vcspec.actions.sealing import seal
from vcspec.cards import dataset_card
from vcspec.model.described import Described
from vcspec.model.errors import Invalid, Mismatch, Unreadable, UsageError
from vcspec.render.exports import DESCRIPTIONS, render_export
from vcspec.storage.opening import open_store


@pytest.fixture
def folder(screen: tiny.Screen, tmp_path: Path) -> Path:
    """A copy of dataset, split and reference that a test may change."""
    for place in (screen.dataset, screen.split, screen.reference):
        shutil.copytree(place, tmp_path / place.name)
    return tmp_path


def edit(store: Path, *, sealed: bool = True, **changes: Any) -> None:
    """Change members of the root document."""
    path = store / "zarr.json"
    whole = json.loads(path.read_text())
    whole["attributes"]["vcspec"].update(changes)
    path.write_text(json.dumps(whole))
    if sealed:
        seal(store)


def column(found: Described, table: str, name: str) -> Any:
    (one,) = (one for one in found.columns if (one.table, one.name) == (table, name))
    return one


def test_counts_are_those_of_the_cells(screen: tiny.Screen) -> None:
    found, cells = describe(screen.dataset), anndata.read_zarr(screen.dataset)
    obs = cells.obs.astype(str)
    is_control = obs["perturbation"] == "control"
    assert found.counts == {
        "cells": cells.n_obs,
        "features": cells.n_vars,
        "stored values": cells.X.nnz,
        "conditions": len(obs.groupby(["context", "perturbation"])),
        "contexts": obs["context"].nunique(),
        "perturbations": obs["perturbation"][~is_control].nunique(),
        "control cells": int(is_control.sum()),
    }
    assert found.value_type == str(cells.X.dtype)
    assert column(found, "obs", "context").levels == obs["context"].nunique()
    assert column(found, "obs", "perturbation").levels == obs["perturbation"].nunique()


def test_the_manifest_tells_size_and_digests(screen: tiny.Screen) -> None:
    found = describe(screen.dataset)
    whole = (screen.dataset / "manifest.json").read_bytes()
    files = [path for path in screen.dataset.rglob("*") if path.is_file()]
    listed = [p for p in files if "manifest" not in p.relative_to(screen.dataset).parts[0]]
    assert (found.objects, found.size) == (len(listed), sum(p.stat().st_size for p in listed))
    assert found.manifest.size == len(whole)
    assert found.storage == f"vcs1s-sha256:{hashlib.sha256(whole).hexdigest()}"
    assert found.content == json.loads(whole)["content"]


def test_a_split_tells_its_roles_and_finds_its_dataset_beside_it(screen: tiny.Screen) -> None:
    found, table = describe(screen.split), anndata.read_zarr(screen.split).obs
    assert dict(found.roles) == table["role"].value_counts().to_dict()
    assert list(found.roles) == ["train", "test", "excluded"]
    assert found.upstream is not None
    assert found.upstream["id"] == "tiny"
    assert describe(screen.reference).upstream == found.upstream
    assert column(found, "var", "is_target").sort == "boolean"


def test_columns_tell_their_types_and_what_their_dataset_says_of_them(tmp_path: Path) -> None:
    curated = tiny.curated()
    count = len(curated.cells)
    extra = {
        "depth": np.arange(count) + 0.5,
        "plate": np.array(["p"] * count, dtype=object),
        "good": np.arange(count) % 2 == 0,
        "library_size": curated.rows.dense().sum(axis=1).astype(np.int64) + 1,
    }
    curated = tiny.Curated(
        curated.rows, curated.cells, curated.features, {**curated.obs, **extra},
        {"length": np.arange(curated.rows.width)},
    )  # fmt: skip
    document = tiny.dataset_document(columns={"depth": "How deep.", "library_size": "Own words."})
    write_dataset(tmp_path / "d.zarr", document, curated, overwrite=False)
    found = describe(tmp_path / "d.zarr")
    sorts = {one.name: one.sort for one in found.columns if one.table == "obs"}
    assert [sorts[name] for name in extra] == ["number", "string", "boolean", "integer"]
    assert column(found, "var", "length").sort == "integer"
    assert column(found, "obs", "depth").holds == "How deep."
    assert column(found, "obs", "library_size").holds == "Own words."
    assert column(found, "obs", "plate").holds == ""
    assert column(found, "obs", "depth").levels is None


def test_the_dataset_is_left_out_where_it_is_not_at_hand(folder: Path, screen: tiny.Screen) -> None:
    shutil.rmtree(folder / "data.zarr")
    assert describe(folder / "split.zarr").upstream is None
    given = describe(folder / "split.zarr", dataset=screen.dataset)
    assert given.upstream == describe(screen.split).upstream


def test_another_dataset_than_the_pinned_one_is_refused(folder: Path) -> None:
    other = folder / "other.zarr"
    write_dataset(other, tiny.dataset_document(), tiny.curated(seed=3), overwrite=False)
    with pytest.raises(Mismatch, match=r"other\.zarr is vcs1c-sha256:\w+; .* pins vcs1c-sha256"):
        describe(folder / "split.zarr", dataset=other)


def test_who_made_it_is_as_given_else_stated_else_cited(folder: Path) -> None:
    store = folder / "data.zarr"
    assert describe(store).creators == ()
    edit(store, citations=[{"title": "Kang HM et al., Droplets, 2018"}])
    assert describe(store).creators == ("Kang HM et al.",)
    edit(store, creators=["Doe, Jane"])
    assert describe(store).creators == ("Doe, Jane",)
    assert describe(store, authors=["The lab"]).creators == ("The lab",)


def test_a_store_without_manifest_is_refused_with_the_command_that_gives_one(folder: Path) -> None:
    (folder / "data.zarr" / "manifest.json").unlink()
    shutil.rmtree(folder / "data.zarr" / "manifest")
    with pytest.raises(UsageError, match=r"no manifest\.json.*`vcspec seal`"):
        describe(folder / "data.zarr")


def test_a_document_that_was_edited_after_sealing_is_refused(folder: Path) -> None:
    store = folder / "data.zarr"
    path = store / "zarr.json"
    path.write_text(path.read_text().replace("tiny simulated", "tiny-simulated"))
    with pytest.raises(Mismatch, match=r"zarr\.json has the sha256 .* edited after sealing"):
        describe(store)
    edit(store, sealed=False, title="Another title")
    with pytest.raises(Invalid, match="VCS202"):
        describe(store)


def test_a_store_that_breaks_a_rule_is_refused_with_its_report(folder: Path) -> None:
    edit(folder / "data.zarr", licence="whatever", sealed=False)
    with pytest.raises(Invalid, match="VCS601") as error:
        describe(folder / "data.zarr")
    assert error.value.report.codes == ("VCS601",)
    with pytest.raises(Unreadable, match="no such path"):
        describe(folder / "nothing.zarr")


def test_predictions_are_no_matter_of_descriptions(screen: tiny.Screen) -> None:
    with pytest.raises(UsageError, match=r"'predictions'.*dataset, split, reference"):
        describe(screen.predictions)


@pytest.mark.parametrize(
    "given", [{"url": "example.org/x"}, {"url": "http://x y"}, {"doi": "https://doi.org/10.1000/x"}]
)
def test_addresses_and_dois_are_held_against_their_form(
    given: dict[str, str], screen: tiny.Screen
) -> None:
    ((name, value),) = given.items()
    with pytest.raises(UsageError, match=rf"--{name} is '{value}'"):
        describe(screen.dataset, **given)


def test_a_section_is_kept_letter_by_letter_and_must_be_text(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    (tmp_path / "about.md").write_bytes("## Ours\r\n\r\né".encode())
    assert describe(screen.dataset, about=tmp_path / "about.md").about == "## Ours\r\n\r\né"
    (tmp_path / "about.md").write_bytes(b"\xff")
    with pytest.raises(Unreadable, match=r"about\.md is not UTF-8"):
        describe(screen.dataset, about=tmp_path / "about.md")


@pytest.mark.parametrize("format", DESCRIPTIONS)
def test_equal_stores_have_equal_descriptions(
    format: str, screen: tiny.Screen, folder: Path
) -> None:
    for place in (screen.dataset, screen.split, screen.reference):
        texts = {
            render_export(describe(one, authors=["The lab"]), format)
            for one in (place, folder / place.name)
        }
        assert len(texts) == 1


def test_a_real_dataset_is_described_as_its_card_has_it(
    source_mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VCSPEC_SOURCE_MIRROR", str(source_mirror))
    monkeypatch.setenv("VCSPEC_CACHE", str(tmp_path / "cache"))
    curate("kang-ifnb", tmp_path / "kang.zarr")
    card, found = dataset_card("kang-ifnb").document, describe(tmp_path / "kang.zarr")
    # Of the source's description: 1,975 cells, 6,998 genes, seven types, control or stimulated.
    assert (found.counts["cells"], found.counts["features"]) == (1975, 6998)
    assert (found.counts["contexts"], found.counts["perturbations"]) == (7, 1)
    assert found.counts["conditions"] == 14
    assert found.creators == ("Kang HM et al.", "Lotfollahi M et al.")
    texts = {format: render_export(found, format) for format in DESCRIPTIONS}
    for text in texts.values():
        assert card["content"] in text
        assert "10.1038/nbt.4042" in text
    croissant = json.loads(texts["croissant"])
    assert croissant["license"] == "https://spdx.org/licenses/GPL-3.0-only.html"
    assert croissant["prov:wasDerivedFrom"][0]["@id"] == card["sources"][0]["url"]
    assert "GEO:GSE96583" in texts["cff"]
    assert card["sources"][0]["sha256"] in texts["card"]
    assert texts["card"].count("\n- ") >= len(card["curation"]) + len(card["caveats"])


def test_an_address_goes_without_the_secrets_that_it_carries(
    screen: tiny.Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "open_store", lambda _: open_store(str(screen.dataset)))
    found = describe("https://jane:secret@example.org:8443/a/data.zarr?token=secret")
    assert (found.address, found.place) == ("https://example.org:8443/a/data.zarr", "data.zarr")
    assert describe("s3://jane:secret@bucket/data.zarr").address == ""
    for format in DESCRIPTIONS:
        assert "secret" not in render_export(replace(found, creators=("The lab",)), format)
