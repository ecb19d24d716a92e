"""Calibration against the formulas written out."""

import numpy as np
import pytest

from vcspec.metrics.calibration import calibration


def test_range_and_share_are_means_over_conditions():
    floor, replicate = np.array([0.2, 0.4, 0.5]), np.array([0.6, 0.3, 0.9])
    found = calibration(floor, replicate, "higher", 1.0)
    pairs = zip(floor, replicate, strict=True)
    shares = [min(max((r - f) / (1 - f + 1e-6), -1), 1) for f, r in pairs]
    assert found.dynamic_range == pytest.approx(np.mean(shares), abs=1e-9)
    assert found.better_share == pytest.approx(2 / 3, abs=1e-9)


def test_lower_is_turned_round():
    found = calibration(np.array([4.0, 2.0]), np.array([1.0, 1.0]), "lower", 0.0)
    shares = [3 / (4 + 1e-6), 1 / (2 + 1e-6)]
    assert found.dynamic_range == pytest.approx(np.mean(shares), abs=1e-9)
    assert found.better_share == 1.0


@pytest.mark.parametrize("size", [0.5, 0.0, -0.5])
def test_a_metric_is_informative_where_the_replicate_is_clearly_better(size):
    rng = np.random.default_rng(0)
    floor = rng.normal(size=50)
    replicate = floor + size + rng.normal(size=50) / 10
    assert calibration(floor, replicate, "higher", 10.0).informative == (size > 0)


def test_one_condition_or_none_tells_nothing():
    assert not calibration(np.array([0.1]), np.array([0.9]), "higher", 1.0).informative
    found = calibration(np.array([np.nan]), np.array([0.9]), "higher", 1.0)
    assert (found.dynamic_range, found.better_share, found.informative) == (None, None, False)
