import copy
import hashlib
import json
import tomllib
from pathlib import Path

import pytest

from vcspec import standard as room
from vcspec.model.errors import Refused
from vcspec.standard import CURRENT, definition_digest, known_versions, packaged, standard

TABLES = ["rules", "metrics", "strategies", "baselines", "vocabularies", "conventions", "limits"]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_its_file(name: str) -> None:
    with (packaged("spec") / CURRENT / f"{name}.toml").open("rb") as file:
        stated = tomllib.load(file)
    found = getattr(standard(), name)
    assert set(found) == set(stated)
    for key, entry in stated.items():
        if isinstance(entry, dict) and "like" in entry:
            own = {field: value for field, value in entry.items() if field != "like"}
            assert dict(found[key]) == {**found[entry["like"]], **own}
        else:
            assert found[key] == entry


@pytest.mark.parametrize("name", ["layouts", "suites", "tasks"])
def test_a_folder_is_its_files(name: str) -> None:
    files = (packaged("spec") / CURRENT / name).glob("*.toml")
    assert set(getattr(standard(), name)) == {path.stem for path in files}


def test_schemas_are_found_by_their_stem() -> None:
    found = standard().schemas
    assert found["split"]["$id"].endswith("/split.schema.json")
    assert {"dataset", "split", "reference", "predictions", "scorecard"} <= found.keys()


def test_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        standard().rules["VCS999"] = {}  # type: ignore[index]


def test_the_standard_is_read_once() -> None:
    assert standard() is standard(CURRENT)
    assert standard().rules is standard().rules
    assert CURRENT in known_versions()


@pytest.mark.parametrize("version", ["0.9", "2.0", "../1.0", "", "."])
def test_a_version_that_is_not_bundled_is_refused(version: str) -> None:
    with pytest.raises(Refused, match="upgrade"):
        standard(version)


def test_the_folder_inside_a_wheel_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "vcspec"
    package.mkdir(parents=True)
    monkeypatch.setattr(room, "__file__", str(package / "standard.py"))
    assert packaged("spec") == tmp_path / "site" / "spec"
    (package / "_spec").mkdir()
    assert packaged("spec") == package / "_spec"


def test_the_digest_of_a_definition_is_that_of_its_canonical_json() -> None:
    entry = copy.deepcopy(dict(standard().metrics["mse"]))
    entry = json.loads(json.dumps(entry), parse_constant=lambda text: text)
    words = {"Infinity": "inf", "-Infinity": "-inf"}
    entry["range"] = [words.get(str(bound), bound) for bound in entry["range"]]
    for name, value in entry.items():
        entry[name] = words.get(str(value), value)
    whole = json.dumps(
        {"metric": "mse", "entry": _whole(entry)},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    assert definition_digest(CURRENT, "mse") == hashlib.sha256(whole.encode()).hexdigest()


def _whole(value: object) -> object:
    """RFC 8785 writes whole numbers without a fraction."""
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def test_metrics_have_digests_of_their_own() -> None:
    digests = {definition_digest(CURRENT, name) for name in standard().metrics}
    assert len(digests) == len(standard().metrics)


def test_chance_is_told_of_metrics_and_of_each_once() -> None:
    with (packaged("spec") / CURRENT / "chance.toml").open("rb") as file:
        named = [name for group in tomllib.load(file).values() for name in group["metrics"]]
    assert len(set(named)) == len(named)
    assert standard().chance.keys() == set(named) <= standard().metrics.keys()
