"""Our values on a simulated screen beside those of published packages, as their own code gave them.

benchmarks/agreement/run.py wrote published_values.json and draws the screen.
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
