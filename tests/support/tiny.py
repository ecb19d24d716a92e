"""Tiny sound artefacts, made through the public API."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vcspec.actions.curate import write_dataset
from vcspec.actions.predict import Split, open_split
from vcspec.actions.reference import reference
from vcspec.actions.split import Plan, split
from vcspec.model.curated import Curated
from vcspec.model.matrix import rows_of_dense, stack
from vcspec.model.store import Store
from vcspec.storage.artefacts import write_cells
from vcspec.storage.zarr_store import ZarrStore

SINGLES = tuple(f"G{number:02d}" for number in range(8))
PAIRS = ("G00+G01", "G02+G03", "G04+G05")
CONTEXTS = ("liver", "skin")
FEATURES, CELLS, CONTROLS = 80, 10, 24
TARGET_SUM = 1_000


def dataset_document(**changes: Any) -> dict[str, Any]:
    """A root document that breaks no rule."""
    return {
        "kind": "dataset",
        "spec": "1.0",
        "id": "tiny",
        "version": "1.0.0",
        "title": "A tiny simulated screen",
        "simulated": True,
        "modality": "transcriptomics",
        "organism": "none",
        "assay": ["none"],
        "features": {"type": "gene", "namespace": "simulated"},
        "values": {"space": "counts", "total": "features"},
        "condition": ["context", "perturbation"],
        "control": "control",
        "licence": "CC0-1.0",
        "access": "open",
        "citations": [],
        "sources": [],
        "curation": ["Draw counts."],
        **changes,
    }


def curated(*, seed: int = 0, contexts: Sequence[str] = CONTEXTS) -> Curated:
    """Counts of every single and pair in every context; equally many cells in each condition."""
    draw = np.random.default_rng(seed)
    names = np.array([f"G{number:02d}" for number in range(FEATURES)], dtype=object)
    base = draw.lognormal(0.5, 1.0, FEATURES)
    effect = {
        name: np.exp(draw.normal(0, 0.9, FEATURES) * (draw.random(FEATURES) < 0.2))
        for name in ("control", *SINGLES)
    } | {"control": np.ones(FEATURES)}
    blocks, labels = [], []
    for context in contexts:
        own = base * np.exp(draw.normal(0, 0.4, FEATURES))
        for label in ("control", *SINGLES, *PAIRS):
            fold = np.prod([effect[member] for member in label.split("+")], axis=0)
            cells = CONTROLS if label == "control" else CELLS
            depth = draw.lognormal(0, 0.2, (cells, 1))
            counts = draw.poisson(own * fold * depth) + (np.arange(FEATURES) == 79)
            blocks.append(rows_of_dense(counts.astype(np.int32)))
            labels += [(context, label)] * cells
    context, perturbation = np.array(labels, dtype=object).T
    cells = np.array([f"cell-{number:05d}" for number in range(len(labels))], dtype=object)
    obs = {"context": context, "perturbation": perturbation}
    return Curated(stack(blocks), cells, names, obs)


def plan(**changes: Any) -> Plan:
    """Holds out three singles in both contexts."""
    stated: dict[str, Any] = {
        "id": "tiny/unseen",
        "version": "1.0.0",
        "title": "Unseen singles",
        "strategy": "holdout-perturbations",
        "parameters": {"hold_out": ["G05", "G06", "G07"]},
        "seed": 1,
        "target_sum": TARGET_SUM,
        "cells_per_condition": CELLS,
    }
    return Plan(**{**stated, **changes})


@dataclass(frozen=True)
class Screen:
    """Places of artefacts that belong together."""

    folder: Path
    dataset: Path
    split: Path
    reference: Path
    predictions: Path


def predicted(screen: Screen) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """A model that knows something: half of each test condition's cells, half control cells."""
    store = ZarrStore(str(screen.dataset))
    for condition in open_split(screen.split).conditions:
        truth = log1p(cells_of(store, condition.context, condition.perturbation))
        control = log1p(cells_of(store, condition.context, "control"))
        yield condition.key, np.concatenate([truth[:5], control[: CELLS - 5]])


def screen(folder: Path, *, chosen: Plan | None = None) -> Screen:
    """A dataset, its split, reference and predictions, in `folder`."""
    made = Screen(folder, *(folder / f"{name}.zarr" for name in ("data", "split", "ref", "model")))
    write_dataset(made.dataset, dataset_document(), curated(), overwrite=False)
    split(made.dataset, made.split, chosen or plan())
    reference(made.split, made.dataset, made.reference)
    predict(made, made.predictions, dict(predicted(made)))
    return made


def predict(screen: Screen, target: Path, matrices: Mapping[str, Any], **options: Any) -> Path:
    """Predictions written condition by condition."""
    return predict_with(open_split(screen.split), target, matrices, **options)


def predict_with(split: Split, target: Path, matrices: Mapping[str, Any], **options: Any) -> Path:
    """Predictions of a split that is open already."""
    with split.writer(target, model="a-model", **options) as out:
        for key, matrix in matrices.items():
            out[key] = matrix
    return target


def predict_some(screen: Screen, target: Path, matrices: Mapping[str, Any]) -> Path:
    """Predictions of the conditions given alone, which the writer would refuse."""
    whole = ZarrStore(str(screen.predictions))
    keys = [key for key, cells in matrices.items() for _ in cells]
    context, perturbation = np.array([key.split("|") for key in keys], dtype=object).T
    obs = {
        "_index": np.array([f"predicted-{row}" for row in range(len(keys))], dtype=object),
        "context": context,
        "perturbation": perturbation,
    }
    rows = rows_of_dense(np.concatenate(list(matrices.values())))
    document = dict(whole.skeleton.document or {})
    write_cells(
        target, document, [rows], obs=obs, var={"_index": whole.column("/var", "_index").values}
    )
    return target


def dense_matrix(store: Store) -> np.ndarray[Any, Any]:
    """The whole X."""
    return stack(list(store.blocks("/X"))).dense()


def cells_of(store: Store, context: str, perturbation: str) -> np.ndarray[Any, Any]:
    """Counts of a condition, dense."""
    here = (store.column("/obs", "context").values == context) & (
        store.column("/obs", "perturbation").values == perturbation
    )
    return dense_matrix(store)[here]


def log1p(counts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """log1p of counts scaled to the target sum, float32."""
    total = counts.sum(axis=1, keepdims=True)
    return np.log1p(counts * TARGET_SUM / np.maximum(total, 1)).astype(np.float32)
