"""Run comparisons and keep their results.

    python benchmarks/run.py NAME... [--size full|small] [--repeats 3] [--scratch FOLDER]

NAME is a row, or `all`; without one the rows are listed. `small` tries the machinery; its results
go to the scratch folder, as they say nothing about the bars.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from measure import (
    RESULTS,
    all_versions,
    interleaved,
    machine,
    plain,
    revision,
    save,
    side_record,
    today,
)
from rows import ASSERTED, ROWS, Bench


def one(name, bench, repeats):
    """Run a row; its result."""
    print(f"{name}: {ROWS[name].__doc__}", flush=True)
    began = time.monotonic()
    says, sides, checks = ROWS[name](bench)
    place = machine()
    interleaved([side for side in sides if not side.runs], repeats=repeats)
    return {
        "name": name,
        "work": ROWS[name].__doc__,
        "input": says,
        "size": bench.size,
        "date": today(),
        "revision": revision(),
        "machine": place,
        "repeats": repeats,
        "minutes": (time.monotonic() - began) / 60,
        "versions": all_versions(sides, bench.scratch),
        "sides": [side_record(side, bench.scratch) for side in sides],
        "checks": checks(),
    }


def told(result):
    """Print how a result compares with its bars."""
    for check in result["checks"]:
        kind = "at least" if "at_least" in check else "at most"
        bar = check.get("at_least", check.get("at_most"))
        value = "no value" if check["value"] is None else f"{check['value']:.4g}"
        verdict = "met" if check["met"] else "MISSED"
        sides = " / ".join(check["sides"])
        print(f"  {verdict}: {check['measure']} of {sides}: {value}, {kind} {bar:g}")


def parser():
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("names", nargs="*", metavar="NAME")
    options.add_argument("--size", choices=("full", "small"), default="full")
    options.add_argument("--repeats", type=int, default=3)
    scratch = Path(tempfile.gettempdir()) / "vcspec-benchmarks"
    options.add_argument("--scratch", type=Path, default=scratch)
    return options


def main():
    given = parser().parse_args()
    names = list(ROWS) if given.names == ["all"] else given.names
    unknown = [name for name in names if name not in ROWS]
    if unknown or not names:
        print("rows:", ", ".join(ROWS))
        return 2
    bench = Bench(given.scratch.resolve(), given.size)
    bench.scratch.mkdir(parents=True, exist_ok=True)
    broken = False
    for name in names:
        result = one(name, bench, given.repeats)
        told(result)
        folder = RESULTS if given.size == "full" else bench.scratch / "results"
        print(f"  {plain(str(save(result, folder)), bench.scratch)}")
        missed = not all(check["met"] for check in result["checks"])
        broken |= name in ASSERTED and missed and given.size == "full"
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
