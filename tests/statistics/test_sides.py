import threading
from functools import partial

import numpy as np
import pytest
from scipy import stats

from vcspec.model.matrix import rows_of_dense
from vcspec.statistics.sides import Control, profile_side, side

FEATURES = 12


@pytest.fixture(scope="module")
def cells() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Seven conditions, and the controls of two contexts; log1p values."""
    draw = np.random.default_rng(0)

    def block(number: int) -> np.ndarray:
        return np.log1p(draw.poisson(1.2, (number, FEATURES))).astype(np.float32)

    return [block(5 + number) for number in range(7)], [block(20), block(31)]


def made(cells: tuple[list[np.ndarray], list[np.ndarray]], workers: int | None) -> object:
    blocks, controls = cells
    known = [Control(rows_of_dense(values)) for values in controls]
    tasks = [
        (partial(rows_of_dense, values), known[number % 2]) for number, values in enumerate(blocks)
    ]
    return side(tasks, workers=workers)


def test_a_side_is_what_numpy_and_scipy_say(cells) -> None:
    found = made(cells, 1)
    assert found.expression is not None
    for number, values in enumerate(cells[0]):
        control = cells[1][number % 2].astype(np.float64)
        np.testing.assert_allclose(found.mean[number], values.astype(float).mean(0), rtol=1e-14)
        np.testing.assert_allclose(found.control[number], control.mean(0), rtol=1e-14)
        test = stats.mannwhitneyu(values.astype(float), control, axis=0, method="asymptotic")
        np.testing.assert_allclose(found.expression.p_value[number], test.pvalue, rtol=1e-9)
        fdr = stats.false_discovery_control(test.pvalue)
        np.testing.assert_allclose(found.expression.fdr[number], fdr, rtol=1e-9)
        higher = test.statistic > len(values) * len(control) / 2
        sure = np.abs(found.expression.z[number]) > 1e-9
        np.testing.assert_array_equal((found.expression.z[number] > 0)[sure], higher[sure])


@pytest.mark.parametrize("workers", [2, 5, 16, None])
def test_the_number_of_workers_changes_no_bit(workers: int | None, cells) -> None:
    one, many = made(cells, 1), made(cells, workers)
    for name in ("mean", "control"):
        assert getattr(one, name).tobytes() == getattr(many, name).tobytes()
    for name in ("z", "p_value", "fdr"):
        found = (getattr(which.expression, name).tobytes() for which in (one, many))
        assert len(set(found)) == 1


def test_a_condition_does_not_depend_on_the_others(cells) -> None:
    whole = made(cells, 2)
    alone = made(([cells[0][0]], cells[1]), 2)
    np.testing.assert_array_equal(whole.mean[0], alone.mean[0])
    np.testing.assert_array_equal(whole.expression.fdr[0], alone.expression.fdr[0])


def test_cells_are_read_no_sooner_than_they_are_needed(cells) -> None:
    reading, most, lock = set(), 0, threading.Lock()

    def read(values: np.ndarray) -> object:
        nonlocal most
        with lock:
            reading.add(threading.get_ident())
            most = max(most, len(reading))
        return rows_of_dense(values)

    control = Control(rows_of_dense(cells[1][0]))
    side([(partial(read, values), control) for values in cells[0]], workers=2)
    assert most <= 2


def test_what_a_thread_raises_is_raised(cells) -> None:
    def broken() -> object:
        raise OSError("no")  # noqa: EM101

    control = Control(rows_of_dense(cells[1][0]))
    with pytest.raises(OSError, match="no"):
        side([(partial(rows_of_dense, cells[0][0]), control), (broken, control)], workers=2)


def test_a_side_known_by_its_profiles_has_nothing_to_test() -> None:
    found = profile_side(np.ones((2, 3)), [np.zeros(3), np.full(3, 0.5)])
    assert found.expression is None
    np.testing.assert_array_equal(found.delta, [[1.0] * 3, [0.5] * 3])
