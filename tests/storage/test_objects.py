import errno
import os
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest

from vcspec.model.errors import Refused, Unreadable
from vcspec.standard import standard
from vcspec.storage.objects import (
    DRIVERS,
    PIECE,
    LocalObjects,
    RemoteObjects,
    Unreached,
    local_path,
    open_objects,
    remote_objects,
    scheme_of,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two plain files."""
    (tmp_path / "store" / "a").mkdir(parents=True)
    (tmp_path / "store" / "zarr.json").write_bytes(b"{}")
    (tmp_path / "store" / "a" / "c").write_bytes(b"0123456789")
    return tmp_path / "store"


def test_a_listing_names_every_file_with_its_size(folder: Path) -> None:
    found = LocalObjects(folder).listing()
    assert {name: (entry.size, entry.sort) for name, entry in found.items()} == {
        "a/c": (10, "file"),
        "zarr.json": (2, "file"),
    }


def test_a_link_to_a_file_is_listed_and_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (folder / "b").symlink_to(secret)
    objects = LocalObjects(folder)
    assert objects.listing()["b"].sort == "link"
    assert objects.listing()["b"].size == 0
    with pytest.raises(OSError, match="symbolic link"):
        objects.read("b")


def test_a_file_in_pieces_is_opened_once_and_read_no_further_than_asked(folder: Path) -> None:
    body = os.urandom(3 * PIECE + 5)
    (folder / "a" / "c").write_bytes(body)
    objects = LocalObjects(folder)
    assert b"".join(objects.pieces("a/c", len(body))) == body
    assert (objects.requests, objects.bytes_read) == (1, len(body))
    assert b"".join(objects.pieces("a/c", PIECE + 1)) == body[: PIECE + 1]
    assert b"".join(objects.pieces("a/c", len(body) + 1)) == body
    assert list(objects.pieces("a/c", 0)) == []


def test_a_link_is_not_followed_in_pieces_either(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (folder / "b").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic link"):
        next(LocalObjects(folder).pieces("b", 6))


def test_a_link_to_a_folder_is_listed_and_not_entered(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_text("x")
    (folder / "b").symlink_to(tmp_path / "outside")
    (folder / "round").symlink_to(folder)
    found = LocalObjects(folder).listing()
    assert (found["b"].sort, found["round"].sort) == ("link", "link")
    assert set(found) == {"a/c", "zarr.json", "b", "round"}


def test_a_hard_link_is_listed_as_special(folder: Path, tmp_path: Path) -> None:
    os.link(folder / "a" / "c", tmp_path / "twin")
    found = LocalObjects(folder).listing()
    assert (found["a/c"].sort, found["a/c"].size) == ("special", 0)
    assert found["zarr.json"].sort == "file"


def test_a_fifo_is_listed_as_special_and_nobody_waits_for_it(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert LocalObjects(folder).listing()["pipe"].sort == "special"


def test_a_part_of_a_file_is_read(folder: Path) -> None:
    objects = LocalObjects(folder)
    assert objects.read("a/c") == b"0123456789"
    assert objects.read("a/c", 2, 5) == b"234"
    assert objects.read("a/c", 7) == b"789"


@pytest.mark.parametrize(
    "target",
    [
        "simplecache::s3://bucket/store",
        "zip://a::/tmp/b.zip",
        "filecache::file:///tmp/x",
        "/tmp/a::b",
        "reference://spec.json",
        "zip:///tmp/a.zip",
        "tar://a",
        "github://owner:repo@main/x",
        "ssh://host/x",
        "ftp://host/x",
        "data:///x",
        "local:///tmp",
        "blockcache://x",
        "pickle://x",
        "://x",
    ],
)
def test_a_place_that_is_not_on_the_list_is_refused(target: str) -> None:
    with pytest.raises(Refused):
        scheme_of(target)
    with pytest.raises(Refused):
        open_objects(target)


@pytest.mark.parametrize(
    "target", ["s3://AKIA:hun/ter2@b/x", "gs://me:hunter2@b", "az://hunter2@c"]
)
def test_credentials_that_no_driver_takes_are_refused_and_not_told(target: str) -> None:
    with pytest.raises(Refused, match="no user and no password") as error:
        open_objects(target)
    assert "hun" not in str(error.value)


@pytest.mark.parametrize(
    ("target", "scheme"),
    [
        ("store.zarr", "file"),
        ("/a/b", "file"),
        ("a:b", "file"),
        ("file:///a", "file"),
        ("FILE:///a", "file"),
        ("memory://a", "memory"),
        ("https://host/a", "https"),
        ("http://[broken/a", "http"),
        ("S3://bucket/a", "s3"),
    ],
)
def test_a_place_on_the_list_has_a_scheme(target: str, scheme: str) -> None:
    assert scheme_of(target) == scheme


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("a/b.zarr", "a/b.zarr"),
        ("a%20b", "a%20b"),
        ("file:///a/b%20c", "/a/b c"),
        ("file://localhost/a", "/a"),
        ("FILE:///a", "/a"),
    ],
)
def test_a_local_place_is_a_path(target: str, path: str) -> None:
    assert local_path(target) == Path(path)


def test_a_remote_place_is_no_path() -> None:
    assert local_path("memory://a") is None


def test_a_file_url_with_a_host_does_not_read_the_same_path_here() -> None:
    with pytest.raises(Refused, match="host 'server'"):
        local_path("file://server/etc")


def test_nothing_and_a_file_are_unreadable(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no such path"):
        open_objects(str(tmp_path / "nowhere"))
    (tmp_path / "a.h5ad").write_text("x")
    with pytest.raises(Unreadable, match="a file, not the folder"):
        open_objects(str(tmp_path / "a.h5ad"))


def test_a_scheme_whose_package_is_not_installed_is_unreadable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(_: str, **__: Any) -> Any:
        raise ImportError("Install s3fs to access S3")  # noqa: EM101

    monkeypatch.setattr(fsspec.core, "url_to_fs", absent)
    extras = {"s3": "s3", "https": "http", "gs": "gcs", "az": "azure", "abfs": "azure"}
    for scheme, extra in extras.items():
        with pytest.raises(Unreadable, match=rf"s3fs.*pip install 'vcspec\[{extra}\]'"):
            remote_objects(f"{scheme}://b/s").filesystem  # noqa: B018 - asked for when it is needed


def test_every_scheme_names_an_extra_that_there_is() -> None:
    schemes = set(standard().limits["schemes"]) - {"file", "memory"}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert set(DRIVERS) == schemes
    assert {f"'vcspec[{extra}]'" for extra in extras} >= set(DRIVERS.values())


def test_keys_of_a_remote_place_are_read_like_files(tmp_path: Path) -> None:
    place = f"memory://{tmp_path.name}"
    filesystem, root = fsspec.core.url_to_fs(place)
    filesystem.pipe({f"{root}/zarr.json": b"{}", f"{root}/a/c": b"0123456789"})
    filesystem.pipe({f"{root}x/other": b"not ours"})
    objects = open_objects(place)
    listed = objects.listing()
    assert {name: entry.size for name, entry in listed.items()} == {"a/c": 10, "zarr.json": 2}
    assert objects.read("a/c", 2, 5) == b"234"
    assert objects.read("zarr.json") == b"{}"


def test_many_are_read_in_the_order_asked_whole_and_in_parts(folder: Path) -> None:
    place = f"memory://{folder.parent.name}-many"
    filesystem, root = fsspec.core.url_to_fs(place)
    filesystem.pipe({f"{root}/zarr.json": b"{}", f"{root}/a/c": b"0123456789"})
    wanted = [("a/c", 8, 10), ("zarr.json", None, None), ("a/c", 3, 3), ("a/c", 7, None)]
    for objects in (LocalObjects(folder), open_objects(place)):
        assert objects.read_many(wanted) == [b"89", b"{}", b"", b"789"]
        assert objects.read_many([]) == []


def test_requests_and_bytes_are_counted(folder: Path) -> None:
    local = LocalObjects(folder)
    local.listing()
    local.read_many([("a/c", 8, 10), ("zarr.json", None, None)])
    assert (local.requests, local.bytes_read) == (2 + 2, 4)
    remote = RemoteObjects(Linked, "http://h/s/")
    remote.listing()
    assert (remote.requests, remote.bytes_read) == (1 + 1, 0)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: local.read("a/c", 0, 3), range(400)))
    assert (local.requests, local.bytes_read) == (404, 1204)


def test_one_that_is_not_there_fails_all_that_were_asked_for_with_it(folder: Path) -> None:
    place = f"memory://{folder.parent.name}-fails"
    filesystem, root = fsspec.core.url_to_fs(place)
    filesystem.pipe({f"{root}/zarr.json": b"{}"})
    for objects in (LocalObjects(folder), open_objects(place)):
        with pytest.raises(FileNotFoundError, match="a/b"):
            objects.read_many([("zarr.json", None, None), ("a/b", 0, 1)])


def test_a_remote_place_with_nothing_below_it_is_not_there() -> None:
    with pytest.raises(FileNotFoundError, match="nothing is listed"):
        open_objects("memory://nowhere/store.zarr").listing()


@pytest.mark.parametrize("name", ["../b", "a/../../b", "a/./b", "a/%2e%2e/b", "a\\..\\b"])
def test_a_name_that_leaves_the_store_is_not_asked_for(name: str) -> None:
    filesystem = Failing(AssertionError("asked"))
    with pytest.raises(OSError, match="leave the store"):
        RemoteObjects(lambda: filesystem, "bucket/store").read_many([(name, None, None)])


class Failing:
    """A driver that raises the same error whatever it is asked."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def find(self, _root: str, **_: Any) -> dict[str, dict[str, Any]]:
        raise self.error

    def cat_file(self, _key: str, **_: Any) -> bytes:
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError("key"), FileNotFoundError),
        (PermissionError("denied"), Unreached),
        (RuntimeError("no credentials"), Unreached),
        (TimeoutError("slow"), Unreached),
        (OSError(errno.EINVAL, "range"), OSError),
    ],
)
def test_whatever_a_driver_raises_is_an_error_with_the_name_of_the_object(
    error: Exception, kind: type[OSError]
) -> None:
    objects = RemoteObjects(lambda: Failing(error), "bucket/store")
    with pytest.raises(kind, match="bucket/store/a") as caught:
        objects.read("a")
    assert isinstance(caught.value, Unreached) == (kind is Unreached)
    assert caught.value.filename == "bucket/store/a"
    with pytest.raises(OSError, match="bucket/store"):
        objects.listing()


class Whole:
    """A web server that knows no ranges."""

    def cat_file(self, _key: str, **_: Any) -> bytes:
        return b"0123456789"


def test_a_server_that_ignores_ranges_costs_time_and_not_sense() -> None:
    objects = RemoteObjects(Whole, "http://h/s")
    assert objects.read("a", 2, 5) == b"234"
    assert objects.bytes_read == 10


class Linked:
    """A web server whose page names no sizes and links to elsewhere."""

    def find(self, _root: str, *, detail: bool) -> dict[str, dict[str, Any]]:
        assert detail
        return {"http://h/s/a": {"size": None}, "http://h/secret": {"size": 3}}

    def sizes(self, keys: list[str]) -> list[int]:
        return [{"http://h/s/a": 7}[key] for key in keys]


def test_keys_that_do_not_lie_below_the_root_are_none_of_the_store() -> None:
    listed = RemoteObjects(Linked, "http://h/s/").listing()
    assert {name: entry.size for name, entry in listed.items()} == {"a": 7}
