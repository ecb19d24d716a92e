"""What baselines reach in the settings of arXiv 2604.27646, on real data.

    python benchmarks/wild.py --scratch FOLDER     measures, and writes wild.json
    python benchmarks/wild.py --page [--check]     writes docs/in-the-wild.md from it

VCSPEC_SOURCE_MIRROR names the sources. Datasets whose sources are not there are made of the copies
beside them that the tests read; wild.json says which.
"""

import argparse
import json
import sys
from pathlib import Path

import anndata
import numpy as np
import pages

import vcspec
from vcspec.actions.curate import dataset_document, write_dataset
from vcspec.actions.difficulty import difficulty
from vcspec.actions.score import Reference
from vcspec.actions.split import Plan
from vcspec.actions.validate import checked
from vcspec.cards import dataset_card
from vcspec.metrics.summary import mean_of
from vcspec.model.curated import Curated
from vcspec.model.errors import Unreadable
from vcspec.standard import standard
from vcspec.storage.sealing import sealed_content

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "datasets"))
RESULTS, PAGE = ROOT / "benchmarks" / "wild.json", ROOT / "docs" / "in-the-wild.md"
METRICS = ("pearson-delta", "pearson-delta-centred", "discrimination-cosine", "mae")
HELD = ("FOXO4", "HK2", "KLF1", "KMT2A", "MAPK1", "SGK1")
BRANCHES = {"branches": "4"}
SETTINGS = {
    "Contexts drawn at random, and whole branches of their tree": [
        ("random contexts", "tahoe-ten-lines", "holdout-contexts", {"fraction": "0.3"}),
        (
            "branches",
            "tahoe-ten-lines",
            "holdout-context-branches",
            {"fraction": "0.3", **BRANCHES},
        ),
        ("random contexts", "l1000-three-drugs", "holdout-contexts", {"fraction": "0.25"}),
        ("branches", "l1000-three-drugs", "holdout-context-branches", {"fraction": "0.25"}),
    ],
    "Perturbations and combinations, by the number of members seen": [
        ("single, unseen", "norman", "holdout-perturbations", {"fraction": "0.3"}),
        ("pair, both seen", "norman", "holdout-combinations", {"fraction": "0.4"}),
        ("pair, one seen", "norman", "holdout-one-member", {"fraction": "0.3"}),
        ("pair, none seen", "norman", "holdout-all-members", {"fraction": "0.3"}),
    ],
    "Trained on one study, and on two merged": [
        ("Norman alone", "norman", "holdout-perturbations", {"hold_out": HELD}),
        ("with McFaline-Figueroa", "norman-mcfaline", "holdout-perturbations", {"hold_out": HELD}),
    ],
    "Contexts without transfer": [
        ("U87MG held out", "norman-mcfaline", "holdout-contexts", {"hold_out": ["U87MG"]}),
    ],
}


def made(name, scratch):
    """Path of a dataset, and where it comes from."""
    place = scratch / f"{name}.zarr"
    if name == "norman":
        if not place.exists():
            of_study(made("norman-mcfaline", scratch)[0], "Norman2019", place)
        return place, "source"
    card = dataset_card(name)
    try:
        if not place.exists():
            vcspec.curate(name, place)
    except Unreadable:
        from local_copies import curated_copy

        curated = curated_copy(name, card, ROOT.parent / "shared" / "data")
        write_dataset(place, dataset_document(card), curated, overwrite=True)
    return place, "source" if "sha256" in card.document["sources"][0] else "copy"


def of_study(whole, study, target):
    """One study of a merged dataset."""
    from vcspec.model.matrix import Rows

    data = anndata.read_zarr(whole)
    data = data[(data.obs["study"] == study).to_numpy()]
    matrix = data.X.tocsr()
    matrix.sort_indices()
    rows = Rows(
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int64),
        matrix.data.astype(np.int32),
        matrix.shape[1],
    )
    document = dict(checked(str(whole), "dataset").document)
    document |= {"id": "norman", "title": "The Norman study alone"}
    obs = {name: data.obs[name].to_numpy() for name in data.obs}
    obs = {n: v.astype(str) if v.dtype == object else v for n, v in obs.items()}
    names = (axis.to_numpy(str) for axis in (data.obs_names, data.var_names))
    write_dataset(target, document, Curated(rows, *names, obs), overwrite=False)


def measured(name, dataset, strategy, parameters, scratch):
    """What baselines and replicate reach on a split."""
    data, origin = made(dataset, scratch)
    slug = f"{dataset}-{strategy}-{'-'.join(map(str, parameters))}".lower()
    places = [scratch / f"{slug}-{part}.zarr" for part in ("split", "reference")]
    plan = Plan(f"{dataset}/{strategy}", "1.0.0", name, strategy, parameters)
    if not places[1].exists():
        vcspec.split(data, places[0], plan, overwrite=True)
        vcspec.reference(places[0], data, places[1])
    found = difficulty(places[0], dataset=data, reference=places[1]).document
    reference = Reference(checked(str(places[1]), "reference"))
    # Of a merged dataset the contexts that the others test too.
    contexts = np.array(reference.contexts)
    kept = np.char.startswith(contexts.astype(str), "Norman2019")
    kept = kept if kept.any() else np.ones(len(contexts), dtype=bool)
    values = {
        metric: {name: mean_of(v[kept]) for name, v in reference.anchors(metric).items()}
        for metric in METRICS
    }
    return {
        "name": name,
        "dataset": dataset,
        "origin": origin,
        "strategy": strategy,
        "parameters": {k: v if isinstance(v, str) else list(v) for k, v in parameters.items()},
        "claim": found["claim"],
        "conditions": int(kept.sum()),
        "split": sealed_content(places[0]),
        "values": values,
        "transfer": found["transfer"],
        "warnings": found["warnings"],
    }


def number(value):
    """Three digits, or a dash."""
    return "—" if value is None else f"{value:.3f}"


def table(rows, metric):
    """A setting by one metric: a split a row, a baseline a column."""
    known = standard().tasks["perturbation-response"]["baselines"]
    shown = [name for name in known if any(name in row["values"][metric] for row in rows)]
    shown.append("replicate")
    lines = [
        f"| {metric} | conditions | {' | '.join(shown)} |",
        f"|{'---|' * (len(shown) + 2)}",
    ]
    for row in rows:
        cells = " | ".join(number(row["values"][metric].get(name)) for name in shown)
        lines.append(f"| {row['name']} ({row['dataset']}) | {row['conditions']} | {cells} |")
    return "\n".join(lines)


HEAD = """# In the wild: what baselines reach

Written by `benchmarks/wild.py`. The settings are those of arXiv 2604.27646: contexts held out at
random against whole branches of their tree, perturbations and combinations by the number of members
seen, and training on one study against several merged. A model has to be better than these numbers
to say anything. Values are means over tested conditions; a dash stands where a baseline has nothing
of its own to say, or too few cells tell nothing of noise. `mae` is in units of the dataset's value
space, and is not compared between datasets.
"""
SAYS = {
    "Contexts drawn at random, and whole branches of their tree": """
Rankings and signatures have one row, or few, for each condition: no replicate is known, and the
control is 0 by definition. The tree is made of the contexts' mean changes.
""",
    "Perturbations and combinations, by the number of members seen": """
Of K562 cells alone (Norman 2019). Few pairs are tested: the values show that the settings exist and
what a baseline reaches in them, not by how much one is harder.
""",
    "Trained on one study, and on two merged": """
The same perturbations are tested, in the Norman study alone. What merging changes is what a
baseline learns from the other study's cells; the 500 genes are the same, chosen by the source.
""",
    "Contexts without transfer": """
Effects in the three glioblastoma lines do not agree.
""",
}


def page(found):
    """The whole page."""
    parts = [HEAD]
    for title, rows in found.items():
        parts += [f"## {title}\n", SAYS[title].lstrip("\n")]
        parts += [table(rows, metric) + "\n" for metric in METRICS]
        for row in rows:
            made_by = " ".join(
                f"--{k.replace('_', '-')} {v}" if k in {"fraction", "fold"} else f"--set {k}={v}"
                for k, v in row["parameters"].items()
                if k != "hold_out"
            )
            held = " ".join(f"--hold-out {v}" for v in row["parameters"].get("hold_out", ()))
            origin = "" if row["origin"] == "source" else ", made of a copy of its source's content"
            command = " ".join(f"--strategy {row['strategy']} {made_by} {held}".split())
            parts.append(f"- {row['name']}: {row['dataset']}{origin}; `vcspec split {command}`")
            parts += [f"  - {text}" for text in row["warnings"]]
        parts.append("")
    return "\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    if given.scratch:
        given.scratch.mkdir(parents=True, exist_ok=True)
        found = {}
        for title, rows in SETTINGS.items():
            found[title] = []
            for row in rows:
                print(*row[:3], flush=True)
                found[title].append(measured(*row, given.scratch))
        RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = page(json.loads(RESULTS.read_text(encoding="utf-8")))
    pages.kept(PAGE, text, check=given.check, remedy="wild.py --page")


if __name__ == "__main__":
    main()
