from collections import Counter

import pytest
from test_strategies import conditions

from vcspec.model.sides import side_of
from vcspec.splitting.imported import by_cells, by_conditions, by_labels, canonical


@pytest.mark.parametrize(
    ("word", "role"),
    [
        ("train", "train"),
        (" Training ", "train"),
        ("VAL", "validation"),
        ("valid", "validation"),
        ("ood", "test"),
        ("held-out", "test"),
        ("unseen_single", None),
    ],
)
def test_sides_are_known_by_many_words(word: str, role: str | None) -> None:
    assert side_of(word) == role


@pytest.mark.parametrize(
    ("label", "spelled"),
    [("A+ctrl", "A"), ("ctrl+A", "A"), ("B+A", "A+B"), ("ctrl", "c"), ("non-targeting", "c")],
)
def test_labels_are_spelled_as_the_dataset_does(label: str, spelled: str) -> None:
    assert canonical(label, "c") == spelled


def roles(imported, found):
    return {c.key: (r.role, r.reason) for c, r in zip(found, imported.assigned, strict=True)}


def test_labels_hold_in_every_context() -> None:
    found = conditions("x|c x|A x|B x|A+B y|c y|B z|c z|D")
    sides = {"train": ["ctrl", "A+ctrl"], "test": ["ctrl+B", "B+A", "Q+ctrl"]}
    made = by_labels(found, "c", sides)
    assert roles(made, found) == {
        "x|c": ("train", "-"),
        "x|A": ("train", "-"),
        "x|B": ("test", "-"),
        "x|A+B": ("test", "-"),
        "y|c": ("inference-input", "-"),
        "y|B": ("test", "-"),
        "z|c": ("excluded", "control of a context without a role"),
        "z|D": ("excluded", "not in the imported split"),
    }
    assert made.notes == [
        "1 labels that the dataset has not: Q",
        "1 conditions excluded: not in the imported split: z|D",
    ]


def test_what_is_tested_in_another_subgroup_says_so() -> None:
    found = conditions("x|c x|A x|B x|D")
    made = by_labels(found, "c", {"train": ["A"], "test": ["B"]}, {"D"})
    assert roles(made, found)["x|D"] == ("excluded", "tested in another subgroup")


def test_a_label_on_two_sides_is_excluded() -> None:
    found = conditions("x|c x|A x|B x|D")
    made = by_labels(found, "c", {"train": ["A", "B+ctrl"], "test": ["ctrl+B", "D"]})
    assert roles(made, found)["x|B"] == ("excluded", "on several sides: test 1, train 1")


def test_cells_decide_for_their_condition() -> None:
    found = conditions("x|c x|A x|B x|D x|E")
    counted = {
        "x|c": Counter(train=5, test=5),
        "x|A": Counter(train=10),
        "x|B": Counter(test=9, train=1),
        "x|D": Counter(test=7),
    }
    sizes = {"x|c": 12, "x|A": 10, "x|B": 10, "x|D": 7, "x|E": 3}
    made = by_cells(found, "c", counted, sizes)
    assert roles(made, found) == {
        "x|c": ("train", "-"),
        "x|A": ("train", "-"),
        "x|B": ("excluded", "on several sides: test 9, train 1"),
        "x|D": ("test", "-"),
        "x|E": ("excluded", "no cell on any side"),
    }
    assert made.notes == [
        "5 cells of the dataset are on no side",
        "1 conditions are on several sides, and excluded: x|B",
        "1 conditions excluded: no cell on any side: x|E",
        "1 controls are on several sides; a control has one role here: x|c",
    ]
    lenient = by_cells(found, "c", counted, sizes, 0.1)
    assert roles(lenient, found)["x|B"] == ("test", "-")
    assert "went where most of their cells are: x|B" in lenient.notes[1]


def test_labels_in_another_case_or_with_underscores_are_found_and_told() -> None:
    found = conditions("x|c x|A x|B x|A+B x|D_E x|gG x|Gg")
    sides = {"train": ["a", "ctrl", "B_ctrl", "D_E"], "test": ["b_a"], "validation": ["GG"]}
    made = by_labels(found, "c", sides)
    assert roles(made, found)["x|A+B"] == ("test", "-")
    assert {key for key, (role, _) in roles(made, found).items() if role == "train"} == {
        "x|c", "x|A", "x|B", "x|D_E",
    }  # fmt: skip
    assert made.notes == [
        "1 labels that the dataset has not: GG",
        "3 labels are read as the dataset spells them: B_ctrl as B, a as A, b_a as A+B",
        "2 conditions excluded: not in the imported split: x|gG, x|Gg",
    ]


def test_a_table_of_conditions_is_taken_as_it_is() -> None:
    found = conditions("x|c x|A x|B y|c y|A y|B z|c")
    rows = [
        {"context": c, "perturbation": p, "role": role, "reason": reason, "group": "-"}
        for c, p, role, reason in (
            ("x", "c", "train", "-"),
            ("x", "A", "Training", ""),
            ("x", "B", "excluded", "few cells"),
            ("y", "c", "anchor", "-"),
            ("y", "A", "test", "-"),
            ("y", "B", "later", "-"),
            ("w", "A", "test", "-"),
        )
    ]
    made = by_conditions(found, "c", rows)
    assert roles(made, found) == {
        "x|c": ("train", "-"),
        "x|A": ("train", "-"),
        "x|B": ("excluded", "few cells"),
        "y|c": ("anchor", "-"),
        "y|A": ("test", "-"),
        "y|B": ("excluded", "not in the imported split"),
        "z|c": ("excluded", "control of a context without a role"),
    }
    assert made.notes == [
        "not a side, and left out: 'later'",
        "1 conditions of the file that the dataset has not: w|A",
        "1 conditions excluded: not in the imported split: y|B",
    ]


def test_a_table_without_contexts_holds_in_all_of_them() -> None:
    found = conditions("x|c x|A x|B y|c y|B")
    rows = [
        {"perturbation": label, "role": role}
        for label, role in (("ctrl", "train"), ("A", "train"), ("B", "test"))
    ]
    made = by_conditions(found, "c", rows)
    assert roles(made, found) == {
        "x|c": ("train", "-"),
        "x|A": ("train", "-"),
        "x|B": ("test", "-"),
        "y|c": ("inference-input", "-"),
        "y|B": ("test", "-"),
    }


def test_controls_keep_roles_that_others_have_no_side_for() -> None:
    found = conditions("x|c x|A x|B y|c y|A")
    sides = {
        "x|c": {"anchor": 3},
        "x|A": {"train": 2},
        "x|B": {"anchor": 1, "train": 1},
        "y|c": {"anchor": 1, "train": 1},
        "y|A": {"test": 2},
    }
    sizes = {key: sum(own.values()) for key, own in sides.items()}
    assert roles(by_cells(found, "c", sides, sizes), found) == {
        "x|c": ("anchor", "-"),
        "x|A": ("train", "-"),
        "x|B": ("excluded", "on several sides: anchor 1, train 1"),
        "y|c": ("inference-input", "-"),
        "y|A": ("test", "-"),
    }
