import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vcspec.model.condition import canonical_perturbation
from vcspec.model.labels import keys_of, ordered

CONDITION = ["context", "perturbation"]


def columns(rows: list[tuple[str, str]]) -> dict[str, np.ndarray]:
    context = np.array([row[0] for row in rows], dtype=object)
    perturbation = np.array([row[1] for row in rows], dtype=object)
    return {"context": context, "perturbation": perturbation, "row": np.arange(len(rows))}


@given(
    st.lists(
        st.tuples(st.sampled_from("xyz"), st.sampled_from(["A", "B+A", "c", "c+A", "A+B", "B"])),
        min_size=1,
        max_size=30,
    )
)
def test_rows_are_sorted_as_python_sorts_them(rows: list[tuple[str, str]]) -> None:
    found = ordered(columns(rows), CONDITION, "c")
    spelled = [(context, canonical_perturbation(label, "c")) for context, label in rows]
    wanted = sorted(
        range(len(rows)), key=lambda row: (spelled[row][0], spelled[row][1] != "c", spelled[row][1])
    )  # sorted() is stable, so rows of a condition keep their order
    assert found.order.tolist() == wanted
    assert found.columns["row"].tolist() == wanted
    assert list(found.columns["perturbation"]) == [spelled[row][1] for row in wanted]


def test_changes_are_told() -> None:
    untouched = ordered(columns([("x", "c"), ("x", "A"), ("y", "c")]), CONDITION, "c")
    assert untouched.changes == ()
    changed = ordered(columns([("x", "A+c"), ("x", "c")]), CONDITION, "c").changes
    assert len(changed) == 2
    assert "'A+c' → 'A'" in changed[0]


def test_the_columns_that_were_given_stay_as_they_were() -> None:
    given_ = columns([("x", "B+A"), ("x", "c")])
    ordered(given_, CONDITION, "c")
    assert list(given_["perturbation"]) == ["B+A", "c"]


def test_a_field_after_the_perturbation_sorts_within_it() -> None:
    found = ordered(
        {
            "context": np.array(["x"] * 4),
            "perturbation": np.array(["A", "c", "A", "c"]),
            "dose": np.array(["2", "1", "1", "0"]),
        },
        [*CONDITION, "dose"],
        "c",
    )
    assert found.order.tolist() == [3, 1, 2, 0]


def test_keys_are_the_values_joined() -> None:
    assert list(keys_of(columns([("x", "A"), ("y", "A+B")]), CONDITION)) == ["x|A", "y|A+B"]
