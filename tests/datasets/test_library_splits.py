"""The published splits: made again, they have the digests and tables that their cards publish."""

import csv
from pathlib import Path

import pytest
from local_copies import COPIES, curated_copy

import vcspec
from vcspec.actions.curate import dataset_document, write_dataset
from vcspec.actions.split import library_split
from vcspec.cards import dataset_card, split_card, split_conditions, split_ids
from vcspec.model.errors import Unreadable
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
                try:
                    vcspec.curate(dataset, stores[dataset])
                except Unreadable:
                    _from_a_copy(dataset, stores[dataset], source_mirror.parent / "data")
        return stores[dataset]

    return make


def _from_a_copy(name, target, folder):
    """The dataset, where its sources are not at hand and a copy of their content is."""
    if name not in COPIES or not (folder / COPIES[name][0]).is_dir():
        pytest.skip(f"real data missing: neither the sources of {name} nor a copy")
    card = dataset_card(name)
    curated = curated_copy(name, card, folder)
    write_dataset(target, dataset_document(card), curated, overwrite=False)


@pytest.mark.parametrize("name", split_ids())
def test_a_published_split_and_its_reference_are_derived_again(name, made, tmp_path):
    card = split_card(name)
    dataset = made(card.document["dataset"])
    split, reference = tmp_path / "split.zarr", tmp_path / "reference.zarr"
    assert card.document["content"], "the card publishes no digest"
    assert library_split(name, dataset, split) == card.document["content"]
    assert vcspec.reference(split, dataset, reference) == card.document["reference_content"]
    for store, options in ((split, {"dataset": dataset}), (reference, {"split": split})):
        report = vcspec.validate(store, level="full", **options)
        assert (report.verdict, report.codes) == ("valid", ())
    assert sealed_content(reference) == card.document["reference_content"]


@pytest.mark.parametrize("name", split_ids())
def test_the_table_beside_the_card_is_the_table_of_the_split(name, made, tmp_path):
    card = split_card(name)
    split = tmp_path / "split.zarr"
    library_split(name, made(card.document["dataset"]), split)
    opened = vcspec.open_split(split)
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
