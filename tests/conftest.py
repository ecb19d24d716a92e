import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import tiny
from support.cluster import Cluster
from support.s3 import S3
from support.sessions import close_sessions

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
