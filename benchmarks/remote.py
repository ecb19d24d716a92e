"""Commands on a remote store beside the same commands on this machine's disk.

    python benchmarks/remote.py [--entries 43] [--rounds 3] [--latency 0.02]

draws predictions of about 200 MB with their split and reference, serves them by the S3 server of
the tests in a process of its own, which waits 20 ms before every answer and shares the processors
with what is measured, and runs `vcspec validate --level full` and `vcspec score`, whole processes,
on disk and on the server in turn. Medians, ranges and what the server was asked go to
results/remote.json. The bar: a remote run takes at most 1.5 times as long as one on disk.
"""

import argparse
import datetime as dt
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support import tiny  # noqa: E402 - the tests' artefacts

from vcspec.actions.curate import write_dataset  # noqa: E402
from vcspec.actions.predict import open_split  # noqa: E402
from vcspec.actions.reference import reference  # noqa: E402
from vcspec.actions.split import split  # noqa: E402
from vcspec.model.curated import Curated  # noqa: E402
from vcspec.model.matrix import rows_of_dense, stack  # noqa: E402

BAR = 1.5
FEATURES, CONDITIONS, CELLS, SHARE = 4_000, 100, 30, 0.3


def build(folder: Path, entries: int) -> None:
    """Artefacts in `folder`, the predictions of about `entries` stored values."""
    draw = np.random.default_rng(1)
    names = [f"G{number:04d}" for number in range(FEATURES)]
    labels = ["control"] * 300 + [name for name in names[:CONDITIONS] for _ in range(CELLS)]
    base = draw.lognormal(-1.5, 1.0, FEATURES)
    counts = draw.poisson(base, (len(labels), FEATURES)).astype(np.int32)
    cells = np.array([f"cell-{number:05d}" for number in range(len(labels))], dtype=object)
    obs = {
        "context": np.array(["all"] * len(labels), dtype=object),
        "perturbation": np.array(labels, dtype=object),
    }
    made = Curated(stack([rows_of_dense(counts)]), cells, np.array(names, dtype=object), obs)
    write_dataset(folder / "data.zarr", tiny.dataset_document(), made, overwrite=False)
    held_out = names[: CONDITIONS * 3 // 4]
    rows = int(entries / len(held_out) / FEATURES / SHARE)
    plan = tiny.plan(parameters={"hold_out": held_out}, cells_per_condition=rows)
    split(folder / "data.zarr", folder / "split.zarr", plan)
    reference(folder / "split.zarr", folder / "data.zarr", folder / "reference.zarr")
    predict(folder, rows)


def predict(folder: Path, rows: int) -> None:
    """Predictions of `rows` cells for each condition, drawn."""
    draw = np.random.default_rng(2)
    with open_split(folder / "split.zarr").writer(folder / "model.zarr", model="drawn") as out:
        for condition in out.conditions:
            shown = draw.random((rows, FEATURES)) < SHARE
            values = draw.gamma(2.0, 0.5, (rows, FEATURES)) * shown
            scaled = values * (tiny.TARGET_SUM / values.sum(axis=1, keepdims=True))
            out[condition] = np.log1p(scaled).astype(np.float32)


@contextmanager
def served(folder: Path, latency: float) -> Iterator[dict[str, str]]:
    """The variables under which the folders below `folder` are buckets."""
    program = [sys.executable, str(ROOT / "tests/support/s3.py"), str(folder)]
    server = subprocess.Popen(
        [*program, "--latency", str(latency)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        lines = [server.stdout.readline() for _ in range(4)]
        yield dict(line.strip().removeprefix("export ").split("=", 1) for line in lines)
    finally:
        server.terminate()
        server.wait()


def run(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Seconds of a whole process, its processor time, and what it says of its requests."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "vcspec", *command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    spent = sum(getattr(after, name) - getattr(before, name) for name in ("ru_utime", "ru_stime"))
    found = {"seconds": took, "cpu": spent}
    told = re.search(r"(\d+) requests, ([\d.]+) MB read", done.stderr)
    if told:
        found |= {"requests": int(told[1]), "megabytes": float(told[2])}
    return found


def commands(place: str) -> dict[str, list[str]]:
    """What is measured, on the artefacts at `place`."""
    split_, model = f"{place}/split.zarr", f"{place}/model.zarr"
    chosen = ["--split", split_, "--reference", f"{place}/reference.zarr"]
    return {
        "validate --level full": ["validate", model, "--split", split_, "--level", "full"],
        "score": ["score", model, *chosen],
    }


def measured(folder: Path, rounds: int, latency: float) -> dict[str, object]:
    """Each command on disk and on the server, in turn."""
    taken: dict[str, dict[str, list[dict[str, float]]]] = {}
    with served(folder.parent, latency) as environment:
        for _ in range(rounds):
            for where, place in (("local", str(folder)), ("remote", f"s3://{folder.name}")):
                for name, command in commands(place).items():
                    runs = taken.setdefault(name, {}).setdefault(where, [])
                    runs.append(run(command, environment))
                    print(name, where, runs[-1], flush=True)
    return {name: summary(found) for name, found in taken.items()}


def summary(found: dict[str, list[dict[str, float]]]) -> dict[str, object]:
    """Medians and ranges, and the ratio of the medians."""
    told: dict[str, object] = {}
    for where, runs in found.items():
        for name in runs[-1]:
            values = [one[name] for one in runs]
            ends = [round(end, 2) for end in (min(values), max(values))]
            told[f"{where} {name}"] = {"median": round(statistics.median(values), 2), "range": ends}
    medians = [statistics.median(one["seconds"] for one in found[at]) for at in ("remote", "local")]
    ratio = round(medians[0] / medians[1], 2)
    return {**told, "ratio": ratio, "within the bar": ratio <= BAR}


def main() -> None:
    """Build, measure, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=float, default=43, help="millions of stored values")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.02)
    parser.add_argument("--folder", type=Path, help="keep the artefacts here, or take them from it")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (chosen.folder or Path(scratch)) / "bucket"
        if not folder.exists():
            folder.mkdir(parents=True)
            build(folder, int(chosen.entries * 1e6))
        size = sum(file.stat().st_size for file in (folder / "model.zarr").rglob("*"))
        results = measured(folder, chosen.rounds, chosen.latency)
    document = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors shared with the server",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("vcspec", "numpy", "zarr", "numcodecs", "s3fs")},
        "predictions megabytes": round(size / 1e6, 1),
        "latency": chosen.latency,
        "bar": BAR,
        "results": results,
    }
    text = json.dumps(document, indent=2)
    print(text)
    target = Path(__file__).parent / "results" / "remote.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text + "\n")


if __name__ == "__main__":
    main()
