"""How much memory and how many workers a pass may take."""

import ctypes
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vcspec.model.errors import UsageError

USUAL_BLOCK = 67_108_864  # bytes of one worker's block; more is hardly faster
SHARE = 4  # of the available memory is what a pass may take, where nobody says
ENTRY_BYTES = 24  # of one stored value in flight: as decoded, as log1p, as a number to rank
FEWEST_ENTRIES = 65_536
MOST_ENTRIES = 16_777_216  # larger blocks save nothing
# Of malloc.h: M_ARENA_MAX, M_MMAP_THRESHOLD (32 MiB is the most) and M_TRIM_THRESHOLD.
RESERVE = {-8: 1, -3: 33_554_432, -1: 134_217_728}
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


@dataclass(frozen=True)
class Budget:
    """What a pass may take.

    Attributes:
        memory: bytes for controls and blocks together.
        workers: blocks worked on at a time.
        block: bytes that a block takes at most, though there were memory for more.
    """

    memory: int
    workers: int
    block: int = MOST_ENTRIES * ENTRY_BYTES

    def entries(self, control_bytes: int = 0) -> int:
        """Stored values that a block may hold beside controls of that size."""
        each = min((self.memory - control_bytes) // self.workers, self.block) // ENTRY_BYTES
        return max(each, FEWEST_ENTRIES)


def budget(memory: int | None = None, workers: int | None = None) -> Budget:
    """The budget asked for; by default one that leaves the machine usable.

    Args:
        memory: bytes; None means a quarter of what is available, of which a block takes 64 MiB
            at most, but no less than the smallest blocks take in any case.
        workers: None means one for each processor that the process may use.

    Raises:
        UsageError: either is below 1.
    """
    number = workers if workers is not None else available_workers()
    if memory is None:
        least = number * FEWEST_ENTRIES * ENTRY_BYTES
        chosen = Budget(max(available_memory() // SHARE, least), number, USUAL_BLOCK)
    else:
        chosen = Budget(memory, number)
    if chosen.memory < 1 or chosen.workers < 1:
        message = f"{chosen.workers} workers and {chosen.memory} bytes; both must be at least 1"
        raise UsageError(message)
    return chosen


def parse_bytes(text: str) -> int:
    """A number of bytes from text such as `512MiB`, `2GB`, `1g` or `1000000`.

    >>> parse_bytes("512MiB"), parse_bytes("2 GB")
    (536870912, 2000000000)

    Raises:
        UsageError: it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?)?b?", text.strip().lower())
    found = float(match[1]) * UNITS[match[2] or ""] if match else math.inf
    if math.isinf(found):
        message = f"{text[:80]!r} is no number of bytes; write 512MiB, 2GB or 1000000000"
        raise UsageError(message)
    return int(found)


def available_memory(root: Path = Path("/")) -> int:
    """Bytes that the process may still take: of the machine, or of the groups that it is in.

    Files that a group has read and not used since count as free: the system drops them first.
    """
    free = [_named(root / "proc/meminfo", r"MemAvailable:\s+(\d+) kB", 1024)]
    for group in _groups(root, "memory"):
        for most, used, cached in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            limit, taken = _number(group / most), _number(group / used) or 0
            if limit is not None:
                taken -= _named(group / "memory.stat", rf"{cached} (\d+)") or 0
                free.append(max(limit - max(taken, 0), 0))
    return min((number for number in free if number is not None), default=SHARE * USUAL_BLOCK)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Folders of the control groups that limit the process: its own, and all above it.

    Of both versions of Linux: `0::PATH` below one folder, or `N:CONTROLLERS:PATH` below one for
    each controller. Schedulers and services put processes into groups far below the root.
    """
    base = root / "sys/fs/cgroup"
    paths = {base: "", base / controller: ""}
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            paths[base / controller if controllers else base] = path
    for top, path in paths.items():
        group = top / path.lstrip("/")
        yield from (group, *(above for above in group.parents if above.is_relative_to(top)))


def _named(path: Path, line: str, unit: int = 1) -> int | None:
    """Bytes in the line of a file that is like that; None where there is none."""
    try:
        found = re.search(f"^{line}$", path.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * unit if found else None


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def available_workers(root: Path = Path("/")) -> int:
    """Processors that the process may use, by affinity and by quotas of the groups it is in."""
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    quotas = [quota for group in _groups(root, "cpu") if (quota := _quota(group))]
    return max(1, min([processors, *quotas]))


def _quota(group: Path) -> int:
    """Processors that a group may use, rounded up; 0 where nothing limits it."""
    try:
        quota, period = (group / "cpu.max").read_text().split()
    except (OSError, ValueError):
        quota, period = (str(_number(group / f"cpu.cfs_{n}_us")) for n in ("quota", "period"))
    return -(-int(quota) // int(period)) if quota.isdigit() and period.isdigit() else 0


def share_reserve() -> None:
    """Let all threads take memory from one reserve of the C library, before any of them runs.

    Each has its own otherwise, and keeps there what it has freed: a process then takes the more
    the longer it runs. Up to 128 MiB stay in the reserve until `give_back`, blocks of up to 32 MiB
    among it: the system clears whatever it is asked for anew. For programs that do nothing else;
    it concerns the whole process. Does nothing where the C library is not GNU's.
    """
    if (library := _library()) is not None and hasattr(library, "mallopt"):
        for option, value in RESERVE.items():
            library.mallopt(option, value)


def give_back() -> None:
    """Give memory that is free, but kept by the C library, back to the system.

    Reading tables leaves much of it, and workers have reserves of their own, which cannot use it.
    Does nothing where the C library is not GNU's.
    """
    if (library := _library()) is not None and hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


@cache
def _library() -> Any:
    return ctypes.CDLL(None) if os.name == "posix" else None
