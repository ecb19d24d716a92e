"""A plain web server of a folder: Python's own, which lists folders and knows no ranges."""

import functools
import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.sessions import hang_up


class WebServer:
    """The server, in threads of this process.

    Attributes:
        url: its address.
        listings: whether it lists folders; may be changed while it runs.
        unlisted: what it answers where it does not.
        log: (method, path) of the requests so far.
    """

    def __init__(self, folder: Path, *, listings: bool = True) -> None:
        self.listings = listings
        self.unlisted = HTTPStatus.NOT_FOUND
        self.log: list[tuple[str, str]] = []
        handler = type("Bound", (_Handler,), {"owner": self})
        self.http = _Http(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    @property
    def requests(self) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(path for _, path in self.log)


@contextmanager
def serving(folder: Path, *, listings: bool = True) -> Iterator[WebServer]:
    """A web server of the folder until the block ends."""
    server = WebServer(folder, listings=listings)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        hang_up(server.url)
        server.http.shutdown()
        thread.join()
        server.http.server_close()


def ask(
    url: str, path: str, method: str = "GET", body: bytes | None = None, timeout: float = 20
) -> tuple[int, bytes]:
    """Status and body of a server's answer, without a driver, on a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_: Any) -> None:
        """A driver that hangs up is none of the server's business."""


class _Handler(SimpleHTTPRequestHandler):
    owner: WebServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *_: object) -> None:
        pass

    def parse_request(self) -> bool:
        """Counted before it is answered: whoever has the answer finds it in the log."""
        sound = super().parse_request()
        if sound:
            self.owner.log.append((self.command, self.path))
        return sound

    def list_directory(self, path: Any) -> Any:
        if self.owner.listings:
            return super().list_directory(path)
        self.send_error(self.owner.unlisted)
        return None
