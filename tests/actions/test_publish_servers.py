"""Publishing and fetching through real servers, and through what lies between."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from support import tiny
from support.fault_proxy import FaultProxy, Rule
from support.killed import killed_at, requests
from support.places import Place
from support.publishing import dataset, lean, release

from vcspec.actions import publish as publishing
from vcspec.actions.fetch import fetch
from vcspec.actions.registry import read_registry, read_release
from vcspec.actions.releasing import Prepared, prepared
from vcspec.actions.validate import validate
from vcspec.actions.verify_part import mode_of, stated_storage, verify_part
from vcspec.actions.verify_store import verify_store
from vcspec.actions.withdraw import withdraw
from vcspec.model.errors import Mismatch, VcspecError
from vcspec.model.release import blob_of
from vcspec.storage import remote_place, transfer
from vcspec.storage.place import open_place, require_create_only
from vcspec.storage.remote_place import RemotePlace
from vcspec.storage.transfer import damaged

SERVERS = ["moto_server", "ceph_gateway", "azurite", "gcs_emulator"]
WRITERS, ROUNDS = 16, 20
EVERY = 9  # of the requests; a publisher is killed at each of them when this is 1


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VCSPEC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VCSPEC_REGISTRY", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def artefact(screen: tiny.Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    """The tiny dataset, examined once."""
    found = prepared(lean(tmp_path / "lean.zarr", screen.dataset))
    monkeypatch.setattr(publishing, "prepared", lambda *_, **__: found)
    return found


def test_what_is_published_is_verified_there_and_fetched_as_it_was(server, screen, tmp_path):
    place = f"{server.root}/place"
    done = release(screen.dataset, place)
    storage = str(done.release["storage"])
    report = verify_store(done.url, storage=storage)
    assert (report.verdict, report.codes) == ("valid", ())
    for mode in ("list", "head", "sample=0.5"):
        assert verify_part(done.url, mode_of(mode), storage=storage).verdict == "valid"
    found = fetch("tiny@1.0.0", tmp_path / "mine.zarr", registry=[place])
    assert verify_store(found, storage=storage).verdict == "valid"
    assert release(screen.dataset, place).was_there
    assert validate(done.url, level="full").verdict == "valid"
    withdraw("tiny@1.0.0", place, reason="wrong")
    assert read_registry(place)[0]["withdrawn"]["reason"] == "wrong"


def test_other_content_under_a_version_is_refused(server, screen, tmp_path):
    place = f"{server.root}/place"
    winner = release(screen.dataset, place).release["storage"]
    with pytest.raises(Mismatch, match=str(winner)):
        release(dataset(tmp_path / "other.zarr", tiny.curated(seed=1)), place)


@pytest.mark.parametrize("server", SERVERS[1:], indirect=True)
def test_the_server_creates_once_and_of_racing_writers_one_wins(server):
    place = open_place(f"{server.root}/races")
    require_create_only(place, trusted=False)
    for number in range(ROUNDS):
        with ThreadPoolExecutor(WRITERS) as pool:
            writes = [pool.submit(place.stand, f"{number}", b"%d" % own) for own in range(WRITERS)]
            seen = {write.result() for write in writes}
        assert seen == {place.read(f"{number}")}


SURVIVED = {
    "a reset": Rule("reset", method="PUT", times=2),
    "an answer that is lost": Rule("drop", method="PUT", path="releases/", times=1),
    "a server that is busy": Rule("status", status=503, times=2),
    "a conflict": Rule("status", status=409, method="PUT", path="releases/", times=1),
    "a stall": Rule("stall", method="PUT", seconds=1.0, times=3),
    "a slow line": Rule("slow", rate=50_000, times=40),
    "a flip on the way up": Rule("flip", method="PUT", path="X/c/0/0", side="request", times=1),
}
TOLD = {
    "an object that is not there for a moment": Rule("status", status=404, method="GET", times=1),
    "a right that is missing for a moment": Rule("status", status=403, method="PUT", times=1),
    "a body that is cut": Rule("truncate", method="GET", path="X/c/0/0", at=7),
    "a flip on the way back": Rule("flip", method="GET", path="X/c/0/0"),
    "a server that stays busy": Rule("status", status=503, method="PUT", path="X/c/0/0"),
}


def failure_of(work: Callable[[], object]) -> VcspecError | None:
    """The error in which it ends; none where it does not."""
    try:
        work()
    except VcspecError as error:
        return error
    return None


@pytest.mark.parametrize("server", ["moto_server", "ceph_gateway"], indirect=True)
@pytest.mark.parametrize("name", [*SURVIVED, *TOLD])
def test_what_passes_on_the_way_is_survived_and_what_stays_is_told(
    server, fault_proxy, artefact, name, monkeypatch
):
    monkeypatch.setattr(remote_place, "PATIENCE", 2.0)
    proxy: FaultProxy = fault_proxy(server.url)
    root, fault = f"{server.root}/place", {**SURVIVED, **TOLD}[name]
    # The driver tries for 40 s unless it is told not to; so do we, and no longer.
    few = {"config_kwargs": {"retries": {"max_attempts": 1}}}
    with server.behind(proxy.url).changed(**few).in_force():
        proxy.follow(fault)
        began = time.monotonic()
        failure = failure_of(lambda: release(artefact.path, root))
        assert time.monotonic() - began < 30
        assert failure is None or (name in TOLD and failure.exit_code == 3)
        assert any(one.fault == fault.fault for one in proxy.log)
        proxy.follow()
        done = release(artefact.path, root)
        assert verify_part(done.url, mode_of("full"), storage=stated_storage(done.url)).verdict == (
            "valid"
        )


@pytest.mark.parametrize(
    ("server", "first"),
    [("ceph_gateway", 0), ("azurite", 3), ("gcs_emulator", 6)],  # every third, taken together
    indirect=["server"],
)
def test_a_publisher_that_is_killed_at_a_request_leaves_nothing_half_visible(
    server, artefact, first
):
    number, lived = first, False
    while not lived:
        root = f"{server.root}/{number}"
        lived = killed_at(number, requests, partial(release, artefact.path, root))
        place = open_place(root)
        blob = blob_of(artefact.contents.storage)
        stands = read_release(place, "dataset", "tiny", "1.0.0")
        assert stands is None or damaged(place.objects(blob), artefact.contents.entries) == []
        there = place.sizes(blob)
        done = release(artefact.path, root)
        assert done.was_there == (stands is not None)
        assert done.was_there or done.sent == len(artefact.contents.entries) - len(there)
        assert verify_store(done.url).verdict == "valid"
        number += EVERY
    assert number > 2 * len(artefact.contents.entries)


def test_bytes_that_change_on_the_way_are_never_taken(moto_server, fault_proxy, artefact, cache):
    proxy: FaultProxy = fault_proxy(moto_server.url)
    release(artefact.path, f"{moto_server.root}/place")
    with moto_server.behind(proxy.url).in_force() as place:
        for rule in (
            Rule("flip", method="GET", path="X/c/0/0"),
            Rule("truncate", method="GET", path="X/c/0/0"),
            Rule("status", status=404, method="GET", path="X/c/0/0"),
            Rule("status", status=403, method="GET", path="X/c/0/0"),
        ):
            proxy.follow(rule)
            with pytest.raises(VcspecError, match="cannot be had"):
                fetch("tiny", registry=[f"{place.root}/place"])
            assert not list(cache.rglob("*.zarr"))
        proxy.follow()
        assert verify_store(fetch("tiny", registry=[f"{place.root}/place"])).verdict == "valid"


def test_a_dry_run_tells_the_requests_that_it_takes(
    moto_server, fault_proxy, artefact, monkeypatch
):
    monkeypatch.setattr(transfer, "PIECE", 1_000)
    between: FaultProxy = fault_proxy(moto_server.url)
    with moto_server.behind(between.url).in_force():
        place = moto_server.root
        told = release(artefact.path, place, dry_run=True)
        assert {one.method for one in between.log} <= {"GET", "HEAD"}
        between.log.clear()
        done = release(artefact.path, place)
    writes = [one for one in between.log if one.method not in ("GET", "HEAD")]
    reads = [one for one in between.log if one.method == "GET" and "/blobs/" in one.path]
    assert (told.sent, told.sent_bytes) == (done.sent, done.sent_bytes)
    assert (len(writes), len(reads)) == (told.writes, told.reads)
    assert told.reads > len(told.entries)


def test_unfinished_parts_of_ours_are_found_and_removed(moto_server):
    place = open_place(f"{moto_server.root}/place")
    assert isinstance(place, RemotePlace)
    driver, bucket = moto_server.driver(), moto_server.root.partition("://")[2]
    for key in ("place/blobs/aa/X/c/0", "elsewhere/blobs/aa/X/c/0"):
        driver.call_s3("create_multipart_upload", Bucket=bucket, Key=key)
    for dry_run in (True, False):
        found = place.abort_parts(older=timedelta(seconds=-60), dry_run=dry_run)
        assert found == ["blobs/aa/X/c/0"]
    left = driver.list_multipart_uploads(bucket)
    assert [one["Key"] for one in left] == ["elsewhere/blobs/aa/X/c/0"]


def test_a_store_is_opened_in_a_handful_of_requests(moto_server, fault_proxy, artefact):
    proxy: FaultProxy = fault_proxy(moto_server.url)
    done = release(artefact.path, f"{moto_server.root}/place")
    with moto_server.behind(proxy.url).in_force():
        before = sum(proxy.requests.values())
        found = verify_part(done.url, mode_of("list"))
        asked = sum(proxy.requests.values()) - before
    nodes = len(artefact.contents.root["nodes"])
    assert found.verdict == "valid"
    assert asked <= nodes + 6
    once = [path for (method, path), times in proxy.requests.items() if times > 1]
    assert not [path for path in once if re.search(r"/c/\d", path)]
