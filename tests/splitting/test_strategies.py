import itertools
import random

import pytest

from vcspec.model.condition import Condition
from vcspec.model.errors import UnknownName, UsageError
from vcspec.splitting.strategies import Choice, Setting, assign


def conditions(text: str) -> list[Condition]:
    """Conditions written as `context|perturbation` or `study|context|perturbation`."""
    fields = ("study", "context", "perturbation")
    rows = [row.split("|") for row in text.split()]
    return [Condition(tuple(zip(fields[-len(row) :], row, strict=True))) for row in rows]


def roles(name: str, text: str, **choice: object) -> dict[str, str]:
    found = conditions(text)
    assigned = assign(name, Setting(found, "c", Choice(**choice)))  # type: ignore[arg-type]
    return {
        condition.key: role.role if role.reason == "-" else f"{role.role}: {role.reason}"
        for condition, role in zip(found, assigned, strict=True)
    }


def test_held_out_perturbations_are_tested_everywhere_and_their_pairs_excluded() -> None:
    text = "x|c x|A x|B x|C x|A+B x|B+C y|c y|A y|B"
    assert roles("holdout-perturbations", text, names=("A",)) == {
        "x|c": "train",
        "x|A": "test",
        "x|B": "train",
        "x|C": "train",
        "x|A+B": "excluded: combination of a held-out perturbation",
        "x|B+C": "train",
        "y|c": "train",
        "y|A": "test",
        "y|B": "train",
    }


def test_validation_perturbations_come_from_the_rest() -> None:
    text = "x|c x|A x|B x|C x|D x|E x|A+B x|C+D"
    found = roles("holdout-perturbations", text, names=("A",), validation=0.25)
    (chosen,) = [key for key, role in found.items() if role == "validation"]
    assert chosen in {"x|B", "x|C", "x|D", "x|E"}
    assert found["x|A"] == "test"
    assert found["x|A+B"].startswith("excluded")
    member = chosen.removeprefix("x|")
    assert found["x|C+D"].startswith("excluded") == (member in "CD")
    assert found["x|c"] == "train"


def test_held_out_combinations_are_tested_and_their_members_trained_on() -> None:
    text = "x|c x|A x|B x|C x|A+B x|B+C x|A+D y|c y|A+B"
    assert roles("holdout-combinations", text, names=("A+B",)) == {
        "x|c": "train",
        "x|A": "train",
        "x|B": "train",
        "x|C": "train",
        "x|A+B": "test",
        "x|B+C": "train",
        "x|A+D": "train",
        "y|c": "train",
        "y|A+B": "test",
    }


def test_a_combination_with_a_member_never_measured_alone_is_not_eligible() -> None:
    with pytest.raises(UsageError, match="'A\\+D' is none of the combinations"):
        roles("holdout-combinations", "x|c x|A x|B x|A+B x|A+D", names=("A+D",))
    found = roles("holdout-combinations", "x|c x|A x|B x|A+B x|A+D", fraction=0.5)
    assert [key for key, role in found.items() if role == "test"] == ["x|A+B"]


def test_held_out_contexts_keep_their_controls_as_input() -> None:
    text = "x|c x|A x|B y|c y|A y|B y|D z|c z|A"
    assert roles("holdout-contexts", text, names=("y",)) == {
        "x|c": "train",
        "x|A": "train",
        "x|B": "train",
        "y|c": "inference-input",
        "y|A": "test",
        "y|B": "test",
        "y|D": "excluded: perturbation not seen in another context",
        "z|c": "train",
        "z|A": "train",
    }


def test_validation_contexts_are_not_trained_on_either() -> None:
    text = "w|c w|A x|c x|A x|B y|c y|A y|B z|c z|A"
    found = roles("holdout-contexts", text, names=("y",), validation=0.3)
    (context,) = {key[0] for key, role in found.items() if role == "validation"}
    assert context in "wxz"
    assert found[f"{context}|c"] == found[f"{context}|A"] == "validation"
    if context == "x":  # B is seen nowhere else
        assert found["y|B"].startswith("excluded")
    assert found["y|c"] == "inference-input"


def test_held_out_studies_keep_their_controls_as_input() -> None:
    text = "s|x|c s|x|A t|x|c t|x|A t|y|c t|y|B"
    assert roles("holdout-studies", text, names=("t",)) == {
        "s|x|c": "train",
        "s|x|A": "train",
        "t|x|c": "inference-input",
        "t|x|A": "test",
        "t|y|c": "inference-input",
        "t|y|B": "excluded: perturbation not seen in another study",
    }


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_test_every_perturbation_once_and_are_of_near_equal_size(folds: int) -> None:
    singles = "ABCDEFGH"
    text = " ".join(f"{context}|{label}" for context in "xy" for label in "c" + singles)
    tested = [
        sorted(
            key
            for key, role in roles("holdout-perturbations", text, fold=(number, folds)).items()
            if role == "test"
        )
        for number in range(1, folds + 1)
    ]
    assert sorted(itertools.chain(*tested)) == sorted(f"{c}|{p}" for c in "xy" for p in singles)
    sizes = [len(keys) for keys in tested]
    assert max(sizes) - min(sizes) <= 2  # one perturbation in two contexts


def test_another_seed_deals_other_folds() -> None:
    text = "x|c " + " ".join(f"x|{label}" for label in "ABCDEFGH")
    found = [roles("holdout-perturbations", text, fold=(1, 2), seed=seed) for seed in range(4)]
    assert any(other != found[0] for other in found)


@pytest.mark.parametrize("fold", [(0, 2), (3, 2), (1, 1), (1, 4)])
def test_a_fold_out_of_range_is_an_error(fold: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match=r"fold is .*there are 3 perturbations.*from 2 to 3"):
        roles("holdout-perturbations", "x|c x|A x|B x|C", fold=fold)


@pytest.mark.parametrize(
    "name", ["holdout-perturbations", "holdout-combinations", "holdout-contexts"]
)
def test_roles_do_not_depend_on_the_order_of_the_conditions(name: str) -> None:
    singles = "ABCDEFGH"
    pairs = [f"{a}+{b}" for a, b in itertools.pairwise(singles)]
    rows = [f"{context}|{label}" for context in "wxyz" for label in ["c", *singles, *pairs]]
    text = " ".join(rows)
    first = roles(name, text, fraction=0.3, validation=0.3, seed=3)
    for number in range(5):
        random.Random(number).shuffle(rows)
        assert roles(name, " ".join(rows), fraction=0.3, validation=0.3, seed=3) == first
    assert {"train", "validation", "test"} <= set(first.values())


def test_a_name_that_matches_nothing_is_an_error_that_names_what_is_near() -> None:
    with pytest.raises(UsageError, match=r"'GATA' is none of the perturbations.*near: GATA1"):
        roles("holdout-perturbations", "x|c x|GATA1 x|B", names=("GATA",))
    with pytest.raises(UsageError, match=r"'gata1' is none of the perturbations.*near: GATA1$"):
        roles("holdout-perturbations", "x|c x|GATA1 x|B", names=("gata1",))
    with pytest.raises(UsageError, match=r"'liver' is none of the contexts.*near: x, y"):
        roles("holdout-contexts", "x|c x|A y|c y|A", names=("liver",))


def test_one_wrong_name_among_good_ones_is_an_error() -> None:
    with pytest.raises(UsageError, match="'Z'"):
        roles("holdout-perturbations", "x|c x|A x|B", names=("A", "Z"))


def test_the_control_and_a_pair_are_no_perturbations_that_can_be_held_out() -> None:
    for name in ("c", "A+B"):
        with pytest.raises(UsageError, match="none of the perturbations"):
            roles("holdout-perturbations", "x|c x|A x|B x|A+B", names=(name,))


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 2.0, float("nan")])
def test_a_share_out_of_range_is_an_error(fraction: float) -> None:
    with pytest.raises(UsageError, match="fraction"):
        roles("holdout-perturbations", "x|c x|A x|B", fraction=fraction)


@pytest.mark.parametrize("validation", [1.0, -0.1, float("nan")])
def test_a_share_for_validation_out_of_range_is_an_error(validation: float) -> None:
    with pytest.raises(UsageError, match="validation"):
        roles("holdout-perturbations", "x|c x|A x|B", fraction=0.5, validation=validation)


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("holdout-studies", "x|c x|A", "have no study"),
        ("holdout-combinations", "x|c x|A x|B", "no combinations"),
        ("holdout-perturbations", "x|c x|A+B", "no perturbations"),
    ],
)
def test_a_dataset_without_anything_to_hold_out_is_an_error(
    name: str, text: str, what: str
) -> None:
    with pytest.raises(UsageError, match=what):
        roles(name, text, fraction=0.5)


def test_a_choice_that_leaves_nothing_to_train_on_is_an_error() -> None:
    with pytest.raises(UsageError, match="role train"):
        roles("holdout-contexts", "x|c x|A y|c y|A", names=("x", "y"))


def test_a_choice_that_leaves_nothing_to_test_says_what_was_excluded() -> None:
    with pytest.raises(UsageError, match="role test; excluded because: perturbation not seen"):
        roles("holdout-contexts", "x|c x|A y|c y|B", names=("y",))


def test_a_strategy_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(UnknownName, match="holdout-contexts"):
        assign("holdout-context", Setting([], "c", Choice()))
