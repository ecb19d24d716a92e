import numpy as np

from vcspec.model.comparison import Scores, Side


def test_a_change_is_mean_minus_control() -> None:
    found = Side(np.array([[3.0, 1.0]]), np.array([[1.0, 1.5]]), None)
    assert found.delta.tolist() == [[2.0, -0.5]]


def test_scores_are_nan_exactly_where_a_reason_stands() -> None:
    scores = Scores.of(np.array([1.0, 2.0, 3.0]), np.array([False, True, False]), "no-weights")
    np.testing.assert_array_equal(scores.values, [1.0, np.nan, 3.0])
    assert scores.reasons == ("", "no-weights", "")


def test_an_earlier_reason_stays() -> None:
    scores = Scores.of(np.array([1.0, 2.0, 3.0]), np.array([False, True, False]), "first")
    found = scores.undefined_where([True, True, False], "second")
    np.testing.assert_array_equal(found.values, [np.nan, np.nan, 3.0])
    assert found.reasons == ("second", "first", "")


def test_scores_that_exist_have_no_reason() -> None:
    assert Scores.defined(np.array([1, 2])).reasons == ("", "")
    assert Scores.defined(np.array([1, 2])).values.dtype == np.float64
