"""What a terminal shows while work is done, and what a log is told of it."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import rich.progress
from support import tiny

from vcspec.actions.curate import write_dataset
from vcspec.cli import cli, output
from vcspec.cli.output import progress_bar, work_bar

pty = pytest.importorskip("pty")  # of Unix


def on_a_terminal(*arguments: str) -> str:
    """Everything that the command writes to a terminal of its own."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "vcspec", *arguments]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    written: list[bytes] = []

    def listen() -> None:
        while True:
            try:
                data = os.read(ours, 65_536)
            except OSError:
                return  # the last writer has gone
            if not data:
                return
            written.append(data)

    listener = threading.Thread(target=listen)
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=theirs, stdin=theirs, env=environment
    ) as process:
        os.close(theirs)
        listener.start()
        process.wait(timeout=60)
    listener.join(timeout=10)
    os.close(ours)
    return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", b"".join(written)).decode()


class Terminal(io.StringIO):
    """What a terminal in this process would be told."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_what_is_done_how_far_it_is_and_how_fast(screen: tiny.Screen) -> None:
    shown = on_a_terminal("validate", str(screen.predictions), "--level", "full")
    assert "checked" in shown
    assert "60/60" in shown  # cells, all of them in the end
    assert "/s" in shown
    assert re.search(r"\d:\d\d:\d\d|-:--:--", shown)  # the time that is left


def test_a_pass_that_follows_another_is_timed_from_its_own_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, bars = [0.0], []
    frames: list[tuple[str, float]] = []

    class Timed(rich.progress.Progress):
        def __init__(self, *columns: Any, **options: Any) -> None:
            super().__init__(*columns, **options, get_time=lambda: now[0], auto_refresh=False)
            bars.append(self)

        def refresh(self) -> None:
            frames.extend((one.fields["rate"], one.completed) for one in self.tasks)

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(rich.progress, "Progress", Timed)
    with work_bar(quiet=False) as advance:
        assert advance is not None
        advance(0, 1_000, "checked")
        now[0] += 100  # a slow store
        advance(1_000, 1_000, "checked")
        advance(0, 500, "checked")
        assert {rate for rate, done in frames if not done} == {""}  # never the rate of before
        now[0] += 1
        advance(250, 500, "checked")
        (task,) = bars[0].tasks
        assert (task.completed, task.total, task.fields["rate"]) == (250, 500, "250/s")
        now[0] += 1
        advance(375, 500, "checked")
        assert task.time_remaining == 1


def test_publishing_shows_what_is_checked_sent_and_read_back(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    contact = ("--contact", "Ada <ada@example.org>")
    shown = on_a_terminal("publish", str(screen.dataset), str(tmp_path / "place"), *contact)
    for what in ("checked", "kB sent", "kB read back"):
        assert what in shown


COMMANDS = {
    "reference": (
        ("split.zarr", "--dataset", "data.zarr", "-o", "out.zarr"),
        ("conditions", "halves of conditions", "conditions of baselines"),
    ),
    "baseline": (
        ("no-change", "--split", "split.zarr", "--dataset", "data.zarr", "-o", "out.zarr"),
        ("checked", "conditions"),
    ),
    "probe": (("split.zarr",), ("submissions",)),
    "difficulty": (("split.zarr",), ("test conditions", "train conditions")),
    "audit": (("split.zarr", "--dataset", "data.zarr"), ("conditions",)),
    "split": (
        ("data.zarr", "--strategy", "holdout-perturbations", "--fraction", "0.5", "-o", "out.zarr"),
        ("train conditions",),
    ),
    "merge": (
        ("data.zarr", "other.zarr", "--id", "both", "-o", "out.zarr"),
        ("blocks read", "blocks written"),
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_other_long_work_shows_it_too(
    command: str, screen: tiny.Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {screen.dataset: "data", screen.split: "split", screen.reference: "reference"}
    for place, name in names.items():
        shutil.copytree(place, tmp_path / f"{name}.zarr")
    other = {**tiny.dataset_document(), "id": "other"}
    write_dataset(tmp_path / "other.zarr", other, tiny.curated(seed=9), overwrite=False)
    monkeypatch.chdir(tmp_path)
    arguments, wanted = COMMANDS[command]
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    for name, value in (("TERM", "xterm"), ("COLUMNS", "120")):
        monkeypatch.setenv(name, value)
    with contextlib.suppress(SystemExit):  # audit and probe end with a verdict
        cli.main([command, *arguments, "--workers", "2"], standalone_mode=False)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    for what in wanted:
        assert re.search(rf"{what} +━.*?[1-9]\d*/\d+ .*?/s", shown), shown


def test_a_pipe_shows_results_alone(screen: tiny.Screen, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vcspec", "score", str(screen.predictions)]
    found = subprocess.run(
        [*command, "-o", str(tmp_path / "card.json")], capture_output=True, text=True, check=True
    )
    assert "━" not in found.stderr
    assert found.stdout.startswith("a-model")


def test_a_log_is_told_every_half_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    with work_bar(quiet=False) as advance:
        assert advance is not None
        for second in range(0, 101, 5):
            now[0] = 100.0 + second
            advance(1_000 * second, 200_000, "checked")
        advance(0, 50, "halves")
        now[0] += 40
        advance(5, 50, "halves")
    assert capsys.readouterr().err.splitlines() == [
        "checked: 30,000 of 200,000 (15%), 1,000/s, 170 s left",
        "checked: 60,000 of 200,000 (30%), 1,000/s, 140 s left",
        "checked: 90,000 of 200,000 (45%), 1,000/s, 110 s left",
        "halves: 5 of 50 (10%), 0.12/s, 360 s left",
    ]


def test_a_log_is_told_of_bytes_as_such_and_nobody_who_wants_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    with progress_bar("fetch", quiet=False, in_bytes=True) as advance:
        assert advance is not None
        advance(0, 10**9)
        now[0] += 50
        advance(10**8, 10**9)
    assert capsys.readouterr().err == (
        "fetch: 95.4 MiB of 953.7 MiB (10%), 1.9 MiB/s, 450 s left\n"
    )
    with work_bar(quiet=True) as advance_all:
        assert advance_all is None
