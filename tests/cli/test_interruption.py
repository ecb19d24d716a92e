"""Ctrl-C while cells are read."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support import tiny
from support.reencode import Layout, reencode

from vcspec.actions.predict import open_split

CELLS = 400
PATIENCE = 60.0
SLOW = """
import signal, time
from vcspec.cli import main
from vcspec.engine.spill import SpilledCells
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in background
read = SpilledCells.rows
SpilledCells.rows = lambda *which: time.sleep(2) or read(*which)
main()
"""
"""The command, on a disk so slow that a signal comes in the middle of it."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with predictions that are spilled first, as their rows lie in any order."""
    folder = tmp_path_factory.mktemp("large")
    screen = tiny.screen(folder)
    tiny.split(screen.dataset, screen.split, tiny.plan(cells_per_condition=CELLS), overwrite=True)
    tiny.reference(screen.split, screen.dataset, screen.reference, overwrite=True)
    draw = np.random.default_rng(0)
    conditions = open_split(screen.split).conditions
    cells = {
        condition.key: draw.random((CELLS, tiny.FEATURES), dtype=np.float32)
        for condition in conditions
    }
    ordered = tiny.predict(screen, folder / "ordered.zarr", cells)
    order = draw.permutation(CELLS * len(conditions))
    reencode(ordered, folder / "large.zarr", Layout(chunk=100_000), order)
    return folder


def test_an_interrupted_score_leaves_nothing(large: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    names = ("large.zarr", "--split", "split.zarr", "--reference", "ref.zarr", "--workers", "2")
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "score", *names, "-o", str(tmp_path / "card.json")],
        cwd=large,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + PATIENCE
    # Python itself tries the folder out with a file of its own, which is gone at once.
    while not any(scratch.glob("vcspec-spill-*")) and time.monotonic() < end:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert out == ""
    assert "vcspec: interrupted" in err
    assert "Traceback" not in err
    assert list(scratch.iterdir()) == []
    assert sorted(place.name for place in tmp_path.iterdir()) == ["scratch"]
