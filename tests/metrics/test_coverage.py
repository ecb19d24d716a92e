"""What is not predicted scores the worst, and takes no condition away."""

import numpy as np
import pytest

from vcspec.metrics.coverage import with_worst
from vcspec.model.comparison import Scores

BOUNDED = {"direction": "higher", "worst": -1.0}
ERROR = {"direction": "lower", "worst": "worst-seen"}
GAIN = {"direction": "higher", "worst": "worst-seen"}


def scores(values, lost):
    return Scores.of(np.array(values), np.array(lost), "non-finite-prediction")


def test_a_bounded_metric_has_its_worst_value():
    found = with_worst(scores([0.5, np.nan], [False, True]), BOUNDED, None)
    assert found.values.tolist() == [0.5, -1.0]
    assert found.reasons == ("", "")


@pytest.mark.parametrize(
    ("no_change", "expected"), [([9.0, 9.0, 1.0], 3.0), ([0.0, 0.0, 7.0], 7.0), (None, 3.0)]
)
def test_an_unbounded_error_is_the_worse_of_no_change_and_the_worst_seen(no_change, expected):
    still = None if no_change is None else np.array(no_change)
    found = with_worst(scores([1.0, 3.0, np.nan], [False, False, True]), ERROR, still)
    assert found.values[2] == expected


def test_an_unbounded_gain_goes_the_other_way():
    found = with_worst(scores([-2.0, np.nan], [False, True]), GAIN, np.array([0.0, -5.0]))
    assert found.values[1] == -5.0


def test_nothing_seen_at_all_leaves_the_reason():
    found = with_worst(scores([np.nan], [True]), ERROR, None)
    assert found.reasons == ("non-finite-prediction",)


def test_what_the_truth_leaves_undefined_stays_so():
    given = Scores(np.array([np.nan, np.nan]), ("constant-truth", "non-finite-prediction"))
    found = with_worst(given, BOUNDED, None)
    assert found.reasons == ("constant-truth", "")
