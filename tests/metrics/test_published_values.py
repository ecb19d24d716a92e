"""Our values on a simulated screen beside those of published packages, as their own code gave them.

benchmarks/agreement/run.py wrote published_values.json, and results.json of measured screens too;
it draws the simulated one.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
AGREEMENT = HERE.parents[1] / "benchmarks" / "agreement"
PUBLISHED = json.loads((HERE / "published_values.json").read_text("utf-8"))
RESULTS = json.loads((AGREEMENT / "results.json").read_text("utf-8"))
BAR = 1e-6
sys.path.insert(0, str(AGREEMENT))
SPEC = importlib.util.spec_from_file_location("agreement_run", AGREEMENT / "run.py")
agreement = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(agreement)
COLUMNS = agreement.COLUMNS
CASES = [
    pytest.param(package, column, metric, id=f"{package} {column}")
    for package, columns in COLUMNS.items()
    for column, (metric, differs) in columns.items()
    if not differs
]
ROWS = [
    (f"{source}: {package} {column}", row)
    for source, packages in RESULTS["inputs"].items()
    for package, table in packages.items()
    if "failed" not in table
    for column, row in table.items()
]


@pytest.fixture(scope="module")
def found():
    metrics = list(dict.fromkeys(m for own in COLUMNS.values() for m, _ in own.values()))
    return agreement.ours(agreement.drawn(), metrics)


@pytest.mark.parametrize(("package", "column", "metric"), CASES)
def test_published_values_are_reproduced(package, column, metric, found):
    theirs = PUBLISHED[package][column]
    compared = 0
    for name, value in theirs.items():
        own = found[metric].get(name)
        if value is None or own is None or np.isnan(own):
            continue
        compared += 1
        assert own == pytest.approx(value, rel=1e-6, abs=1e-7), name
    assert compared


def test_no_published_difference_is_without_a_cause():
    for where, row in ROWS:
        if not row["differs"] and row["conditions"]:
            assert row["relative"] <= BAR, where
            assert not row["only_ours"] + row["only_theirs"], where


def test_no_cause_is_given_where_nothing_differs():
    differing = {row["differs"] for _, row in ROWS if row.get("relative", 0) > BAR}
    assert {row["differs"] for _, row in ROWS} - {""} <= differing


def test_the_published_table_has_every_column_that_is_compared():
    for source, packages in RESULTS["inputs"].items():
        assert set(packages) == set(COLUMNS), source
        for package, table in packages.items():
            if "failed" not in table:
                told = {column: (row["metric"], row["differs"]) for column, row in table.items()}
                assert told == COLUMNS[package], (source, package)


def test_a_value_that_one_side_lacks_is_counted_and_not_passed_over():
    columns = {"theirs": ("ours", "")}
    told = {"theirs": {"A": float("nan"), "B": None, "C": 1.0, "D": 2.0}}
    found = {"ours": {"A": 1.0, "B": float("nan"), "C": float("nan"), "D": 2.5}}
    (row,) = agreement.compared(columns, told, found).values()
    assert (row["conditions"], row["only_ours"], row["only_theirs"]) == (1, 1, 1)
    assert (row["absolute"], row["relative"]) == (0.5, 0.25)
