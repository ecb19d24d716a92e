import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vcspec.baselines  # noqa: F401 - importing the room claims its baselines
from vcspec.baselines.profiles import predicted
from vcspec.model.condition import Condition
from vcspec.model.errors import UnknownName
from vcspec.model.training import Training


def condition(context: str, perturbation: str) -> Condition:
    return Condition.of(context=context, perturbation=perturbation)


TRAINED = {
    ("x", "A"): [3.0, 1.0, 0.0],
    ("x", "B"): [1.0, 4.0, 0.0],
    ("y", "A"): [5.0, 5.0, 2.0],
    ("y", "D"): [4.0, 7.0, 2.0],
    ("y", "A+D"): [9.0, 9.0, 2.0],
}
CONTROLS = {"x": [2.0, 2.0, 0.0], "y": [4.0, 4.0, 2.0], "z": [2.0, 3.0, 1.0]}
TRAINING = Training(
    tuple(condition(*key) for key in TRAINED),
    np.array(list(TRAINED.values())),
    {name: np.array(values) for name, values in CONTROLS.items()},
)


def says(name: str, context: str, perturbation: str) -> tuple[list[float], bool]:
    found = predicted(name, TRAINING, [condition(context, perturbation)])
    return found.means[0].tolist(), bool(found.native[0])


MEAN_X = [2.0, 2.5, 0.0]
MEAN_Z = [2 + (1 - 1 + 1 + 0 + 5) / 5, 3 + (-1 + 2 + 1 + 3 + 5) / 5, 1.0]


def test_no_change_is_the_control() -> None:
    assert says("no-change", "z", "Q") == ([2.0, 3.0, 1.0], True)


def test_the_mean_of_the_context_is_that_of_its_training_perturbations() -> None:
    assert says("context-mean", "x", "Q") == (MEAN_X, True)


def test_a_context_without_training_gets_its_control_and_the_mean_change_elsewhere() -> None:
    values, native = says("context-mean", "z", "Q")
    assert not native
    np.testing.assert_allclose(values, MEAN_Z, rtol=1e-15)


def test_the_mean_of_the_perturbation_is_added_to_the_control() -> None:
    # A changes x by (1, -1, 0) and y by (1, 1, 0).
    assert says("perturbation-mean", "z", "A") == ([3.0, 3.0, 1.0], True)


def test_the_sum_of_single_effects_takes_each_member_in_the_context_or_else_elsewhere() -> None:
    # In x: A changes (1, -1, 0) here; D is trained on in y alone, where it changes (0, 3, 0).
    assert says("additive", "x", "A+D") == ([3.0, 4.0, 0.0], True)
    # In z neither is trained on: A changes (1, 0, 0) on average, B (-1, 2, 0).
    assert says("additive", "z", "A+B") == ([2.0, 5.0, 1.0], True)


def test_the_nearest_context_is_that_with_the_nearest_control() -> None:
    # z is 2 ** 0.5 from x and 6 ** 0.5 from y.
    assert says("nearest-context", "z", "A") == ([3.0, 2.0, 1.0], True)
    # D is trained on in y alone.
    assert says("nearest-context", "z", "D") == ([2.0, 6.0, 1.0], True)


def test_the_own_context_is_never_the_nearest() -> None:
    # In x the change of A in x itself is not looked at, that in y is (1, 1, 0).
    assert says("nearest-context", "x", "A") == ([3.0, 3.0, 0.0], True)


def test_equally_near_contexts_are_told_apart_by_name() -> None:
    training = Training(
        (condition("q", "A"), condition("p", "A")),
        np.array([[5.0], [3.0]]),
        {"q": np.array([1.0]), "p": np.array([1.0]), "z": np.array([1.0])},
    )
    assert predicted("nearest-context", training, [condition("z", "A")]).means.tolist() == [[3.0]]


@pytest.mark.parametrize(
    ("name", "context", "perturbation"),
    [
        ("perturbation-mean", "x", "Q"),
        ("additive", "x", "A"),
        ("additive", "x", "A+Q"),
        ("nearest-context", "x", "Q"),
        ("nearest-context", "x", "B"),
    ],
)
def test_what_a_baseline_cannot_say_the_mean_of_the_context_says(
    name: str, context: str, perturbation: str
) -> None:
    assert says(name, context, perturbation) == (MEAN_X, False)


@pytest.mark.parametrize("name", ["context-mean", "perturbation-mean", "additive"])
def test_without_any_training_the_control_is_left(name: str) -> None:
    nothing = Training((), np.empty((0, 3)), TRAINING.controls)
    found = predicted(name, nothing, [condition("z", "A+B")])
    assert found.means.tolist() == [CONTROLS["z"]]
    assert not found.native[0]


def test_a_mean_is_never_negative() -> None:
    training = Training(
        (condition("y", "A"),),
        np.array([[0.0, 0.0, 0.0]]),
        TRAINING.controls,
    )
    found = predicted("perturbation-mean", training, [condition("x", "A")])
    assert found.means.tolist() == [[0.0, 0.0, 0.0]]


def naive(name: str, training: Training, target: Condition) -> np.ndarray:
    """The formulas of the standard, condition by condition."""
    control = training.controls
    rows = list(zip(training.conditions, training.means, strict=True))
    c = control[target.context]
    here = [t for s, t in rows if s.context == target.context]
    changes = [t - control[s.context] for s, t in rows]
    fallback = np.mean(here, axis=0) if here else c + np.mean(changes, axis=0)
    if name == "no-change":
        return c
    own = [t - control[s.context] for s, t in rows if s.perturbation == target.perturbation]
    if name == "perturbation-mean" and own:
        return c + np.mean(own, axis=0)
    if name == "nearest-context":
        others = [
            (np.linalg.norm(control[s.context] - c), s.context, t - control[s.context])
            for s, t in rows
            if s.perturbation == target.perturbation and s.context != target.context
        ]
        return c + min(others, key=lambda other: other[:2])[2] if others else fallback
    if name == "additive" and len(target.members) > 1:
        total = c
        for member in target.members:
            alone = [(s, t - control[s.context]) for s, t in rows if s.perturbation == member]
            local = [change for s, change in alone if s.context == target.context]
            if not alone:
                return fallback
            total = total + np.mean(local or [change for _, change in alone], axis=0)
        return total
    return fallback


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_every_baseline_is_its_formula(seed: int) -> None:
    draw = np.random.default_rng(seed)
    labels = [("x", "y", "z")[draw.integers(3)] + "|" + p for p in ("A", "B", "D", "A+B", "A+D")]
    labels += [f"x|{p}" for p in "AB" if draw.random() < 0.5]
    trained = [condition(*label.split("|")) for label in dict.fromkeys(labels)]
    training = Training(
        tuple(trained),
        draw.gamma(2.0, 2.0, (len(trained), 4)),
        {name: draw.gamma(2.0, 2.0, 4) for name in "xyz"},
    )
    targets = [condition(x, p) for x in "xyz" for p in ("A", "D", "Q", "A+B", "B+D", "A+Q")]
    for name in ("no-change", "context-mean", "perturbation-mean", "additive", "nearest-context"):
        found = predicted(name, training, targets).means
        wanted = np.maximum([naive(name, training, target) for target in targets], 0)
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12, err_msg=name)


def test_a_baseline_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(UnknownName, match="no-change"):
        predicted("no-chance", TRAINING, [])


def test_the_linear_model_finds_what_is_linear_in_profiles() -> None:
    """Effects by two components of the profiles, most of which are found."""
    draw = np.random.default_rng(0)
    features, trained = 80, 30
    embedded, control = draw.normal(0, 1, (features, 2)), draw.gamma(4, 2, features)
    weights = draw.normal(0, 1, (2, 2))
    names = tuple(f"G{number}" for number in range(features))
    effects = embedded @ weights @ embedded.T  # (features, perturbations)
    conditions = tuple(condition("x", name) for name in names[:trained])
    means = control + 0.1 * effects[:, :trained].T
    training = Training(conditions, means, {"x": control}, names, least=-np.inf)
    found = predicted("linear", training, [condition("x", name) for name in names[trained:]])
    assert found.native.all()
    wanted = control + 0.1 * effects[:, trained:].T
    middle = means.mean(axis=0)
    missed = np.linalg.norm(found.means - wanted) / np.linalg.norm(middle - wanted)
    assert missed < 0.3
