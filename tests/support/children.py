"""Processes of one's own: servers that end with the block that started them, and the killed."""

import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 60.0


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


def killed_at(
    number: int,
    work: Callable[[], object],
    count: Callable[[Callable[[Callable[..., Any]], Callable[..., Any]]], object],
) -> bool:
    """Run `work` in a child that is killed at a call; whether it lived to the end.

    Args:
        number: of the call, from 0.
        work: what the child does.
        count: called in the child with a decorator, for the calls that count.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    numbers, lock = itertools.count(), threading.Lock()

    def counted(whole: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            with lock:
                if next(numbers) == number:
                    os.kill(os.getpid(), signal.SIGKILL)
            return whole(*arguments, **options)

        return call

    try:
        count(counted)
        work()
    except BaseException:  # noqa: BLE001 - the child must not go on as pytest
        os._exit(7)
    os._exit(0)
