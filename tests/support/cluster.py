"""A Dask scheduler and workers on loopback, each a process of its own, ended by its own number."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0


class Cluster:
    """A scheduler and its workers, from its making until `stop`.

    Attributes:
        address: of the scheduler.
        workers: processes that were started and not killed.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {
            **os.environ,
            **environment,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        self._started(
            "scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
        )
        self.address = self._told("scheduler", r"Scheduler at:\s+(tcp://\S+)")

    def add_workers(self, count: int) -> None:
        """Start more workers, and wait until the scheduler knows them."""
        common = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
        folder = ("--local-directory", str(self._folder))
        for _ in range(count):
            self.workers.append(self._started("worker", self.address, *common, *folder))
        with self.client() as client:
            client.wait_for_workers(len(self.workers), timeout=PATIENCE)

    def client(self) -> Any:
        """A client of one's own, to look with."""
        import distributed

        return distributed.Client(self.address, set_as_default=False, timeout=PATIENCE)

    def kill(self, worker: str) -> None:
        """End the worker at that address at once, and without a word to anybody."""
        with self.client() as client:
            number = client.run(os.getpid, workers=[worker])[worker]
        (victim,) = [process for process in self.workers if process.pid == number]
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        self.workers.remove(victim)

    def stop(self) -> None:
        """End all processes."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()

    def _started(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "ignore", "-m", f"distributed.cli.dask_{name}"]
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, *arguments], stdout=log, stderr=log, env=self._environment
            )
        self._processes.append(process)
        return process

    def _told(self, name: str, pattern: str) -> str:
        log = self._folder / f"{name}.log"
        eventually(lambda: re.search(pattern, log.read_text()) is not None)
        found = re.search(pattern, log.read_text())
        assert found is not None
        return found[1]


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.05)
