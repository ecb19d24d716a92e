"""A store held against the digest that names it: anything that is done to it is found and named."""

import os
import random
import shutil
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest
from support import tiny
from support.publishing import lean

from vcspec.actions.verify_part import Mode, mode_of, stated_storage, verify_part
from vcspec.actions.verify_store import verify_store
from vcspec.model.errors import UsageError
from vcspec.storage.objects import LocalObjects
from vcspec.storage.transfer import contents_of

LIST, HEAD, FULL = Mode("list"), Mode("head"), Mode("full")


@pytest.fixture
def store(screen: tiny.Screen, tmp_path: Path) -> Path:
    return Path(shutil.copytree(screen.dataset, tmp_path / "store.zarr"))


@pytest.fixture
def storage(screen: tiny.Screen) -> str:
    return contents_of(LocalObjects(screen.dataset)).storage


def objects(store: Path) -> list[Path]:
    return sorted(path for path in store.rglob("*") if path.is_file())


def test_any_flip_of_any_bit_of_any_object_is_found_and_named(store, storage):
    draw = random.Random(7)
    for path in objects(store):
        whole = path.read_bytes()
        for bit in draw.sample(range(8 * len(whole)), 3):
            body = bytearray(whole)
            body[bit // 8] ^= 1 << bit % 8
            path.write_bytes(body)
            report = verify_store(store, storage=storage)
            name = f"/{path.relative_to(store).as_posix()}"
            assert report.verdict != "valid", name
            assert any(one.path == name or name.endswith("zarr.json") for one in report.findings)
        path.write_bytes(whole)
    assert verify_store(store, storage=storage).verdict == "valid"


EDITS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a cut": (lambda s: (s / "X/data/c/0").write_bytes(b"x"), "VCS202", "/X/data/c/0"),
    "a loss": (lambda s: (s / "X/data/c/0").unlink(), "VCS201", "/X/data/c/0"),
    "a guest": (lambda s: (s / "X/data/c/77").write_bytes(b"x"), "VCS204", "/X/data/c/77"),
    "a new name": (lambda s: (s / "X/data/c/0").rename(s / "X/data/c/1"), "VCS204", "/X/data/c/1"),
}


@pytest.mark.parametrize("mode", [LIST, FULL, mode_of("sample=0.1")])
@pytest.mark.parametrize("name", EDITS)
def test_names_and_sizes_are_seen_without_reading_the_objects(store, storage, name, mode):
    edit, code, path = EDITS[name]
    edit(store)
    report = verify_part(store, mode, storage=storage)
    assert (code, path) in {(one.code, one.path) for one in report.findings}


def test_asking_for_each_object_finds_losses_and_says_that_guests_were_not_looked_for(store):
    (store / "X/data/c/0").unlink()
    (store / "guest").write_text("x")
    report = verify_part(store, HEAD)
    assert report.codes == ("VCS201",)
    assert "VCS204" in {rule.code for rule in report.skipped}
    assert "VCS204" not in report.checked


@pytest.fixture(scope="module")
def few(screen: tiny.Screen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset in few objects; nobody changes it."""
    return lean(tmp_path_factory.mktemp("lean") / "store.zarr", screen.dataset)


UNLISTED = {
    "nothing": (lambda _: None, set(), set()),
    "a loss": (lambda at: (at / "X/c/0/0").unlink(), {"VCS201"}, {"VCS201"}),
    "a new name": (lambda at: (at / "X/c/0/0").rename(at / "X/c/0/9"), {"VCS201"}, {"VCS201"}),
    "an object more": (lambda at: (at / "guest").write_text("x"), set(), set()),
    "a cut": (lambda at: os.truncate(at / "X/c/0/0", 20), {"VCS202"}, {"VCS203"}),
}


@pytest.mark.parametrize(
    ("name", "status"),
    [*((name, HTTPStatus.FORBIDDEN) for name in UNLISTED), ("a loss", HTTPStatus.NOT_FOUND)],
)
def test_whatever_is_done_where_nothing_is_listed_is_named(few, web_server, tmp_path, name, status):
    store = Path(shutil.copytree(few, tmp_path / "store.zarr"))
    edit, by_size, by_bytes = UNLISTED[name]
    edit(store)
    server = web_server(tmp_path, listings=False)
    server.unlisted = status
    url = f"{server.url}/store.zarr"
    for mode in ("full", "list", "head", "sample=1"):
        chosen = mode_of(mode)
        is_whole = mode == "full"
        report = verify_store(url) if is_whole else verify_part(url, chosen)
        assert set(report.codes) == (by_bytes if is_whole else by_size)
        assert report.verdict == ("invalid" if by_size else "valid")
        assert {one.path for one in report.findings} <= {"/X/c/0/0"}
        assert "VCS204" in {rule.code for rule in report.skipped}
        assert "VCS204" not in report.checked


def test_a_manifest_of_another_store_is_told_once_where_nothing_is_listed(
    few, web_server, tmp_path
):
    store = Path(shutil.copytree(few, tmp_path / "store.zarr"))
    (store / "X/c/0/0").unlink()
    url = web_server(tmp_path, listings=False).url + "/store.zarr"
    report = verify_store(url, storage="vcs1s-sha256:" + "0" * 64)
    assert [(one.code, one.count) for one in report.findings] == [("VCS208", 1)]


def test_a_flip_is_seen_only_where_bytes_are_read(store):
    body = bytearray((store / "X/data/c/0").read_bytes())
    body[9] ^= 4
    (store / "X/data/c/0").write_bytes(body)
    assert verify_part(store, LIST).verdict == "valid"
    assert verify_part(store, FULL).codes == ("VCS203",)
    assert verify_part(store, FULL, paths=["X/data"]).codes == ("VCS203",)
    assert verify_part(store, FULL, paths=["obs"]).verdict == "valid"
    assert verify_part(store, mode_of("sample=1")).codes == ("VCS203",)


def test_a_manifest_that_was_written_anew_is_not_believed(store, storage):
    from vcspec.storage.sealing import seal

    (store / "X/data/c/0").write_bytes((store / "X/data/c/0").read_bytes())
    (store / "guest").write_text("x")
    seal(store)
    assert verify_part(store, FULL).verdict == "valid"
    assert verify_part(store, FULL, storage=storage).codes == ("VCS208",)
    assert "VCS208" in verify_store(store, storage=storage).codes


def test_a_store_that_lies_under_its_digest_must_have_it(storage):
    digest = storage[-64:]
    assert stated_storage(f"s3://bucket/place/blobs/{digest}") == storage
    assert stated_storage(f"/cache/stores/{digest}.zarr") == storage
    assert stated_storage("data.zarr") == ""
    assert stated_storage("data.zarr", digest) == storage
    with pytest.raises(UsageError, match="no storage digest"):
        stated_storage("data.zarr", "vcs1s-sha256:abc")


@pytest.mark.parametrize("text", ["", "some", "sample", "sample=0", "sample=2", "sample=x"])
def test_other_modes_do_not_exist(text):
    with pytest.raises(UsageError, match="no mode"):
        mode_of(text)


def test_a_path_that_the_store_has_not_is_an_error(store):
    with pytest.raises(UsageError, match="nothing below raw"):
        verify_part(store, FULL, paths=["raw"])


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"nodes": ' + "[" * 100_000,
        '{"nodes": [{"manifest": "a", "sha256": "b", "bytes": Infinity}]}',
        '{"nodes": [{"manifest": "a", "sha256": "b", "bytes": 1e999}]}',
        '{"nodes": 5}',
        "5",
    ],
)
def test_a_manifest_that_is_none_is_told(store, body):
    (store / "manifest.json").write_text(body)
    for mode in (LIST, HEAD, FULL):
        report = verify_part(store, mode)
        assert (report.verdict, report.codes) == ("invalid", ("VCS208",))
        assert "manifest.json is no manifest" in report.findings[0].found


@pytest.mark.parametrize("body", ["[" * 100_000, '{"attributes": []}', "5"])
def test_a_root_that_is_none_is_of_no_kind(store, body):
    (store / "zarr.json").write_text(body)
    report = verify_part(store, LIST)
    assert (report.kind, report.codes) == ("", ("VCS202",))


def test_what_is_not_there_is_said(tmp_path):
    assert verify_part(tmp_path / "no.zarr", LIST).verdict == "unknown"
