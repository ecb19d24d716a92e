"""Ctrl-C while cells are read."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from support import tiny
from support.reencode import Layout, reencode
from support.s3 import S3

from vcspec.actions.predict import open_split
from vcspec.actions.score import score

CELLS = 400
PATIENCE = 60.0
COMMAND = """
import signal
from vcspec.__main__ import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in background
if __name__ == "__main__":
    main()
"""
SLOW = f"""
import time
from vcspec.engine.spill import SpilledCells
read = SpilledCells.rows
SpilledCells.rows = lambda *which: time.sleep(2) or read(*which)
{COMMAND}"""
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


@pytest.mark.parametrize("module", ["vcspec.version", "click", "vcspec.cli", "vcspec.model.errors"])
def test_a_command_that_is_interrupted_while_it_is_loaded_says_so(module: str) -> None:
    code = f"""
import sys

class Interrupted:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt

from vcspec.__main__ import main
sys.modules.pop({module!r}, None)
sys.meta_path.insert(0, Interrupted())
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr.startswith("vcspec: interrupted; ")
    assert len(ended.stderr.splitlines()) == 1


def test_ctrl_c_that_comes_again_with_the_line_ends_the_command_at_once() -> None:
    code = """
import os, signal, sys
import vcspec.cli
from vcspec.__main__ import main

class Hasty:
    def write(self, _):
        os.kill(os.getpid(), signal.SIGINT)

def interrupted():
    raise KeyboardInterrupt

vcspec.cli.main, sys.stderr = interrupted, Hasty()
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize(
    ("times", "code"),
    [pytest.param(1, 130, id="once"), pytest.param(2, -signal.SIGINT, id="again")],
)
def test_what_a_server_was_asked_for_is_waited_for_unless_ctrl_c_comes_again(
    screen: tiny.Screen, s3: S3, times: int, code: int
) -> None:
    bucket = f"bucket-{uuid.uuid4().hex}"
    shutil.copytree(screen.predictions, s3.folder / bucket / "model.zarr")
    s3.latency, before = 6.0, set(s3.http.connections)
    command = [sys.executable, "-c", COMMAND, "validate", f"s3://{bucket}/model.zarr"]
    environment = {**os.environ, **s3.environment}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        until = time.monotonic() + PATIENCE
        while s3.http.connections <= before:  # it waits for its first answer
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        while not (said := process.stderr.readline()).startswith("vcspec: interrupted; "):
            assert said == "\n"  # ends the line in which a terminal shows Ctrl-C
        if times == 2:
            process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == code
        assert process.stderr.read() == ""


@pytest.fixture
def on_a_cluster(
    screen: tiny.Screen, tmp_path: Path
) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts a score on a cluster of its own; ends what is left of it afterwards."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        arguments = ("score", str(screen.predictions), "--engine", "dask", "--workers", "2")
        command = [sys.executable, "-c", COMMAND, *arguments, "-o", str(tmp_path / "card.json")]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a group, which a terminal would send Ctrl-C to as a whole
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_a_cluster_of_ones_own_gives_the_bytes_of_threads(
    on_a_cluster: Callable[[], subprocess.Popen[str]], screen: tiny.Screen, tmp_path: Path
) -> None:
    process = on_a_cluster()
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, f"wrote {tmp_path / 'card.json'}\n")
    assert (tmp_path / "card.json").read_text() == score(screen.predictions).to_json()


@pytest.mark.parametrize("processes", [2, 4])
def test_a_cluster_of_ones_own_ends_with_its_command(
    processes: int, on_a_cluster: Callable[[], subprocess.Popen[str]], tmp_path: Path
) -> None:
    """While it starts, and when it has: one process sees to what is shared, two are workers."""
    process = on_a_cluster()
    family = psutil.Process(process.pid)
    end = time.monotonic() + PATIENCE
    while len(family.children(recursive=True)) < min(processes, 3) and time.monotonic() < end:
        time.sleep(0.01)
    if processes > 3:
        time.sleep(0.5)  # they are there, and make themselves known
    children = family.children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, ""), err
    assert re.fullmatch(r"\s*vcspec: interrupted; [^\n]*\n", err)
    assert not psutil.wait_procs(children, timeout=PATIENCE)[1]
    assert not (tmp_path / "card.json").exists()
