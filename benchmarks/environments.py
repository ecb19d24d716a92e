"""Environments of the peers, each with pinned versions, below the scratch folder."""

import shutil
import subprocess
import sys
from pathlib import Path

from measure import ROOT, plain

# pertpy 1.0.3 imports filelock without asking for it, and a name that statsmodels 0.15 has not.
PINNED = {
    "peers": [
        "cell-eval==0.8.2",
        "illico==0.6.0",
        "pdex==0.3.0",
        "scanpy==1.11.5",
        "scikit-learn==1.9.1",
    ],
    "pertpy": ["pertpy==1.0.3", "filelock==4.3.1", "statsmodels==0.14.5"],
    "core": [str(ROOT)],
}


def environment(name, scratch):
    """The interpreter of the environment `name`, made if it is not there.

    Returns:
        its path, and why it could not be made (empty where it could).
    """
    folder = Path(scratch) / "environments" / name
    python = folder / "bin" / "python"
    is_checkout = str(ROOT) in PINNED[name]
    if (folder / "complete").exists() and not is_checkout:
        return python, ""
    print(f"  installing {' '.join(PINNED[name])}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*install, *PINNED[name]], capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        return python, plain("could not be installed: " + " ".join(errors)[-400:], scratch)
    (folder / "complete").touch()
    return python, ""


def installed_size(name, scratch):
    """MiB that an environment's packages take, without pip and compiled Python."""
    packages = next((Path(scratch) / "environments" / name / "lib").glob("*/site-packages"))
    sizes = [
        path.stat().st_size
        for path in packages.rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and not path.relative_to(packages).parts[0].startswith(("pip", "setuptools"))
    ]
    return sum(sizes) / 2**20
