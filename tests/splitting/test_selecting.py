"""Selectors name conditions, or are errors."""

import pytest

from vcspec.model.condition import Condition
from vcspec.model.errors import UsageError
from vcspec.splitting.selecting import selected

FIELDS = ("context", "perturbation", "batch")
ROWS = [("x", "A", "b1"), ("x", "A", "b2"), ("y", "A", "b1"), ("y", "dose=3", "b1"), ("y", "B", "")]
CONDITIONS = [Condition(tuple(zip(FIELDS, row, strict=True))) for row in ROWS]


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ([], []),
        (["x|A|b1"], [0]),
        (["A"], [0, 1, 2]),
        (["batch=b1"], [0, 2, 3]),
        (["batch=b2", "context=y"], [1, 2, 3, 4]),
        (["dose=3"], [3]),
        (["perturbation=dose=3"], [3]),
    ],
)
def test_a_selector_is_a_key_a_perturbation_or_the_value_of_a_field(
    selectors: list[str], expected: list[int]
) -> None:
    assert selected(CONDITIONS, selectors) == {CONDITIONS[place] for place in expected}


@pytest.mark.parametrize(
    ("selector", "near"),
    [
        ("a", "A"),
        ("x|A|b3", r"x\|A\|b[12]"),
        ("batch=b7", "batch=b1"),
        ("colour=red", "="),
        ("colour=", "="),
        ("", "A"),
    ],
)
def test_a_selector_that_matches_nothing_is_an_error_that_names_what_is_near(
    selector: str, near: str
) -> None:
    with pytest.raises(UsageError, match=f"is no condition, perturbation or .* near: .*{near}"):
        selected(CONDITIONS, ["A", selector])
