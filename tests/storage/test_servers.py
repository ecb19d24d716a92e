"""The servers that publishing and fetching are tried on do what their descriptions say."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import fsspec
import pytest
from support import azurite as azurite_server
from support import ceph_gateway as ceph
from support import moto_server as moto
from support.children import printed
from support.places import Place, Server
from support.web_server import WebServer, ask

from vcspec.storage.objects import open_objects

ROOT = Path(__file__).parents[2]
NAMES = ["moto_server", "ceph_gateway", "azurite", "gcs_emulator"]
BODY = bytes(range(256)) * 4


@pytest.fixture(params=NAMES)
def place(request: pytest.FixtureRequest) -> Place:
    """A fresh bucket of every server there is."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["moto_process", "ceph_processes", "azurite_process", "gcs_process"])
def server(request: pytest.FixtureRequest) -> Server:
    """Every server there is."""
    return request.getfixturevalue(request.param)


def test_what_is_put_is_listed_and_got_whole_and_in_ranges(place: Place) -> None:
    driver, key = place.driver(), f"{place.root}/store/a &+é/c"
    driver.pipe_file(key, BODY)
    driver.pipe_file(f"{place.root}/store.json", b"{}")
    assert driver.cat_file(key) == BODY
    assert driver.cat_file(key, start=10, end=20) == BODY[10:20]
    found = driver.find(f"{place.root}/store", detail=True)
    assert {name: entry["size"] for name, entry in found.items()} == {
        key.partition("://")[2]: len(BODY)
    }


REFUSED = {
    "moto_server": (FileExistsError, None),
    "ceph_gateway": (OSError, errno.EINVAL),
    "azurite": (FileExistsError, None),
    "gcs_emulator": (FileExistsError, None),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_taken_is_refused_as_described_and_keeps_its_bytes(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place = request.getfixturevalue(name)
    driver, key, file = place.driver(), f"{place.root}/taken", tmp_path / "file"
    file.write_bytes(b"another")
    driver.pipe_file(key, b"first", mode="create")
    for write in (
        lambda: driver.pipe_file(key, b"another", mode="create"),
        lambda: driver.put_file(str(file), key, mode="create"),
    ):
        with pytest.raises(OSError) as refused:  # noqa: PT011 - the class is looked at
            write()
        assert (type(refused.value), refused.value.errno) == REFUSED[name]
        if place.scheme == "gs":  # the driver keeps nothing of the answer, 412
            continue
        answer = getattr(refused.value.__cause__ or refused.value.__context__, "response", None)
        code = answer["Error"]["Code"] if place.scheme == "s3" else answer.status_code
        assert code == {"s3": "PreconditionFailed", "az": 409}[place.scheme]
    assert driver.cat_file(key) == b"first"


@pytest.mark.parametrize("place", NAMES[1:], indirect=True)
def test_of_writers_at_once_one_creates_the_name(place: Place) -> None:
    driver = place.driver()
    for turn in range(4):
        key, start = f"{place.root}/{turn}", threading.Barrier(8)

        def write(number: int, key: str = key, start: threading.Barrier = start) -> bytes | None:
            start.wait()
            try:
                driver.pipe_file(key, b"%d" % number, mode="create")
            except OSError:
                return None
            return b"%d" % number

        with ThreadPoolExecutor(8) as pool:
            won = [body for body in pool.map(write, range(8)) if body is not None]
        assert won == [driver.cat_file(key)]


def test_a_name_that_is_taken_is_overwritten_in_parts_on_ceph_alone(
    moto_server: Place, ceph_gateway: Place
) -> None:
    parts = {"chunksize": 5 * 2**20, "mode": "create"}
    for place in (moto_server, ceph_gateway):
        place.driver().pipe_file(f"{place.root}/taken", b"first")
    with pytest.raises(FileExistsError):
        moto_server.driver().pipe_file(f"{moto_server.root}/taken", bytes(11 * 2**20), **parts)
    ceph_gateway.driver().pipe_file(f"{ceph_gateway.root}/taken", bytes(11 * 2**20), **parts)
    assert moto_server.driver().size(f"{moto_server.root}/taken") == 5
    assert ceph_gateway.driver().size(f"{ceph_gateway.root}/taken") == 11 * 2**20


@pytest.mark.usefixtures("no_settings")
def test_every_bucket_is_fresh(server: Server) -> None:
    first, second = server.fresh(), server.fresh()
    first.driver().pipe_file(f"{first.root}/a", b"1")
    assert len(first.driver().find(first.root)) == 1
    assert second.driver().find(second.root) == []


def test_urls_lead_there_while_the_settings_are_in_force(place: Place) -> None:
    driver = place.driver()
    driver.pipe({f"{place.root}/store/{name}": name.encode() for name in "abc"})
    objects = open_objects(f"{place.root}/store")
    assert list(objects.listing()) == ["a", "b", "c"]
    assert objects.read_many([("b", None, None), ("c", 0, 1)]) == [b"b", b"c"]
    with place.behind("http://127.0.0.1:1").in_force() as elsewhere:
        assert fsspec.config.conf[place.scheme] == elsewhere.options != place.options
    assert fsspec.config.conf[place.scheme] == place.options


def test_the_variables_lead_another_process_there(place: Place) -> None:
    place.driver().pipe_file(f"{place.root}/store/a", b"in another process")
    script = "import sys; from vcspec.storage.objects import open_objects as o; "
    script += "print(o(sys.argv[1]).read('a').decode())"
    said = printed(script, f"{place.root}/store", environment=place.environment)
    assert said == "in another process\n"


def test_a_wrong_secret_is_refused_by_ceph_and_azurite(
    moto_server: Place, ceph_gateway: Place, azurite: Place
) -> None:
    for place in (moto_server, ceph_gateway):
        wrong = place.driver(secret="wrong")
        if place is moto_server:
            wrong.pipe_file(f"{place.root}/a", b"1")
            continue
        with pytest.raises(PermissionError):
            wrong.pipe_file(f"{place.root}/a", b"1")
    forged = azurite_server.connection(azurite.url, secret="bm9uZQ==")
    with pytest.raises(Exception, match="failed to authenticate") as refused:
        azurite.driver(connection_string=forged).pipe_file(f"{azurite.root}/a", b"1")
    assert refused.value.status_code == 403
    assert not isinstance(refused.value, OSError)


def test_what_is_not_installed_is_named_and_ci_minds(monkeypatch: pytest.MonkeyPatch) -> None:
    script = (ROOT / ".ci" / "run").read_text()
    phrases = (
        ceph.ABSENT,
        azurite_server.ABSENT,
        "could not import",
        "ssh-keygen is not on the path",
    )
    assert all(phrase in script for phrase in phrases)
    monkeypatch.setenv("PATH", "")
    assert ceph.missing() == list(ceph.PROGRAMS)
    with pytest.raises(azurite_server.Missing, match="no npm"):
        azurite_server.installed()


def test_a_server_ends_with_its_block(tmp_path: Path) -> None:
    pytest.importorskip("moto")
    with moto.serving(tmp_path) as server:
        (number,) = server.processes
        os.kill(number, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    with socket.socket() as trial:
        assert trial.connect_ex(("127.0.0.1", urlsplit(server.url).port)) != 0


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="the system has no setpriv")
def test_a_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = """
import os, pathlib, sys
from support.children import child, told
log = pathlib.Path(sys.argv[1])
with child(["sh", "-c", "echo up; exec sleep 60"], log) as process:
    told(process, log, "(up)")
    os.write(1, str(process.pid).encode())
    os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "log"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        stdout=subprocess.PIPE,
        check=True,
    )
    end = time.monotonic() + 10
    while Path(f"/proc/{int(done.stdout)}").exists() and time.monotonic() < end:
        time.sleep(0.02)  # until it is reaped
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to serve."""
    (tmp_path / "www" / "a").mkdir(parents=True)
    (tmp_path / "www" / "a" / "c").write_bytes(BODY)
    return tmp_path / "www"


def test_a_web_server_lists_folders_or_does_not_and_counts(
    web_server: Callable[..., WebServer], folder: Path
) -> None:
    open_, closed = web_server(folder), web_server(folder, listings=False)
    driver = fsspec.filesystem("http")
    assert driver.find(open_.url) == [f"{open_.url}/a/c"]
    with pytest.raises(FileNotFoundError):
        driver.ls(closed.url)
    for web in (open_, closed):
        web.log.clear()
        assert driver.cat_file(f"{web.url}/a/c") == BODY
        assert ask(web.url, "/a/c") == (200, BODY)
        assert ask(web.url, "/none")[0] == 404
        assert web.requests == {"/a/c": 2, "/none": 1}
        assert web.log[0] == ("GET", "/a/c")
