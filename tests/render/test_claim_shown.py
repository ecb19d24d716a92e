"""The claim above scores."""

from vcspec.render.claims import claimed


def test_a_sanity_check_is_called_one():
    assert claimed("same-condition") == "same-condition (a sanity check)"
    assert claimed("unseen-context") == "unseen-context"
