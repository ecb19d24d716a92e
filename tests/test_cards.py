import copy
import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from vcspec import cards
from vcspec.model.errors import UnknownName, Unreadable
from vcspec.standard import packaged, standard

CARD = """
id = "toy/unseen"
version = "1.0.0"
title = "A split"
dataset = "toy"
strategy = "holdout-perturbations"
seed = 1
claim = "unseen-perturbation"
cells_per_condition = 50
content = ""
reference_content = ""
[parameters]
fraction = "0.2"
[scoring]
space = "log1p"
target_sum = 10000
total = "features"
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty library; the standard stays the real one."""
    monkeypatch.setattr(cards, "packaged", lambda folder: tmp_path / folder)
    return tmp_path


def put(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", cards.dataset_ids())
def test_every_dataset_has_a_sound_card_and_a_recipe(name: str) -> None:
    card = cards.dataset_card(name)
    assert card.id == name
    assert callable(cards.recipe(card))
    assert len({source.name for source in card.sources}) == len(card.sources)
    assert not set(card.document["condition"]) & set(card.document.get("other_columns", {}))


def test_the_four_datasets_are_there() -> None:
    expected = {"simulated-screen", "norman-mcfaline", "datlinger-jurkat", "kang-ifnb"}
    assert expected <= set(cards.dataset_ids())


def test_whatever_is_simulated_says_so_in_its_title_and_summary() -> None:
    for name in cards.dataset_ids():
        document = cards.dataset_card(name).document
        says = all("simulated" in document[field].lower() for field in ("id", "title", "summary"))
        assert says == document["simulated"]


def test_the_schema_of_cards_is_itself_sound() -> None:
    Draft202012Validator.check_schema(dict(standard().schemas["dataset-card"]))


def test_an_unknown_dataset_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="norman-mcfaline"):
        cards.dataset_card("norman-mcfalin")


def test_a_name_that_climbs_out_of_the_library_is_unknown() -> None:
    with pytest.raises(UnknownName):
        cards.dataset_card("../datasets/kang-ifnb")


def spoilt(**changes: Any) -> dict[str, Any]:
    card = copy.deepcopy(dict(cards.dataset_card("kang-ifnb").document))
    return {name: value for name, value in (card | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"licence": None}, "licence"),
        ({"version": "1.0"}, "version"),
        ({"surprise": 1}, "surprise"),
        ({"condition": ["perturbation"]}, "condition"),
        ({"organism": "human"}, "organism"),
        ({"sources": []}, "sources"),
        ({"citations": None}, "citations"),
        ({"content": "abc"}, "content"),
        ({"other_columns": {}}, "library_size"),
        ({"simulated": True}, "organism"),
    ],
)
def test_a_card_that_breaks_the_schema_names_the_place(
    changes: dict[str, Any], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = spoilt(**changes)
    monkeypatch.setattr(cards, "_document", lambda _path: document)
    with pytest.raises(Unreadable, match=place):
        cards.dataset_card_in(tmp_path / "kang-ifnb")


def test_a_card_of_ones_own_can_lie_anywhere(tmp_path: Path) -> None:
    folder = shutil.copytree(packaged("datasets") / "kang-ifnb", tmp_path / "kang-ifnb")
    assert cards.dataset_card_in(folder).folder == folder


def test_a_card_in_a_folder_of_another_name_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(packaged("datasets") / "kang-ifnb", tmp_path / "other")
    with pytest.raises(Unreadable, match="kang-ifnb"):
        cards.dataset_card_in(folder)


@pytest.mark.parametrize("text", ["id = ", "id = 'a\x00'"])
def test_a_card_that_is_no_toml_cannot_be_read(tmp_path: Path, text: str) -> None:
    with pytest.raises(Unreadable, match="TOML"):
        cards.dataset_card_in(put(tmp_path, "card.toml", text))


def test_a_folder_without_a_card_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="does not exist"):
        cards.dataset_card_in(tmp_path)


@pytest.mark.parametrize("text", [None, "def other(): ...\n"])
def test_a_dataset_without_a_build_function_cannot_be_built(
    tmp_path: Path, text: str | None
) -> None:
    if text:
        put(tmp_path, "recipe.py", text)
    card = cards.DatasetCard("toy", "1.0.0", {}, (), tmp_path)
    with pytest.raises(Unreadable, match="build"):
        cards.recipe(card)


@pytest.mark.usefixtures("library")
def test_a_library_without_datasets_has_no_names() -> None:
    assert cards.dataset_ids() == ()
    with pytest.raises(UnknownName, match="no dataset at all"):
        cards.dataset_card("toy")


def test_a_split_card_is_found_below_its_dataset(library: Path) -> None:
    folder = put(library / "splits/toy/unseen", "card.toml", CARD)
    assert cards.split_ids() == ("toy/unseen",)
    card = cards.split_card("toy/unseen")
    assert (card.id, card.version, card.folder) == ("toy/unseen", "1.0.0", folder)
    assert card.document["parameters"] == {"fraction": "0.2"}


@pytest.mark.parametrize("field", sorted(tomllib.loads(CARD)))
def test_a_split_card_must_be_complete(library: Path, field: str) -> None:
    lines = [line for line in CARD.splitlines() if not line.startswith((f"{field} ", f"[{field}]"))]
    put(library / "splits/toy/unseen", "card.toml", "\n".join(lines))
    with pytest.raises(Unreadable, match=field):
        cards.split_card("toy/unseen")


def test_a_split_card_in_the_wrong_place_is_refused(library: Path) -> None:
    put(library / "splits/toy/other", "card.toml", CARD)
    with pytest.raises(Unreadable, match="toy/unseen"):
        cards.split_card("toy/other")


def test_an_unknown_split_is_answered_with_the_nearest_name(library: Path) -> None:
    put(library / "splits/toy/unseen", "card.toml", CARD)
    with pytest.raises(UnknownName, match="toy/unseen"):
        cards.split_card("toy/unsen")


def test_the_conditions_of_a_split_are_read_as_columns(library: Path) -> None:
    folder = put(library / "splits/toy/unseen", "card.toml", CARD)
    put(folder, "conditions.csv", 'context,perturbation,role\nK562,"A+B",test\nK562,A,train\n')
    assert dict(cards.split_conditions(cards.split_card("toy/unseen"))) == {
        "context": ("K562", "K562"),
        "perturbation": ("A+B", "A"),
        "role": ("test", "train"),
    }


@pytest.mark.parametrize("text", ["context,role\n", "", "context,role\nK562\n"])
def test_conditions_may_be_empty_but_not_uneven(library: Path, text: str) -> None:
    folder = put(library / "splits/toy/unseen", "card.toml", CARD)
    put(folder, "conditions.csv", text)
    card = cards.split_card("toy/unseen")
    if text.endswith("K562\n"):
        with pytest.raises(Unreadable, match="line 2"):
            cards.split_conditions(card)
    else:
        assert not any(cards.split_conditions(card).values())


def test_a_split_without_conditions_cannot_be_read(library: Path) -> None:
    put(library / "splits/toy/unseen", "card.toml", CARD)
    with pytest.raises(Unreadable, match=r"conditions\.csv"):
        cards.split_conditions(cards.split_card("toy/unseen"))


def test_every_split_of_the_library_has_a_sound_card_for_a_known_dataset() -> None:
    for name in cards.split_ids():
        card = cards.split_card(name)
        assert card.document["dataset"] in cards.dataset_ids()
        assert cards.split_conditions(card)


def test_every_published_split_has_a_published_difficulty() -> None:
    """Of that split and reference, and of as many tested conditions as its table has."""
    for name in cards.split_ids():
        card = cards.split_card(name)
        found = cards.split_difficulty(card)
        assert found is not None, name
        assert found["claim"] == card.document["claim"]
        tested = cards.split_conditions(card)["role"].count("test")
        assert found["counts"]["test"] == tested, name
        assert "conditions" not in found


def test_a_split_without_a_difficulty_has_none(library: Path) -> None:
    put(library / "splits/toy/unseen", "card.toml", CARD)
    assert cards.split_difficulty(cards.split_card("toy/unseen")) is None


@pytest.mark.parametrize(
    ("member", "value", "says"),
    [
        ("split", {"id": "kang-ifnb/unseen-context", "version": "1.0.0"}, "breaks its schema"),
        ("reference", None, "publishes reference_content"),
        ("split", None, "publishes content"),
    ],
)
def test_a_difficulty_of_something_else_is_refused(
    tmp_path: Path, member: str, value: Any, says: str
) -> None:
    real = cards.split_card("kang-ifnb/unseen-context")
    document = json.loads((real.folder / "difficulty.json").read_text(encoding="utf-8"))
    other = {**document["split"], "content": f"vcs1c-sha256:{'0' * 64}"}
    document[member] = other if member == "split" and value is None else value
    put(tmp_path, "difficulty.json", json.dumps(document))
    with pytest.raises(Unreadable, match=says):
        cards.split_difficulty(replace(real, folder=tmp_path))


def test_a_split_without_an_audit_has_none(library: Path) -> None:
    put(library / "splits/toy/unseen", "card.toml", CARD)
    assert cards.split_audit(cards.split_card("toy/unseen")) is None


def test_every_published_split_has_a_published_audit() -> None:
    for name in cards.split_ids():
        assert cards.split_audit(cards.split_card(name)) is not None, name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no document of an audit"),
        ('{"codes": []}', "no document of an audit"),
        ('{"codes": [], "content": "another"}', "audit the split again"),
        ('{"codes": ["VCS999"], "content": "CONTENT"}', "a code that is none of a leak"),
    ],
)
def test_an_audit_of_something_else_is_refused(text: str, says: str, tmp_path: Path) -> None:
    real = cards.split_card("kang-ifnb/unseen-context")
    put(tmp_path, "audit.json", text.replace("CONTENT", real.document["content"]))
    with pytest.raises(Unreadable, match=says):
        cards.split_audit(replace(real, folder=tmp_path))


def test_a_difficulty_that_is_no_json_is_refused(tmp_path: Path) -> None:
    real = cards.split_card("kang-ifnb/unseen-context")
    put(tmp_path, "difficulty.json", "{")
    with pytest.raises(Unreadable, match="not a JSON object"):
        cards.split_difficulty(replace(real, folder=tmp_path))
