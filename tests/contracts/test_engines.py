"""Nothing that says how work is done, or how a store is laid out, changes a byte of a scorecard."""

import json
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support import tiny
from support.cluster import Cluster
from support.reencode import Layout, reencode
from support.s3 import S3

from vcspec.actions.reference import reference
from vcspec.actions.score import score
from vcspec.engine import budget as budgets
from vcspec.engine.budget import Budget
from vcspec.engine.settings import Settings
from vcspec.statistics.kernels import compiled

ROWS = 6 * tiny.CELLS
LAID_OUT: dict[str, st.SearchStrategy[Any]] = {
    "matrix": st.sampled_from(["csr", "csc", "dense"]),
    "zarr_format": st.sampled_from([2, 3]),
    "chunk": st.integers(150, 6_000),
    "sharded": st.booleans(),
    "big_endian": st.booleans(),
    "labels": st.sampled_from(["plain", "categorical", "nullable"]),
    "zstd": st.booleans(),
}
ORDERS = st.sampled_from([None, "conditions", "rows"])
LAYOUTS = st.builds(Layout, order=ORDERS, **LAID_OUT)
TRUTH = st.tuples(st.sampled_from(["reference", "dataset"]), st.builds(Layout, **LAID_OUT))


SUITES = ("core-1.0", "vcc-2026", "distributions")  # together they take all that a pass can take


@pytest.fixture(scope="module")
def anchors(screen: tiny.Screen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reference for all of the suites."""
    place = tmp_path_factory.mktemp("anchors") / "reference.zarr"
    reference(screen.split, screen.dataset, place, suites=SUITES)
    return place


@pytest.fixture(scope="module")
def card(screen: tiny.Screen, anchors: Path) -> str:
    """The scorecard by one thread, of the store as it was written."""
    work = Settings(budget=Budget(2**29, 1))
    found = score(screen.predictions, reference=anchors, suites=SUITES, settings=work)
    return found.to_json()


@pytest.fixture(scope="module")
def card_of_cells(screen: tiny.Screen) -> str:
    """As `card`, against measured cells."""
    work = Settings(budget=Budget(2**29, 1))
    found = score(screen.predictions, dataset=screen.dataset, suites=SUITES, settings=work)
    return found.to_json()


def permuted(kind: str | None, seed: int) -> np.ndarray[Any, Any] | None:
    """Whole conditions in another order, or all rows; rows of a condition stay in their order."""
    if kind is None:
        return None
    draw = np.random.default_rng(seed)
    condition = np.repeat(np.arange(6), tiny.CELLS)
    mixed = draw.permutation(condition) if kind == "rows" else draw.permutation(6).repeat(10)
    order = np.empty(ROWS, dtype=np.int64)
    for number in range(6):
        order[mixed == number] = np.flatnonzero(condition == number)
    return order


@contextmanager
def chosen(*, kernels: bool, floor: int) -> Iterator[None]:
    """With or without compiled kernels; blocks of at least `floor` values."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budgets, "FEWEST_ENTRIES", floor)
        for name, module in list(sys.modules.items()):
            if not kernels and name.startswith("vcspec.") and hasattr(module, "compiled"):
                patch.setattr(module, "compiled", lambda: None)
        yield


def numbers(text: str) -> dict[str, Any]:
    """A scorecard without what names the predictions by their digest."""
    document = json.loads(text)
    del document["inputs"]["predictions"], document["signature"]
    return document


@dataclass(frozen=True)
class How:
    """How work is done."""

    place: str = "local"
    engine: str = "threads"
    workers: int = 1
    memory: int = 2**29
    kernels: bool = True


HOWS = st.builds(
    How,
    place=st.sampled_from(["local", "s3"]),
    engine=st.sampled_from(["threads", "dask"]),
    workers=st.integers(1, 3),
    memory=st.sampled_from([1, 20_000, 60_000, 2**20, 2**29]),
    kernels=st.booleans(),
)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(layout=LAYOUTS, truth=TRUTH, how=HOWS, seed=st.integers(0, 2**32))
@example(
    layout=Layout(order="rows"),
    truth=("reference", Layout(chunk=150, zarr_format=2)),
    how=How("s3", "dask", 2, 1),
    seed=1,
)
@example(
    layout=Layout("csc", 2, zstd=False, labels="nullable"),
    truth=("reference", Layout(sharded=True, labels="categorical")),
    how=How(workers=3, memory=1, kernels=False),
    seed=2,
)
@example(
    layout=Layout("dense", chunk=150, big_endian=True),
    truth=("dataset", Layout("csc", 2, labels="categorical", big_endian=True)),
    how=How("s3", workers=2, memory=20_000),
    seed=3,
)
def test_the_scorecard_does_not_depend_on_how_it_was_made(
    layout: Layout,
    truth: tuple[str, Layout],
    how: How,
    seed: int,
    screen: tiny.Screen,
    *,
    card: str,
    card_of_cells: str,
    anchors: Path,
    s3: S3,
    dask_cluster: Cluster,
) -> None:
    bucket = s3.folder / f"bucket-{uuid.uuid4().hex}"
    order = permuted(layout.order, seed)
    stores = {"a": reencode(screen.predictions, bucket / "a.zarr", layout, order)}
    kind, other = truth
    if kind == "dataset":
        stores["b"] = reencode(screen.dataset, bucket / "b.zarr", other)
    else:  # whose profiles are dense in any layout
        stores["b"] = reencode(anchors, bucket / "b.zarr", replace(other, matrix="dense"))
    if how.place == "local":
        targets = {name: str(store) for name, store in stores.items()}
    else:
        targets = {name: f"s3://{bucket.name}/{name}.zarr" for name in stores}
    scheduler = dask_cluster.address if how.engine == "dask" else ""
    work = Settings(how.engine, scheduler, Budget(how.memory, how.workers))
    with chosen(kernels=how.kernels, floor=60):
        found = score(
            targets["a"], split=screen.split, suites=SUITES, settings=work, **{kind: targets["b"]}
        )
    shutil.rmtree(bucket)
    wanted = card if kind == "reference" else card_of_cells
    if order is None:
        assert found.to_json() == wanted
    else:
        assert numbers(found.to_json()) == numbers(wanted)


def test_kernels_are_there_to_be_left_out() -> None:
    if compiled() is None:
        pytest.skip("no compiler was at hand")
    with chosen(kernels=False, floor=1):
        from vcspec.statistics import ranksum

        assert ranksum.compiled() is None
