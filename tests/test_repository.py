"""The repository itself: the public face, what it must not say, what it must hold."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import vcspec

ROOT = Path(__file__).parents[1]


def tracked() -> list[Path]:
    """Files that git tracks; skipped where this is no checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


@pytest.mark.parametrize("name", vcspec.__all__)
def test_every_public_name_is_there_and_documented(name):
    found = getattr(vcspec, name)
    assert name == "__version__" or found.__doc__


def test_nothing_else_is_public():
    assert set(vcspec._HOMES) == set(vcspec.__all__) - {"__version__"}
    with pytest.raises(AttributeError):
        vcspec.nothing  # noqa: B018


def test_no_file_is_large_and_no_third_party_data_is_tracked():
    for path in tracked():
        if path.exists():
            assert path.stat().st_size < 2_000_000, path
            assert path.suffix not in {".h5ad", ".h5mu", ".loom", ".parquet", ".mtx"}, path


def test_the_readme_commands_are_the_ones_that_ci_runs():
    readme, script = (ROOT / "README.md").read_text(), (ROOT / ".ci/run").read_text()
    assert "python -m pytest -q" in readme
    assert "python -m pytest -q" in script
    assert re.search(r"pip install \. && vcspec demo$", readme, re.MULTILINE)


def test_every_schema_has_its_own_id_and_refers_to_bundled_schemas_alone():
    from jsonschema import Draft202012Validator

    from vcspec.standard import standard

    schemas = standard().schemas
    names = {f"{name}.schema.json" for name in schemas}
    for name, schema in schemas.items():
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"https://vcspec.org/spec/1.0/schemas/{name}.schema.json"
        references = re.findall(
            r'"\$ref": "([^"#]*)', (standard().root / "schemas" / f"{name}.schema.json").read_text()
        )
        assert set(references) - {""} <= names


def block(language: str, heading: str) -> str:
    """The first block of that language below a heading of the README."""
    below = (ROOT / "README.md").read_text().partition(f"## {heading}\n")[2]
    return re.search(rf"```{language}\n(.*?)```", below, re.DOTALL)[1]


@pytest.fixture
def beside(screen, tmp_path, monkeypatch):
    """A folder with the artefacts that the README's examples stand in."""
    for name, place in (("dataset", screen.dataset), ("split", screen.split)):
        shutil.copytree(place, tmp_path / f"{name}.zarr")
    shutil.copytree(screen.reference, tmp_path / "reference.zarr")
    monkeypatch.chdir(tmp_path)
    vcspec.baseline("additive", screen.split, screen.dataset, "additive.zarr")
    Path("additive.json").write_text(vcspec.score("additive.zarr").to_json(), encoding="utf-8")


@pytest.mark.usefixtures("beside")
def test_the_readme_commands_for_a_model_work_as_written(monkeypatch):
    from vcspec.cli import main

    lines = block("bash", "Score your model").splitlines()
    commands = [line for line in lines if line.startswith("vcspec ")]
    assert len(commands) == 9
    for command in commands:
        monkeypatch.setattr(sys, "argv", shlex.split(command, comments=True))
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code, command


@pytest.mark.usefixtures("beside")
def test_the_readme_python_for_a_model_works_as_written():
    names: dict[str, object] = {}
    exec(block("python", "Score your model"), names)
    assert names["report"].verdict == "valid"
    assert isinstance(names["card"].value("mae"), float)
