import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support import tiny

from vcspec.actions.attest import attest
from vcspec.actions.curate import write_dataset
from vcspec.actions.validate import validate
from vcspec.model.errors import Mismatch, Refused, Unreadable, UsageError
from vcspec.render import render_reports
from vcspec.render.exports import render_export
from vcspec.standard import standard


@pytest.fixture
def folder(screen: tiny.Screen, tmp_path: Path) -> Path:
    """A copy of sound artefacts that a test may damage."""
    for place in (screen.dataset, screen.split, screen.predictions):
        shutil.copytree(place, tmp_path / place.name)
    return tmp_path


def stated(store: Path, **options: Any) -> dict[str, Any]:
    """The statement on a store."""
    found: dict[str, Any] = json.loads(render_export(attest(store, **options), "in-toto"))
    return found


def reported(target: Path, *stores: Path, level: str = "full") -> Path:
    """A file of reports, as the command writes it."""
    found = [validate(store, level=level) for store in stores]
    target.write_text(render_reports(found, "json"), encoding="utf-8")
    return target


def test_a_sound_store_passes_by_the_digest_of_its_manifest(screen: tiny.Screen) -> None:
    for place, name in (
        (screen.dataset, "tiny@1.0.0"),
        (screen.split, "tiny/unseen@1.0.0"),
        (screen.predictions, None),
    ):
        found = stated(place)
        digest = hashlib.sha256((place / "manifest.json").read_bytes()).hexdigest()
        assert found["subject"][0]["digest"] == {"sha256": digest}
        assert found["subject"][0].get("name") == name
        predicate = found["predicate"]
        assert (predicate["result"], predicate["failedTests"]) == ("PASSED", [])
        assert predicate["passedTests"] == list(validate(place, level="full").checked)
        assert "VCS203" in predicate["passedTests"]


def test_the_rules_are_named_by_the_digest_of_their_file(screen: tiny.Screen) -> None:
    rules = stated(screen.dataset)["predicate"]["configuration"][0]
    whole = (standard().root / "rules.toml").read_bytes()
    assert rules["digest"] == {"sha256": hashlib.sha256(whole).hexdigest()}


def test_one_changed_byte_fails_and_is_stated(folder: Path) -> None:
    chunk = folder / "data.zarr" / "obs" / "context" / "codes" / "c" / "0"
    body = bytearray(chunk.read_bytes())
    body[-1] ^= 1
    chunk.write_bytes(body)
    predicate = stated(folder / "data.zarr")["predicate"]
    assert predicate["result"] == "FAILED"
    assert "VCS203" in predicate["failedTests"]
    assert not {*predicate["failedTests"]} & {*predicate["passedTests"]}


def test_a_warning_is_stated_as_one(tmp_path: Path) -> None:
    document = tiny.dataset_document(simulated=False, organism="NCBITaxon:9606")
    write_dataset(tmp_path / "d.zarr", document, tiny.curated(), overwrite=False)
    predicate = stated(tmp_path / "d.zarr")["predicate"]
    assert (predicate["result"], predicate["warnedTests"]) == ("WARNED", ["VCS602", "VCS603"])


def test_what_could_not_be_checked_is_named(folder: Path) -> None:
    shutil.rmtree(folder / "data.zarr")
    skipped = stated(folder / "split.zarr")["predicate"]["configuration"][0]["annotations"][
        "skipped"
    ]
    assert "no dataset at hand" in skipped.values()


def test_a_store_without_manifest_has_no_name_to_be_stated(folder: Path) -> None:
    (folder / "data.zarr" / "manifest.json").unlink()
    with pytest.raises(UsageError, match=r"no manifest\.json"):
        attest(folder / "data.zarr")


def test_what_was_not_checked_to_its_end_is_not_stated(folder: Path) -> None:
    shutil.rmtree(folder / "split.zarr")
    with pytest.raises(Unreadable, match="unknown"):
        attest(folder / "model.zarr")
    path = folder / "data.zarr" / "zarr.json"
    path.write_text(path.read_text().replace('"spec": "1.0"', '"spec": "9.9"'))
    with pytest.raises(Refused, match="refused: VCS002"):
        attest(folder / "data.zarr")


def test_a_report_at_hand_gives_the_same_statement(screen: tiny.Screen, tmp_path: Path) -> None:
    path = reported(tmp_path / "reports.json", screen.split, screen.dataset)
    for place in (screen.dataset, screen.split):
        assert stated(place, report=path) == stated(place)


def test_a_report_on_other_bytes_is_refused(folder: Path, tmp_path: Path) -> None:
    other = reported(tmp_path / "other.json", folder / "split.zarr")
    with pytest.raises(Mismatch, match="no report on the bytes at hand"):
        attest(folder / "data.zarr", report=other)
    shallow = reported(tmp_path / "shallow.json", folder / "data.zarr", level="data")
    with pytest.raises(Mismatch, match="validate --level full"):
        attest(folder / "data.zarr", report=shallow)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"level": "data"}, "at level data; one at level full"),
        ({"tool": {"name": "vcspec", "version": "0.0.1"}}, r"by vcspec 0\.0\.1"),
        ({"verdict": "unknown"}, "unknown"),
    ],
)
def test_a_report_of_another_depth_or_version_is_refused(
    change: dict[str, Any], match: str, folder: Path, tmp_path: Path
) -> None:
    path = reported(tmp_path / "report.json", folder / "data.zarr")
    document = json.loads(path.read_text())
    document["reports"][0].update(change)
    path.write_text(json.dumps(document))
    with pytest.raises((Mismatch, Unreadable), match=match):
        attest(folder / "data.zarr", report=path)


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"reports": []}', '{"a": NaN}'])
def test_a_file_that_is_no_report_is_refused(text: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(Unreadable, match=r"report\.json"):
        attest(folder / "data.zarr", report=tmp_path / "report.json")
