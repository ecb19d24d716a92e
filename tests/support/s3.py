"""A small S3-compatible server on loopback: the folders below one folder are its buckets.

It answers ListObjectsV2, GetObject with ranges, HeadObject and HeadBucket, path-style, and looks at
no signature. Before each answer it waits, for requests that come together at the same time; single
keys can be made to fail; every request is logged.

s3fs finds it by the ordinary configuration of the driver, as a user would set it:

    AWS_ENDPOINT_URL         or AWS_ENDPOINT_URL_S3, or `endpoint_url` of a profile
    AWS_ACCESS_KEY_ID        with AWS_SECRET_ACCESS_KEY; anything does here
    AWS_DEFAULT_REGION       not needed beside an endpoint
    AWS_MAX_ATTEMPTS         attempts in all at a request that failed; 5 unless set
    FSSPEC_S3_<OPTION>       an argument of s3fs.S3FileSystem, read when fsspec is imported, as
                             FSSPEC_S3_ENDPOINT_URL, _KEY, _SECRET and _ANON;
                             FSSPEC_S3 takes several of them as a JSON object

The AWS variables are read when the driver makes its first request. `environment` gives those that
suffice. By hand: `python tests/support/s3.py FOLDER --latency 0.02` and set what it prints.
"""

import argparse
import os
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 1_000


@dataclass(frozen=True)
class Request:
    """One request, with the moments at which it came and its answer began."""

    method: str
    key: str
    range: str | None
    query: dict[str, str]
    began: float
    ended: float

    @property
    def lists(self) -> bool:
        """Whether it asks for a page of names."""
        return "list-type" in self.query


class S3:
    """The server, in a thread of this process, from its making until `stop`.

    Attributes:
        latency: seconds before every answer.
        log: the requests so far; keys are `bucket/key`.
        failing: `bucket/key` → statuses that its next GETs get; 0 resets the connection.
        hidden: `bucket/key` of objects that are listed and, when asked for, are not there.
    """

    def __init__(self, folder: Path, *, latency: float = 0.0, port: int = 0) -> None:
        self.folder = folder
        self.latency = latency
        self.log: list[Request] = []
        self.failing: dict[str, list[int]] = {}
        self.hidden: set[str] = set()
        self.http = _Http(("127.0.0.1", port), type("Bound", (_Handler,), {"owner": self}))
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(
            target=self.http.serve_forever, kwargs={"poll_interval": 0.05}
        )
        self.thread.start()

    @property
    def environment(self) -> dict[str, str]:
        """Variables under which s3fs asks this server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "anybody",
            "AWS_SECRET_ACCESS_KEY": "anything",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def stop(self) -> None:
        """End the server, and the connections that drivers keep open."""
        self.http.shutdown()
        self.thread.join()
        self.http.hang_up()
        self.http.server_close()


def round_trips(requests: Sequence[Request]) -> int:
    """How many of the requests followed each other: the longest chain in which none overlap."""
    chain, free = 0, 0.0
    for request in sorted(requests, key=lambda request: request.ended):
        if request.began >= free:
            chain, free = chain + 1, request.ended
    return chain


def read_twice(requests: Sequence[Request]) -> list[str]:
    """Keys of which the same bytes were asked for more than once."""
    counts = Counter((one.key, one.range) for one in requests if not one.lists)
    return sorted({key for (key, _), count in counts.items() if count > 1})


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_: Any) -> None:
        """A driver that hangs up is none of the server's business."""

    def hang_up(self) -> None:
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it went by itself


class _Handler(BaseHTTPRequestHandler):
    owner: S3
    protocol_version = "HTTP/1.1"  # drivers keep their connections
    disable_nagle_algorithm = True
    wbufsize = -1  # head and short bodies in one packet

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._asked()

    def do_GET(self) -> None:
        self._asked()

    def _asked(self) -> None:
        began = time.monotonic()
        parts = urlsplit(self.path)
        key, query = (
            unquote(parts.path).lstrip("/"),
            dict(parse_qsl(parts.query, keep_blank_values=True)),
        )
        time.sleep(self.owner.latency)
        # Logged before it is answered: whoever has the answer finds it in the log.
        ended, span = time.monotonic(), self.headers.get("Range")
        self.owner.log.append(Request(self.command, key, span, query, began, ended))
        self._answer(key, query)

    def _answer(self, key: str, query: dict[str, str]) -> None:
        bucket, _, name = key.partition("/")
        statuses = self.owner.failing.get(key) if self.command == "GET" else None
        status = statuses.pop(0) if statuses else 200
        if status == 0:
            self._reset()
        elif status != 200:
            self._problem(status, "SlowDown" if status == 503 else "InternalError", key)
        elif not (self.owner.folder / bucket).is_dir():
            self._problem(404, "NoSuchBucket", key)
        elif not name:
            self._send(200, _page(self.owner.folder / bucket, query) if query else b"")
        elif key in self.owner.hidden or not (self.owner.folder / key).is_file():
            self._problem(404, "NoSuchKey", key)
        else:
            self._object(self.owner.folder / key)

    def _reset(self) -> None:
        """Hang up without a word, and at once."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _problem(self, status: int, code: str, key: str) -> None:
        message = f"<Error><Code>{code}</Code><Message>{code}</Message><Key>{escape(key)}</Key>"
        self._send(status, f"{message}</Error>".encode())

    def _object(self, path: Path) -> None:
        size = path.stat().st_size
        span = _span(self.headers.get("Range"), size)
        if span is None:
            self._problem(416, "InvalidRange", path.name)
            return
        start, stop = span
        partial = "Range" in self.headers
        self._head(
            206 if partial else 200,
            stop - start,
            **({"Content-Range": f"bytes {start}-{stop - 1}/{size}"} if partial else {}),
        )
        if self.command == "GET" and stop > start:
            with path.open("rb") as file:
                self._pour(file, start, stop - start)

    def _pour(self, file: IO[bytes], start: int, count: int) -> None:
        self.wfile.flush()
        self.connection.sendfile(file, start, count)

    def _send(self, status: int, body: bytes) -> None:
        self._head(status, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)
            self.wfile.flush()

    def _head(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("ETag", '"0"')
        self.send_header("Content-Type", "application/xml" if status >= 400 else "binary/data")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _span(asked: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last; None where no byte of the object is in the range."""
    if asked is None:
        return 0, size
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", asked)
    if found is None:
        return 0, size
    first, last = found.groups()
    if not first:
        return (max(0, size - int(last)), size) if int(last) and size else None
    start, stop = int(first), min(int(last) + 1 if last else size, size)
    return (start, stop) if start < size and start < stop else None


def _page(bucket: Path, query: dict[str, str]) -> bytes:
    """One page of ListObjectsV2."""
    limit = min(PAGE, int(query.get("max-keys", PAGE)))
    after = query.get("continuation-token", query.get("start-after", ""))
    entries = [entry for entry in _entries(bucket, query) if entry[0] > after]
    page, more = entries[:limit], len(entries) > limit
    body = [
        f"<Name>{bucket.name}</Name><KeyCount>{len(page)}</KeyCount><MaxKeys>{limit}</MaxKeys>",
        f"<Prefix>{_spelled(query.get('prefix', ''), query)}</Prefix>",
        f"<EncodingType>{query.get('encoding-type')}</EncodingType>" * ("encoding-type" in query),
        f"<IsTruncated>{str(more).lower()}</IsTruncated>",
        f"<NextContinuationToken>{escape(page[-1][0])}</NextContinuationToken>" if more else "",
        *(
            f"<CommonPrefixes><Prefix>{_spelled(name, query)}</Prefix></CommonPrefixes>"
            if size is None
            else f"<Contents><Key>{_spelled(name, query)}</Key><Size>{size}</Size>"
            '<ETag>"0"</ETag><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>'
            for name, size in page
        ),
    ]
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<ListBucketResult xmlns="{space}">{"".join(body)}</ListBucketResult>'.encode()


def _entries(bucket: Path, query: dict[str, str]) -> list[tuple[str, int | None]]:
    """Keys with their sizes; prefixes that a delimiter ends, without one."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    found: dict[str, int | None] = {}
    for name, size in _keys(bucket):
        if not name.startswith(prefix):
            continue
        head, ended, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        found[prefix + head + ended if ended else name] = None if ended else size
    return sorted(found.items())


def _keys(bucket: Path) -> Iterator[tuple[str, int]]:
    for folder, _, names in os.walk(bucket):
        for name in names:
            path = Path(folder, name)
            yield path.relative_to(bucket).as_posix(), path.stat().st_size


def _spelled(text: str, query: dict[str, str]) -> str:
    return quote(text) if query.get("encoding-type") == "url" else escape(text)


def _serve() -> None:
    parser = argparse.ArgumentParser(description="Serve the folders below FOLDER as S3 buckets.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    chosen = parser.parse_args()
    server = S3(chosen.folder, latency=chosen.latency, port=chosen.port)
    try:
        settings = (f"export {name}={value}" for name, value in server.environment.items())
        print("\n".join(settings), flush=True)
        server.thread.join()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    _serve()
