"""What a place refuses is told in one line that names the reason and no secret; nothing is left."""

import datetime as dt
import logging
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import azurite as azurite_server
from support import gcs_emulator as gcs
from support.fault_proxy import FaultProxy, Rule
from support.places import Place
from support.publishing import release

from vcspec.actions.fetch import fetch
from vcspec.actions.validate import validate
from vcspec.actions.verify_store import verify_store
from vcspec.actions.withdraw import withdraw
from vcspec.cli import main
from vcspec.model.errors import Refused, VcspecError

SECRETS = ("anything", "SECRET-of-somebody", azurite_server.SECRET)


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> Iterator[None]:
    """A cache of its own; whatever is logged at any level holds no secret."""
    monkeypatch.setenv("VCSPEC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VCSPEC_REGISTRY", raising=False)
    caplog.set_level(logging.DEBUG)
    yield
    assert not [secret for secret in SECRETS if secret in caplog.text]


def refused(work: Callable[[], object]) -> str:
    """The one line in which it is refused."""
    with pytest.raises(VcspecError) as error:
        work()
    message = str(error.value)
    assert "\n" not in message
    assert not [secret for secret in SECRETS if secret in message]
    assert error.value.exit_code == 3
    return message


REFUSALS = {
    "a key that nobody knows": ({"key": "nobody"}, "access key is not known"),
    "a wrong secret": ({"secret": "SECRET-of-somebody"}, "secret key is wrong"),
    "nobody": ({"anon": True, "key": "", "secret": ""}, "may not do this"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_credentials_that_ceph_refuses(ceph_gateway, screen, name):
    changes, told = REFUSALS[name]
    root = f"{ceph_gateway.root}/place"
    done = release(screen.dataset, root)
    works = (
        lambda: release(screen.split, root, dataset=screen.dataset),
        lambda: fetch("tiny", registry=[root]),
        lambda: withdraw("tiny@1.0.0", root, reason="wrong"),
    )
    with ceph_gateway.changed(**changes).in_force():
        for work in works:
            assert told in refused(work)
        report = validate(done.url)
    assert (report.verdict, report.exit_code) == ("unknown", 3)
    assert told in str(report.findings)


def test_a_place_that_may_only_be_read_is_read_and_not_published_to(ceph_gateway, screen):
    root = f"{ceph_gateway.root}/place"
    done = release(screen.dataset, root)
    before = ceph_gateway.driver().find(ceph_gateway.root)
    driver, bucket = ceph_gateway.driver(), ceph_gateway.root.partition("://")[2]
    driver.call_s3("put_bucket_acl", Bucket=bucket, ACL="public-read")
    for key in before:
        driver.call_s3(
            "put_object_acl", Bucket=bucket, Key=key.partition("/")[2], ACL="public-read"
        )
    works = (
        lambda: release(screen.split, root, dataset=screen.dataset),
        lambda: withdraw("tiny@1.0.0", root, reason="wrong"),
    )
    with ceph_gateway.changed(anon=True, key="", secret="").in_force():
        assert verify_store(fetch("tiny", registry=[root])).verdict == "valid"
        assert release(screen.dataset, root, dry_run=True).was_there
        for work in works:
            assert "may not do this" in refused(work)
        assert verify_store(done.url).verdict == "valid"
    assert ceph_gateway.driver().find(ceph_gateway.root) == before


def test_a_clock_that_is_wrong_is_told(ceph_gateway, screen, monkeypatch):
    import botocore.auth

    def now() -> dt.datetime:
        return dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(days=2)

    monkeypatch.setattr(botocore.auth, "get_current_datetime", now)
    assert "clock" in refused(lambda: release(screen.dataset, f"{ceph_gateway.root}/place"))


CODES = {
    "ExpiredToken": "have expired",
    "InvalidToken": "session token is wrong",
    "RequestTimeTooSkewed": "clock of this machine is wrong",
}


@pytest.mark.parametrize("code", CODES)
def test_what_servers_say_of_tokens_is_told(moto_server, fault_proxy, screen, code):
    proxy: FaultProxy = fault_proxy(moto_server.url)
    root = f"{moto_server.root}/place"
    release(screen.dataset, root)
    with moto_server.behind(proxy.url).in_force():
        proxy.follow(Rule("status", status=403, code=code))
        for work in (
            lambda: release(screen.split, root, dataset=screen.dataset),
            lambda: fetch("tiny", registry=[root]),
        ):
            assert CODES[code] in refused(work)


@pytest.mark.parametrize(("status", "told"), [(401, "are wrong"), (403, "may not do this")])
def test_what_google_says_of_credentials_is_told(gcs_emulator, fault_proxy, screen, status, told):
    proxy: FaultProxy = fault_proxy(gcs_emulator.url)
    root = f"{gcs_emulator.root}/place"
    done = release(screen.dataset, root)
    with gcs_emulator.behind(proxy.url).in_force():
        proxy.follow(Rule("status", status=status))
        for work in (
            lambda: release(screen.split, root, dataset=screen.dataset),
            lambda: fetch("tiny", registry=[root]),
            lambda: withdraw("tiny@1.0.0", root, reason="wrong"),
        ):
            assert told in refused(work)
        report = validate(done.url)
    assert (report.verdict, report.exit_code) == ("unknown", 3)
    assert told in str(report.findings)


@pytest.mark.usefixtures("no_settings")
def test_a_place_that_ignores_the_condition_is_found_out(tmp_path, screen):
    pytest.importorskip("gcp_storage_emulator")
    with gcs.serving(tmp_path, conditions=False) as server, server.fresh().in_force() as place:
        with pytest.raises(Refused, match="may replace a release that is there"):
            release(screen.dataset, place.root)
        assert place.driver().find(place.root) == []


@pytest.mark.parametrize("server", ["moto_server", "ceph_gateway", "azurite", "gcs_emulator"])
def test_a_bucket_that_is_not_there_is_told(server, screen, request):
    scheme = request.getfixturevalue(server).scheme
    root = f"{scheme}://no-such-bucket-anywhere/place"
    assert re.search("no such (bucket|container)", refused(lambda: release(screen.dataset, root)))


def signed(place: Place, rights: str, hours: float) -> dict[str, str]:
    """Settings of a driver with a signature of these rights for so long."""
    from azure.storage.blob import generate_container_sas

    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)
    container = place.root.partition("://")[2]
    signature = generate_container_sas(
        azurite_server.ACCOUNT,
        container,
        azurite_server.SECRET,
        permission=rights,
        start=until - dt.timedelta(days=2),
        expiry=until,
    )
    endpoint = f"{place.url}/{azurite_server.ACCOUNT}"
    return {"connection_string": f"BlobEndpoint={endpoint};SharedAccessSignature={signature}"}


def test_credentials_that_azure_refuses(azurite, screen, caplog):
    root = f"{azurite.root}/place"
    done = release(screen.dataset, root)
    cases = (  # Azurite has one code for all of them
        {"connection_string": azurite_server.connection(azurite.url, "c2VjcmV0")},
        signed(azurite, "rwdlc", -1),
        signed(azurite, "rl", 1),
    )
    for options in cases:
        with azurite.changed(**options).in_force():
            message = refused(lambda: release(screen.split, root, dataset=screen.dataset))
            assert "may not do this" in message
            signature = options["connection_string"].partition("sig=")[2]
            assert not signature or signature[:20] not in caplog.text + message
    with azurite.changed(**cases[-1]).in_force():
        assert verify_store(fetch("tiny", registry=[root])).verdict == "valid"
        assert validate(done.url, level="metadata").verdict == "valid"


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> Callable[..., tuple[int, str]]:
    """Runs a command: what it ends with, and everything that it prints."""

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["vcspec", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        told = capfd.readouterr()
        return int(end.value.code or 0), told.out + told.err

    return call


@pytest.mark.parametrize("stands", [True, False], ids=["answers", "is gone"])
def test_user_and_password_of_an_address_are_never_told(web_server, screen, tmp_path, tell, stands):
    release(screen.dataset, tmp_path / "place")
    blob = release(screen.split, tmp_path / "place").url.rpartition("blobs/")[2]
    shutil.copytree(screen.predictions, tmp_path / "place" / "model.zarr")
    server = web_server(tmp_path / "place")
    url = server.url if stands else "http://127.0.0.1:1"
    base = url.replace("//", "//me:hunter2@")
    commands = (
        ("validate", f"{base}/blobs/{blob}"),
        ("validate", f"{base}/blobs/{blob}", "--format", "json"),
        ("verify", f"{base}/blobs/{blob}"),
        ("verify", f"{base}/blobs/{blob}?sig=hunter2"),
        ("score", f"{base}/model.zarr", "-o", str(tmp_path / "card.json")),
        ("registry", base, "--format", "json"),
        ("registry", base, "-o", str(tmp_path / "registry.json")),
        ("datasets", "--registry", base, "--format", "json"),
        ("fetch", "tiny@1.0.0", "--registry", base, "-o", str(tmp_path / "fetched.zarr")),
        ("validate", f"ftp://me:hunter2@{url.rpartition('/')[2]}/a"),
    )
    for command in commands:
        code, told = tell(*command)
        assert stands or code not in {0, 5}, command
        assert "hunter2" not in told, command
    for path in tmp_path.glob("*.json"):
        assert "hunter2" not in path.read_text()
    assert stands == (tmp_path / "fetched.zarr").exists()


def test_a_site_without_end_is_not_followed(web_server, tmp_path):
    (tmp_path / "a").symlink_to(tmp_path)
    server = web_server(tmp_path)
    report = verify_store(f"{server.url}/a")
    assert report.verdict == "unknown"
    assert "deep and more" in str(report.findings)
    assert len(server.log) < 500
