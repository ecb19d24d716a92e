import numpy as np

from vcspec.model.condition import Condition
from vcspec.model.training import Training

CONTROLS = {"x": np.array([1.0, 1.0]), "y": np.array([5.0, 0.0]), "z": np.array([2.0, 2.0])}
CONDITIONS = (
    Condition.of(context="x", perturbation="A"),
    Condition.of(context="x", perturbation="B"),
    Condition.of(context="y", perturbation="A"),
)
MEANS = np.array([[2.0, 1.0], [4.0, 5.0], [6.0, 3.0]])


def test_changes_are_taken_from_the_control_of_the_own_context() -> None:
    found = Training(CONDITIONS, MEANS, CONTROLS).deltas
    np.testing.assert_array_equal(found, [[1.0, 0.0], [3.0, 4.0], [1.0, 3.0]])


def test_the_centre_is_the_mean_of_the_contexts_training_profiles() -> None:
    np.testing.assert_array_equal(Training(CONDITIONS, MEANS, CONTROLS).centre("x"), [3.0, 3.0])


def test_the_centre_of_a_context_without_training_adds_the_mean_change_elsewhere() -> None:
    found = Training(CONDITIONS, MEANS, CONTROLS).centre("z")
    np.testing.assert_allclose(found, [2 + 5 / 3, 2 + 7 / 3], rtol=1e-15)


def test_there_is_no_centre_where_nothing_is_trained_on() -> None:
    nothing = Training((), np.empty((0, 2)), CONTROLS)
    assert np.isnan(nothing.centre("x")).all()
    assert nothing.deltas.shape == (0, 2)
