"""What a finding on predictions tells its reader, beyond code and place."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from vcspec.actions.validate import validate
from vcspec.model.finding import Finding

STORES = Path(__file__).parents[2] / "spec" / "1.0" / "conformance" / "stores"


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    place = tmp_path / "mine.zarr"
    shutil.copytree(STORES / "predictions-profiles.zarr", place)
    return place


def write(place: Path, path: str, values: object) -> None:
    array = zarr.open_array(str(place), path=path, mode="r+")
    array[...] = values


def findings(place: Path) -> list[Finding]:
    return list(validate(place, split=STORES / "split.zarr").findings)


def test_a_missing_condition_is_shown_with_the_nearest_that_is_there(profiles):
    labels = np.array(["SIM03", "SIM4", "SIM03"], dtype=object)
    write(profiles, "obs/perturbation", labels)
    missing, extra = findings(profiles)
    assert missing.examples == ("study-1|line-a|SIM04 (near: study-1|line-a|SIM4)",)
    assert extra.examples[0].startswith("study-1|line-a|SIM4 (near: study-1|line-a|SIM04")


@pytest.mark.parametrize(
    ("spelling", "hint"),
    [("ENSG{:011d}", "map the names"), ("sim{:02d}", "differ by case alone")],
)
def test_features_named_in_another_way_have_a_hint_of_their_own(spelling, hint, profiles):
    names = [spelling.format(number) for number in range(1, 25)]
    write(profiles, "var/_index", np.array(names, dtype=object))
    found = findings(profiles)
    assert [finding.code for finding in found] == ["VCS504", "VCS505"]
    assert all(hint in finding.hint for finding in found)


def test_logarithms_of_another_target_sum_are_told_by_their_totals(profiles):
    values = zarr.open_array(str(profiles), path="X", mode="r")[...]
    write(profiles, "X", np.minimum(values + np.log(10), np.log1p(9_999)))
    (found,) = findings(profiles)
    assert (found.code, found.path) == ("VCS511", "/X")
    assert found.found.startswith("2 of 3 rows add up to more than 30000")


def test_where_features_stand_elsewhere_the_first_places_are_shown(profiles):
    names = [f"SIM{number:02d}" for number in range(24, 0, -1)]
    write(profiles, "var/_index", np.array(names, dtype=object))
    (found,) = findings(profiles)
    assert (found.code, found.count, len(found.examples)) == ("VCS506", 24, 5)
    assert found.examples[0] == "position 0: SIM24, expected SIM01"
