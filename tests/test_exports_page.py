"""The page on descriptions: its commands work as they stand."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vcspec.cli import main

PAGE = (Path(__file__).parents[1] / "docs" / "exports.md").read_text(encoding="utf-8")
LINES = [
    line.partition("   #")[0]
    for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    for line in block.replace("\\\n", "").splitlines()
]
OWN = [line for line in LINES if line.startswith("vcspec ")]
SIGNING = [line for line in LINES if line.startswith("ssh-keygen ")]


@pytest.fixture
def beside(screen, tmp_path, monkeypatch):
    """A folder with what the commands of the page name."""
    shutil.copytree(screen.dataset, tmp_path / "dataset.zarr")
    shutil.copytree(screen.split, tmp_path / "split.zarr")
    (tmp_path / "about.md").write_text("## By hand\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(monkeypatch, line):
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code, line


def test_the_commands_work_as_written(beside, monkeypatch):
    assert len(OWN) == 7
    for line in OWN:
        call(monkeypatch, line)
    names = ("croissant.json", "CITATION.cff", "README.md", "split.intoto.json", "report.json")
    assert all((beside / name).stat().st_size for name in names)
    assert (beside / "README.md").read_text(encoding="utf-8").endswith("\n## By hand\n")


@pytest.mark.usefixtures("beside")
def test_the_python_works_as_written():
    names: dict[str, str] = {}
    exec(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0], names)
    assert names["text"].startswith("cff-version")
    assert json.loads(names["statement"])["predicate"]["result"] == "PASSED"


def test_a_statement_is_signed_and_verified_and_a_changed_one_is_not(beside, monkeypatch):
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not on the path")
    call(monkeypatch, "vcspec export split.zarr --format in-toto -o split.intoto.json")
    key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "jane", "-f", "signing-key"]
    subprocess.run(key, check=True)
    public = Path("signing-key.pub").read_text(encoding="utf-8")
    Path("allowed_signers").write_text(f"jane@example.org {public}", encoding="utf-8")
    sign, verify = (["bash", "-c", line] for line in SIGNING)
    subprocess.run(sign, check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"})
    good = subprocess.run(verify, check=False, capture_output=True, text=True)
    assert good.returncode == 0, good.stderr
    assert "Good" in good.stdout
    text = (beside / "split.intoto.json").read_text(encoding="utf-8")
    changed = text.replace("PASSED", "FAILED")
    assert changed != text
    (beside / "split.intoto.json").write_text(changed, encoding="utf-8")
    assert subprocess.run(verify, check=False, capture_output=True).returncode != 0
