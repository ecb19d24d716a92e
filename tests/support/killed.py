"""Work in a process of its own that is killed in the course of it.

The process is forked from one that has imported what the work needs and has no thread: a fork of
this one, beside threads that hold locks, might wait for them for ever.
"""

import itertools
import multiprocessing
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fsspec
import pytest

from vcspec.cli import cli
from vcspec.storage.objects import LocalObjects

PATIENCE = 120.0
NEEDED = re.compile(
    r"(zarr|s3fs|gcsfs|adlfs|azure|jsonschema|referencing|rfc8785|numcodecs|packaging|vcspec|"
    r"support\.(killed|publishing))\b"
)
"""What is imported before the forks."""
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def writes_of_files(counted: Decorator) -> None:
    """Count the calls that write to a file system; of folders only their names would tell."""
    os.fsync = lambda _: None  # slow, and a kill is no loss of power
    for name in ("fsync", "link", "replace", "unlink"):
        setattr(os, name, counted(getattr(os, name)))


def reads_and_moves(counted: Decorator) -> None:
    """Count the objects that are read from a folder, and what is put in place."""
    for name in ("read", "pieces"):
        setattr(LocalObjects, name, counted(getattr(LocalObjects, name)))
    os.replace = counted(os.replace)
    Path.replace = counted(Path.replace)  # type: ignore[method-assign]


def files_of_results(counted: Decorator) -> None:
    """Count the calls that write a result and put it in place."""
    for name in ("write_bytes", "replace", "unlink"):
        setattr(Path, name, counted(getattr(Path, name)))


def requests(counted: Decorator) -> None:
    """Count the requests to servers, whichever driver sends them."""
    from aiohttp import ClientSession

    ClientSession._request = counted(ClientSession._request)  # type: ignore[method-assign]


def command(*arguments: str) -> None:
    """A command, as `vcspec` runs it."""
    cli.main(arguments, standalone_mode=False)


def killed_at(number: int, count: Callable[[Decorator], None], work: Callable[[], object]) -> bool:
    """Whether `work` lived to its end, in a process that is killed at a call.

    Args:
        number: of the call, from 0.
        count: called there with a decorator, for the calls that count; one of this module.
        work: a partial of a function that the process can import.

    Raises:
        RuntimeError: the process failed by itself, or does not end.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system starts processes anew, and knows no kill")  # Windows
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(sorted(filter(NEEDED.match, sys.modules)))
    process = processes.Process(
        target=_live, args=(number, count, work, dict(os.environ), dict(fsspec.config.conf))
    )
    with pytest.MonkeyPatch.context() as patch:
        # The process that is forked looks nowhere else for what it should import.
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        process.start()
    process.join(PATIENCE)
    if process.exitcode in (0, -signal.SIGKILL):
        return process.exitcode == 0
    state = "does not end" if process.exitcode is None else f"ended with {process.exitcode}"
    process.kill()
    message = f"{work}, to be killed at call {number}, {state}"
    raise RuntimeError(message)


def _live(
    number: int,
    count: Callable[[Decorator], None],
    work: Callable[[], object],
    environment: Mapping[str, str],
    drivers: Mapping[str, Any],
) -> None:
    os.environ.update(environment)
    fsspec.config.conf.update(drivers)
    numbers, lock = itertools.count(), threading.Lock()

    def counted(whole: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            with lock:
                if next(numbers) == number:
                    os.kill(os.getpid(), signal.SIGKILL)
            return whole(*arguments, **options)

        return call

    count(counted)
    work()
