"""Simulated screens, as the stores that vcspec reads and the files that its peers read.

    python benchmarks/data.py SCRATCH --controls 5000 --perturbations 100 --cells 450 --genes 10000

One screen is one folder below SCRATCH, with `dataset.zarr`, `split.zarr`, `predictions.zarr` and,
on request, `real.h5ad` and `pred.h5ad` (`--h5ad`) and `prepared/reference.zarr` (`--reference`).
What is there already is kept.

Genes have log-normal means, cells log-normal depths and a shared programme that each runs to some
degree; counts are Poisson, and values log1p(10,000 x count / total). A perturbation lowers the gene
that it is named after and shifts one gene in twenty; the prediction knows two thirds of that shift,
and errs. Every perturbation has the same number of cells. All are held out and predicted but for
two more, which the split trains on, so that every metric is defined; the peers' files lack them.
"""

import argparse
from pathlib import Path

import numpy as np
from screens import SIZES, Screen

SEED = 20_260
TARGET_SUM = 10_000
DENSITY = 0.13
DEPTH_SPREAD = 0.35
TRAINING = 2  # perturbations on top of those that are held out
AT_ONCE = 6_000_000  # entries drawn at once, zeros included
CONTROL = "control"
PEERS_CONTROL = "non-targeting"


class Simulator:
    """The rates behind a screen, true and predicted, and draws from them."""

    def __init__(self, screen):
        draw = np.random.default_rng([SEED, 0])
        self.screen = screen
        self.genes = np.array([f"GENE{number:05d}" for number in range(screen.genes)], dtype=object)
        mean = draw.lognormal(0.0, 2.0, screen.genes)
        self.mean = mean * scale_for(mean)
        self.programme = draw.random(screen.genes) * (draw.random(screen.genes) < 0.2) * 2
        expressed = np.argsort(-mean, kind="stable")[: screen.genes // 2]
        number = screen.perturbations + TRAINING
        self.targets = np.sort(draw.choice(expressed, number, replace=False))
        self.held_out = self.genes[self.targets[: screen.perturbations]]
        pairs = [self.fold(draw, target) for target in self.targets]
        self.true, self.predicted = (
            np.array(side, dtype=np.float32) for side in zip(*pairs, strict=True)
        )

    def fold(self, draw, target):
        """(genes,) fold changes of one perturbation: the true ones, and the predicted ones."""
        genes, few = self.screen.genes, max(1, self.screen.genes // 20)
        log_fold = np.zeros(genes)
        log_fold[draw.choice(genes, few, replace=False)] = draw.normal(0.0, 0.7, few)
        log_fold[target] = -draw.uniform(0.7, 2.0)
        guess = log_fold * draw.normal(0.67, 0.3, genes)
        guess[draw.choice(genes, few // 2, replace=False)] += draw.normal(0.0, 0.5, few // 2)
        return np.exp(log_fold), np.exp(guess)

    def blocks(self, *, predicted):
        """The log1p rows, condition by condition; of a prediction those of the perturbations."""
        folds, stream = (self.predicted[:-TRAINING], 2) if predicted else (self.true, 1)
        conditions = [] if predicted else [(np.ones(self.screen.genes), self.screen.controls)]
        conditions += [(fold, self.screen.cells) for fold in folds]
        most = max(1, AT_ONCE // self.screen.genes)
        for number, (fold, cells) in enumerate(conditions):
            rate = (self.mean * fold).astype(np.float32)
            for start in range(0, cells, most):
                draw = np.random.default_rng([SEED, stream, number, start])
                continuous = predicted and self.screen.continuous
                yield self.rows(draw, rate, min(most, cells - start), continuous=continuous)

    def rows(self, draw, rate, cells, *, continuous):
        """Cells of one condition.

        A count of a Poisson law is 0 if the first arrival comes late; else it is one more than a
        Poisson count of the time that is left. So only what is stored is drawn.
        """
        from vcspec.model.matrix import Rows

        depth = draw.lognormal(0.0, DEPTH_SPREAD, (cells, 1)).astype(np.float32)
        activity = draw.random((cells, 1), dtype=np.float32)
        rates = depth * rate * (1 + activity * self.programme.astype(np.float32))
        arrival = draw.standard_exponential(rates.shape, dtype=np.float32)
        entry = np.flatnonzero(arrival < rates)
        row, column = np.divmod(entry, self.screen.genes)
        count = 1.0 + draw.poisson(rates.ravel()[entry] - arrival.ravel()[entry])
        if continuous:
            count *= draw.lognormal(0.0, 0.3, len(count))
        total = np.bincount(row, weights=count, minlength=cells)
        value = np.log1p(count * (TARGET_SUM / total[row])).astype(np.float32)
        lengths = np.bincount(row, minlength=cells)
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Rows(indptr, column, value, self.screen.genes)


def scale_for(mean):
    """Factor of the means at which the expected share of non-zeros is DENSITY."""
    depth = np.exp(DEPTH_SPREAD * np.random.default_rng([SEED, 3]).standard_normal((50, 1)))
    low, high = 1e-6, 1e4
    for _ in range(50):
        middle = np.sqrt(low * high)
        share = 1 - np.exp(-np.minimum(depth * mean * middle, 50)).mean()
        low, high = (middle, high) if share < DENSITY else (low, middle)
    return low


def dataset_document(screen):
    return {
        "kind": "dataset",
        "spec": "1.0",
        "id": "simulated-screen",
        "version": "1.0.0",
        "title": "A simulated screen",
        "simulated": True,
        "modality": "transcriptomics",
        "organism": "none",
        "assay": ["none"],
        "features": {"type": "gene", "namespace": "simulated"},
        "values": {"space": "log1p", "target_sum": TARGET_SUM, "total": "features"},
        "condition": ["context", "perturbation"],
        "control": CONTROL,
        "licence": "CC0-1.0",
        "access": "open",
        "citations": [],
        "sources": [],
        "curation": [f"Draw {screen.says}."],
    }


def predictions_document(split, content):
    return {
        "kind": "predictions",
        "spec": "1.0",
        "split": {"id": split["id"], "version": split["version"], "content": content},
        "model": {"name": "simulated", "version": "1"},
        "level": "cells",
        "values": dict(split["values"]),
        "condition": list(split["condition"]),
        "simulated": True,
    }


def labels(simulator, *, predicted):
    """The table of the cells."""
    screen = simulator.screen
    if predicted:
        names = np.repeat(simulator.held_out, screen.cells)
    else:
        controls = np.full(screen.controls, CONTROL, dtype=object)
        perturbed = np.repeat(simulator.genes[simulator.targets], screen.cells)
        names = np.concatenate([controls, perturbed])
    index = np.array([f"cell-{number:07d}" for number in range(len(names))], dtype=object)
    context = np.full(len(names), "line", dtype=object)
    return {"_index": index, "context": context, "perturbation": names}


def make_stores(screen, folder):
    """Dataset, split and predictions."""
    from vcspec.actions.split import Plan, split
    from vcspec.storage.artefacts import write_cells
    from vcspec.storage.sealing import sealed_content
    from vcspec.storage.zarr_store import ZarrStore

    dataset, split_, predictions = (
        folder / f"{name}.zarr" for name in ("dataset", "split", "predictions")
    )
    if predictions.exists():
        return
    simulator = Simulator(screen)
    var = {"_index": simulator.genes}

    def write(target, document, *, predicted):
        obs = labels(simulator, predicted=predicted)
        write_cells(target, document, simulator.blocks(predicted=predicted), obs=obs, var=var)

    if not dataset.exists():
        write(dataset, dataset_document(screen), predicted=False)
    if not split_.exists():
        held_out = {"hold_out": [str(name) for name in simulator.held_out]}
        plan = Plan(
            id="simulated-screen/all",
            version="1.0.0",
            title="All but two perturbations are held out",
            strategy="holdout-perturbations",
            parameters=held_out,
            target_sum=TARGET_SUM,
            cells_per_condition=screen.cells,
        )
        split(dataset, split_, plan)
    document = ZarrStore(str(split_)).skeleton.document
    write(predictions, predictions_document(document, sealed_content(split_)), predicted=True)


def make_h5ad(folder):
    """The same cells as the peers take them: the predictions' file holds the true controls too."""
    import anndata

    if (folder / "pred.h5ad").exists():
        return
    predicted = as_peers_name_it(anndata.read_zarr(folder / "predictions.zarr"))
    predicted.obs_names = "predicted-" + predicted.obs_names
    real = as_peers_name_it(anndata.read_zarr(folder / "dataset.zarr"))
    compared = [PEERS_CONTROL, *predicted.obs["target_gene"].cat.categories]
    real = real[real.obs["target_gene"].isin(compared).to_numpy()].copy()
    save(real, folder / "real.h5ad")
    controls = real[(real.obs["target_gene"] == PEERS_CONTROL).to_numpy()].copy()
    save(anndata.concat([controls, predicted]), folder / "pred.h5ad")


def as_peers_name_it(cells):
    names = cells.obs["perturbation"].astype(str).replace(CONTROL, PEERS_CONTROL)
    cells.obs = cells.obs[[]].assign(target_gene=names.astype("category"))
    cells.uns.clear()
    return cells


def save(cells, path):
    draft = path.with_suffix(".partial")
    cells.write_h5ad(draft)
    draft.rename(path)


def make_reference(folder):
    """The reference, in a folder of its own, so that scoring without one does not find it."""
    from vcspec.actions.reference import reference

    target = folder / "prepared" / "reference.zarr"
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        parts = (folder / "split.zarr", folder / "dataset.zarr", target)
        reference(*parts, suites=("vcc-2025",))


def parser():
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("scratch", type=Path)
    for name in SIZES:
        options.add_argument(f"--{name}", type=int, required=True)
    for name in ("continuous", "h5ad", "reference"):
        options.add_argument(f"--{name}", action="store_true")
    return options


def main():
    given = parser().parse_args()
    screen = Screen(given.controls, given.perturbations, given.cells, given.genes, given.continuous)
    folder = screen.folder(given.scratch)
    folder.mkdir(parents=True, exist_ok=True)
    make_stores(screen, folder)
    if given.h5ad:
        make_h5ad(folder)
    if given.reference:
        make_reference(folder)


if __name__ == "__main__":
    main()
