import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support import azurite as azurite_server
from support import ceph_gateway as ceph
from support import gcs_emulator as gcs
from support import moto_server as moto
from support import tiny
from support import web_server as web
from support.cluster import Cluster
from support.fault_proxy import FaultProxy
from support.fault_proxy import proxy as faulty
from support.places import Place, Server
from support.s3 import S3
from support.sessions import close_sessions
from support.web_server import WebServer

BESIDE = Path(__file__).parents[2] / "shared" / "sources"


@pytest.fixture(scope="session")
def screen(tmp_path_factory: pytest.TempPathFactory) -> tiny.Screen:
    """Tiny artefacts that belong together; nobody may change them."""
    return tiny.screen(tmp_path_factory.mktemp("screen"))


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """The one S3 server of a run, which the driver is set to; skips where s3fs is not installed.

    There is one because the driver keeps the address that it saw first.
    """
    s3fs = pytest.importorskip("s3fs")
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("AWS_", "FSSPEC_")) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_MAX_ATTEMPTS", "2")
        server = S3(tmp_path_factory.mktemp("s3"))
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server
        close_sessions(s3fs.S3FileSystem, "_s3")
        server.stop()


@pytest.fixture
def s3(s3_server: S3) -> S3:
    """The S3 server, without latency, faults or memory; its buckets stay."""
    s3_server.latency = 0.0
    s3_server.failing.clear()
    s3_server.hidden.clear()
    s3_server.log.clear()
    return s3_server


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of drivers but those that a test makes, and no proxies."""
    for name in os.environ:
        if name.startswith(("AWS_", "AZURE_", "FSSPEC_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


def needs(*packages: str) -> None:
    """Skip what asks for this where one of the packages is not installed."""
    for package in packages:
        pytest.importorskip(package)


@pytest.fixture(scope="session")
def moto_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """moto, once a run; skips where it or s3fs is not installed."""
    needs("moto", "s3fs")
    with moto.serving(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def ceph_processes() -> Iterator[Server]:
    """Ceph's gateway, once a run; skips where it or s3fs is not installed."""
    pytest.importorskip("s3fs")
    if missing := ceph.missing():
        pytest.skip(f"{ceph.ABSENT}: no {', '.join(missing)}")
    with ceph.serving() as server:
        yield server


@pytest.fixture(scope="session")
def azurite_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Azurite, once a run, installed where need be; skips where it cannot, or adlfs is missing."""
    pytest.importorskip("adlfs")
    try:
        azurite_server.installed()
    except azurite_server.Missing as error:
        pytest.skip(f"{azurite_server.ABSENT}: {error}")
    with azurite_server.serving(tmp_path_factory.mktemp("azurite")) as server:
        yield server


@pytest.fixture(scope="session")
def gcs_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The emulator of Google Cloud Storage, once a run; skips where it or gcsfs is missing."""
    needs("gcp_storage_emulator", "gcsfs")
    with gcs.serving(tmp_path_factory.mktemp("gcs")) as server:
        yield server


@pytest.fixture
def moto_server(moto_process: Server, no_settings: None) -> Iterator[Place]:  # noqa: ARG001
    """A fresh bucket of moto, which `s3://` URLs lead to."""
    with moto_process.fresh().in_force() as place:
        yield place


@pytest.fixture
def ceph_gateway(ceph_processes: Server, no_settings: None) -> Iterator[Place]:  # noqa: ARG001
    """A fresh bucket of Ceph's gateway, which `s3://` URLs lead to."""
    with ceph_processes.fresh().in_force() as place:
        yield place


@pytest.fixture
def azurite(azurite_process: Server, no_settings: None) -> Iterator[Place]:  # noqa: ARG001
    """A fresh container of Azurite, which `az://` URLs lead to."""
    with azurite_process.fresh().in_force() as place:
        yield place


@pytest.fixture
def gcs_emulator(gcs_process: Server, no_settings: None) -> Iterator[Place]:  # noqa: ARG001
    """A fresh bucket of the emulator of Google's, which `gs://` URLs lead to."""
    with gcs_process.fresh().in_force() as place:
        yield place


@pytest.fixture
def web_server(no_settings: None) -> Iterator[Callable[..., WebServer]]:  # noqa: ARG001
    """Starts web servers of folders: `web_server(folder, listings=False)`."""
    with ExitStack() as stack:
        yield lambda folder, **settings: stack.enter_context(web.serving(folder, **settings))


@pytest.fixture
def fault_proxy(no_settings: None) -> Iterator[Callable[[str], FaultProxy]]:  # noqa: ARG001
    """Starts proxies before servers: `fault_proxy(place.url)`."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(faulty(url))


@pytest.fixture(scope="session")
def dask_cluster(s3_server: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The one Dask cluster of a run, two workers; skips where distributed is not installed."""
    pytest.importorskip("distributed")
    cluster = Cluster(tmp_path_factory.mktemp("dask"), s3_server.environment)
    try:
        cluster.add_workers(2)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def source_mirror() -> Path:
    """The folder that holds the sources of the real datasets; skips where there is none."""
    mirror = Path(os.environ.get("VCSPEC_SOURCE_MIRROR") or BESIDE)
    if not mirror.is_dir():
        pytest.skip(f"real data missing: {mirror} does not exist; set VCSPEC_SOURCE_MIRROR")
    return mirror
