import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcspec.model.condition import Condition, canonical_perturbation, conditions_of


@pytest.mark.parametrize(
    ("label", "canonical"),
    [
        ("B+A", "A+B"),
        ("ctrl+A", "A"),
        ("A+ctrl", "A"),
        ("A + B", "A+B"),
        ("A+A", "A"),
        ("ctrl", "ctrl"),
        ("ctrl+ctrl", "ctrl"),
        ("", "ctrl"),
        ("+", "ctrl"),
        ("C+A+B", "A+B+C"),
    ],
)
def test_a_perturbation_has_one_spelling(label: str, canonical: str) -> None:
    assert canonical_perturbation(label, "ctrl") == canonical


@given(st.text("AB+ c", max_size=12))
def test_a_canonical_label_is_its_own_canonical_spelling(label: str) -> None:
    once = canonical_perturbation(label, "c")
    assert canonical_perturbation(once, "c") == once


def test_a_condition_knows_its_fields_in_order() -> None:
    found = Condition.of(context="skin", perturbation="A+B", dose="1")
    assert (found.context, found.perturbation, found.members) == ("skin", "A+B", ("A", "B"))
    assert found.key == str(found) == "skin|A+B|1"
    assert (found.get("dose"), found.get("time"), found.get("time", "-")) == ("1", "", "-")
    assert found != Condition.of(perturbation="A+B", context="skin", dose="1")


def test_a_context_lies_within_its_study_where_one_is_named() -> None:
    assert Condition.of(context="skin", perturbation="A").context_key == "skin"
    assert Condition.of(study="s", context="skin", perturbation="A").context_key == "s|skin"
    assert Condition.of(study="s", context="skin", perturbation="A").context == "skin"


def test_a_table_gives_one_condition_a_row() -> None:
    found = conditions_of({"context": ["x", "y"], "perturbation": ["A", "B"]})
    assert [condition.key for condition in found] == ["x|A", "y|B"]
    with pytest.raises(ValueError, match="shorter"):
        conditions_of({"context": ["x", "y"], "perturbation": ["A"]})
