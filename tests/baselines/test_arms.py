"""Arms of the null panel: what each does to a small scene, said again in plain numpy."""

import numpy as np
import pytest

from vcspec.baselines.arms import ARMS, Scene, moved, normal, submission, uniform
from vcspec.standard import standard

CONDITIONS, CELLS, FEATURES, MOST = 4, 30, 12, 8.0


@pytest.fixture
def scene():
    rng = np.random.default_rng(0)

    def cells(shift):
        return (
            np.where(rng.random((CELLS, FEATURES)) < 0.6, rng.gamma(2, 0.5, (CELLS, FEATURES)), 0)
            * shift
        )

    control = [cells(1.0) for _ in range(CONDITIONS)]
    return Scene(
        keys=[f"x|G{row}" for row in range(CONDITIONS)],
        context=np.array([0, 0, 0, 1]),
        control=control,
        truth=[cells(1.2) for _ in range(CONDITIONS)],
        honest=[cells(1.1) for _ in range(CONDITIONS)],
        trained=[cells(1.3) for _ in range(CONDITIONS)],
        centre=np.array([part.mean(axis=0) * 1.3 for part in control]),
        targets=tuple(np.array([row]) for row in range(CONDITIONS)),
        most=MOST,
    )


def test_the_panel_is_as_large_as_the_standard_asks_for():
    assert len(standard().arms) >= 14
    assert {len(entry["strengths"]) for entry in standard().arms.values()} == {5}
    assert {entry["kind"] for entry in standard().arms.values()} == {
        "no-information",
        "transform",
        "truth",
    }
    known = {"metric", *standard().baselines}
    assert {entry["null"] for entry in standard().arms.values()} <= known


@pytest.mark.parametrize("name", sorted(ARMS.names))
def test_every_arm_gives_cells_within_bounds_and_the_same_again(name, scene):
    for strength in standard().arms[name]["strengths"]:
        found, again = (submission(name, scene, strength) for _ in range(2))
        assert len(found) == CONDITIONS
        for one, other in zip(found, again, strict=True):
            if one is None:
                assert other is None
                assert name == "hard-missing"
                continue
            np.testing.assert_array_equal(one, other)
            assert one.shape == (CELLS, FEATURES)
            assert one.dtype == np.float32
            assert np.isfinite(one).all()
            assert one.min() >= 0
            assert one.max() <= MOST


NO_TRUTH = [
    name
    for name, entry in standard().arms.items()
    if entry["kind"] == "no-information" and name != "shuffled-labels"
]


@pytest.mark.parametrize("name", NO_TRUTH)
def test_an_arm_without_information_does_not_look_at_the_truth(name, scene):
    from dataclasses import replace

    blind = replace(
        scene,
        truth=[cells * 0 for cells in scene.truth],
        honest=[cells * 0 for cells in scene.honest],
    )
    for strength in standard().arms[name]["strengths"]:
        for one, other in zip(
            submission(name, scene, strength), submission(name, blind, strength), strict=True
        ):
            np.testing.assert_array_equal(one, other)


def test_shuffled_labels_never_keep_their_own_cells(scene):
    for strength in (1.0, 2.0, 3.0):
        found = submission("shuffled-labels", scene, strength)
        for row in range(3):
            own = np.clip(scene.truth[row], 0, MOST).astype(np.float32)
            assert not np.array_equal(found[row], own)
        np.testing.assert_allclose(found[3], np.clip(scene.control[3], 0, MOST), rtol=1e-6)


def test_scaling_moves_the_means_so_many_times(scene):
    found = submission("scale", scene, 0.5)
    for cells, honest, control in zip(found, scene.honest, scene.control, strict=True):
        change = honest.mean(axis=0) - control.mean(axis=0)
        wanted = np.maximum(control.mean(axis=0) + 0.5 * change, 0)
        np.testing.assert_allclose(cells.mean(axis=0), wanted, atol=1e-5)


def test_spread_zero_leaves_the_mean_in_every_cell(scene):
    for cells, honest in zip(submission("spread", scene, 0.0), scene.honest, strict=True):
        np.testing.assert_allclose(cells, np.tile(honest.mean(axis=0), (CELLS, 1)), atol=1e-6)


def test_few_cells_are_that_many(scene):
    for number in (1, 2, 5):
        for cells in submission("few-cells", scene, number):
            assert len(np.unique(cells, axis=0)) == number


def test_other_targets_leave_the_own_one_alone(scene):
    for row, cells in enumerate(submission("other-targets", scene, 2.0)):
        raised = cells.mean(axis=0) - scene.control[row].mean(axis=0)
        others = [target for target in range(CONDITIONS) if target != row]
        np.testing.assert_allclose(raised[others], 2, atol=1e-5)
        np.testing.assert_allclose(raised[row], 0, atol=1e-5)


def test_missing_are_those_that_are_farthest_off(scene):
    found = submission("hard-missing", scene, 0.5)
    errors = [
        np.square(p.mean(axis=0) - t.mean(axis=0)).mean()
        for p, t in zip(scene.honest, scene.truth, strict=True)
    ]
    lost = {row for row, cells in enumerate(found) if cells is None}
    assert lost == set(np.argsort(errors)[-2:].tolist())


def test_means_are_moved_and_not_below_zero():
    cells = np.array([[1.0, 0.0], [3.0, 0.0]])
    np.testing.assert_allclose(moved(cells, np.array([2.0, 1.0])).mean(axis=0), [4.0, 1.0])
    np.testing.assert_allclose(moved(cells, np.array([-9.0, 0.0])).mean(axis=0), [0.0, 0.0])


def test_the_numbers_look_as_they_should():
    flat, bell = uniform((20_000,), 3), normal((20_000,), 3)
    assert abs(flat.mean() - 0.5) < 0.01
    assert abs(bell.mean()) < 0.03
    assert abs(bell.std() - 1) < 0.03
    assert not np.array_equal(uniform((5,), 1), uniform((5,), 2))
