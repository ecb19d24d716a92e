"""Values of published packages beside vcspec's, on the same input.

    python benchmarks/agreement/run.py --scratch FOLDER

installs each package in an environment of its own, runs it and vcspec, writes results.json here,
and the packages' values on the simulated screen for a test; page.py makes the table. Inputs: cells
of measured conditions in even places of the file are the truth, those in odd places the prediction,
both with all controls (VCSPEC_DATA names the folder of the data); and a screen that is drawn here,
with a perturbation without effect, features that one side lacks, and a prediction of the control.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy.sparse
from columns import COLUMNS, PACKAGES

from vcspec.metrics import compute, taking
from vcspec.model.comparison import Comparison
from vcspec.model.matrix import Rows
from vcspec.statistics.axes import pinned_space
from vcspec.statistics.cellwise import Piece
from vcspec.statistics.normalise import log1p_rows
from vcspec.statistics.sides import Control, side

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DATA = Path(os.environ.get("VCSPEC_DATA", ROOT.parent / "shared/data"))
KEPT = ROOT / "tests/metrics/published_values.json"  # what packages say of the simulated screen
CONTROL, TARGET_SUM = "control", 10_000


def measured(context):
    """One context of the measured screen, as counts."""
    path = DATA / "norman_mcfaline_crispr/norman_mcfaline.h5ad"
    data = anndata.read_h5ad(path)
    data = data[data.obs["cell_type"] == context].copy()
    data.X = scipy.sparse.csr_matrix(data.layers["counts"])
    return halves(data)


def halves(data):
    place = data.obs.groupby("perturbation", observed=True).cumcount().to_numpy()
    is_control = (data.obs["perturbation"] == CONTROL).to_numpy()
    return tuple(data[is_control | (place % 2 == half)].copy() for half in (0, 1))


def drawn():
    """A simulated screen of 12 perturbations, 40 cells each, 600 features."""
    rng = np.random.default_rng(0)
    features, cells, perturbations = 600, 40, 12
    level = rng.lognormal(0, 1.3, features)
    names = [f"G{number:03d}" for number in range(features)]
    sides = []
    for half in range(2):
        shared = np.random.default_rng(1)
        blocks, labels = [], []
        control = shared.poisson(level * shared.lognormal(0, 0.3, (120, 1)))
        blocks.append(control)
        labels += [CONTROL] * 120
        for number in range(perturbations):
            effect = np.exp(shared.normal(size=features) * (shared.random(features) < 0.1))
            if number == 3 or (number == 5 and half):
                effect = np.ones(features)  # no effect in the truth; a prediction of the control
            rate = level * effect * rng.lognormal(0, 0.3, (cells, 1))
            counts = rng.poisson(rate)
            counts[:, number + 200] *= half  # features that the truth lacks
            blocks.append(counts)
            labels += [names[number]] * cells
        data = anndata.AnnData(
            scipy.sparse.csr_matrix(np.concatenate(blocks).astype(np.float32)),
            obs=pd.DataFrame(
                {"perturbation": labels}, index=[f"c{number}" for number in range(len(labels))]
            ),
            var=pd.DataFrame(index=names),
        )
        sides.append(data)
    return tuple(sides)


SIMULATED = "simulated 12 x 40 x 600"
INPUTS = {
    "norman-mcfaline K562": lambda: measured("K562"),
    "norman-mcfaline A172": lambda: measured("A172"),
    SIMULATED: drawn,
}


def rows_of(data):
    matrix = scipy.sparse.csr_matrix(data.X)
    matrix.sort_indices()
    return Rows(matrix.indptr.astype(np.int64), matrix.indices, matrix.data, matrix.shape[1])


def pinned(pair):
    """Axes of the cells of the truth, controls among them."""
    return pinned_space(log1p_rows(rows_of(pair[0]), space="counts", target_sum=TARGET_SUM))


def write(folder, pair):
    """Both sides as files: log1p in X, counts in a layer, coordinates on pinned axes in obsm."""
    folder.mkdir(parents=True, exist_ok=True)
    space = pinned(pair)
    for name, data in zip(("truth", "model"), pair, strict=True):
        counts = rows_of(data)
        log = log1p_rows(counts, space="counts", target_sum=TARGET_SUM)
        matrix = scipy.sparse.csr_matrix(
            (log.data, counts.indices, counts.indptr), shape=data.shape
        )
        obs = pd.DataFrame(
            {"perturbation": pd.Categorical(data.obs["perturbation"].astype(str))},
            index=data.obs_names,
        )
        out = anndata.AnnData(matrix, obs=obs, var=pd.DataFrame(index=data.var_names))
        out.layers["counts"] = scipy.sparse.csr_matrix(data.X).astype(np.float32)
        out.obsm["axes"] = space.project(matrix.toarray().astype(np.float64))
        out.write_h5ad(folder / f"{name}.h5ad")


def ours(pair, metrics):
    """Values of vcspec by metric and condition."""
    labels = [data.obs["perturbation"].astype(str).to_numpy() for data in pair]
    conditions = sorted(set(labels[0]) - {CONTROL})
    features = list(pair[0].var_names)

    def piece(number, name):
        rows = rows_of(pair[number]).take(np.flatnonzero(labels[number] == name))
        log = log1p_rows(rows, space="counts", target_sum=TARGET_SUM)
        return Piece.of_counts(log, rows, TARGET_SUM, None)

    known = piece(0, CONTROL)
    control = Control(known.log1p, known)
    space = pinned(pair)
    sides = [
        side(
            [
                (lambda name=name, number=number: piece(number, name), control)
                for name in conditions
            ],
            taking=taking(metrics),
            space=space,
        )
        for number in range(2)
    ]
    members = [name.split("+") for name in conditions]
    targets = tuple(
        np.array([features.index(m) for m in own if m in features], dtype=np.int64)
        for own in members
    )
    comparison = Comparison(
        *sides,
        np.zeros(len(conditions), dtype=np.int64),
        np.tile(sides[0].mean.mean(axis=0), (len(conditions), 1)),
        np.isin(features, [m for own in members for m in own]),
        targets,
        space,
    )
    return {
        name: dict(zip(conditions, scores.values, strict=True))
        for name, scores in compute(metrics, comparison).items()
    }


def environment(name, scratch):
    folder = scratch / "environments" / name
    python = folder / "bin/python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", *PACKAGES[name]["install"]]
        subprocess.run(install, check=True)
        (folder / "complete").touch()
    return python


def compared(columns, theirs, found):
    """Column → metric, how many conditions, largest differences."""
    table = {}
    for column, (metric, differs) in columns.items():
        values = theirs.get(column)
        if values is None:
            table[column] = {"metric": metric, "differs": differs, "conditions": 0}
            continue
        absolute, relative, defined, mine, their = 0.0, 0.0, 0, 0, 0
        for name, value in values.items():
            own = found[metric].get(name, float("nan"))
            is_defined = value is not None and not np.isnan(value)
            if not is_defined or np.isnan(own):
                mine += not is_defined and not np.isnan(own)
                their += is_defined and np.isnan(own)
                continue
            defined += 1
            absolute = max(absolute, abs(own - value))
            relative = max(relative, abs(own - value) / max(abs(value), 1e-3))
        table[column] = {
            "metric": metric,
            "differs": differs,
            "conditions": defined,
            "only_ours": int(mine),
            "only_theirs": int(their),
            "absolute": absolute,
            "relative": relative,
        }
    return table


def told_of(number, name, metrics, scratch):
    """What each package says of an input: its name, its values, and the table beside ours."""
    pair = INPUTS[name]()
    folder = scratch / "inputs" / str(number)
    write(folder, pair)
    found = ours(pair, metrics)
    for package, columns in COLUMNS.items():
        print(f"{name}: {package}", flush=True)
        command = [str(environment(package, scratch)), str(HERE / PACKAGES[package]["script"])]
        done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["?"]
            print(f"failed: {lines[-1]}", flush=True)
            yield package, {}, {"failed": lines[-1][:300]}
            continue
        told = json.loads(done.stdout[done.stdout.index("{") :])
        yield package, told, compared(columns, told["values"], found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scratch", type=Path, required=True)
    scratch = parser.parse_args().scratch.resolve()
    results = {"inputs": {}, "versions": {"vcspec": version("vcspec")}}
    metrics = list(
        dict.fromkeys(metric for columns in COLUMNS.values() for metric, _ in columns.values())
    )
    published = {}
    for number, name in enumerate(INPUTS):
        tables = results["inputs"][name] = {}
        for package, told, table in told_of(number, name, metrics, scratch):
            tables[package] = table
            results["versions"] |= told.get("versions", {})
            if name == SIMULATED and told:
                columns = COLUMNS[package]
                published[package] = {c: v for c, v in told["values"].items() if c in columns}
    KEPT.write_text(json.dumps(published, sort_keys=True) + "\n", encoding="utf-8")
    results["made"] = {"date": date.today().isoformat(), "python": platform.python_version()}
    text = json.dumps(results, indent=1, sort_keys=True)
    (HERE / "results.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
