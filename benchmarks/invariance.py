"""Which metrics let submissions pass that know nothing, on splits of the library.

    python benchmarks/invariance.py --scratch FOLDER

curates the datasets (VCSPEC_SOURCE_MIRROR names their sources), makes splits and references, scores
the null panel of each, and writes spec/1.0/invariance.toml: by metric and split, how many of the
panel's submissions pass. The prose of the standard shows the sums; headline metrics are chosen so.
The splits are those of counted cells.
Counted are submissions that a metric can judge: it has values, and something to hold them against.
"""

import argparse
from pathlib import Path

import vcspec
from vcspec.actions.probe import probe
from vcspec.actions.reference import reference
from vcspec.actions.split import Plan, library_split, split
from vcspec.cards import split_card
from vcspec.standard import standard

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "spec/1.0/invariance.toml"
SUITES = ("core-1.0", "in-the-wild", "vcc-2026", "systema")
SIMULATED = Plan(
    id="simulated-screen/unseen-combination",
    version="1.0.0",
    title="Unseen combinations",
    strategy="holdout-combinations",
    parameters={"fraction": "0.4"},
    seed=7,
    target_sum=10_000,
    cells_per_condition=0,
)
SPLITS = (
    SIMULATED.id,
    "datlinger-jurkat/unseen-perturbation",
    "glioblastoma-panobinostat/unseen-donor",
    "kang-ifnb/unseen-context",
    "norman-mcfaline/all-new-members",
    "norman-mcfaline/covariate-transfer",
    "norman-mcfaline/cross-dataset",
    "norman-mcfaline/few-shot-context",
    "norman-mcfaline/one-new-member",
    "norman-mcfaline/unseen-combination",
    "norman-mcfaline/unseen-context",
    "norman-mcfaline/unseen-perturbation",
)


def made(name, scratch):
    """Places of split, dataset and reference."""
    simulated = name == SIMULATED.id
    dataset_id = "simulated-screen" if simulated else split_card(name).document["dataset"]
    data = scratch / f"{dataset_id}.zarr"
    if not data.exists():
        vcspec.curate(dataset_id, data)
    folder = scratch / name.replace("/", "-")
    folder.mkdir(exist_ok=True)
    places = folder / "split.zarr", data, folder / "reference.zarr"
    if not places[0].exists():
        if simulated:
            split(data, places[0], SIMULATED)
        else:
            library_split(name, data, places[0])
    if not places[2].exists():
        reference(places[0], data, places[2], suites=SUITES)
    return places


def counted(document):
    """Metric → [no-information arms that pass, of how many judged, and the same of transforms]."""
    kinds = {name: entry["kind"] for name, entry in standard().arms.items()}
    found = {}
    for metric, judged in document["judged"].items():
        row = [0, 0, 0, 0]
        for name, runs in document["arms"].items():
            if kinds[name] == "truth" or (kinds[name] == "transform" and not judged):
                continue
            at = 0 if kinds[name] == "no-information" else 2
            told = [run["metrics"][metric] for run in runs]
            row[at] += sum(one["passes"] for one in told)
            row[at + 1] += sum(None not in (one["value"], one["against"]) for one in told)
        found[metric] = row
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scratch", type=Path, required=True)
    scratch = parser.parse_args().scratch
    scratch.mkdir(parents=True, exist_ok=True)
    tables = {}
    for name in SPLITS:
        print(name, flush=True)
        place, data, anchors = made(name, scratch)
        found = probe(place, dataset=data, reference=anchors, suites=SUITES)
        tables[name] = counted(found.document)
    lines = [
        "# Made by benchmarks/invariance.py; do not edit: run it again.",
        "# split -> metric -> [no-information submissions that pass, of how many it can judge:",
        "#                     it has values of two conditions or contexts at least;",
        "#                     transforms that pass, of how many it can judge: the replicate is",
        "#                     above the floor]",
    ]
    for name, table in tables.items():
        lines += ["", f'["{name}"]', *(f'"{metric}" = {row}' for metric, row in table.items())]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
