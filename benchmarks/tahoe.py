"""The arithmetic of `docs/tahoe-100m.md`: what 100 million cells would take.

    python benchmarks/tahoe.py [--check]

Writes the parts of the page that follow from numbers: the plan's table, and the largest run that
was measured, from `benchmarks/results/memory.json`. With `--check` nothing is written.
"""

import json
import sys
from pathlib import Path

from measure import RESULTS
from page import number, row
from pages import kept

PAGE = Path(__file__).parents[1] / "docs" / "tahoe-100m.md"
CELLS = 100_648_790
CONTROLS = CELLS * 2 // 96  # two wells of a plate
DRUGS = 1_138  # conditions of a line
NANOSECONDS, BYTES = 70, 1.72  # of a stored value: to work on, and in the store
PROCESSES, THREADS = 4, 16  # of a process
BLOCK = 16_777_216
OBJECT = 4_194_304  # stored values
CASES = {  # cells, controls, lines, stored values a cell, features
    "5 lines, all features": (CELLS // 10, CONTROLS // 10, 5, 1_500, 62_000),
    "50 lines, panel of 2,000": (CELLS, CONTROLS, 50, 400, 2_000),
    "50 lines, all features": (CELLS, CONTROLS, 50, 1_500, 62_000),
}
LARGEST = "vcspec score, 1,000,000 x 2,000"
VALUES = 268_944_612, 272_706_723  # that its predictions and its dataset store


def plan(cells, controls, lines, stored, features):
    """What the formulas of the page say, by the names of its rows."""
    conditions, values = lines * DRUGS, cells * stored
    sorted_controls = 5 * controls * stored + 24 * features * lines
    fit = max(1, int(BLOCK // (values / conditions)))
    tasks = -(-conditions // fit)
    work = values * NANOSECONDS / 1e9
    return {
        "stored values": f"{values:.1e}",
        "in the store, GB": number(BYTES * values / 1e9),
        "tasks": f"{tasks:,}",
        "requests": f"{4 * values / OBJECT + 2 * tasks:,.0f}",
        "controls in a process, GB": f"{sorted_controls / 1e9:.1f}",
        f"memory of a process of {THREADS} threads, GB": (
            f"{(150e6 + sorted_controls + 24 * BLOCK * THREADS) / 1e9:.1f}"
        ),
        "core hours": f"{work / 3600:.1f}",
        "wall minutes of the pass": f"{work / (PROCESSES * THREADS) / 60:.1f}",
        "wall minutes of the controls": (
            f"{2 * controls * stored * NANOSECONDS / min(THREADS, lines) / 6e10:.1f}"
        ),
        "store must give, GB/s": f"{BYTES * PROCESSES * THREADS / NANOSECONDS:.1f}",
        "driver, GB": f"{(96 * conditions * features + 50 * cells + sorted_controls) / 1e9:,.0f}",
    }


def table():
    plans = [plan(*case) for case in CASES.values()]
    lines = [row(["", *CASES]), row(["---"] * (len(CASES) + 1))]
    return "\n".join([*lines, *(row([name, *(one[name] for one in plans)]) for name in plans[0])])


def largest():
    """The run in words."""
    result = json.loads((RESULTS / "memory.json").read_text())
    side = next(side for side in result["sides"] if side["name"] == LARGEST)
    cpu, wall, peak = (side["median"][name] for name in ("cpu", "wall", "peak"))
    low, high = side["range"]["cpu"]
    return (
        f"**The largest run**, from the benchmarks' row `memory` of {result['date']}: "
        f"{VALUES[0]:,} predicted and {VALUES[1]:,} measured\nvalues (1,000,000 cells × 2,000 "
        "features, 500 conditions, 10,000 control cells), both sides and everything that a score\n"
        f"takes: {number(cpu)} s of CPU [{number(low)}–{number(high)}], "
        f"{cpu / sum(VALUES) * 1e9:.0f} ns a value; {number(wall)} s; peak {number(peak)} MiB."
    )


def main():
    text = PAGE.read_text(encoding="utf-8")
    for name, part in (("plan", table()), ("largest", largest())):
        before, found, rest = text.partition(f"<!-- written: {name} -->\n")
        assert found, f"{PAGE} has no place for {name}"
        text = before + found + part + rest[rest.index("\n<!-- end -->") :]
    kept(PAGE, text, check="--check" in sys.argv[1:], remedy="tahoe.py")


if __name__ == "__main__":
    main()
