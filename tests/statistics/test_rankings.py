import numpy as np
import pytest

from vcspec.statistics.rankings import Ranking, ends_of, rank_scores, with_controls


def test_a_whole_ranking_goes_from_one_to_minus_one() -> None:
    rankings = [Ranking("x", "A", ["g3", "g1", "g2"]), Ranking("x", "B", ["g2", "g1", "g3", "g4"])]
    rows, names = rank_scores(rankings, whole=True)
    assert names.tolist() == ["g1", "g2", "g3", "g4"]
    assert rows.dense()[0].tolist() == [0, -1, 1, 0]  # g1 in the middle, g4 not listed
    np.testing.assert_allclose(rows.dense()[1], [1 / 3, 1, -1 / 3, -1], rtol=1e-6)


def test_ends_fall_to_zero_inwards() -> None:
    ranking = Ranking("x", "A", ["a", "b"], ["y", "z"])
    rows, names = rank_scores([ranking], whole=False)
    found = dict(zip(names.tolist(), rows.dense()[0].tolist(), strict=True))
    assert found == {"a": 1, "b": 0.5, "y": -0.5, "z": -1}
    up, _ = rank_scores([Ranking("x", "A", ["a", "b", "c", "d"])], whole=False)
    assert up.dense()[0].tolist() == [1, 0.75, 0.5, 0.25]


def test_the_ends_of_a_whole_ranking_are_its_first_and_last() -> None:
    up, down = ends_of(list("abcdefg"), 2)
    assert (up.tolist(), down.tolist()) == (["a", "b"], ["f", "g"])


def test_a_name_that_stands_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="ranking of A in x has a name twice"):
        rank_scores([Ranking("x", "A", ["a", "b"], ["b"])], whole=False)


def test_controls_are_zero_in_every_context() -> None:
    rows, _ = rank_scores([Ranking("x", "A", ["a"]), Ranking("y", "B", ["a"])], whole=True)
    below, contexts, perturbations = with_controls(rows, ["x", "y"], ["A", "B"], "control", 2)
    assert contexts.tolist() == ["x", "y", "x", "x", "y", "y"]
    assert perturbations.tolist() == ["A", "B", "control", "control", "control", "control"]
    assert below.dense()[:, 0].tolist() == [1, 1, 0, 0, 0, 0]
