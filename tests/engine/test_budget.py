import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vcspec.engine import budget as module
from vcspec.engine.budget import (
    ENTRY_BYTES,
    FEWEST_ENTRIES,
    MOST_ENTRIES,
    USUAL_BLOCK,
    Budget,
    available_memory,
    available_workers,
    budget,
    parse_bytes,
)
from vcspec.model.errors import UsageError

GIB = 2**30


def machine(root: Path, **files: str) -> Path:
    """A root folder in which `proc__meminfo` and the like are files."""
    for name, text in files.items():
        place = root / name.replace("__", "/").replace("_dot_", ".")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return root


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1000000", 10**6),
        ("512MiB", 2**29),
        ("512 mib", 2**29),
        (" 2GB ", 2 * 10**9),
        ("1g", 10**9),
        ("1Gi", GIB),
        ("1.5k", 1_500),
        ("64b", 64),
        ("0.5GiB", 2**29),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    "text", ["", "MiB", "-1", "1TB", "1e9", "1,000", "1 2", "ten", "1.", "½", "9" * 400]
)
def test_what_is_no_size_is_a_wrong_call(text: str) -> None:
    with pytest.raises(UsageError, match="is no number of bytes; write 512MiB"):
        parse_bytes(text)


MEMINFO = "MemTotal: 16777216 kB\nMemFree: 10 kB\nMemAvailable: 8388608 kB\n"


def test_a_machine_has_the_memory_that_it_calls_available(tmp_path: Path) -> None:
    assert available_memory(machine(tmp_path, proc__meminfo=MEMINFO)) == 8 * GIB


def test_a_control_group_has_what_its_limit_leaves(tmp_path: Path) -> None:
    limits = {
        "proc__meminfo": MEMINFO,
        "sys__fs__cgroup__memory_dot_max": f"{3 * GIB}\n",
        "sys__fs__cgroup__memory_dot_current": f"{GIB}\n",
    }
    assert available_memory(machine(tmp_path, **limits)) == 2 * GIB


@pytest.mark.parametrize("used", [GIB, GIB + 4096, 2 * GIB])
def test_a_full_control_group_has_nothing_left(used: int, tmp_path: Path) -> None:
    limits = {
        "proc__meminfo": MEMINFO,
        "sys__fs__cgroup__memory_dot_max": f"{GIB}\n",
        "sys__fs__cgroup__memory_dot_current": f"{used}\n",
    }
    assert available_memory(machine(tmp_path, **limits)) == 0


@pytest.mark.parametrize(
    "names",
    [
        ("", "max", "current", "inactive_file"),
        ("memory__", "limit_in_bytes", "usage_in_bytes", "total_inactive_file"),
    ],
)
@pytest.mark.parametrize(("cache", "left"), [(0, 0), (3 * GIB, 3 * GIB), (9 * GIB, 4 * GIB)])
def test_files_that_a_control_group_has_read_are_no_memory_in_use(
    names: tuple[str, str, str, str], cache: int, left: int, tmp_path: Path
) -> None:
    folder, limit, used, cached = names
    at = f"sys__fs__cgroup__{folder}memory_dot_"
    limits = {
        "proc__meminfo": MEMINFO,
        f"{at}{limit}": f"{4 * GIB}\n",
        f"{at}{used}": f"{4 * GIB}\n",
        f"{at}stat": f"anon 1\nmy_{cached} 7\nactive_file 12\n{cached} {cache}\n",
    }
    assert available_memory(machine(tmp_path, **limits)) == left


JOB = "system.slice/slurmstepd.scope/job_1"


def test_a_limit_of_any_group_that_the_process_is_in_counts(tmp_path: Path) -> None:
    """As schedulers and services set it; the root has no files of its own."""
    at = f"sys__fs__cgroup__{JOB}".replace("/", "__").replace(".", "_dot_")
    limits = {
        "proc__meminfo": MEMINFO,
        "proc__self__cgroup": f"0::/{JOB}/step_0\n",
        f"{at}__memory_dot_max": f"{4 * GIB}\n",
        f"{at}__memory_dot_current": f"{GIB}\n",
        f"{at}__step_0__memory_dot_max": "max\n",
        f"{at}__cpu_dot_max": "100000 100000\n",
        f"{at}__step_0__cpu_dot_max": "max 100000\n",
    }
    assert available_memory(machine(tmp_path, **limits)) == 3 * GIB
    assert available_workers(tmp_path) == 1


def test_a_group_of_the_first_version_below_the_root_counts(tmp_path: Path) -> None:
    limits = {
        "proc__meminfo": MEMINFO,
        "proc__self__cgroup": "9:memory:/slurm/job\n4:cpu,cpuacct:/slurm/job\n1:name=systemd:/\n",
        "sys__fs__cgroup__memory__slurm__memory_dot_limit_in_bytes": f"{GIB}\n",
        "sys__fs__cgroup__cpu__slurm__job__cpu_dot_cfs_quota_us": "50000\n",
        "sys__fs__cgroup__cpu__slurm__job__cpu_dot_cfs_period_us": "100000\n",
    }
    assert available_memory(machine(tmp_path, **limits)) == GIB
    assert available_workers(tmp_path) == 1


def test_a_path_of_a_group_that_is_not_there_is_none(tmp_path: Path) -> None:
    """As in a container that sees the path of its host."""
    limits = {"proc__meminfo": MEMINFO, "proc__self__cgroup": "0::/../../docker/abc\n"}
    assert available_memory(machine(tmp_path, **limits)) == 8 * GIB


def test_control_groups_of_the_first_version_count_as_well(tmp_path: Path) -> None:
    limits = {
        "proc__meminfo": MEMINFO,
        "sys__fs__cgroup__memory__memory_dot_limit_in_bytes": f"{GIB}\n",
        "sys__fs__cgroup__memory__memory_dot_usage_in_bytes": "1024\n",
    }
    assert available_memory(machine(tmp_path, **limits)) == GIB - 1024


@pytest.mark.parametrize("limit", ["max\n", f"{2**63}\n", ""])
def test_a_control_group_without_a_limit_leaves_the_machine_its_memory(
    tmp_path: Path, limit: str
) -> None:
    limits = {"proc__meminfo": MEMINFO, "sys__fs__cgroup__memory_dot_max": limit}
    assert available_memory(machine(tmp_path, **limits)) == 8 * GIB


def test_a_machine_that_tells_nothing_gets_the_usual_memory(tmp_path: Path) -> None:
    assert available_memory(tmp_path) // module.SHARE == USUAL_BLOCK


@pytest.mark.parametrize(
    ("quota", "workers"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("900000 100000", 8),
        ("nonsense", 8),
    ],
)
def test_a_quota_of_processor_time_limits_the_workers(
    quota: str, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    root = machine(tmp_path, sys__fs__cgroup__cpu_dot_max=quota)
    assert available_workers(root) == workers


def test_workers_are_the_processors_that_the_process_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 6}, raising=False)
    assert available_workers(tmp_path) == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_workers(tmp_path) == 1


@pytest.mark.parametrize("free", [GIB // 2, 64 * GIB])
def test_a_budget_leaves_the_machine_usable(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_memory", lambda: free)
    monkeypatch.setattr(module, "available_workers", lambda: 3)
    assert budget() == Budget(free // 4, 3, USUAL_BLOCK)
    assert budget(10, 2) == Budget(10, 2)


@pytest.mark.parametrize("free", [0, 3, 2**20])
def test_where_no_memory_is_left_the_smallest_blocks_are_taken(
    free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "available_memory", lambda: free)
    monkeypatch.setattr(module, "available_workers", lambda: 3)
    assert budget() == Budget(3 * FEWEST_ENTRIES * ENTRY_BYTES, 3, USUAL_BLOCK)
    assert budget().entries() == FEWEST_ENTRIES
    with pytest.raises(UsageError, match="must be at least 1"):
        budget(workers=0)


def test_usual_blocks_stand_beside_controls_as_long_as_there_is_memory_for_both() -> None:
    usual = Budget(GIB, 2, block=ENTRY_BYTES * 1_000_000)
    assert usual.entries() == usual.entries(GIB // 2) == 1_000_000
    assert usual.entries(GIB - ENTRY_BYTES * 1_000_000) == 500_000


@pytest.mark.parametrize("chosen", [(0, 1), (1, 0), (-5, 1), (1, -1)])
def test_a_budget_of_nothing_is_a_wrong_call(chosen: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="must be at least 1"):
        budget(*chosen)


def test_workers_share_what_the_controls_leave() -> None:
    chosen = Budget(ENTRY_BYTES * 4_000_000, 4)
    assert chosen.entries() == 1_000_000
    assert chosen.entries(ENTRY_BYTES * 2_000_000) == 500_000


@pytest.mark.parametrize(("memory", "entries"), [(1, FEWEST_ENTRIES), (2**50, MOST_ENTRIES)])
def test_blocks_are_neither_tiny_nor_huge(memory: int, entries: int) -> None:
    assert Budget(memory, 2).entries() == entries
    assert Budget(1, 2).entries(control_bytes=2**40) == FEWEST_ENTRIES


# What is tried is a function of GNU's C library, which others do not have.
gnu = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only GNU's C library can")

GIVEN_BACK = """
import re
from pathlib import Path

from vcspec.engine.budget import give_back


def resident():
    found = re.search(r"^VmRSS:\\s+(\\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024


parts = [bytearray(50_000) for _ in range(1_000)]
before = resident()
del parts[:-1]
give_back()
print(before - resident())
"""


@gnu
def test_memory_that_is_free_goes_back_to_the_system_though_some_above_it_is_not():
    """In a process of its own, whose memory nobody else has cut up."""
    command = [sys.executable, "-c", GIVEN_BACK]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) > 40_000_000


SHARED = """
import ctypes
import sys
import threading

from vcspec.engine.budget import share_reserve

if sys.argv[1] == "shared":
    share_reserve()
held = [bytearray(20_000_000)]
threads = [threading.Thread(target=lambda: held.append(bytearray(5_000))) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
library = ctypes.CDLL(None)
library.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(library.fdopen(1, b"w"))
library.malloc_info(0, out)
library.fflush(out)
"""


@gnu
@pytest.mark.parametrize(("how", "alone"), [("shared", True), ("each its own", False)])
def test_threads_can_be_made_to_share_one_reserve(how: str, *, alone: bool):
    command = [sys.executable, "-c", SHARED, how]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert (done.stdout.count("<heap nr=") == 1) == alone
    mapped = re.search(r'type="mmap" count="\d+" size="(\d+)"', done.stdout)
    assert (int(mapped[1]) < 20_000_000) == alone  # what was freed of it would be cleared again
