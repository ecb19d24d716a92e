"""The larger stores of the kit, in which tests find something: every metric has a golden number.

Every number is simulated, from `numpy.random.RandomState`, whose stream NumPy never changes.
"""

from pathlib import Path

import numpy as np

from vcspec.actions.predict import open_split
from vcspec.actions.reference import reference
from vcspec.actions.split import Plan, split
from vcspec.model.matrix import AnyArray, rows_of_dense
from vcspec.storage.artefacts import write_cells

CONDITION = ["context", "perturbation"]
FEATURES = np.array([f"SIM{number:02d}" for number in range(1, 73)], dtype=object)
SINGLES = ("SIM01", "SIM02", "SIM03", "SIM04", "SIM05")
CONTEXTS = ("line-a", "line-b")
CELLS, CONTROLS = 24, 30
TARGET_SUM = 10_000


def mean_counts(context: str, perturbation: str, share: float = 1.0) -> AnyArray:
    """(features,) mean count of a cell with `share` of the effect, partly the context's own."""
    base = np.random.RandomState(3).lognormal(0.8, 0.7, len(FEATURES))
    base *= np.random.RandomState(len(context) + ord(context[-1])).lognormal(0, 0.2, len(FEATURES))
    if perturbation == "control":
        return base
    number = SINGLES.index(perturbation)
    shared = np.random.RandomState(100 + number).normal(0, 1, len(FEATURES))
    own = np.random.RandomState(200 + 10 * number + ord(context[-1])).normal(0, 0.2, len(FEATURES))
    hit = np.random.RandomState(300 + number).uniform(size=len(FEATURES)) < 0.3
    effect = np.where(hit, shared, 0) + own
    effect[number] = -1.5
    return base * np.exp(share * effect)


def drawn(context: str, perturbation: str, cells: int, seed: int, share: float = 1.0) -> AnyArray:
    """(cells, features) counts."""
    draw = np.random.RandomState(seed + ord(context[-1]) + 7 * len(FEATURES))
    mean = mean_counts(context, perturbation, share)
    return draw.poisson(mean * draw.lognormal(0, 0.2, (cells, 1))).astype(np.float32)


def write_dataset(target: Path, document: dict[str, object]) -> None:
    """Two contexts, five singles and the control in each."""
    blocks, labels = [], []
    for context in CONTEXTS:
        for number, name in enumerate(("control", *SINGLES)):
            cells = CONTROLS if name == "control" else CELLS
            blocks.append(drawn(context, name, cells, seed=1000 * (number + 1)))
            labels += [(context, name)] * cells
    counts = np.concatenate(blocks)
    columns = dict(zip(CONDITION, np.array(labels, dtype=object).T, strict=True))
    names = np.array([f"cell-{number:03d}" for number in range(len(counts))], dtype=object)
    obs, var = {"_index": names, **columns}, {"_index": FEATURES}
    write_cells(target, document, [rows_of_dense(counts)], obs=obs, var=var)


def write_predictions(target: Path, split_store: Path) -> None:
    """Cells of a model that knows six tenths of every effect."""
    opened = open_split(split_store)
    with opened.writer(
        target, model="simulation", version="1.0.0", values={"space": "counts", "total": "features"}
    ) as out:
        for number, condition in enumerate(out.conditions):
            size, seed = opened.cells_per_condition, 50_000 + 1000 * number
            out[condition] = drawn(condition.context, condition.perturbation, size, seed, 0.6)


def build_screen(folder: Path, document: dict[str, object]) -> None:
    """Write the four stores into `folder`."""
    dataset, divided = folder / "screen-dataset.zarr", folder / "screen-split.zarr"
    write_dataset(dataset, document)
    plan = Plan(
        id="conformance-screen/unseen-perturbation",
        version="1.0.0",
        title="Simulated, unseen perturbations",
        strategy="holdout-perturbations",
        parameters={"hold_out": list(SINGLES[2:])},
        target_sum=TARGET_SUM,
        cells_per_condition=20,
    )
    split(dataset, divided, plan)
    write_predictions(folder / "screen-predictions.zarr", divided)
    reference(divided, dataset, folder / "screen-reference.zarr")
