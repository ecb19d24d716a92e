"""What obstore reads, and when the driver is asked instead."""

import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.children import printed
from support.places import Place
from support.s3 import S3

from vcspec.storage.objects import RemoteObjects, Unreached, open_objects, remote_objects
from vcspec.storage.quick_s3 import quick_s3

obstore = pytest.importorskip("obstore")
SERVER = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
REGION = {"AWS_DEFAULT_REGION": "eu-west-1"}


@pytest.fixture
def store(s3: S3) -> Path:
    """A folder that the server shows as a store in a bucket of its own."""
    made = s3.folder / f"bucket-{uuid.uuid4().hex}" / "store"
    (made / "a").mkdir(parents=True)
    (made / "zarr.json").write_bytes(b"{}")
    (made / "a" / "c &+é").write_bytes(b"0123456789")
    (made.parent / "store2").write_bytes(b"none of it")
    return made


def opened(store: Path) -> RemoteObjects:
    return remote_objects(f"s3://{store.parent.name}/{store.name}")


class Loaded(AssertionError):
    """The driver was asked for."""


def alone(objects: RemoteObjects) -> RemoteObjects:
    """The same, where to ask the driver is an error."""

    def driver() -> Any:
        raise Loaded

    objects._driver = driver
    return objects


def test_lists_sizes_and_bytes_come_without_the_driver(store: Path) -> None:
    objects = alone(opened(store))
    listed = objects.listing()
    assert {name: entry.size for name, entry in listed.items()} == {"a/c &+é": 10, "zarr.json": 2}
    assert objects.size("a/c &+é") == 10
    wanted = [
        *(("a/c &+é", 8, 10), ("zarr.json", None, None), ("a/c &+é", 3, 3)),
        *(("a/c &+é", 7, None), ("a/c &+é", 6, 99)),
    ]
    assert objects.read_many(wanted) == [b"89", b"{}", b"", b"789", b"6789"]
    assert (objects.requests, objects.bytes_read) == (1 + 1 + 4, 11)
    assert alone(opened(store)).below("a").read("c &+é") == b"0123456789"


def test_large_objects_are_looked_at_where_they_came(store: Path) -> None:
    body = bytes(range(256)) * 300
    (store / "large").write_bytes(body)
    objects = alone(opened(store))
    found = objects.read_many([("large", None, None), ("large", 1, 70_000), ("large", 1, 9)])
    assert found == [body, body[1:70_000], body[1:9]]
    assert [type(one) for one in found] == [memoryview, memoryview, bytes]
    assert objects.read("large") == body
    assert type(objects.read("large")) is bytes


def test_a_process_that_ends_waits_for_the_threads_of_requests(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that comes to a thread while the interpreter goes would abort the process.

    Those of a pool are joined, whoever began them; the askers may be threads that are not.
    """
    objects = alone(opened(store))
    used: list[threading.Thread] = []

    def noting(name: str) -> None:
        plain = getattr(obstore, name)

        def noted(*arguments: Any, **named: Any) -> Any:
            used.append(threading.current_thread())
            return plain(*arguments, **named)

        monkeypatch.setattr(obstore, name, noted)

    names = ("get", "get_range", "head", "list")
    for name in names:
        noting(name)
        monkeypatch.delattr(obstore, f"{name}_async", raising=False)

    def asked() -> None:
        objects.listing()
        objects.size("zarr.json")
        objects.read_many([("zarr.json", None, None), ("a/c &+é", 8, 10)])

    asker = threading.Thread(target=asked, daemon=True)
    asker.start()
    asker.join(10)
    assert len(used) == len(names)
    assert {thread.name.rpartition("_")[0] for thread in used} == {"vcspec-s3"}


def test_the_driver_is_not_even_loaded(store: Path, s3: S3) -> None:
    script = "import sys; from vcspec.storage.objects import open_objects as o; "
    script += "print(o(sys.argv[1]).listing().keys(), {'s3fs', 'fsspec'} & {*sys.modules})"
    said = printed(script, f"s3://{store.parent.name}/store", environment=s3.environment)
    assert "zarr.json" in said
    assert said.endswith("set()\n")


def test_what_is_not_there_the_driver_tells(store: Path) -> None:
    objects = opened(store)
    with pytest.raises(FileNotFoundError, match="store/b"):
        objects.read_many([("zarr.json", None, None), ("b", 0, 1)])
    assert objects.size("b") is None
    assert alone(objects).read("zarr.json") == b"{}"
    nowhere = remote_objects(f"s3://nowhere-{uuid.uuid4().hex}/store")
    with pytest.raises(OSError, match="there is no such bucket"):
        nowhere.read("zarr.json")


@pytest.mark.parametrize("status", [0, 403, 500, 503])
def test_after_an_error_only_the_driver_is_asked(store: Path, s3: S3, status: int) -> None:
    objects, key = opened(store), f"{store.parent.name}/store/zarr.json"
    s3.failing[key] = [status]
    assert objects.read("zarr.json") == b"{}"
    assert objects._quick is not None
    assert objects._quick.answers([(key, None, None)]) == [None]


def test_a_server_that_is_down_is_told_of_by_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    url = "http://127.0.0.1:1"
    down = Place(url, "s3://bucket", {"endpoint_url": url, "key": "a", "secret": "b"})
    with down.in_force():
        objects = remote_objects("s3://bucket/store")
        assert objects._quick is not None
        with pytest.raises(Unreached):
            objects.read("zarr.json")


@pytest.mark.usefixtures("no_settings")
def test_what_programs_leave_for_a_folder_is_called_as_the_driver_calls_it(
    moto_server: Place,
) -> None:
    driver = moto_server.driver()
    driver.pipe_file(f"{moto_server.root}/store/a/c", b"1")
    driver.call_s3(
        "put_object", Bucket=moto_server.root.partition("://")[2], Key="store/a/", Body=b""
    )
    with moto_server.in_force():
        objects = open_objects(f"{moto_server.root}/store")
        assert objects.listing() == RemoteObjects(lambda: driver, objects.root).listing()


QUICK = [
    ({**SERVER, **KEYS}, {}),
    ({**REGION, **KEYS}, {}),
    ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1", **KEYS, "AWS_SESSION_TOKEN": "c"}, {}),
    ({**SERVER, **KEYS, "AWS_CA_BUNDLE": "/some/where"}, {}),
    ({}, {"endpoint_url": "http://127.0.0.1:1", "key": "a", "secret": "b", "token": "c"}),
    (SERVER, {"anon": True}),
]
OTHERWISE = [
    (KEYS, {}),
    (SERVER, {}),
    ({**SERVER, "AWS_ACCESS_KEY_ID": "a"}, {}),
    ({**SERVER, **KEYS, "AWS_PROFILE": "mine"}, {}),
    ({**SERVER, **KEYS, "HTTPS_PROXY": "http://127.0.0.1:2"}, {}),
    ({**REGION, **KEYS, "AWS_CA_BUNDLE": "/some/where"}, {}),
    ({"AWS_ENDPOINT_URL": "https://127.0.0.1:1", **KEYS, "AWS_CA_BUNDLE": "/some/where"}, {}),
    ({**SERVER, **KEYS}, {"requester_pays": True}),
    ({**SERVER, **KEYS}, {"key": "a"}),
]


def chosen(
    monkeypatch: pytest.MonkeyPatch,
    environ: Mapping[str, str],
    configured: Mapping[str, Any],
    target: str = "s3://bucket/store",
    *,
    anonymous: bool = False,
) -> bool:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    known = {"s3": configured} if configured else {}
    return quick_s3(target, known, anonymous=anonymous, at_once=1) is not None


@pytest.mark.usefixtures("no_settings")
@pytest.mark.parametrize(("environ", "configured"), QUICK)
def test_it_reads_where_all_that_is_configured_means_the_same_to_it(
    environ: dict[str, str], configured: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chosen(monkeypatch, environ, configured)
    assert chosen(monkeypatch, environ, configured, anonymous=True)


@pytest.mark.usefixtures("no_settings")
@pytest.mark.parametrize(("environ", "configured"), OTHERWISE)
def test_else_the_driver_does(
    environ: dict[str, str], configured: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not chosen(monkeypatch, environ, configured)


@pytest.mark.usefixtures("no_settings")
def test_a_file_of_profiles_is_for_the_driver(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert not chosen(monkeypatch, {**SERVER, **KEYS}, {})


@pytest.mark.usefixtures("no_settings")
@pytest.mark.parametrize("target", ["gs://bucket/a", "s3://bucket/a?versionId=1", "s3://Bu_cket/a"])
def test_addresses_that_the_driver_spells_otherwise_are_for_the_driver(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not chosen(monkeypatch, {**SERVER, **KEYS}, {}, target)
