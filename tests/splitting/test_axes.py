"""Doses, times, dates and replicates."""

import pytest

from vcspec.model.condition import Condition
from vcspec.model.errors import UsageError
from vcspec.splitting.strategies import Choice, Setting, assign


def found(name: str, rows: list[dict[str, str]], **more: object) -> list[str]:
    table = more.pop("table", {})
    listed = [Condition.of(**row) for row in rows]
    setting = Setting(listed, "c", Choice(**more), table)  # type: ignore[arg-type]
    return [role.role for role in assign(name, setting)]


def doses(
    *amounts: str, drug: str = "D", unit: str = "uM", context: str = "x"
) -> list[dict[str, str]]:
    return [
        {"context": context, "perturbation": drug, "dose": amount, "dose_unit": unit}
        for amount in amounts
    ]


CONTROL = {"context": "x", "perturbation": "c", "dose": "0", "dose_unit": "-"}


def test_the_outermost_doses_are_held_out_whatever_their_unit() -> None:
    rows = [CONTROL, *doses("1", "0.1", "10"), *doses("50", "500", unit="nM", drug="E")]
    rows += doses("20", drug="E")
    assert found("extrapolate-doses", rows) == [
        "train",
        "train",
        "train",
        "test",
        "train",
        "train",
        "test",
    ]
    lowest = found("extrapolate-doses", rows, options={"end": "lowest"})
    assert lowest == ["train", "train", "test", "train", "test", "train", "train"]
    both = found("extrapolate-doses", rows, options={"end": "both"})
    assert both == ["train", "train", "test", "test", "test", "train", "test"]


def test_the_same_dose_is_held_out_in_every_context() -> None:
    rows = [
        CONTROL,
        *doses("1", "10"),
        *doses("10", context="y"),
        *doses("10000", unit="nM", context="z"),
    ]
    assert found("extrapolate-doses", rows) == ["train", "train", "test", "test", "test"]


def test_perturbations_with_too_few_doses_are_trained_on() -> None:
    rows = [CONTROL, *doses("1", "10"), *doses("1", drug="E")]
    assert found("extrapolate-doses", rows)[-1] == "train"
    with pytest.raises(UsageError, match="no perturbations with 3 doses or more"):
        found("extrapolate-doses", rows, options={"levels": "2"})


def test_inner_doses_are_drawn_or_named() -> None:
    rows = [CONTROL, *doses("1", "2", "3", "4"), *doses("1", "3", "9", drug="E")]
    assert found("interpolate-doses", rows, names=("3",)) == [
        "train", "train", "train", "test", "train", "train", "test", "train",
    ]  # fmt: skip
    one = found("interpolate-doses", rows, names=("D|2",))
    assert one.index("test") == 2
    drawn = found("interpolate-doses", rows, fraction=0.99)
    assert drawn == [
        "train", "train", "test", "test", "train", "train", "test", "train",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="'9' is none of the inner doses"):
        found("interpolate-doses", rows, names=("9",))


def test_times_are_an_axis_too() -> None:
    rows = [
        {"context": "x", "perturbation": label, "time": time, "time_unit": unit}
        for label, time, unit in (
            ("c", "0", "h"),
            ("A", "90", "min"),
            ("A", "1", "h"),
            ("A", "1", "d"),
        )
    ]
    assert found("extrapolate-times", rows) == ["train", "train", "train", "test"]
    assert found("interpolate-times", rows, fraction=0.5) == ["train", "test", "train", "train"]


def test_levels_that_cannot_be_compared_are_an_error() -> None:
    rows = [CONTROL, *doses("1", "10"), *doses("3", unit="ug/mL")]
    with pytest.raises(UsageError, match=r"doses of D are in .*cannot be compared"):
        found("extrapolate-doses", rows)
    with pytest.raises(UsageError, match=r"dose of x\|D\|high\|uM is 'high'"):
        found("extrapolate-doses", [CONTROL, *doses("1", "high")])
    with pytest.raises(UsageError, match="have no time; it has context, perturbation, dose"):
        found("extrapolate-times", [CONTROL, *doses("1", "10")])


@pytest.mark.parametrize("axis", ["donor", "batch", "study"])
def test_an_axis_that_no_condition_has_is_told_with_how_to_get_it(axis: str) -> None:
    name = {"donor": "holdout-donors", "batch": "holdout-batches", "study": "holdout-studies"}[axis]
    with pytest.raises(UsageError, match=f"have no {axis}; it has .*--map {axis}=COLUMN"):
        found(name, [CONTROL, *doses("1", "10")])


STUDIES = [
    {"study": study, "context": "x", "perturbation": label} for study in "stu" for label in "cA"
]
DATES = {"study": ["s", "t"], "date": ["2020-01-01", "2022-05-01"]}


def test_what_is_dated_after_the_cut_off_is_tested() -> None:
    roles = found("cut-off", STUDIES, table=DATES, options={"after": "2021-12-31"})
    assert roles == ["train", "train", "inference-input", "test", "excluded", "excluded"]


@pytest.mark.parametrize(
    ("table", "after", "match"),
    [
        (DATES, "2021", "after is '2021'"),
        (DATES, "2023-01-01", "role test"),
        ({**DATES, "date": ["2020", "2021"]}, "2021-01-01", "the date '2020'"),
        (DATES, "2021-02-30", "after is '2021-02-30'"),
        ({**DATES, "date": ["2020-13-01", "2022-05-01"]}, "2021-01-01", "the date '2020-13-01'"),
        ({**DATES, "study": ["s", "s"]}, "2021-01-01", "'s' the date '2020-01-01' and '2022-05"),
        ({"date": ["2020-01-01"]}, "2021-01-01", "none of the columns study, context"),
        ({}, "2021-01-01", "column date is needed"),
        ({**DATES, "study": ["s", "U"]}, "2021-01-01", "the study 'U', .* without a date is u$"),
    ],
)
def test_a_cut_off_that_cannot_be_is_an_error(
    table: dict[str, list[str]], after: str, match: str
) -> None:
    with pytest.raises(UsageError, match=match):
        found("cut-off", STUDIES, table=table, options={"after": after})


def test_replicates_of_a_condition_are_on_both_sides() -> None:
    rows = [
        {"context": "x", "perturbation": label, "replicate": number}
        for label in "cAB"
        for number in "123"
    ] + [{"context": "x", "perturbation": "D", "replicate": "1"}]
    roles = found("same-conditions", rows, fraction=0.3)
    assert roles[:3] == ["train"] * 3
    assert sorted(roles[3:6]) == sorted(roles[6:9]) == ["test", "train", "train"]
    assert roles[9] == "train"
    folds = [found("same-conditions", rows, fold=(number, 3)) for number in (1, 2, 3)]
    tested = [sum(roles[at] == "test" for roles in folds) for at in range(len(rows))]
    assert tested == [0, 0, 0, 1, 1, 1, 1, 1, 1, 0]


def test_without_replicates_there_is_no_check_on_the_same_conditions() -> None:
    rows = [{"context": "x", "perturbation": label} for label in "cA"]
    with pytest.raises(UsageError, match=r"no batch, guide or replicate.*convert --deal 2"):
        found("same-conditions", rows, fraction=0.3)
