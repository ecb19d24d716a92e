from hashlib import sha256

import numpy as np
import pytest
from test_strategies import conditions, roles

from vcspec.model.errors import UsageError
from vcspec.splitting.strategies import Choice, Setting, assign

LINES = " ".join(f"{context}|{label}" for context in "uvwxyz" for label in "cABCDEFGHIJ")
# Three pairs of contexts that are close to each other.
PROFILES = {name: np.array([10.0 * (place // 2), place % 2]) for place, name in enumerate("uvwxyz")}


def placed(
    name: str, text: str, profiles: object = PROFILES, **choice: object
) -> dict[str, object]:
    found = conditions(text)
    setting = Setting(found, "c", Choice(**choice), {}, lambda: profiles)  # type: ignore
    return dict(zip([c.key for c in found], assign(name, setting), strict=True))


def test_a_branch_of_contexts_is_held_out_whole() -> None:
    found = placed("holdout-context-branches", LINES, names=("w",), options={"branches": "3"})
    tested = {key[0] for key, role in found.items() if role.role == "test"}
    assert tested == {"w", "x"}
    assert found["w|c"].role == found["x|c"].role == "inference-input"
    assert {key: role.group for key, role in found.items() if key.endswith("|A")} == {
        "u|A": "u, v",
        "v|A": "u, v",
        "w|A": "w, x",
        "x|A": "w, x",
        "y|A": "y, z",
        "z|A": "y, z",
    }


def test_by_default_a_tree_has_the_square_root_of_the_contexts_as_branches() -> None:
    found = placed("holdout-context-branches", LINES, names=("u",))
    assert {role.group for role in found.values()} == {"u, v", "w, x, y, z"} or len(
        {role.group for role in found.values()}
    ) == 2


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"branches": "7"}, "branches is 7; give 2 to 6"),
        ({"branches": "1"}, "branches is 1"),
        ({"branches": "two"}, "branches is 'two'; give a whole number"),
        ({"branches": "2.5"}, "whole number"),
    ],
)
def test_a_number_of_branches_that_cannot_be_is_an_error(
    options: dict[str, str], match: str
) -> None:
    with pytest.raises(UsageError, match=match):
        placed("holdout-context-branches", LINES, names=("u",), options=options)


def test_a_context_without_a_profile_is_named() -> None:
    fewer = {name: PROFILES[name] for name in "uvwxy"}
    with pytest.raises(UsageError, match="1 contexts have no profile to compare, such as 'z'"):
        placed("holdout-context-branches", LINES, fewer, names=("u",))


def test_a_stated_share_of_a_contexts_perturbations_is_trained_on() -> None:
    found = roles("few-shot-contexts", LINES, names=("u",), options={"shots": "0.2"})
    own = {key: role for key, role in found.items() if key.startswith("u|") and key != "u|c"}
    assert sorted(own.values()).count("train") == 2
    assert sorted(own.values()).count("test") == 8
    assert {role for key, role in found.items() if key not in own} == {"train"}
    usual = roles("few-shot-contexts", LINES, names=("u",))
    assert [key[0] for key, role in usual.items() if role == "test"] == ["u"] * 7


def test_few_shots_exclude_what_is_seen_nowhere_else() -> None:
    found = roles("few-shot-contexts", "x|c x|A x|B y|c y|A y|B y|D", names=("y",))
    assert found["y|D"] == "excluded: perturbation not seen in another context"
    assert sorted([found["y|A"], found["y|B"]]) == ["test", "train"]


@pytest.mark.parametrize("shots", ["0", "1", "x", "nan", "-0.2"])
def test_shots_out_of_range_are_an_error(shots: str) -> None:
    with pytest.raises(UsageError, match="shots is"):
        roles("few-shot-contexts", LINES, names=("u",), options={"shots": shots})


def test_transferred_pairs_are_a_share_of_each_context_and_leave_a_context_to_each() -> None:
    found = roles("transfer-covariates", LINES, fraction=0.3)
    for context in "uvwxyz":
        own = [role for key, role in found.items() if key.startswith(f"{context}|")]
        assert own.count("test") == 3
    for label in "ABCDEFGHIJ":
        assert "train" in {role for key, role in found.items() if key.endswith(f"|{label}")}
    few = roles("transfer-covariates", LINES, fraction=0.3, options={"most": "1"})
    assert list(few.values()).count("test") == 6


def test_a_share_of_the_transferred_pairs_of_each_context_is_validated_on() -> None:
    plain = roles("transfer-covariates", LINES, fraction=0.4)
    found = roles(
        "transfer-covariates", LINES, fraction=0.4, options={"validation_of_drawn": "0.5"}
    )
    for context in "uvwxyz":
        own = [role for key, role in found.items() if key.startswith(f"{context}|")]
        assert (own.count("test"), own.count("validation")) == (2, 2)
    held = {key for key, role in plain.items() if role == "test"}
    assert {key for key, role in found.items() if role in {"test", "validation"}} == held
    # Naively: of each context the half with the smallest SHA-256 of "seed:pair", of another seed.
    own = [key.split("|")[::-1] for key in held if key.startswith("u|")]
    digests = {f"u|{name}": sha256(f"2:{name}|{place}".encode()).hexdigest() for name, place in own}
    first = sorted(digests, key=digests.__getitem__)[:2]
    assert {key for key in digests if found[key] == "validation"} == set(first)
    few = roles("transfer-covariates", LINES, options={"most": "1", "validation_of_drawn": "0.9"})
    assert "validation" not in few.values()
    for more in ({"names": ("A|u",)}, {"fold": (1, 3)}):
        with pytest.raises(UsageError, match="is a share of drawn pairs"):
            roles("transfer-covariates", LINES, options={"validation_of_drawn": "0.5"}, **more)


def test_transfer_leaves_perturbations_of_one_context_in_training() -> None:
    found = roles("transfer-covariates", "x|c x|A x|B x|D y|c y|A y|B", fraction=0.9)
    assert found["x|D"] == "train"
    assert list(found.values()).count("test") >= 1
    for label in "AB":
        assert "train" in {found[f"x|{label}"], found[f"y|{label}"]}


def test_folds_of_pairs_test_each_pair_once() -> None:
    text = "u|c v|c w|c " + " ".join(f"{c}|{p}" for p in "ABCDEFG" for c in "uvw")
    tested = [
        key
        for number in (1, 2, 3)
        for key, role in roles("transfer-covariates", text, fold=(number, 3)).items()
        if role == "test"
    ]
    assert sorted(tested) == sorted(f"{c}|{p}" for p in "ABCDEFG" for c in "uvw")


def test_naming_every_pair_of_a_perturbation_is_an_error() -> None:
    with pytest.raises(UsageError, match="of A is held out; leave one"):
        roles("transfer-covariates", "x|c x|A y|c y|A y|B x|B", names=("A|x", "A|y"))
    with pytest.raises(UsageError, match=r"'A\|z' is none of the pairs"):
        roles("transfer-covariates", "x|c x|A y|c y|A", names=("A|z",))


def test_new_perturbations_are_tested_in_new_contexts_alone() -> None:
    text = "x|c x|A x|B x|A+B y|c y|A y|B y|A+B"
    found = roles(
        "holdout-contexts-and-perturbations", text, names=("y",), options={"perturbations": "0.5"}
    )
    (new,) = [key[2] for key, role in found.items() if role == "test"]
    other = "B" if new == "A" else "A"
    assert found == {
        "x|c": "train",
        f"x|{new}": "excluded: held-out perturbation in a seen context",
        f"x|{other}": "train",
        "x|A+B": "excluded: combination of a held-out perturbation",
        "y|c": "inference-input",
        f"y|{new}": "test",
        f"y|{other}": "excluded: held-out context",
        "y|A+B": "excluded: combination of a held-out perturbation",
    }
