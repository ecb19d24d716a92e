"""The published splits: made again, they have the digests and tables that their cards publish."""

import csv
from collections.abc import Mapping
from pathlib import Path

import pytest
from local_copies import built

import vcspec
from vcspec.actions.audit import audit
from vcspec.actions.split import library_split
from vcspec.cards import (
    dataset_card,
    split_audit,
    split_card,
    split_conditions,
    split_difficulty,
    split_ids,
)
from vcspec.cli import main
from vcspec.render.difficulty_text import render_summary
from vcspec.standard import standard
from vcspec.storage.sealing import sealed_content


@pytest.fixture(scope="module")
def made(tmp_path_factory, source_mirror):
    """Dataset → its store, built once."""
    folder = tmp_path_factory.mktemp("library")
    stores: dict[str, Path] = {}

    def make(dataset: str) -> Path:
        if dataset not in stores:
            stores[dataset] = folder / f"{dataset}.zarr"
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("VCSPEC_SOURCE_MIRROR", str(source_mirror))
                patch.setenv("VCSPEC_CACHE", str(folder / "cache"))
                built(dataset, stores[dataset])
        return stores[dataset]

    return make


@pytest.fixture(scope="module")
def derived(made, tmp_path_factory):
    """Split → dataset, split and reference, made once."""
    stores: dict[str, tuple[Path, Path, Path]] = {}

    def derive(name: str) -> tuple[Path, Path, Path]:
        if name not in stores:
            dataset = made(split_card(name).document["dataset"])
            folder = tmp_path_factory.mktemp("split")
            split, reference = folder / "split.zarr", folder / "reference.zarr"
            library_split(name, dataset, split)
            vcspec.reference(split, dataset, reference)
            stores[name] = dataset, split, reference
        return stores[name]

    return derive


@pytest.mark.parametrize("name", split_ids())
def test_a_published_split_and_its_reference_are_derived_again(name, derived):
    card = split_card(name).document
    dataset, split, reference = derived(name)
    assert card["content"], "the card publishes no digest"
    assert sealed_content(split) == card["content"]
    assert sealed_content(reference) == card["reference_content"]
    for store, options in ((split, {"dataset": dataset}), (reference, {"split": split})):
        report = vcspec.validate(store, level="full", **options)
        assert (report.verdict, report.codes) == ("valid", ())


@pytest.mark.parametrize("name", split_ids())
def test_a_published_difficulty_is_measured_again(name, derived):
    dataset, split, reference = derived(name)
    found = vcspec.difficulty(split, dataset=dataset, reference=reference).summary
    published = split_difficulty(split_card(name))
    assert leaves(found) == {
        place: pytest.approx(value, rel=1e-6, abs=1e-9) if isinstance(value, float) else value
        for place, value in leaves(published).items()
    }


@pytest.mark.parametrize("name", split_ids())
def test_a_published_audit_finds_the_same_again(name, derived):
    dataset, split, _ = derived(name)
    found = audit(split, dataset=dataset).codes
    assert found == split_audit(split_card(name)), "tests/datasets/measure_splits.py writes it anew"


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("norman-mcfaline/unseen-combination", "features"),
        ("l1000-three-drugs/unseen-context", "normalisation"),  # its features are from elsewhere
    ],
)
def test_an_audit_tells_what_a_source_has_fitted_on_tested_cells(name, what, derived):
    dataset, split, _ = derived(name)
    (found,) = (one for one in audit(split, dataset=dataset).findings if one.code == "VCS704")
    assert found.found.startswith(what)


def leaves(document, place=""):
    """Place → value, of all that is no table; numbers as float, as JSON does not tell them apart.

    Warnings quote numbers that stand elsewhere.
    """
    if isinstance(document, Mapping):
        parts = [leaves(value, f"{place}/{name}") for name, value in document.items()]
        return {name: value for part in parts for name, value in part.items()} or {place: {}}
    is_number = isinstance(document, int | float) and not isinstance(document, bool)
    return {place: float(document) if is_number else document}


def test_a_split_of_the_library_is_told_with_its_published_difficulty(
    made, tmp_path, monkeypatch, capsys
):
    dataset = made("kang-ifnb")
    arguments = ["split", dataset, "--card", "kang-ifnb/unseen-context", "-o", tmp_path / "s.zarr"]
    monkeypatch.setattr("sys.argv", ["vcspec", *map(str, arguments)])
    monkeypatch.setattr("vcspec.actions.difficulty.difficulty", None)  # nothing is measured
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    told = capsys.readouterr().err.splitlines()
    published = split_difficulty(split_card("kang-ifnb/unseen-context"))
    assert set(render_summary(published)) <= set(told)


@pytest.mark.parametrize("name", split_ids())
def test_the_table_beside_the_card_is_the_table_of_the_split(name, derived):
    card = split_card(name)
    opened = vcspec.open_split(derived(name)[1])
    columns = split_conditions(card)
    found = {
        column: tuple(str(value) for value in opened.subject.column("obs", column).values)
        for column in columns
    }
    assert found == dict(columns)
    grouped = {"group"} if opened.subject.has_column("obs", "group") else set()
    assert set(columns) == {*opened.subject.condition_columns, "role", "reason"} | grouped


@pytest.mark.parametrize("name", split_ids())
def test_a_card_states_the_claim_of_its_strategy_and_a_dataset_of_the_library(name):
    card = split_card(name).document
    assert card["claim"] == standard().strategies[card["strategy"]]["claim"]
    assert dataset_card(card["dataset"]).id == card["dataset"]


def test_every_table_has_only_roles_of_the_vocabulary():
    roles = standard().vocabularies["role"]
    for name in split_ids():
        with (split_card(name).folder / "conditions.csv").open(newline="") as file:
            assert {row["role"] for row in csv.DictReader(file)} <= set(roles), name
