"""The script of the page on clusters, with a SLURM that starts its jobs here and now."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support import tiny

from vcspec.actions.score import score

PAGE = Path(__file__).parents[2] / "docs" / "clusters.md"
PATIENCE = 120.0
SBATCH = f"""#!{sys.executable}
import subprocess, sys
with open(sys.argv[0] + ".log", "ab") as log, open(sys.argv[0] + ".jobs", "a") as jobs:
    job = subprocess.Popen(["sh", sys.argv[1]], stdout=log, stderr=log, start_new_session=True)
    print(job.pid, file=jobs)
print("Submitted batch job", job.pid)
"""
SCANCEL = f"""#!{sys.executable}
import os, signal, sys
with open(sys.argv[0] + ".jobs", "a") as jobs:
    for job in sys.argv[1:]:
        print(job, file=jobs)
        os.killpg(int(job), signal.SIGTERM)
"""
LOOPBACK = next(
    name
    for name, addresses in psutil.net_if_addrs().items()
    if any(address.address == "127.0.0.1" for address in addresses)
)


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[Path]:
    """A folder with the two commands, whose jobs are gone afterwards."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    yield folder
    for job in jobs(folder, "sbatch"):
        if psutil.pid_exists(job):
            os.killpg(job, signal.SIGKILL)


def jobs(folder: Path, command: str) -> list[int]:
    """Process groups of the jobs that a command was given, or has started."""
    listed = folder / f"{command}.jobs"
    return sorted(map(int, listed.read_text().split())) if listed.exists() else []


def script(screen: tiny.Screen, folder: Path) -> str:
    """The page's script, for this machine and the small screen."""
    text = next(
        block
        for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        if "SLURMCluster" in block
    )
    here = {
        'interface="ib0"': f'interface="{LOOPBACK}"',
        '"$TMPDIR"': repr(str(folder)),
        '"logs"': repr(str(folder / "logs")),
        '["module load python/3.11", "source venv/bin/activate"]': "[]",
        "cores=16": "cores=1",
        '"32GB"': '"1GB"',
        "scale(jobs=8)": "scale(jobs=2)",
        "Budget(16_000_000_000, 16)": "Budget(1_000_000, 1)",
        '"/project/model.zarr"': repr(str(screen.predictions)),
        '"/project/split.zarr"': repr(str(screen.split)),
        '"/project/reference.zarr"': repr(str(screen.reference)),
    }
    for theirs, ours in here.items():
        assert text.count(theirs) == 1, theirs
        text = text.replace(theirs, ours)
    return text


def test_the_script_for_slurm_scores_and_ends_its_jobs(
    slurm: Path, screen: tiny.Screen, tmp_path: Path
) -> None:
    place = tmp_path / "score_on_slurm.py"
    place.write_text(script(screen, tmp_path))
    found = subprocess.run(
        [sys.executable, str(place)],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{slurm}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert found.returncode == 0, found.stderr + (slurm / "sbatch.log").read_text()
    assert (tmp_path / "card.json").read_text() == score(screen.predictions).to_json()
    submitted = jobs(slurm, "sbatch")
    assert len(submitted) == 2
    assert jobs(slurm, "scancel") == submitted
