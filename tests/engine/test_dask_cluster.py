"""A real scheduler and real workers, each in a process of its own."""

import pickle
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import slow, tiny
from support.cluster import Cluster, eventually
from support.s3 import S3

from vcspec.actions.score import score
from vcspec.engine import budget as budgets
from vcspec.engine import executors
from vcspec.engine.budget import Budget
from vcspec.engine.cells import Scale, StoredCells
from vcspec.engine.settings import Settings
from vcspec.engine.sweep import Group, sweep
from vcspec.engine.visit import Wants, visit
from vcspec.model.errors import Unreadable, UsageError
from vcspec.model.store import Damaged
from vcspec.statistics.ranksum import SortedControl
from vcspec.storage.zarr_store import ZarrStore

Told = Callable[[int, int, str], None]


@pytest.fixture
def cluster(dask_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, which has its two workers again when the test is over."""
    yield dask_cluster
    dask_cluster.add_workers(2 - len(dask_cluster.workers))


@pytest.fixture(scope="module")
def card(screen: tiny.Screen) -> str:
    """The scorecard by one thread."""
    return score(screen.predictions, settings=Settings(budget=Budget(2**29, 1))).to_json()


@pytest.fixture
def many_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block for each condition, and more than half a second for each block."""
    monkeypatch.setattr(budgets, "FEWEST_ENTRIES", 1)
    monkeypatch.setattr("vcspec.engine.sweep.visit", slow.visit)


def elsewhere(cluster: Cluster, progress: Told | None = None) -> Settings:
    """Settings of a run on the cluster, in the smallest blocks."""
    return Settings("dask", cluster.address, Budget(1, 2), progress)


def scheduled(cluster: Cluster) -> list[str]:
    """Keys that the scheduler knows."""
    with cluster.client() as client:
        found: list[str] = client.run_on_scheduler(lambda dask_scheduler: [*dask_scheduler.tasks])
    return found


def test_a_cluster_gives_the_bytes_of_threads(
    cluster: Cluster, screen: tiny.Screen, card: str
) -> None:
    assert score(screen.predictions, settings=elsewhere(cluster)).to_json() == card
    eventually(lambda: not scheduled(cluster))


def test_workers_read_object_stores_with_keys_of_their_own(
    cluster: Cluster, screen: tiny.Screen, card: str, s3: S3
) -> None:
    bucket = s3.folder / f"bucket-{uuid.uuid4().hex}"
    for name in ("split", "reference", "predictions"):
        shutil.copytree(getattr(screen, name), bucket / f"{name}.zarr")
    places = {name: f"s3://{bucket.name}/{name}.zarr" for name in ("split", "reference")}
    target = f"s3://{bucket.name}/predictions.zarr"
    for _ in range(2):  # the second time the workers have the store open
        s3.log.clear()
        said: list[str] = []
        settings = replace(elsewhere(cluster), announce=said.append)
        assert score(target, **places, settings=settings).to_json() == card
        assert said[-1].startswith(f"{len(s3.log)} requests, ")


@pytest.mark.usefixtures("many_tasks")
@pytest.mark.parametrize("victims", [1, 2])
def test_a_run_outlives_workers_that_are_killed(
    victims: int, cluster: Cluster, screen: tiny.Screen, card: str
) -> None:
    killed: list[str] = []

    def progress(done: int, total: int, what: str) -> None:
        if done == 0 or killed or what != "cells":
            return
        assert done < total
        with cluster.client() as client:
            tasks = client.processing()
        assert len(tasks) == 2
        for worker in sorted(tasks, key=lambda worker: -len(tasks[worker]))[:victims]:
            cluster.kill(worker)
            killed.append(worker)
        if victims == 2:  # nobody is left who holds a control
            cluster.add_workers(1)

    found = score(screen.predictions, settings=elsewhere(cluster, progress))
    assert len(killed) == victims
    assert found.to_json() == card


def test_a_task_that_kills_its_workers_ends_the_run(cluster: Cluster) -> None:
    cluster.add_workers(2)
    with (
        pytest.raises(Unreadable, match=r"workers died again and again.*--memory"),
        elsewhere(cluster).executor() as executor,
    ):
        executors.run(executor, slow.die, [(0, None, 1)])
    for process in [*cluster.workers]:
        process.wait()
        cluster.workers.remove(process)


@pytest.mark.usefixtures("many_tasks")
def test_an_interrupted_run_leaves_no_tasks_and_the_next_one_works(
    cluster: Cluster, screen: tiny.Screen, card: str
) -> None:
    def interrupt(done: int, _: int, what: str) -> None:
        if done and what == "cells":
            assert scheduled(cluster)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(screen.predictions, settings=elsewhere(cluster, interrupt))
    eventually(lambda: not scheduled(cluster))
    assert score(screen.predictions, settings=elsewhere(cluster)).to_json() == card


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "PATIENCE", "1s")
    with (
        pytest.raises(UsageError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9 "),
        Settings("dask", "tcp://127.0.0.1:9").executor(),
    ):
        pytest.fail("somebody answered")


def test_a_scheduler_without_workers_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "PATIENCE", "2s")
    idle = Cluster(tmp_path, {})
    try:
        with (
            pytest.raises(UsageError, match=f"{idle.address} has no workers"),
            Settings("dask", idle.address).executor(),
        ):
            pytest.fail("somebody answered")
    finally:
        idle.stop()


def whole(store: ZarrStore) -> tuple[list[Group], Wants]:
    rows = len(store.row_ends("/X")) - 1
    return [Group(0, rows)], Wants(notes=True, leaves=True, scale=Scale("log1p", 1_000))


def test_a_store_that_workers_see_otherwise_is_damaged(
    cluster: Cluster, screen: tiny.Screen, tmp_path: Path
) -> None:
    place = tmp_path / "a.zarr"
    shutil.copytree(screen.predictions, place)
    store = ZarrStore(str(place))
    groups, wants = whole(store)
    (place / "X" / "data" / "c" / "0").write_bytes(b"shorter")
    with pytest.raises(Damaged, match="not the same here"):
        sweep(StoredCells(store), groups, [], wants, elsewhere(cluster))


def test_damage_that_a_worker_meets_is_told_as_such(
    cluster: Cluster, screen: tiny.Screen, tmp_path: Path
) -> None:
    place = tmp_path / "a.zarr"
    shutil.copytree(screen.predictions, place)
    chunk = place / "X" / "data" / "c" / "0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    store = ZarrStore(str(place))
    with pytest.raises(Damaged, match="/X/data") as caught:
        sweep(StoredCells(store), *whole(store)[:1], [], whole(store)[1], elsewhere(cluster))
    assert caught.value.path == "/X/data"


def test_what_travels_is_small_and_holds_no_secret(
    screen: tiny.Screen, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3.folder / f"bucket-{uuid.uuid4().hex}"
    shutil.copytree(screen.predictions, bucket / "predictions.zarr")
    monkeypatch.setenv("FSSPEC_S3_SECRET", "do-not-tell")
    store = ZarrStore(f"s3://{bucket.name}/predictions.zarr")
    groups, wants = whole(store)
    sent: list[bytes] = []

    def sending(_: Any, function: Any, tasks: Any, *__: Any) -> list[Any]:
        sent.extend(pickle.dumps(task) for task, _, _ in tasks)
        return [function(task, shared) for task, shared, _ in tasks]

    monkeypatch.setattr("vcspec.engine.sweep.run", sending)
    sweep(StoredCells(store), groups, [], wants, Settings(budget=Budget(2**29, 1)))
    (task,) = sent
    assert len(task) < 1_000
    for secret in (*s3.environment.values(), "do-not-tell"):
        assert secret.encode() not in task or secret == "true"
    assert visit(pickle.loads(task), None).scan is not None


def test_a_control_travels_as_four_bytes_a_value() -> None:
    cells = np.ones((500, 40), dtype=np.float32)
    control = SortedControl.of(tiny.rows_of_dense(cells))
    assert len(pickle.dumps(control)) < 500 * 40 * 4 + 40 * 16 + 1_000
