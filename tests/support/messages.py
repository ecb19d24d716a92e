"""Messages of HTTP/1.1 as bytes on connections, read whole and written as they are wanted."""

import asyncio
import socket
import struct
from dataclasses import dataclass, field, replace
from http import HTTPStatus

# These hold for one connection.
OF_A_HOP = {"connection", "keep-alive", "proxy-connection", "te", "expect", "transfer-encoding"}
CODES = {
    403: "AccessDenied",
    404: "NoSuchKey",
    409: "ConditionalRequestConflict",
    412: "PreconditionFailed",
    500: "InternalError",
    501: "NotImplemented",
    503: "SlowDown",
}


class HungUp(Exception):
    """The connection ends here; with a reset where `hard`."""

    def __init__(self, *, hard: bool) -> None:
        super().__init__()
        self.hard = hard


@dataclass(frozen=True)
class Message:
    """A request or an answer.

    Attributes:
        first: its first line.
        headers: names and values, as they came.
        body: without chunks.
    """

    first: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def method(self) -> str:
        """Of a request."""
        return self.first.split(" ")[0]

    @property
    def target(self) -> str:
        """Path and query of a request."""
        return self.first.split(" ")[1]

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.first.split(" ")[1])

    def header(self, name: str) -> str:
        """The value, in lower case; nothing where there is none."""
        return next((value.lower() for key, value in self.headers if key.lower() == name), "")

    def holding(self, body: bytes) -> "Message":
        """The same with that body, and its length."""
        others = [(key, value) for key, value in self.headers if key.lower() != "content-length"]
        return replace(self, headers=[*others, ("Content-Length", str(len(body)))], body=body)

    def head(self, *, final: bool) -> bytes:
        """First line and headers for the next hop, which ends with the message where `final`."""
        headers = [(key, value) for key, value in self.headers if key.lower() not in OF_A_HOP]
        if final:
            headers.append(("Connection", "close"))
        lines = [self.first, *(f"{key}: {value}" for key, value in headers)]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")


def refusal(status: int, method: str, code: str = "") -> Message:
    """An answer as S3 gives it."""
    code = code or CODES.get(status, str(status))
    body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
    headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    return Message(first, headers, b"" if method == "HEAD" else body)


class Wire:
    """One end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        writer.transport.set_write_buffer_limits(0)  # what is drained is with the system

    async def request(self) -> Message | None:
        """The next one; None where the other side has hung up."""
        head = await self._head()
        if head is None:
            return None
        if head.header("expect") == "100-continue":
            await self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not (head.header("content-length") or head.header("transfer-encoding")):
            return head
        return head.holding(await self._body(head))

    async def answer(self, method: str) -> Message:
        """The answer to such a request.

        Raises:
            EOFError: the other side hung up before it was whole.
        """
        head = await self._head()
        if head is None:
            raise EOFError
        if method == "HEAD" or head.status in {204, 304}:
            return head
        return head.holding(await self._body(head))

    async def send(self, *steps: bytes | float | HungUp) -> None:
        """Write the bytes, wait the seconds, and hang up, one after the other."""
        for step in steps:
            if isinstance(step, HungUp):
                raise step
            if isinstance(step, bytes):
                self._writer.write(step)
                await self._writer.drain()
            else:
                await asyncio.sleep(step)

    def end(self, *, hard: bool) -> None:
        """Hang up; with a reset where `hard`."""
        if hard:
            linger = struct.pack("ii", 1, 0)
            connection = self._writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    async def _head(self) -> Message | None:
        try:
            text = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise
            return None
        first, *lines = text.removesuffix("\r\n\r\n").split("\r\n")
        headers = [line.partition(":") for line in lines]
        return Message(first, [(name, value.strip()) for name, _, value in headers])

    async def _body(self, head: Message) -> bytes:
        if head.header("transfer-encoding") == "chunked":
            return await self._chunks()
        if length := head.header("content-length"):
            return await self._reader.readexactly(int(length))
        return await self._reader.read()  # all until the other side hangs up

    async def _chunks(self) -> bytes:
        body = bytearray()
        while size := int((await self._reader.readline()).partition(b";")[0], 16):
            body += await self._reader.readexactly(size)
            await self._reader.readline()
        while (await self._reader.readline()).strip():
            continue  # trailers are not passed on
        return bytes(body)
