"""Which submissions of the null panel carry a flag, and which honest models do.

    python benchmarks/flags.py --scratch FOLDER    measures, and writes flags.json
    python benchmarks/flags.py --page [--check]    writes docs/flags.md from it

An attack is a submission of the panel that knows nothing, or that transforms an honest
prediction. It gains on a headline metric where it is better than what it is made of (the honest
prediction, or the baseline that knows as little as it does) by more than 1 % of what the replicate
is above the floor. It pays where the paired bootstrap of `vcspec compare` also tells the two apart.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import invariance
import numpy as np
import pages

import vcspec
from vcspec.actions.probe import Stage
from vcspec.actions.reference import reference
from vcspec.actions.suites import metrics_of
from vcspec.baselines.arms import moved, normal, submission
from vcspec.metrics.standing import better_share, means_of
from vcspec.model.errors import Invalid
from vcspec.standard import standard

ROOT = Path(__file__).parent.parent
RESULTS, PAGE = ROOT / "benchmarks" / "flags.json", ROOT / "docs" / "flags.md"
SCREENS = (
    "simulated-screen/unseen-combination",
    "norman-mcfaline/unseen-combination",
    "norman-mcfaline/covariate-transfer",
    "norman-mcfaline/few-shot-context",
    "norman-mcfaline/unseen-context",
    "norman-mcfaline/cross-dataset",
    "datlinger-jurkat/unseen-perturbation",
)
# Models that mean what they say; what never tells perturbations apart is flagged for that.
BASELINES = ("linear", "nearest-conditions", "additive", "nearest-context", "target-scaling")
SIZES = (1.0, 0.6)  # of the change
ERRORS = (0.0, 0.3, 0.6)  # deviation, as a share of the change's root mean square
CAUGHT, FALSE, GAIN = 0.95, 0.02, 0.01
SURE = 0.975  # share of resamples, as where an interval of 95 % excludes zero


def changed(screen, cells, size, error):
    """The cells of a model whose change is so many times as large, and wrong by so much."""
    found = []
    for row, (control, own) in enumerate(zip(screen.stage.scene.control, cells, strict=True)):
        change = own.mean(axis=0) - control.mean(axis=0)
        noise = normal(change.shape, 5_000 + 2 * row) * np.sqrt(np.square(change).mean())
        made = np.expm1(moved(own, (size - 1) * change + error * noise))
        totals = np.expm1(own).sum(axis=1) / made.sum(
            axis=1
        )  # errors add nothing to a cell's total
        found.append(np.log1p(made * totals[:, np.newaxis]))
    return found


def replicate_of(stage, seed):
    """The true cells of half of each condition, as often as are asked for: an experiment again."""
    draw = np.random.default_rng(seed)
    return [
        cells[draw.choice(len(cells), max(2, len(cells) // 2), replace=False)].astype(np.float32)
        for cells in stage.scene.truth
    ]


class Screen:
    """One split of the library, and what is submitted to it."""

    def __init__(self, name, scratch):
        self.split, self.dataset, _ = invariance.made(name, scratch)
        self.reference = self.split.with_name("core.zarr")
        if not self.reference.exists():
            reference(self.split, self.dataset, self.reference)
        self.stage = Stage.of(self.split, self.dataset, self.reference, metrics_of(["core-1.0"]))
        self.place = self.split.with_name("submission.zarr")

    def scored(self, cells):
        """Flags and headline values of cells that are given for each condition."""
        opened = vcspec.open_split(self.split)
        with opened.writer(self.place, model="flags", overwrite=True) as out:
            for condition, own in zip(self.stage.allowed.tested, cells, strict=True):
                given = (
                    np.full((1, len(opened.features)), np.nan, np.float32) if own is None else own
                )
                out[condition] = self.asked(given, opened.cells_per_condition)
        partial = any(own is None for own in cells)
        try:
            card = vcspec.score(self.place, reference=self.reference, partial=partial)
        except Invalid as error:
            codes = {finding.code for finding in error.report.errors}
            return {
                "flags": {f"refused, {code}": None for code in codes},
                "values": {},
                "card": None,
            }
        return self.told(card)

    @staticmethod
    def asked(cells, number):
        """As many of the cells as the split asks for, each as often as any other."""
        return cells[np.arange(number) % len(cells)] if number else cells

    def cells(self, name):
        """Cells of a baseline; None where the split does not admit it."""
        allowed = self.stage.allowed
        profiles = allowed.baseline_profiles(name)
        if not profiles.native.any():
            return None
        made = (allowed.baseline_cells(name, one, profiles) for one in allowed.tested)
        return [cells.dense().astype(np.float64) for cells in made]

    def baseline(self, name):
        vcspec.baseline(name, self.split, self.dataset, self.place, overwrite=True)
        return self.told(vcspec.score(self.place, reference=self.reference))

    @staticmethod
    def told(card):
        """Flags with their statistics, and of each headline metric its value and its margin."""
        metrics = {
            name: card.document["metrics"][name]
            for name in standard().suites["core-1.0"]["headline"]
        }
        return {
            "flags": {one["name"]: one["statistic"] for one in card.document["flags"]},
            "values": {name: one["value"] for name, one in metrics.items()},
            "margins": {name: margin(one) for name, one in metrics.items()},
            "card": card,
        }


def margin(metric):
    """What a submission may gain: a share of what the replicate is above the floor."""
    floor, replicate = (metric["floor"] or {}).get("value"), metric["replicate"]
    return 0.0 if None in (floor, replicate) else GAIN * abs(replicate - floor)


def gains(attack, base):
    """Headline metrics on which the attack gains more than the margin over what it is made of."""
    found = []
    for metric, value in attack["values"].items():
        before = base["values"].get(metric)
        sign = 1 if standard().metrics[metric]["direction"] == "higher" else -1
        if None not in (value, before) and sign * (value - before) > attack["margins"][metric]:
            found.append(metric)
    return found


def surely(attack, base, metric):
    """Whether the gain on the metric is more than the draw of conditions, by a paired bootstrap."""
    entry, cards = standard().metrics[metric], (attack["card"], base["card"])
    at = cards[0].metrics.index(metric)
    values = np.array([card.values[at] for card in cards])
    means = means_of(values, cards[0].contexts, entry["direction"], entry["per"])
    share = None if means is None else better_share(means, 0, 1)
    return share is not None and share >= SURE


def measured(name, scratch):
    screen = Screen(name, scratch)
    known = {one: cells for one in BASELINES if (cells := screen.cells(one)) is not None}
    honest = {
        f"{one}, {size:g} of its size, errs {error:g}": screen.scored(
            changed(screen, cells, size, error)
        )
        for one, cells in known.items()
        for size in SIZES
        for error in ERRORS
    }
    nulls = {one: screen.baseline(one) for one in ("no-change", "context-mean", "target-scaling")}
    nulls["metric"] = nulls["no-change"]
    if not known:
        sys.exit(f"{name} admits no baseline that tells perturbations apart")
    base_cells = next(iter(known.values()))
    source = screen.scored(base_cells)
    scene = replace(screen.stage.scene, honest=base_cells)
    attacks = []
    for arm, entry in standard().arms.items():
        if entry["kind"] == "truth":
            continue
        base = source if entry["kind"] == "transform" else nulls[entry["null"]]
        for strength in entry["strengths"]:
            found = screen.scored(submission(arm, scene, strength))
            gained = gains(found, base)
            attacks.append(
                {
                    "arm": arm,
                    "strength": strength,
                    "flags": found["flags"],
                    "gains": gained,
                    "pays": [metric for metric in gained if surely(found, base, metric)],
                }
            )
        print(f"  {arm}", [(one["flags"], one["pays"]) for one in attacks[-5:]], flush=True)
    replicates = [screen.scored(replicate_of(screen.stage, seed)) for seed in range(3)]
    return {
        "screen": name,
        "honest": {label: one["flags"] for label, one in honest.items()},
        "source": source["flags"],
        "replicates": [one["flags"] for one in replicates],
        "attacks": attacks,
    }


HEAD = """# Flags, on real screens

Written by `benchmarks/flags.py` from `benchmarks/flags.json`. Flags say what a prediction looks
like, and never change a score ([the standard](../spec/1.0/prose/scoring.md) defines each). Two
things are asked of them: that a submission which gains by a trick carries one, and that models
which mean what they say carry none.

An *attack* is a submission of the null panel (`vcspec probe`): one that knows nothing, or a
transform of a baseline. What breaks a rule is refused, which counts as a flag. An attack *gains*
where, on a headline metric of core-1.0, it is better than what it is made of (that baseline, or
the one that knows as little) by more than 1 % of (replicate − floor). It *pays* where, besides, a
paired bootstrap over the conditions tells the two apart, as `vcspec compare` must before it ranks
one above the other; on screens of few conditions few gains do. *Honest models* are the baselines
that tell perturbations apart and that the split admits, as they are and with 60 % of their
change, without errors and with errors of 30 and 60 % of its size; those whose errors break a rule
are left out. The limits of `shrunken` and `rescaled` were chosen on these screens.
"""


def page(found):
    """The whole page."""
    rows = [
        (
            *("screen", "attacks", "that gain", "of these flagged", "that pay", "of these flagged"),
            *("honest models", "of these flagged"),
        ),
        ("---",) * 8,
    ]
    sums = np.zeros(7, dtype=int)
    for one in found:
        chosen = [[own for own in one["attacks"] if own[how]] for how in ("gains", "pays")]
        honest = scored(one["honest"].values())
        numbers = [
            len(one["attacks"]),
            *(count for own in chosen for count in (len(own), sum(bool(a["flags"]) for a in own))),
            len(honest),
            sum(map(bool, honest)),
        ]
        sums += numbers
        rows.append((one["screen"], *map(str, numbers)))
    rows.append(("all", *map(str, sums)))
    verdict = (
        f"With a flag: {_share(sums[2], sums[1])} of the attacks that gain, "
        f"{_share(sums[4], sums[3])} of those that pay (the bar: {CAUGHT:.0%}); "
        f"{_share(sums[6], sums[5])} of the honest models (the bar: at most {FALSE:.0%})."
    )
    parts = [HEAD, "\n".join(f"| {' | '.join(row)} |" for row in rows), "", verdict, ""]
    parts += ["## Attacks that pay without a flag", "", *silent(found, "pays"), ""]
    parts += ["## Attacks that gain without a flag", "", *silent(found, "gains"), ""]
    parts += ["## Honest models with a flag", "", *wrong(found), ""]
    parts += ["## Half of the true cells, three draws", "", *again(found)]
    return "\n".join(parts) + "\n"


def _share(part, whole):
    return f"{part / whole:.0%}" if whole else "none (there are none)"


def silent(found, how):
    lines = [
        f"- {one['screen']}: {attack['arm']} {attack['strength']:g} on {', '.join(attack[how])}"
        for one in found
        for attack in one["attacks"]
        if attack[how] and not attack["flags"]
    ]
    return lines or ["None."]


def scored(flags):
    """Those of models that no rule refuses."""
    return [own for own in flags if not any(name.startswith("refused") for name in own)]


def wrong(found):
    """How often each flag is raised where none should be, and how large its statistic is."""
    statistics = {}
    for one in found:
        for own in scored(one["honest"].values()):
            for name, statistic in own.items():
                statistics.setdefault((one["screen"], name), []).append(statistic)
    lines = [
        f"- {screen}: {name}, {len(each)} times, its statistic {min(each):g} to {max(each):g}"
        for (screen, name), each in statistics.items()
    ]
    return lines or ["None."]


def again(found):
    """What an experiment that is done again would carry."""
    return [
        f"- {one['screen']}: "
        + "; ".join(
            ", ".join(f"{name} {statistic:g}" for name, statistic in own.items()) or "none"
            for own in one["replicates"]
        )
        for one in found
    ]


def kept(found):
    """Put what was measured of a screen among the results, in the order of the screens."""
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    both = {one["screen"]: one for one in [*before, found]}
    ordered = [both[name] for name in SCREENS if name in both]
    RESULTS.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--screens", nargs="+", default=SCREENS, metavar="SPLIT")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    if given.scratch:
        given.scratch.mkdir(parents=True, exist_ok=True)
        for name in given.screens:
            print(name, flush=True)
            kept(measured(name, given.scratch))
    text = page(json.loads(RESULTS.read_text(encoding="utf-8")))
    pages.kept(PAGE, text, check=given.check, remedy="flags.py --page")


if __name__ == "__main__":
    main()
