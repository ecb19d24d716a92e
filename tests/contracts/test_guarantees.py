"""What each strategy of the standard guarantees, checked by the rules that it names."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny

from vcspec.actions.beside import Beside, read_table
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


TABLES: dict[str, str] = {
    "holdout-groups": "perturbation,family\n"
    "G0,kinases\nG1,kinases\nG1,repair\nG2,repair\nG3,splicing\nG4,splicing\n",
    "holdout-chromosomes": "perturbation,chromosome\n"
    + "".join(f"{name},chr{place % 4}\n" for place, name in enumerate(SINGLES[:-1])),
    "holdout-scaffolds": "perturbation,inchikey\n"
    + "".join(
        f"{name},{chr(65 + place // 2) * 14}-UHFFFAOYSA-N\n" for place, name in enumerate(SINGLES)
    ),
    "cut-off": "study,date\ns1,2021-02-03\ns2,2022-02-03\ns3,2024-05-06\n",
}
ONLY: dict[str, dict[str, str]] = {"cut-off": {"after": "2022-12-31"}}
"""Strategy → all its parameters, where it takes no share."""
MORE: dict[str, dict[str, str]] = {"holdout-context-branches": {"branches": "3"}}
"""Strategy → parameters beside the shares."""


def _write(place: Path, rows: list[tuple[str, ...]], fields: list[str]) -> Path:
    names = np.array(["A", "B", *SINGLES], dtype=object)
    values = np.random.default_rng(0).integers(1, 5, (len(rows), len(names))).astype(np.int32)
    curated = Curated(
        tiny.rows_of_dense(values),
        np.array([f"c{number}" for number in range(len(rows))], dtype=object),
        names,
        dict(zip(fields, np.array(rows, dtype=object).T, strict=True)),
    )
    write_dataset(place, tiny.dataset_document(condition=fields), curated, overwrite=False)
    return place


@pytest.fixture(scope="module")
def genes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Studies, contexts, singles and pairs; not every perturbation everywhere."""
    rows = [
        (study, context, label)
        for number, (study, context) in enumerate(PLACES)
        for place, label in enumerate(["control", *SINGLES, *PAIRS])
        if label == "control" or (number + place) % 4
        for _ in range(3)
    ]
    place = tmp_path_factory.mktemp("strategies") / "data.zarr"
    return _write(place, rows, ["study", "context", "perturbation"])


@pytest.fixture(scope="module")
def drugs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Contexts, doses in two units, times, donors, and batches that repeat each condition."""
    rows = [
        (context, drug, dose, unit, time, "h", donor, batch)
        for context in ("x", "y")
        for drug in ("control", "D1", "D2", "D3")
        for dose, unit in (("100", "nM"), ("0.3", "uM"), ("1", "uM"), ("10", "uM"))
        for time in ("6", "12", "24")
        for donor in ("p1", "p2", "p3")
        for batch in ("b1", "b2", "b3")
        if drug != "control" or (dose, time) == ("100", "6")
        for _ in range(2)
    ]
    place = tmp_path_factory.mktemp("strategies") / "drugs.zarr"
    fields = ["context", "perturbation", "dose", "dose_unit", "time", "time_unit", "donor", "batch"]
    return _write(place, rows, fields)


AXES = ("doses", "times", "donors", "batches", "same-conditions")


@pytest.mark.parametrize("choice", [("0.2", "0", 0), ("0.35", "0.35", 1), ("0.35", "0", 2)])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_split_keeps_what_its_strategy_guarantees(
    strategy: str, choice: Any, genes: Path, drugs: Path, tmp_path: Path
) -> None:
    fraction, validation, seed = choice
    dataset = drugs if strategy.endswith(AXES) else genes
    beside = Beside()
    if strategy in TABLES:
        (tmp_path / "table.csv").write_text(TABLES[strategy])
        beside = read_table(tmp_path / "table.csv")
    shares = {"fraction": fraction, "validation": validation, **MORE.get(strategy, {})}
    plan = Plan(
        id="tiny/split",
        version="1.0.0",
        title="A split",
        strategy=strategy,
        parameters=ONLY.get(strategy, shares),
        seed=seed,
        beside=beside,
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
