"""Places: what is created once stays, and what is written is whole."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from vcspec.model.errors import Refused, Unreadable
from vcspec.storage.local_place import LocalPlace
from vcspec.storage.objects import RemoteObjects
from vcspec.storage.place import Place, open_place, require_create_only

WRITERS, ROUNDS = 16, 20


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "folder":
        yield open_place(str(tmp_path / "place"))
        return
    name = f"/place-{uuid.uuid4().hex}"
    yield open_place(f"memory:/{name}")
    files = fsspec.filesystem("memory")
    if files.exists(name):
        files.rm(name, recursive=True)


def test_what_is_put_is_read_listed_and_removed(place, tmp_path):
    (tmp_path / "body").write_bytes(b"from a file")
    place.put("a/b", b"bytes")
    place.put("a/c", tmp_path / "body")
    assert (place.read("a/b"), place.read("a/c")) == (b"bytes", b"from a file")
    assert place.sizes("a") == {"b": 5, "c": 11}
    assert place.sizes("nowhere") == {}
    place.remove(["a/b", "a/never"])
    assert place.sizes("a") == {"c": 11}
    with pytest.raises(FileNotFoundError):
        place.read("a/b")


def test_what_stands_is_never_replaced(place):
    assert place.stand("x/y", b"first") == b"first"
    assert place.stand("x/y", b"second") == b"first"
    assert place.read("x/y") == b"first"


def test_of_racing_writers_exactly_one_wins_and_all_know_it(place):
    for number in range(ROUNDS):
        start = threading.Barrier(WRITERS)

        def write(own: int, number: int = number, start: threading.Barrier = start) -> bytes:
            start.wait()
            return place.stand(f"races/{number}", b"%d" % own)

        with ThreadPoolExecutor(WRITERS) as pool:
            seen = set(pool.map(write, range(WRITERS)))
        assert seen == {place.read(f"races/{number}")}


def test_a_place_that_keeps_what_stands_passes_the_probe_and_nothing_is_left(place):
    require_create_only(place, trusted=False)
    assert place.sizes("probes") == {}


def test_writers_outlive_that_others_remove_the_folder_when_it_is_empty(place):
    def write_and_remove(own: int) -> None:
        for number in range(ROUNDS):
            name = f"probes/{own}-{number}"
            assert place.stand(name, b"here") == b"here"
            place.remove([name])

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write_and_remove, range(WRITERS)))
    assert place.sizes("probes") == {}


@pytest.mark.parametrize(
    "name", ["../out", "a/../../out", "/etc/passwd", "a\\..\\b", "", "a/%2e%2e/b"]
)
def test_names_that_leave_the_place_are_refused(place, name):
    for act in (place.read, lambda one: place.put(one, b""), lambda one: place.stand(one, b"")):
        with pytest.raises(Refused, match="leave the place"):
            act(name)


def test_the_web_is_not_written_to():
    pytest.importorskip("aiohttp")
    with pytest.raises(Refused, match="read, not written"):
        open_place("https://example.org/place")


class Forgetful(LocalPlace):
    """Replaces what stands, as some servers do."""

    def stand(self, name: str, body: bytes) -> bytes:
        self.put(name, body)
        return body


def test_a_place_that_replaces_is_refused_unless_it_is_trusted(tmp_path):
    forgetful = Forgetful(tmp_path)
    with pytest.raises(Refused, match="may replace a release"):
        require_create_only(forgetful, trusted=False)
    require_create_only(forgetful, trusted=True)


def test_a_folder_without_hard_links_is_refused(tmp_path, monkeypatch):
    def link(*_: object) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr("os.link", link)
    place = open_place(str(tmp_path))
    with pytest.raises(Refused, match="hard links"):
        place.stand("a", b"1")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_comes_and_goes_while_it_is_made_is_made_again(tmp_path, monkeypatch):
    place, really = LocalPlace(tmp_path / "place"), Path.is_dir
    place.put("a", b"1")
    looks = iter([False, False, False])  # as those see it that look while it is away
    monkeypatch.setattr(
        Path, "is_dir", lambda path, **how: next(looks, True) and really(path, **how)
    )
    place.put("b", b"2")
    assert place.read("b") == b"2"
    assert next(looks, None) is None


@pytest.mark.parametrize("act", ["put", "stand"])
def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch, act):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        getattr(open_place(str(tmp_path)), act)("a/b", b"1")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


class Driver:
    """A remote driver whose answers to writes are given."""

    def __init__(self, *answers: Exception | None, keeps: bool) -> None:
        self.answers = list(answers)
        self.keeps = keeps
        self.held: dict[str, bytes] = {}

    def pipe_file(self, key: str, body: bytes, **_: object) -> None:
        answer = self.answers.pop(0) if self.answers else None
        if answer is None or self.keeps:
            if key in self.held:
                raise FileExistsError(key)
            self.held[key] = body
        if answer is not None:
            raise answer

    def cat_file(self, key: str, **_: object) -> bytes:
        if key not in self.held:
            raise FileNotFoundError(key)
        return self.held[key]


def remote(driver: Driver) -> Place:
    place = open_place("memory://somewhere")
    place.remote, place.root, place.scheme = RemoteObjects(lambda: driver, "root"), "root", "s3"
    return place


def test_an_answer_that_is_lost_after_the_write_is_success():
    place = remote(Driver(ConnectionResetError(104, "reset"), keeps=True))
    assert place.stand("a", b"mine") == b"mine"


def test_an_answer_that_passes_is_asked_for_again():
    place = remote(Driver(OSError(16, "409"), TimeoutError("slow"), keeps=False))
    assert place.stand("a", b"mine") == b"mine"


def test_a_place_that_never_answers_is_an_error_and_not_success():
    driver = Driver(*[ConnectionResetError(104, "reset")] * 9, keeps=False)
    with pytest.raises(Unreadable, match="cannot be written"):
        remote(driver).stand("a", b"mine")
    assert driver.held == {}
