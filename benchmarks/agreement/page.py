"""The agreement with published packages as one page, `benchmarks/agreement/README.md`.

    python benchmarks/agreement/page.py [--check]

With `--check` nothing is written; the exit code is 1 where the page is not what results.json says.
"""

import json
import sys
from pathlib import Path

from columns import ALONE

HERE = Path(__file__).parent
PAGE = HERE / "README.md"
BAR = 1e-6
HEAD = """# What published packages compute

Written by `benchmarks/agreement/page.py` from `results.json`, which `benchmarks/agreement/run.py`
makes: each package runs in an environment of its own, on the same cells as vcspec. Differences are
the largest over perturbations; a relative one is to the package's value, or to 0.001 where that is
smaller. The bar is 1e-6 relative. Counts in brackets: perturbations that one side alone leaves
undefined, vcspec first.

pertpy and scPertEval leave choices to their user. What stands after a comma, or as
center_global_mean, is the choice of the standard: changes from control, the pinned axes, rank-sum
tests against control, the mean over all perturbations as centre. Where a column as published
differs and the one with the choice is equal, the choice is the whole difference.

Not on the package registry, so not run: PerturBench, the scorer of arXiv:2604.27646, Systema and
TxPert. Their metrics are defined from their papers and code; the entries of the standard say where
they depart from them.
"""


def number(value):
    return "0" if not value else f"{value:.1e}"


def page(results):
    made, versions = results["made"], results["versions"]
    names = ", ".join(f"{name} {versions[name]}" for name in sorted(versions))
    parts = [HEAD, f"{made['date']}, Python {made['python']}: {names}.", ""]
    for source, packages in results["inputs"].items():
        parts += [f"## {source}", ""]
        for package, table in packages.items():
            if "failed" in table:
                parts += [f"{package} failed: `{table['failed']}`", ""]
                continue
            parts += [
                f"| {package} | metric | perturbations | absolute | relative |  |",
                "|---|---|---|---|---|---|",
            ]
            parts += [line(column, found) for column, found in table.items()]
            parts.append("")
    parts += ["## Without a counterpart", ""]
    for package, columns in ALONE.items():
        parts += [f"- {package}, `{names}`: {why}." for names, why in columns.items()]
    return "\n".join(parts).rstrip() + "\n"


def line(column, found):
    if not found["conditions"]:
        why = found["differs"] or "no value"
        return f"| {column} | {found['metric']} | 0 | — | — | {why} |"
    alone = (
        f" ({found['only_theirs']}, {found['only_ours']})"
        if found["only_ours"] or found["only_theirs"]
        else ""
    )
    verdict = found["differs"] or ("equal" if found["relative"] <= BAR else "**differs**")
    return (
        f"| {column} | {found['metric']} | {found['conditions']}{alone} | "
        f"{number(found['absolute'])} | {number(found['relative'])} | {verdict} |"
    )


def main():
    fresh = page(json.loads((HERE / "results.json").read_text("utf-8")))
    stale = not PAGE.exists() or PAGE.read_text("utf-8") != fresh
    if "--check" not in sys.argv:
        PAGE.write_text(fresh, encoding="utf-8")
        return 0
    if stale:
        print(f"{PAGE} is stale: python benchmarks/agreement/page.py")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
