import hashlib
import itertools
import os
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny

from vcspec.actions.split import split
from vcspec.actions.validate import by_digest, checked, examined, require_valid, validate
from vcspec.model.errors import Invalid, UsageError
from vcspec.model.matrix import Rows
from vcspec.rules.book import LEVELS
from vcspec.storage import writing
from vcspec.storage.artefacts import write_cells
from vcspec.storage.sealing import sealed_content

KINDS = ["dataset", "split", "reference", "predictions"]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_vcspec_writes_is_valid_at_every_level(
    kind: str, level: str, screen: tiny.Screen
) -> None:
    report = validate(getattr(screen, kind), level=level)
    assert (report.verdict, report.codes, report.exit_code) == ("valid", (), 0)
    assert (report.kind, report.spec, report.level) == (kind, "1.0", level)
    assert report.target == str(getattr(screen, kind))


def test_each_level_checks_what_the_one_before_it_checks_and_more(screen: tiny.Screen) -> None:
    sets = [set(validate(screen.predictions, level=level).checked) for level in LEVELS]
    for small, large in itertools.pairwise(sets):
        assert small < large


def test_the_report_tells_shape_and_content(screen: tiny.Screen) -> None:
    facts = validate(screen.predictions).facts
    assert (facts["rows"], facts["features"]) == (60, 80)
    assert facts["content"] == sealed_content(screen.predictions)


def test_a_full_report_names_the_bytes_that_it_is_about(screen: tiny.Screen) -> None:
    whole = (screen.predictions / "manifest.json").read_bytes()
    expected = f"vcs1s-sha256:{hashlib.sha256(whole).hexdigest()}"
    assert validate(screen.predictions, level="full").facts["storage"] == expected
    assert "storage" not in validate(screen.predictions, level="data").facts


def test_a_level_that_does_not_exist_is_an_error(screen: tiny.Screen) -> None:
    with pytest.raises(UsageError, match="metadata, axes, data, full"):
        validate(screen.dataset, level="deep")


@pytest.mark.parametrize("target", ["zip://a::b", "reference://x", "ssh://host/a"])
def test_an_unsafe_place_is_refused(target: str) -> None:
    report = validate(target)
    assert (report.verdict, report.exit_code, report.codes) == ("refused", 4, ("VCS001",))


def test_a_place_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.zarr").write_text("x")
    for name in ("nowhere.zarr", "empty", "file.zarr"):
        report = validate(tmp_path / name)
        assert (report.verdict, report.exit_code, report.codes) == ("unknown", 3, ("VCS001",))


def test_a_folder_without_permission_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: object) -> object:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.zarr").mkdir()
    monkeypatch.setattr(os, "scandir", denied)
    report = validate(tmp_path / "a.zarr")
    assert (report.verdict, report.exit_code) == ("unknown", 3)
    assert "Permission denied" in report.findings[0].found


def alone(screen: tiny.Screen, tmp_path: Path, *kinds: str) -> Path:
    for kind in kinds:
        shutil.copytree(getattr(screen, kind), tmp_path / f"{kind}.zarr")
    return tmp_path / f"{kinds[0]}.zarr"


def test_a_companion_is_found_by_its_digest(screen: tiny.Screen, tmp_path: Path) -> None:
    place = alone(screen, tmp_path, "predictions", "split")
    split(screen.dataset, tmp_path / "a-decoy.zarr", tiny.plan(seed=8))
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "stray.zarr").write_text("x")
    report = validate(place)
    assert report.verdict == "valid"
    assert "VCS501" in report.checked


def test_predictions_without_their_split_are_unknown(screen: tiny.Screen, tmp_path: Path) -> None:
    report = validate(alone(screen, tmp_path, "predictions"))
    assert (report.verdict, report.exit_code) == ("unknown", 3)
    assert "VCS501" in {skipped.code for skipped in report.skipped}


def test_a_companion_that_is_named_goes_before_one_that_lies_near(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    split(screen.dataset, tmp_path / "other.zarr", tiny.plan(seed=8))
    report = validate(screen.predictions, split=tmp_path / "other.zarr")
    assert "VCS503" in report.codes


@pytest.mark.parametrize("named", ["dataset", "nowhere"])
def test_a_companion_of_another_kind_is_an_error(
    named: str, screen: tiny.Screen, tmp_path: Path
) -> None:
    place = getattr(screen, named, tmp_path / "nowhere.zarr")
    with pytest.raises(Exception, match=r"split|no such path") as caught:
        validate(screen.predictions, split=place)
    assert caught.value.exit_code in (2, 3)  # type: ignore[attr-defined]


def test_a_store_is_found_beside_another_by_content_or_by_what_it_pins(
    screen: tiny.Screen,
) -> None:
    content = sealed_content(screen.split)
    found = by_digest(str(screen.predictions), "split", content)
    assert found is not None
    assert found.store.target == str(screen.split.resolve())
    pinning = by_digest(str(screen.predictions), "reference", content, pin="split")
    assert pinning is not None
    assert pinning.kind == "reference"
    assert by_digest(str(screen.predictions), "dataset", content) is None
    assert by_digest("memory://somewhere/a.zarr", "split", content) is None


def test_only_what_is_sound_is_read_on(screen: tiny.Screen, tmp_path: Path) -> None:
    assert checked(str(screen.split), "split").kind == "split"
    place = alone(screen, tmp_path, "split")
    shutil.rmtree(place / "obs" / "role")
    with pytest.raises(Invalid, match=r"breaks VCS.*a sound split is needed") as error:
        checked(str(place), "split")
    assert error.value.exit_code == error.value.report.exit_code == 4


@pytest.mark.parametrize(("verdict", "code"), [("invalid", 1), ("unknown", 3), ("refused", 4)])
def test_a_report_that_is_not_valid_is_raised_with_its_exit_code(
    verdict: Any, code: int, screen: tiny.Screen
) -> None:
    from dataclasses import replace

    report = validate(screen.split, level="metadata")
    require_valid(report)
    with pytest.raises(Invalid, match=verdict) as caught:
        require_valid(replace(report, verdict=verdict))
    assert caught.value.exit_code == code
    assert caught.value.report.verdict == verdict


def many_cells(place: Path, rows: int) -> Path:
    """A sound dataset of many cells and one feature."""

    def blocks() -> Iterator[Rows]:
        nothing = np.zeros(rows, dtype=np.int64)
        yield Rows(np.arange(rows + 1), nothing, np.ones(rows, dtype=np.int32), 1)

    condition = np.arange(rows) // 1_000
    labels = np.array(["control", *(f"G{number:05d}" for number in range(1, 1_000))], dtype=object)
    obs = {
        "_index": np.array([f"cell-{row:08d}-ACGTACGT" for row in range(rows)], dtype=object),
        "context": np.full(rows, "liver", dtype=object),
        "perturbation": labels[condition],
        "library_size": np.ones(rows),
    }
    document = tiny.dataset_document(values={"space": "counts", "total": "library"})
    var = {"_index": np.array(["F0"], dtype=object)}
    write_cells(place, document, blocks(), obs=obs, var=var, data_type=np.int32)
    return place


def test_what_is_derived_from_the_cells_labels_needs_little_memory(
    screen: tiny.Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "CHUNK", 16_384)
    rows = 300_000
    place = many_cells(tmp_path / "many.zarr", rows)
    validate(screen.dataset, level="axes")  # what is imported or read once is not counted
    tracemalloc.start()
    try:
        report, _subject = examined(place, {}, level="axes")
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (report.verdict, report.codes) == ("valid", ())
    assert kept < 16 * rows
    assert peak < 80 * rows


def test_sound_predictions_are_validated_without_pandas(screen: tiny.Screen) -> None:
    code = (
        "import sys; from vcspec.actions.validate import validate; "
        "print(validate(sys.argv[1], level='full', split=sys.argv[2]).verdict, "
        "{'pandas', 'pandera'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(screen.predictions), str(screen.split)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["valid", "set()"]
