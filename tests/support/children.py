"""Processes of one's own: servers that end with the block that started them."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60.0
ROOT = Path(__file__).parents[2]


@contextmanager
def child(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose words go to `log`; killed by its own number when the block ends.

    Where the system can, it also ends when this process does, however that ends.
    """
    bound = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
    with log.open("wb") as words:
        process = subprocess.Popen(
            [*bound, *command],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env={**_environment(), **(environment or {})},
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def printed(script: str, *arguments: str, environment: Mapping[str, str]) -> str:
    """What a script prints in a Python of its own, which may import this checkout."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(process: subprocess.Popen[bytes], log: Path, pattern: str) -> str:
    """The first group of the pattern, as soon as the process has said it.

    Raises:
        RuntimeError: it ended, or kept silent; with its last words.
    """
    end = time.monotonic() + PATIENCE
    while (found := re.search(pattern, log.read_text(errors="replace"))) is None:
        _still_awaited(process, log, end)
    return found[1]


def answers(process: subprocess.Popen[bytes], log: Path, port: int) -> None:
    """Wait until something listens at the port.

    Raises:
        RuntimeError: the process ended, or nothing does; with its last words.
    """
    end = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        _still_awaited(process, log, end)


def run(command: Sequence[str | Path], log: Path) -> None:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; with its last words.
    """
    with child(command, log) as process:
        if process.wait(PATIENCE) != 0:
            raise RuntimeError(_last_words(process, log))


def free_port(first: int = 0) -> int:
    """A port that nobody listens at, of those that the system gives to no connection by itself."""
    for port in range(first or 20_000 + os.getpid() % 4_000, 32_000):
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    message = "no port between 20000 and 32000 is free"
    raise RuntimeError(message)


def _still_awaited(process: subprocess.Popen[bytes], log: Path, end: float) -> None:
    if process.poll() is not None or time.monotonic() > end:
        raise RuntimeError(_last_words(process, log))
    time.sleep(0.03)


def _last_words(process: subprocess.Popen[bytes], log: Path) -> str:
    state = "did not answer" if process.returncode is None else f"ended with {process.returncode}"
    return f"{process.args!r} {state}:\n{log.read_text(errors='replace')[-2_000:]}"


def _environment() -> dict[str, str]:
    """This one's, less what is meant for this Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
