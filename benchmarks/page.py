"""The results as one page, `benchmarks/results/README.md`.

    python benchmarks/page.py [--check]

With `--check` nothing is written; the exit code is 1 where the page is not what the results say.
"""

import json
import sys

from measure import HERE, RESULTS
from rows import ROWS

PAGE = RESULTS / "README.md"
UNITS = {
    "cpu": ("CPU", "s"),
    "wall": ("wall", "s"),
    "peak": ("peak memory", "MiB"),
    "call_cpu": ("CPU of the call", "s"),
    "call_wall": ("wall of the call", "s"),
    "requests": ("requests", ""),
    "requests_an_object": ("requests an object", ""),
    "call_growth": ("memory on top of the inputs", "MiB"),
    "nanoseconds_a_value": ("CPU a stored value", "ns"),
    "off_u": ("largest difference of U to SciPy's", ""),
    "off_p": ("largest difference of p to SciPy's", ""),
    "off": ("largest difference to float64, of the mean distance", ""),
    "installed": ("size", "MiB"),
}
HEAD = """# Results

Written by `benchmarks/page.py` from `benchmarks/profile.md` and the JSON files beside it, which
hold commands, versions, ranges and start-up times; `benchmarks/README.md` says how they are made.
Medians, with the range in brackets. The ratio is what the bar is about: peer / vcspec where it is
"at least", vcspec / peer where it is "at most".
"""
COLUMNS = ("work", "measure", "vcspec", "peer", "ratio or value", "bar", "")


def results():
    """Results in the order of the rows."""
    found = [json.loads(path.read_text()) for path in RESULTS.glob("*.json")]
    return sorted(found, key=lambda result: list(ROWS).index(result["name"]))


def page(found):
    profile = (HERE / "profile.md").read_text()
    parts = [HEAD, *machines(found), table(found), notes(found), "", profile]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def machines(found):
    """Machine and date, once for the results that share them."""
    groups = {}
    for result in found:
        place = {key: value for key, value in result["machine"].items() if key != "load_before"}
        groups.setdefault((tuple(place.values()), result["date"]), []).append(result)
    for (place, date), members in groups.items():
        cpu, cores, memory, system = place
        names = ", ".join(result["name"] for result in members)
        yield f"- {date}: {names}\n  on {cpu}, {cores} cores, {memory}, {system}."
    revisions = dict.fromkeys(result["revision"] for result in found)
    yield f"- vcspec at {', '.join(revisions)}; {versions(found)}.\n"


def versions(found):
    """Every version that was used of every package."""
    used = {}
    for result in found:
        for packages in result["versions"].values():
            for name, version in packages.items():
                used.setdefault(name, {})[version] = True
    return ", ".join(f"{name} {' and '.join(each)}" for name, each in used.items())


def table(found):
    lines = [row(COLUMNS), row(["---"] * len(COLUMNS))]
    for result in found:
        for number, check in enumerate(result["checks"]):
            work = f"**{result['name']}** {result['work']} {result['input']}" if not number else ""
            lines.append(row([work, *cells(result, check)]))
    return "\n".join(lines) + "\n"


def cells(result, check):
    """Measure, both sides, ratio, bar and verdict of one check."""
    sides = {side["name"]: side for side in result["sides"]}
    title, unit = UNITS[check["measure"]]
    values = [value_of(sides[name], check["measure"], unit) for name in check["sides"]]
    is_ratio = len(values) == 2
    if is_ratio:
        values[1] = f"{check['sides'][1]}: {values[1]}"
    if check["sides"][0] != "vcspec":
        title = f"{title}, {check['sides'][0]}"
    kind = "at least" if "at_least" in check else "at most"
    limit = check.get("at_least", check.get("at_most"))
    mark = "x" if is_ratio else f" {unit}"
    ratio = "—" if check["value"] is None else f"{number(check['value'])}{mark}".strip()
    verdict = "met" if check["met"] else "**missed**"
    return title, *[*values, "—"][:2], ratio, f"{kind} {number(limit)}{mark}".strip(), verdict


def value_of(side, measure, unit):
    if measure not in side["median"]:
        return "failed" if side.get("error") else "—"
    low, high = (number(value) for value in side["range"][measure])
    return f"{number(side['median'][measure])} {unit}".strip() + f" [{low}–{high}]"


def number(value):
    """Three digits, or all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def row(values):
    return "| " + " | ".join(values) + " |"


def notes(found):
    """What a reader of the table should know: failures, start-up, scaling, load."""
    lines = []
    for result in found:
        for side in result["sides"]:
            lines += [f"- {result['name']}, {side['name']}: {said}" for said in remarks(side)]
        if result["size"] != "full":
            lines.append(f"- {result['name']}: of size {result['size']}, which shows nothing.")
    loads = ", ".join(f"{result['name']} {result['machine']['load_before']}" for result in found)
    return "\n".join([*lines, f"- Load average before each: {loads}."])


def remarks(side):
    if side.get("error"):
        yield f"failed: `{side['error'].replace('`', ' ')}`"
    elif side.get("says"):
        cpu = f" ({number(side['median']['cpu'])} s CPU)" if "start-up" in side["name"] else ""
        yield f"{side['says']}{cpu}."


def main():
    text = page(results())
    if "--check" in sys.argv[1:]:
        stale = not PAGE.exists() or PAGE.read_text() != text
        print("the page is stale; run benchmarks/page.py" if stale else "the page is up to date")
        return int(stale)
    PAGE.write_text(text)
    print(f"wrote {PAGE.relative_to(RESULTS.parent.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
