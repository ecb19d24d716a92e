import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tenacity import wait_none

from vcspec.cards import Source
from vcspec.model.errors import Unreadable
from vcspec.storage import fetch as room
from vcspec.storage.caching import cache_folder
from vcspec.storage.fetch import fetch, shown

BODY = bytes(range(256)) * 1600
PATH = "/owner/repo/0123abc/data/table.csv.gz"


class Server:
    """A loopback server whose next answers a test chooses; `asked` keeps (path, Range)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.turns: list[Callable[[BaseHTTPRequestHandler], None]] = []
        self.usual: Callable[[BaseHTTPRequestHandler], None] = whole
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.asked.append((self.path, self.headers.get("Range")))
                (owner.turns.pop(0) if owner.turns else owner.usual)(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(
            target=self.http.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()

    def stop(self) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def whole(handler: BaseHTTPRequestHandler) -> None:
    """The file, or the piece of it that was asked for."""
    wanted = handler.headers.get("Range")
    if wanted is None:
        answer(handler, 200, BODY)
        return
    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
    span = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
    answer(handler, 206, BODY[start:], Content_Range=span)


def ignoring_ranges(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 200, BODY)


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Promise the whole file and hang up in the middle."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(BODY)))
    handler.end_headers()
    handler.wfile.write(BODY[:200_000])


def unannounced(body: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer without length, which ends with the connection."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(body)

    return send


def saying(status: int, body: bytes = b"", **headers: str) -> Callable[..., None]:
    return lambda handler: answer(handler, status, body, **headers)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(room, "WAIT", wait_none())
    monkeypatch.delenv("VCSPEC_SOURCE_MIRROR", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running = Server()
    yield running
    running.stop()


def source(base: str, body: bytes = BODY, path: str = PATH) -> Source:
    digest = hashlib.sha256(body).hexdigest()
    return Source("table.csv.gz", base + path, "CC0-1.0", digest, len(body))


def names(cache: Path) -> set[str]:
    """Files of the cache under final names."""
    kept = (path.name for path in (cache / "sources").iterdir())
    return {name for name in kept if not name.endswith((".lock", ".part"))}


def test_a_source_arrives_whole_under_its_digest_and_ending(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = fetch(source(server.base), cache=tmp_path, progress=lambda *at: seen.append(at))
    assert path.read_bytes() == BODY
    assert path.name == hashlib.sha256(BODY).hexdigest() + ".csv.gz"
    assert seen[-1] == (len(BODY), len(BODY))


def test_a_file_in_the_cache_needs_no_network(server: Server, tmp_path: Path) -> None:
    wanted = source(server.base)
    first = fetch(wanted, cache=tmp_path)
    assert fetch(wanted, cache=tmp_path) == first
    assert len(server.asked) == 1


def test_a_damaged_file_in_the_cache_is_fetched_again(server: Server, tmp_path: Path) -> None:
    wanted = source(server.base)
    fetch(wanted, cache=tmp_path).write_bytes(BODY[::-1])
    assert fetch(wanted, cache=tmp_path).read_bytes() == BODY


def test_a_cut_download_continues_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.turns = [cut]
    assert fetch(source(server.base), cache=tmp_path).read_bytes() == BODY
    start = server.asked[1][1]
    assert start is not None
    assert 0 < int(start.removeprefix("bytes=").removesuffix("-")) <= 200_000


def test_a_later_call_continues_what_an_earlier_one_left(server: Server, tmp_path: Path) -> None:
    server.turns = [cut] + [saying(503)] * 10
    with pytest.raises(Unreadable):
        fetch(source(server.base), cache=tmp_path)
    assert names(tmp_path) == set()
    server.turns = []
    assert fetch(source(server.base), cache=tmp_path).read_bytes() == BODY
    assert server.asked[-1][1] not in (None, "bytes=0-")


def test_a_server_that_ignores_ranges_is_read_from_the_start(
    server: Server, tmp_path: Path
) -> None:
    server.turns, server.usual = [cut], ignoring_ranges
    assert fetch(source(server.base), cache=tmp_path).read_bytes() == BODY


def test_a_server_that_refuses_the_range_is_asked_for_the_whole_file(
    server: Server, tmp_path: Path
) -> None:
    server.turns = [cut, saying(416)]
    assert fetch(source(server.base), cache=tmp_path).read_bytes() == BODY
    assert server.asked[-1][1] is None


def test_a_range_other_than_asked_for_is_not_appended(server: Server, tmp_path: Path) -> None:
    server.turns = [cut, saying(206, BODY[:100], Content_Range=f"bytes 0-99/{len(BODY)}")]
    assert fetch(source(server.base), cache=tmp_path).read_bytes() == BODY


def test_bytes_of_another_file_left_behind_do_not_poison_the_download(
    server: Server, tmp_path: Path
) -> None:
    wanted = source(server.base)
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / f"{wanted.sha256}.part").write_bytes(b"other bytes")
    assert fetch(wanted, cache=tmp_path).read_bytes() == BODY


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.turns = [saying(503), saying(429)]
    assert fetch(source(server.base), cache=tmp_path).read_bytes() == BODY
    assert len(server.asked) == 3


def test_a_server_that_stays_busy_is_given_up(server: Server, tmp_path: Path) -> None:
    server.usual = saying(503)
    with pytest.raises(Unreadable, match="503"):
        fetch(source(server.base), cache=tmp_path)
    assert len(server.asked) == room.ATTEMPTS


def test_a_missing_file_is_reported_at_once(server: Server, tmp_path: Path) -> None:
    server.usual = saying(404)
    with pytest.raises(Unreadable, match=r"404.*VCSPEC_SOURCE_MIRROR"):
        fetch(source(server.base), cache=tmp_path)
    assert len(server.asked) == 1


def test_wrong_bytes_of_the_right_size_are_refused(server: Server, tmp_path: Path) -> None:
    other = BODY[::-1]
    server.usual = saying(200, other)
    with pytest.raises(Unreadable, match=hashlib.sha256(other).hexdigest()):
        fetch(source(server.base), cache=tmp_path)
    assert names(tmp_path) == set()
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("send", [saying(200, BODY[:5000]), unannounced(BODY[:5000])])
def test_a_shorter_file_is_refused(
    server: Server, tmp_path: Path, send: Callable[..., None]
) -> None:
    server.usual = send
    with pytest.raises(Unreadable, match="5000 bytes"):
        fetch(source(server.base), cache=tmp_path)
    assert names(tmp_path) == set()


def test_a_longer_answer_is_not_read_to_its_end(server: Server, tmp_path: Path) -> None:
    server.usual = unannounced(BODY * 20)
    with pytest.raises(Unreadable, match="more bytes than expected"):
        fetch(source(server.base), cache=tmp_path)
    assert not list(tmp_path.rglob("*.part"))


PAGE = b"<!DOCTYPE html>\n<html><body>Sign in</body></html>"


@pytest.mark.parametrize("send", [saying(200, PAGE, Content_Type="text/html"), unannounced(PAGE)])
def test_a_web_page_in_place_of_the_file_is_called_one(
    server: Server, tmp_path: Path, send: Callable[..., None]
) -> None:
    server.usual = send
    with pytest.raises(Unreadable, match="web page"):
        fetch(source(server.base), cache=tmp_path)
    assert len(server.asked) == 1


@pytest.mark.parametrize("host", ["", "example.org"])
@pytest.mark.parametrize("scheme", [str, Path.as_uri])
def test_a_mirror_folder_is_read_by_path_with_or_without_the_host(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    scheme: Callable[[Path], str],
) -> None:
    mirror = tmp_path / "a mirror"
    held = mirror / host / PATH.lstrip("/")
    held.parent.mkdir(parents=True)
    held.write_bytes(BODY)
    monkeypatch.setenv("VCSPEC_SOURCE_MIRROR", scheme(mirror))
    path = fetch(source("https://example.org"), cache=tmp_path / "cache")
    assert path.read_bytes() == BODY
    assert server.asked == []


def test_a_mirror_server_is_asked_first(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VCSPEC_SOURCE_MIRROR", f"{server.base}/mirror/")
    assert fetch(source("https://example.org"), cache=tmp_path).read_bytes() == BODY
    assert server.asked == [(f"/mirror{PATH}", None)]


def test_where_the_mirror_lacks_or_spoils_the_file_the_address_is_asked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt = tmp_path / "mirror" / PATH.lstrip("/")
    spoilt.parent.mkdir(parents=True)
    spoilt.write_bytes(BODY[::-1])
    monkeypatch.setenv("VCSPEC_SOURCE_MIRROR", str(tmp_path / "mirror"))
    assert fetch(source(server.base), cache=tmp_path / "cache").read_bytes() == BODY


def test_an_address_cannot_climb_out_of_the_mirror(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.txt").write_bytes(BODY)
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv("VCSPEC_SOURCE_MIRROR", str(tmp_path / "mirror"))
    server.usual = saying(404)
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/a/%2e%2e%2f..%2fsecret.txt"):
        with pytest.raises(Unreadable):
            fetch(source(server.base, path=path), cache=tmp_path / "cache")


def test_concurrent_calls_download_once(server: Server, tmp_path: Path) -> None:
    wanted = source(server.base)
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: fetch(wanted, cache=tmp_path), range(4)))
    assert {path.read_bytes() for path in paths} == {BODY}
    assert len(server.asked) == 1


def test_only_file_and_http_addresses_are_read(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="only file, http and https"):
        fetch(source("ftp://127.0.0.1"), cache=tmp_path)


def test_a_local_address_is_copied(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(BODY)
    wanted = source((tmp_path / "table.csv").as_uri(), path="")
    assert fetch(wanted, cache=tmp_path / "cache").read_bytes() == BODY


def test_a_cache_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(Unreadable, match="VCSPEC_CACHE"):
        fetch(source(server.base), cache=tmp_path / "cache")


def test_the_cache_is_where_the_environment_says(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VCSPEC_CACHE", str(tmp_path / "named"))
    assert cache_folder() == tmp_path / "named"
    assert fetch(source(server.base)).is_relative_to(tmp_path / "named")


def test_messages_hold_no_credentials_and_no_query(server: Server, tmp_path: Path) -> None:
    server.usual = saying(404)
    host = server.base.removeprefix("http://")
    wanted = source(f"http://me:hunter2@{host}", path=f"{PATH}?token=hunter3#hunter4")
    with pytest.raises(Unreadable) as caught:
        fetch(wanted, cache=tmp_path)
    assert "hunter" not in str(caught.value)
    assert shown("https://me:pass@example.org:8443/a?b=c#d") == "https://example.org:8443/a"


def test_an_unreachable_server_is_reported_without_waiting_for_ever(
    server: Server, tmp_path: Path
) -> None:
    wanted = source(server.base)
    server.http.server_close()
    with pytest.raises(Unreadable, match="ConnectionError"):
        fetch(wanted, cache=tmp_path)


def blob(base: str, body: bytes = BODY, path: str = PATH) -> Source:
    """The source known by the name that git gives its bytes."""
    name = hashlib.sha1(f"blob {len(body)}\0".encode() + body, usedforsecurity=False).hexdigest()
    return Source("table.csv.gz", base + path, "CC0-1.0", git_blob=name)


def test_a_file_of_a_repository_is_known_by_its_blob(server: Server, tmp_path: Path) -> None:
    wanted = blob(server.base)
    path = fetch(wanted, cache=tmp_path)
    assert path.read_bytes() == BODY
    assert path.name == f"git-{wanted.git_blob}.csv.gz"
    path.write_bytes(BODY[::-1])
    assert fetch(wanted, cache=tmp_path).read_bytes() == BODY


def test_a_blob_with_other_bytes_is_refused(server: Server, tmp_path: Path) -> None:
    wanted = blob(server.base, body=BODY + b"x")
    with pytest.raises(Unreadable, match=r"holds git blob [0-9a-f]{40}.*a file with git blob"):
        fetch(wanted, cache=tmp_path)


def test_a_blob_is_what_git_calls_it(tmp_path: Path) -> None:
    place = tmp_path / "PATH"
    place.write_bytes(b"what is up, doc?")  # the example of the book Pro Git, chapter 10.2
    wanted = Source("a", place.as_uri(), "MIT", git_blob="bd9dbf5aae1a3862dd1526723246b20206e5fc37")
    assert fetch(wanted, cache=tmp_path / "cache").read_bytes() == b"what is up, doc?"
