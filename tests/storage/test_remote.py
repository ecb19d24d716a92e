"""Stores on an S3 server that takes its time, fails, and changes."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import tiny
from support.s3 import S3, read_twice, round_trips
from support.web_server import WebServer

from vcspec.actions.export import describe
from vcspec.actions.validate import validate
from vcspec.actions.verify_store import verify_store
from vcspec.model.finding import Report
from vcspec.model.store import Damaged
from vcspec.standard import standard
from vcspec.storage.objects import AT_ONCE, RemoteObjects, Unreached, Wanted, open_objects
from vcspec.storage.zarr_store import ZarrStore

pytest.importorskip("fsspec.implementations.http")
WHOLE = (None, None)


@pytest.fixture
def bucket(s3: S3) -> Path:
    """A new bucket."""
    made = s3.folder / f"bucket-{uuid.uuid4().hex}"
    made.mkdir()
    return made


@pytest.fixture
def published(screen: tiny.Screen, bucket: Path) -> str:
    """The tiny dataset in a bucket, between neighbours that are none of it."""
    shutil.copytree(screen.dataset, bucket / "data.zarr")
    shutil.copytree(screen.split, bucket / "data.zarr2")
    (bucket / "data.zarr.json").write_text("{}")
    return f"s3://{bucket.name}/data.zarr"


def large(folder: Path, arrays: int) -> None:
    """A store of many arrays without a chunk."""
    array = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [0],
        "data_type": "int8",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1]}},
        "chunk_key_encoding": {"name": "default"},
        "fill_value": 0,
        "codecs": [{"name": "bytes"}],
    }
    group = {"zarr_format": 3, "node_type": "group", "attributes": {"vcspec": {"kind": "dataset"}}}
    for name, document in {"": group, **{f"a{number}": array for number in range(arrays)}}.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "zarr.json").write_text(json.dumps(document))


def told(report: Report) -> object:
    """All of a report but the place."""
    return report.verdict, report.findings, report.checked, report.skipped, report.facts


@pytest.mark.parametrize("level", ["axes", "data", "full"])
@pytest.mark.parametrize("kind", ["dataset", "split", "reference", "predictions"])
def test_a_remote_store_gets_the_report_of_the_same_store_on_disk(
    bucket: Path, screen: tiny.Screen, kind: str, level: str
) -> None:
    place = getattr(screen, kind)
    shutil.copytree(place, bucket / place.name)
    beside = {"split": screen.split, "dataset": screen.dataset}
    remote = validate(f"s3://{bucket.name}/{place.name}", level=level, **beside)
    assert told(remote) == told(validate(place, level=level, **beside))
    assert remote.verdict == "valid"


LISTING = {
    code
    for code, entry in standard().rules.items()
    if entry.get("listing") and entry["stage"] == "safety"
}


@pytest.mark.parametrize("kind", ["dataset", "split", "reference", "predictions"])
def test_metadata_take_two_requests_however_many_objects_there_are(
    s3: S3, bucket: Path, screen: tiny.Screen, kind: str
) -> None:
    place = getattr(screen, kind)
    shutil.copytree(place, bucket / place.name)
    for number in range(1_500):
        (bucket / place.name / f"stray-{number}").write_bytes(b"?")
    remote = validate(f"s3://{bucket.name}/{place.name}", level="metadata")
    asked = [(request.method, request.key.rpartition("/")[2]) for request in s3.log]
    local = validate(place, level="metadata")
    assert asked == [("GET", "zarr.json"), ("GET", "manifest.json")]
    assert remote.verdict == "valid"
    assert (remote.findings, remote.facts) == (local.findings, local.facts)
    assert set(local.checked) - set(remote.checked) == LISTING
    assert {one.code for one in remote.skipped} - {one.code for one in local.skipped} == LISTING


COPIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "none": lambda root: root.pop("consolidated_metadata"),
    "of nothing": lambda root: root["consolidated_metadata"]["metadata"].clear(),
    "that leaves the store": lambda root: root["consolidated_metadata"]["metadata"].update(
        {"../beside": root["consolidated_metadata"]["metadata"]["obs"]}
    ),
    "that is no metadata": lambda root: root["consolidated_metadata"]["metadata"]["X"].clear(),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_store_whose_root_has_no_sound_copy_is_listed(
    s3: S3, published: str, copy: str, tmp_path: Path
) -> None:
    document = s3.folder / published.removeprefix("s3://") / "zarr.json"
    root = json.loads(document.read_text())
    COPIES[copy](root)
    document.write_text(json.dumps(root))
    shutil.copytree(document.parent, tmp_path / "data.zarr")
    assert told(validate(published, level="metadata")) == told(
        validate(tmp_path / "data.zarr", level="metadata")
    )
    assert sum(request.lists for request in s3.log) >= 1


def test_a_broken_remote_store_gets_the_same_report_too(
    s3: S3, published: str, screen: tiny.Screen, tmp_path: Path
) -> None:
    for store in (s3.folder / published.removeprefix("s3://"), tmp_path / "data.zarr"):
        shutil.copytree(screen.dataset, store, dirs_exist_ok=True)
        (store / "obs" / "context" / "zarr.json").write_text("{")
        (store / "X" / "zarr.json").unlink()
        (store / "stray").write_text("?")
    remote, local = validate(published), validate(tmp_path / "data.zarr")
    assert remote.errors
    assert told(remote) == told(local)


def test_the_bytes_of_a_remote_store_are_verified_as_on_disk(
    published: str, screen: tiny.Screen, s3: S3
) -> None:
    assert told(verify_store(published)) == told(verify_store(screen.dataset))
    place = s3.folder / published.removeprefix("s3://") / "X" / "data" / "c" / "0"
    place.write_bytes(place.read_bytes()[::-1])
    assert verify_store(published).codes == ("VCS203",)


def test_a_skeleton_takes_one_listing_and_one_request_a_document(s3: S3, published: str) -> None:
    s3.latency = 0.1
    assert ZarrStore(published).skeleton.listed
    documents = [request for request in s3.log if request.key.endswith("zarr.json")]
    assert {request.method for request in s3.log} == {"GET"}
    assert read_twice(s3.log) == []
    assert sum(request.lists for request in s3.log) == 1
    assert len(s3.log) == 1 + len(documents)
    assert round_trips(s3.log) < len(documents) / 2


def test_a_large_store_is_opened_in_a_fraction_of_its_latencies(s3: S3, bucket: Path) -> None:
    large(bucket / "large.zarr", 320)
    s3.latency = 0.05
    began = time.monotonic()
    found = ZarrStore(f"s3://{bucket.name}/large.zarr").skeleton
    took = time.monotonic() - began
    assert len(found.nodes) == 321
    assert took < 321 * s3.latency / 3  # about 11 turns of 32; this allows for a busy machine
    assert round_trips(s3.log) < 321 / 3
    assert read_twice(s3.log) == []


def test_a_listing_of_several_pages_is_complete_and_counted(s3: S3, bucket: Path) -> None:
    folder = bucket / "store" / "c"
    folder.mkdir(parents=True)
    for number in range(2_001):
        (folder / f"{number} &+%é").write_bytes(b"1")
    objects = open_objects(f"s3://{bucket.name}/store/")
    assert len(objects.listing()) == 2_001
    assert objects.requests == len(s3.log) == 3
    assert objects.read("c/2000 &+%é") == b"1"


def test_what_is_counted_is_what_was_asked(s3: S3, published: str) -> None:
    objects = open_objects(published)
    listed = objects.listing()
    wanted: list[Wanted] = [(name, *WHOLE) for name, entry in listed.items() if entry.size]
    bodies = objects.read_many([*wanted, ("zarr.json", 0, 9)])
    assert [len(body) for body in bodies] == [*(listed[name].size for name, *_ in wanted), 9]
    assert objects.requests == len(s3.log)
    assert objects.bytes_read == sum(map(len, bodies))


def test_large_objects_are_one_request_and_their_size_is_not_asked(s3: S3, bucket: Path) -> None:
    (bucket / "store").mkdir()
    (bucket / "store" / "large").write_bytes(bytes(60_000_000))
    objects = open_objects(f"s3://{bucket.name}/store")
    assert len(objects.read("large")) == 60_000_000
    assert [(request.method, request.range) for request in s3.log] == [("GET", None)]


def test_requests_overlap_up_to_the_limit(s3: S3, bucket: Path) -> None:
    (bucket / "store").mkdir()
    (bucket / "store" / "a").write_bytes(bytes(1_000))
    objects = open_objects(f"s3://{bucket.name}/store")
    objects.read("a")
    s3.latency = 0.3
    objects.read_many([("a", at, at + 1) for at in range(2 * AT_ONCE)])
    under_way = [
        sum(other.began <= one.began < other.ended for other in s3.log[1:]) for one in s3.log[1:]
    ]
    assert AT_ONCE / 2 < max(under_way) <= AT_ONCE


def test_no_request_leaves_the_store(s3: S3, published: str) -> None:
    validate(published, level="full")
    inside = f"{published.removeprefix('s3://')}/"
    bucket, _, prefix = inside.partition("/")
    for request in s3.log:
        if request.lists:
            assert (request.key, request.query["prefix"]) == (bucket, prefix)
        else:
            assert request.key.startswith(inside)


def test_an_object_that_vanished_is_missed_by_name(s3: S3, published: str) -> None:
    objects = open_objects(published)
    objects.listing()
    s3.hidden.add(f"{published.removeprefix('s3://')}/X/data/c/0")
    for wanted in [("X/data/c/0", *WHOLE), ("X/data/c/0", 0, 4)]:
        with pytest.raises(FileNotFoundError, match="X/data/c/0"):
            objects.read_many([("zarr.json", *WHOLE), wanted])


def test_an_object_that_vanished_is_no_fill_value(s3: S3, published: str) -> None:
    store = ZarrStore(published)
    assert "X/data/c/0" in store.skeleton.objects
    s3.hidden.add(f"{published.removeprefix('s3://')}/X/data/c/0")
    with pytest.raises(Damaged, match="X/data"):
        store.array("/X/data")


def test_a_document_that_vanished_is_found_broken_and_the_others_are_read(
    s3: S3, published: str
) -> None:
    gone = "obs/context/zarr.json"
    s3.hidden.add(f"{published.removeprefix('s3://')}/{gone}")
    found = ZarrStore(published).skeleton
    assert list(found.broken) == [gone]
    assert gone in found.broken[gone]
    assert {"/", "/X", "/obs"} <= set(found.nodes)


@pytest.mark.parametrize("status", [503, 500, 0], ids=["busy", "broken", "reset"])
def test_a_passing_fault_is_tried_again(s3: S3, published: str, status: int) -> None:
    s3.failing[f"{published.removeprefix('s3://')}/X/zarr.json"] = [status]
    assert validate(published, level="metadata").verdict == "valid"


def test_a_fault_that_stays_is_reported_with_the_object_and_says_nothing_of_the_store(
    s3: S3, published: str
) -> None:
    s3.failing[f"{published.removeprefix('s3://')}/X/zarr.json"] = [500] * 99
    objects = open_objects(published)
    with pytest.raises(Unreached, match=r"X/zarr\.json"):
        objects.read_many([("zarr.json", *WHOLE), ("X/zarr.json", *WHOLE)])
    report = validate(published, level="axes")
    assert report.verdict == "unknown"
    assert "X/zarr.json" in report.findings[0].found


def test_a_store_that_changed_is_seen_anew_without_asking_more(s3: S3, published: str) -> None:
    first = ZarrStore(published).skeleton
    asked = len(s3.log)
    store = s3.folder / published.removeprefix("s3://")
    changed = json.loads((store / "zarr.json").read_bytes())
    changed["attributes"]["vcspec"]["title"] = "Another title, of another length"
    (store / "zarr.json").write_text(json.dumps(changed))
    shutil.copytree(store / "varm", store / "more")
    again = ZarrStore(published).skeleton
    assert again.document == changed["attributes"]["vcspec"] != first.document
    assert set(again.objects) - set(first.objects) == {"more/zarr.json"}
    assert again.objects["zarr.json"].size == (store / "zarr.json").stat().st_size
    assert len(s3.log) == 2 * asked + 1


def test_where_nothing_is_the_report_says_so(bucket: Path) -> None:
    for place in (f"s3://{bucket.name}/no.zarr", "s3://no-bucket/no.zarr"):
        report = validate(place)
        assert report.verdict == "unknown"
        assert "no" in report.findings[0].found


def test_the_command_line_reads_a_bucket_by_the_drivers_own_settings(
    s3: S3, published: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vcspec", "validate", published, "--level", "metadata"],
        env={**os.environ, **s3.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d+ requests, [\d.]+ MB read\n", done.stderr)
    assert "valid" in done.stdout


@pytest.mark.parametrize("where", ["variables", "a file", "a file elsewhere"])
def test_a_store_is_read_by_settings_of_fsspec_alone(
    s3: S3, published: str, where: str, tmp_path: Path
) -> None:
    environment = {name: value for name, value in os.environ.items() if "AWS_" not in name}
    settings = {"endpoint_url": s3.url, "key": "anybody", "secret": "anything"}
    if where == "variables":
        environment |= {f"FSSPEC_S3_{name.upper()}": value for name, value in settings.items()}
    else:
        folder = tmp_path / ".config" / "fsspec"
        folder.mkdir(parents=True)
        (folder / "own.json").write_text(json.dumps({"s3": settings}))
        is_home = where == "a file"
        environment |= {"HOME": str(tmp_path)} if is_home else {"FSSPEC_CONFIG_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "vcspec", "validate", published, "--level", "metadata"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_store_on_a_plain_web_server_gets_the_same_report_and_is_described_by_its_address(
    web_server: Callable[[Path], WebServer], screen: tiny.Screen
) -> None:
    address = f"{web_server(screen.folder).url}/{screen.dataset.name}"
    assert told(validate(address, level="full")) == told(validate(screen.dataset, level="full"))
    found = describe(address)
    assert (found.address, found.storage) == (address, describe(screen.dataset).storage)
    assert describe(address, url="https://example.org/a.zarr").address.endswith("/a.zarr")


class Web:
    """A web server whose pages link to themselves, upwards, elsewhere and to other orders."""

    async_impl = False
    pages = {  # noqa: RUF012 - nobody changes it
        "http://h/s/": ["http://h/s/a/", "http://h/s/", "http://h/s/../t/", "http://g/s/"],
        "http://h/s/a/": ["http://h/s/a/c", "http://h/s/a/?C=M", "http://h/s/a/%2e%2e/%2e%2e/t"],
    }

    def ls(self, page: str) -> list[dict[str, object]]:
        kinds = {True: "directory", False: "file"}
        return [
            {"name": link, "size": 5, "type": kinds[link.endswith("/")]}
            for link in self.pages[page]
        ]

    def sizes(self, _keys: list[str]) -> list[int]:
        return []


def test_a_web_page_leads_nowhere_but_below_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RemoteObjects, "_walks", lambda _: True)
    objects = RemoteObjects(Web, "http://h/s")
    assert {name: entry.size for name, entry in objects.listing().items()} == {"a/c": 5}
    assert objects.requests == 2
