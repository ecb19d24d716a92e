"""What each strategy of the standard guarantees, checked by the rules that it names."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny

from vcspec.actions.curate import write_dataset
from vcspec.actions.split import Plan, split
from vcspec.actions.validate import validate
from vcspec.model.curated import Curated
from vcspec.standard import standard
from vcspec.storage.zarr_store import ZarrStore

STRATEGIES = standard().strategies
SINGLES = [f"G{number}" for number in range(7)]
PAIRS = [f"{a}+{b}" for a, b in itertools.pairwise(SINGLES)] + ["G0+H"]
PLACES = [("s1", "x"), ("s1", "y"), ("s2", "x"), ("s2", "z"), ("s3", "w")]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Studies, contexts, singles and pairs; not every perturbation everywhere."""
    rows = [
        (study, context, label)
        for number, (study, context) in enumerate(PLACES)
        for place, label in enumerate(["control", *SINGLES, *PAIRS])
        if label == "control" or (number + place) % 4
        for _ in range(3)
    ]
    study, context, perturbation = np.array(rows, dtype=object).T
    names = np.array(["A", "B", *SINGLES], dtype=object)
    values = np.random.default_rng(0).integers(1, 5, (len(rows), len(names))).astype(np.int32)
    curated = Curated(
        tiny.rows_of_dense(values),
        np.array([f"c{number}" for number in range(len(rows))], dtype=object),
        names,
        {"study": study, "context": context, "perturbation": perturbation},
    )
    place = tmp_path_factory.mktemp("strategies") / "data.zarr"
    document = tiny.dataset_document(condition=["study", "context", "perturbation"])
    write_dataset(place, document, curated, overwrite=False)
    return place


@pytest.mark.parametrize("choice", [("0.2", "0", 0), ("0.35", "0.35", 1), ("0.35", "0", 2)])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_split_keeps_what_its_strategy_guarantees(
    strategy: str, choice: Any, dataset: Path, tmp_path: Path
) -> None:
    fraction, validation, seed = choice
    plan = Plan(
        id="tiny/split",
        version="1.0.0",
        title="A split",
        strategy=strategy,
        parameters={"fraction": fraction, "validation": validation},
        seed=seed,
    )
    split(dataset, tmp_path / "split.zarr", plan)
    report = validate(tmp_path / "split.zarr", level="full", dataset=dataset)
    assert report.verdict == "valid"
    assert not report.findings
    guaranteed = set(STRATEGIES[strategy]["guarantees"])
    assert guaranteed <= set(report.checked)
    assert guaranteed >= {"VCS410", "VCS411", "VCS412"}
    store = ZarrStore(str(tmp_path / "split.zarr"))
    roles = set(store.column("/obs", "role").values)
    assert roles <= standard().vocabularies["role"].keys()
    assert {"train", "test"} <= roles
    assert store.skeleton.document is not None
    assert store.skeleton.document["claim"] == STRATEGIES[strategy]["claim"]
