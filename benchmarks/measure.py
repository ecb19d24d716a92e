"""Whole processes, run side by side and measured from outside.

`run` starts one command and waits for it: CPU seconds (user and system, of the process and of the
children that it waited for), wall seconds, and the peak of resident memory in MiB. `interleaved`
runs several commands in turn, A B A B ..., so that what else the machine does meets all alike.

The module imports nothing large: a process starts with the peak of the one that started it.
"""

import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / "results"
MEBI = 2**20
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
# Every side runs from compiled bytecode, as what a person has installed does.
USUAL = {"PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": ""}
PACKAGES = (
    *("vcspec", "numpy", "scipy", "numba", "zarr", "numcodecs", "anndata", "h5py", "pandas"),
    *("polars", "cell-eval", "illico", "pdex", "numba-mwu", "scanpy", "scikit-learn", "pertpy"),
    *("fsspec", "s3fs"),
)
LIST_VERSIONS = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
found = {"python": sys.version.split()[0]}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(eq=False)
class Side:
    """One of the things that are compared.

    Attributes:
        name: as results call it.
        command: program and arguments.
        environment: variables on top of the present ones.
        once: whether it is run a single time, as what it stands for is not compared.
        says: what a reader should know of it.
        runs: what was measured, one dict a run.
        error: why there is no result; empty where there is one.
    """

    name: str
    command: list
    environment: dict = field(default_factory=dict)
    once: bool = False
    says: str = ""
    runs: list = field(default_factory=list)
    error: str = ""

    def medians(self):
        return {key: statistics.median(values) for key, values in self._columns().items()}

    def ranges(self):
        return {key: [min(values), max(values)] for key, values in self._columns().items()}

    def _columns(self):
        keys = [
            key for key, value in (self.runs or [{}])[0].items() if isinstance(value, int | float)
        ]
        return {key: [run[key] for run in self.runs] for key in keys}


def run(command, environment=None):
    """Run a command to its end.

    Returns:
        what was measured, with the members of the JSON object that it printed last, if it did; or
        the text of the failure.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as problems:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=problems,
            env={**os.environ, **USUAL, **(environment or {})},
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        measured = {
            "cpu": used.ru_utime + used.ru_stime,
            "wall": wall,
            "peak": used.ru_maxrss / 1024,
        }
        if process.returncode:
            return f"exit code {process.returncode}: {last_words(problems) or last_words(out)}"
        return {**measured, **printed(out)}


def last_words(file):
    file.seek(0)
    lines = [line.strip() for line in file.read().splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-600:]


def printed(file):
    file.seek(0)
    lines = file.read().strip().splitlines()
    try:
        found = json.loads(lines[-1])
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def interleaved(sides, *, repeats, warm_up=True):
    """Run each side `repeats` times, in turn.

    A first round that is not counted warms the caches.
    """
    for number in range(repeats + warm_up):
        for side in sides:
            if side.error or (side.once and number != warm_up):
                continue
            found = run(side.command, side.environment)
            if isinstance(found, str):
                side.error, side.runs = found, []
            elif number >= warm_up:
                side.runs.append(found)
            say(side, found, counted=number >= warm_up)


def say(side, found, *, counted):
    if isinstance(found, str):
        print(f"  {side.name}: {found}", flush=True)
        return
    shown = " ".join(f"{key} {value:.3g}" for key, value in found.items() if is_number(value))
    print(f"  {side.name}: {shown}{'' if counted else '  (warm-up)'}", flush=True)


def is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def times_less(sides, measure, bar):
    """Check that the first side takes at least `bar` times less than the second."""
    return _check(sides, measure, lambda ours, theirs: theirs / ours, at_least=bar)


def times_as_much(sides, measure, bar):
    """Check that the first side takes at most `bar` times what the second takes."""
    return _check(sides, measure, lambda ours, theirs: ours / theirs, at_most=bar)


def at_most(side, measure, bar):
    """Check a measure of one side against a number."""
    return _check([side], measure, lambda ours: ours, at_most=bar)


def _check(sides, measure, ratio, **bar):
    medians = [side.medians().get(measure) for side in sides]
    value = None if None in medians else ratio(*medians)
    (kind, limit), *_ = bar.items()
    met = value is not None and (value >= limit if kind == "at_least" else value <= limit)
    return {
        "measure": measure,
        "sides": [side.name for side in sides],
        "value": value,
        kind: limit,
        "met": met,
    }


def machine():
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def cpu_model():
    found = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return found[0] if found else platform.processor()


def revision():
    """The commit that is measured; marked where the package differs from it."""
    head = git("rev-parse", "--short", "HEAD") or "unknown"
    return f"{head} with changes" if git("status", "--porcelain", "vcspec", "spec") else head


def git(*arguments):
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def versions(python):
    """Versions of the packages of interest that `python` has."""
    listed = subprocess.run(
        [str(python), "-c", LIST_VERSIONS, *PACKAGES], capture_output=True, text=True, check=True
    )
    return json.loads(listed.stdout)


def plain(text, scratch):
    """Text without the places of this machine."""
    named = {
        str(scratch): "$SCRATCH",
        str(ROOT): ".",
        sys.executable: "python",
        sys.prefix: "$VENV",
    }
    for place, name in named.items():
        text = text.replace(place, name)
    return text


def interpreter(side):
    """The Python that runs a side."""
    program = Path(side.command[0])
    return program if program.name.startswith("python") else program.with_name("python")


def all_versions(sides, scratch):
    """Interpreter → versions of the packages of interest, for each that runs a side."""
    found = {interpreter(side): None for side in sides}
    return {plain(str(path), scratch): versions(path) for path in found if path.exists()}


def side_record(side, scratch):
    environment = " ".join(f"{name}={value}" for name, value in side.environment.items())
    command = " ".join(str(part) for part in side.command)
    record = {
        "name": side.name,
        "command": plain(f"{environment} {command}".strip(), scratch),
        "python": plain(str(interpreter(side)), scratch),
        "runs": len(side.runs),
        "median": rounded(side.medians()),
        "range": rounded(side.ranges()),
    }
    record |= {"says": side.says} if side.says else {}
    return record | ({"error": plain(side.error, scratch)} if side.error else {})


def rounded(value):
    """Numbers with four digits, at any depth."""
    if isinstance(value, dict):
        return {key: rounded(member) for key, member in value.items()}
    if isinstance(value, list):
        return [rounded(member) for member in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def save(result, folder=RESULTS):
    """Write a result as `NAME.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result['name']}.json"
    path.write_text(json.dumps(rounded(result), indent=1, ensure_ascii=False) + "\n")
    return path


def today():
    return dt.datetime.now(tz=dt.UTC).date().isoformat()
