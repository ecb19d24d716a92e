"""Whatever fails while something is published or fetched: it is whole, or nobody sees it."""

import errno
import itertools
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import pytest
from support import tiny
from support.killed import killed_at, reads_and_moves, writes_of_files
from support.publishing import dataset, lean, release
from tenacity import wait_none

from vcspec.actions import publish as publishing
from vcspec.actions.fetch import fetch
from vcspec.actions.registry import read_registry, read_release
from vcspec.actions.releasing import Prepared, prepared
from vcspec.actions.verify_store import verify_store
from vcspec.model.errors import Mismatch, VcspecError
from vcspec.model.release import blob_of
from vcspec.storage import remote_place, store_cache, transfer
from vcspec.storage.objects import LocalObjects
from vcspec.storage.place import Place, open_place
from vcspec.storage.transfer import damaged

FILES = fsspec.filesystem("memory")
PUBLISHERS, ROUNDS = 16, 20
LOOKS = 2  # into the cache for a store that is not there; one that fails is no harm
CALLS = ("pipe_file", "put_file", "cat_file", "find", "rm_file", "exists")
FAILURES = {
    "an error": lambda: OSError(errno.EIO, "broken"),
    "a time-out": lambda: TimeoutError("slow"),
    "no space": lambda: OSError(errno.ENOSPC, "No space left on device"),
}


class Faults:
    """Counts the calls of a driver, and lets some of them fail.

    Attributes:
        at: number of the first call that fails, from 0; none where negative.
        ever: whether all after it fail as well.
        late: whether a call does its work before it fails.
        count: calls so far.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.set()

    def set(self, at: int = -1, *, ever: bool = False, late: bool = False, of: str = "an error"):
        self.at, self.ever, self.late, self.of, self.count = at, ever, late, of, 0
        return self

    def wrap(self, whole: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            with self.lock:
                own, self.count = self.count, self.count + 1
            fails = self.at >= 0 and (own >= self.at if self.ever else own == self.at)
            if fails and self.late:
                whole(*arguments, **options)
            if fails:
                raise FAILURES[self.of]()
            return whole(*arguments, **options)

        return call


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    found = Faults()
    for name in CALLS:
        monkeypatch.setattr(type(FILES), name, found.wrap(getattr(type(FILES), name)))
    monkeypatch.setattr(remote_place, "WAIT", wait_none())
    monkeypatch.setattr(transfer, "AT_ONCE", 2)  # to start a thread takes longer than the work
    return found


@pytest.fixture
def artefact(screen: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    """The tiny dataset, examined once."""
    found = prepared(lean(tmp_path / "lean.zarr", screen.dataset))
    monkeypatch.setattr(publishing, "prepared", lambda *_, **__: found)
    return found


@pytest.fixture
def urls() -> Iterator[Iterator[str]]:
    """Places in memory that nobody has used."""
    base = f"memory://place-{uuid.uuid4().hex}"
    yield (f"{base}/{number}/" for number in itertools.count())
    forget(base)


def forget(url: str) -> None:
    """Drop what a place in memory holds, without a call of the driver."""
    prefix = url.removeprefix("memory:/")
    for name in [name for name in FILES.store if name.startswith(prefix)]:
        del FILES.store[name]


def is_whole_or_invisible(place: Place, artefact: Prepared) -> bool:
    """Whether the release is visible; where it is, every byte of it must be there."""
    stands = read_release(place, "dataset", "tiny", "1.0.0")
    if stands is None:
        return False
    objects = place.objects(blob_of(artefact.contents.storage))
    assert damaged(objects, artefact.contents.entries) == []
    return True


@pytest.mark.parametrize("late", [False, True], ids=["before", "after it was done"])
@pytest.mark.parametrize("ever", [False, True], ids=["once", "for ever"])
def test_whichever_call_fails_a_second_run_completes(faults, artefact, urls, late, ever):
    store = artefact.path
    release(store, next(urls))
    calls = faults.count
    assert calls > 2 * len(artefact.contents.entries)
    outcomes = []
    for at in range(calls):
        url = next(urls)
        of = list(FAILURES)[at % len(FAILURES)]
        faults.set(at, ever=ever, late=late, of=of)
        try:
            release(store, url)
            outcomes.append(True)
        except (VcspecError, OSError):
            outcomes.append(False)
        faults.set()
        place = open_place(url)
        visible = is_whole_or_invisible(place, artefact)
        assert visible or not outcomes[-1]
        release(store, url)
        assert is_whole_or_invisible(place, artefact)
        assert place.sizes("uploads") == {}
        forget(url)
    assert any(outcomes) or ever
    assert not all(outcomes)


def test_of_racing_publishers_those_of_one_content_win_and_the_others_hear_of_it(
    tmp_path, monkeypatch, urls
):
    """Each content is brought by two; whoever comes second with the same succeeds as well."""
    contents = {seed: tiny.curated(seed=seed) for seed in range(PUBLISHERS // 2)}
    found = []
    for number, own in contents.items():
        store = dataset(tmp_path / f"{number}.zarr", own)
        found.append(prepared(lean(tmp_path / f"lean-{number}.zarr", store)))
    known = {one.path: one for one in found}
    monkeypatch.setattr(publishing, "prepared", lambda store, **_: known[Path(store)])
    monkeypatch.setattr(transfer, "AT_ONCE", 2)
    monkeypatch.setattr(remote_place, "WAIT", wait_none())

    def tried(store: Path, url: str) -> str:
        try:
            return str(release(store, url).release["storage"])
        except Mismatch:
            return ""

    for _ in range(ROUNDS):
        url = next(urls)
        with ThreadPoolExecutor(PUBLISHERS) as pool:
            runs = [pool.submit(tried, one.path, url) for one in [*found, *found]]
            outcomes = [run.result() for run in runs]
        stands = read_release(open_place(url), "dataset", "tiny", "1.0.0")
        assert stands is not None
        (winner,) = (one for one in found if one.contents.storage == stands["storage"])
        assert sorted(outcomes) == [""] * (PUBLISHERS - 2) + [stands["storage"]] * 2
        assert is_whole_or_invisible(open_place(url), winner)
        registry = read_registry(url)
        assert [entry["release"]["storage"] for entry in registry] == [stands["storage"]]
        forget(url)


def test_a_server_that_returns_half_of_an_object_is_never_believed(artefact, urls, monkeypatch):
    whole = type(FILES).cat_file
    url = next(urls)

    def half(self: Any, path: str, **options: Any) -> bytes:
        body: bytes = whole(self, path, **options)
        return body[: len(body) // 2] if path.endswith("X/c/0/0") else body

    monkeypatch.setattr(type(FILES), "cat_file", half)
    with pytest.raises(VcspecError, match="does not arrive as it was sent"):
        release(artefact.path, url)
    assert read_release(open_place(url), "dataset", "tiny", "1.0.0") is None


def test_a_publisher_that_is_killed_at_any_call_leaves_nothing_half_visible(
    artefact, tmp_path, monkeypatch
):
    monkeypatch.setattr("os.fsync", lambda _: None)  # a kill is no loss of power
    number, lived = 0, False
    while not lived:
        target = tmp_path / f"{number}"
        lived = killed_at(number, writes_of_files, partial(release, artefact.path, target))
        place = open_place(str(target))
        is_whole_or_invisible(place, artefact)
        there = place.sizes(blob_of(artefact.contents.storage))
        done = release(artefact.path, target)
        assert is_whole_or_invisible(place, artefact)
        assert verify_store(done.url).verdict == "valid"  # and holds nothing else
        if not done.was_there:
            assert done.sent == len(artefact.contents.entries) - len(there)
        shutil.rmtree(target)
        number += 1
    assert number > 2 * len(artefact.contents.entries)


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize("ever", [False, True], ids=["once", "for ever"])
def test_a_fetch_that_fails_at_any_call_leaves_nothing_in_the_cache(
    artefact, tmp_path, monkeypatch, kind, ever
):
    place = tmp_path / "place"
    release(artefact.path, place)
    found = Faults()
    for name in ("read", "pieces"):
        monkeypatch.setattr(LocalObjects, name, found.wrap(getattr(LocalObjects, name)))
    monkeypatch.setenv("VCSPEC_CACHE", str(tmp_path / "whole"))
    fetch("tiny", registry=[str(place)])
    calls, failed = found.count, 0
    for at in range(calls):
        monkeypatch.setenv("VCSPEC_CACHE", str(tmp_path / f"cache-{at}"))
        found_before = found.set(at, ever=ever, of=kind)
        try:
            fetch("tiny", registry=[str(place)])
        except (VcspecError, OSError):
            failed += 1
            assert list(store_cache.in_cache()) == []
        found_before.set()
        path = fetch("tiny", registry=[str(place)])
        assert damaged(LocalObjects(path), artefact.contents.entries) == []
    assert failed == calls if ever else failed == calls - LOOKS


def test_a_fetch_that_is_killed_at_any_call_leaves_a_whole_store_or_none(
    artefact, tmp_path, monkeypatch
):
    place = tmp_path / "place"
    release(artefact.path, place)

    number, lived = 0, False
    while not lived:
        monkeypatch.setenv("VCSPEC_CACHE", str(tmp_path / f"cache-{number}"))
        lived = killed_at(number, reads_and_moves, partial(fetch, "tiny", registry=[str(place)]))
        for one in store_cache.in_cache():
            assert store_cache.unsound(one) == []
        path = fetch("tiny", registry=[str(place)])
        assert damaged(LocalObjects(path), artefact.contents.entries) == []
        number += 1
    assert number > len(artefact.contents.entries)
