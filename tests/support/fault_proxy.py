"""A proxy on loopback before any server of HTTP: it passes on, counts, and fails as it is told.

    with proxy(place.url) as between:
        between.follow(Rule("drop", method="PUT", path=r"/manifest\\.json$", times=1))
        ...  # what asks `place.behind(between.url)` has no answer to that, once

The first rule that fits a request and is not used up is followed; where there is none, the request
is passed on. A message is passed on when it has come whole, with its length and without chunks.
Signatures stay sound, for the address that was asked for is handed on.
"""

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from support.messages import HungUp, Message, Wire, refusal
from support.sessions import hang_up

Fault = Literal["pass", "reset", "drop", "status", "truncate", "flip", "stall", "slow"]
Side = Literal["request", "answer"]
A_TURN = 0.02  # seconds


@dataclass(frozen=True)
class Rule:
    """What happens to requests that fit.

    Attributes:
        fault: `pass`, nothing;
            `reset`, `at` bytes of the body come through, of none not even the head, and then the
            connections are reset;
            `drop`, the server does it and its answer is lost, the connection being closed;
            `status`, the answer is `status` with `code`, and the server is not asked;
            `truncate`, the head promises all and `at` bytes of the body come;
            `flip`, bit number `at` of the body is another, counted round;
            `stall`, as `reset`, but the rest comes after so many `seconds`;
            `slow`, the body comes at `rate` bytes a second.
        method: regular expression that the method matches.
        path: regular expression that is found in the path with its query.
        times: of the requests that fit, so many; all where it is None.
        skip: of the requests that fit, so many are left to the other rules before.
        code: of a refusal; what S3 has for the status unless given.
        side: the message of which `reset`, `truncate`, `flip`, `stall` and `slow` speak: the
            request on its way to the server, or the answer on its way back.
    """

    fault: Fault
    method: str = ".*"
    path: str = ""
    times: int | None = None
    skip: int = 0
    at: int = 0
    status: int = 503
    code: str = ""
    seconds: float = 1.0
    rate: float = 50_000.0
    side: Side = "answer"

    def fits(self, request: Message) -> bool:
        """Whether the request is one of those."""
        fitting = re.fullmatch(self.method, request.method) and re.search(self.path, request.target)
        return fitting is not None

    def steps(self, message: Message, side: Side) -> list[bytes | float | HungUp]:
        """What the next hop of a message on that side gets, and when."""
        head, body = message.head(final=side == "request"), message.body
        fault = self.fault if side == self.side else "pass"
        begun = head + body[: self.at] if self.at else b""
        turn = max(1, int(self.rate * A_TURN))
        slow = (part for at in range(0, len(body), turn) for part in (A_TURN, body[at : at + turn]))
        steps: dict[str, list[bytes | float | HungUp]] = {
            "reset": [begun, HungUp(hard=True)],
            "drop": [HungUp(hard=False)],
            "truncate": [head + body[: self.at], HungUp(hard=False)],
            "flip": [head + _flipped(body, self.at)],
            "stall": [begun, self.seconds, (head + body)[len(begun) :]],
            "slow": [head, *slow],
        }
        return steps.get(fault, [head + body])

    def received(self, answer: Message) -> int:
        """Bytes of the answer's body that come through."""
        whole = len(answer.body)
        cut = {"drop": 0, "reset": self.at, "truncate": self.at}
        return min(whole, cut.get(self.fault, whole)) if self.side == "answer" else whole


@dataclass(frozen=True)
class Exchange:
    """One request and what became of it.

    Attributes:
        method: as `PUT`.
        path: without the query.
        query: without its mark.
        fault: that it met.
        status: of the answer, also of one that was dropped; None where the server gave none.
        sent: bytes of the request's body that came to the proxy.
        received: bytes of the answer's body that come through.
        signed: whether the request came with credentials.
    """

    method: str
    path: str
    query: str
    fault: Fault
    status: int | None
    sent: int
    received: int
    signed: bool = False


class FaultProxy:
    """The proxy, in a thread of this process with a loop of its own.

    Attributes:
        url: its address.
        log: the requests so far; whoever has the answer finds it in there.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname, parts.port)
        self._standing: list[_Standing] = []
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.log: list[Exchange] = []
        self.url = ""

    def follow(self, *rules: Rule) -> None:
        """Follow these rules, and no others, from the next request on; without any, pass it on."""
        self._standing = [_Standing(rule) for rule in rules]

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """How often each (method, path) was asked for."""
        return Counter((one.method, one.path) for one in self.log)

    @property
    def sent(self) -> int:
        """Bytes of bodies that came from clients."""
        return sum(one.sent for one in self.log)

    @property
    def received(self) -> int:
        """Bytes of bodies that clients were given."""
        return sum(one.received for one in self.log)

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self._listening.wait()

    def stop(self) -> None:
        """End, with all connections, if that is still to be done."""
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = "http://{}:{}".format(*server.sockets[0].getsockname())
        self._listening.set()
        await self._stopping.wait()
        server.close()  # what is still connected is cancelled as the loop ends

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client, hard = Wire(reader, writer), False
        try:
            while (request := await client.request()) is not None:
                await self._asked(request, client)
        except HungUp as end:
            hard = end.hard
        except (OSError, EOFError, asyncio.CancelledError):
            hard = True  # the server hung up, or the client did, or the proxy ends
        finally:
            client.end(hard=hard)

    async def _asked(self, request: Message, client: Wire) -> None:
        rule = self._rule(request)
        answer = refusal(rule.status, request.method, rule.code)
        try:
            if rule.fault != "status":
                answer = await self._passed_on(request, rule)
        except (HungUp, OSError, EOFError):
            self._note(request, rule, None)
            raise
        self._note(request, rule, answer)
        await client.send(*rule.steps(answer, "answer"))
        if request.header("connection") == "close":
            raise HungUp(hard=False)

    async def _passed_on(self, request: Message, rule: Rule) -> Message:
        server = Wire(*await asyncio.open_connection(*self._upstream))
        hard = False
        try:
            await server.send(*rule.steps(request, "request"))
            return await server.answer(request.method)
        except HungUp as end:
            hard = end.hard
            raise
        finally:
            server.end(hard=hard)

    def _rule(self, request: Message) -> Rule:
        return next((one.rule for one in self._standing if one.holds(request)), Rule("pass"))

    def _note(self, request: Message, rule: Rule, answer: Message | None) -> None:
        path, _, query = request.target.partition("?")
        status, received = (answer.status, rule.received(answer)) if answer else (None, 0)
        sent = len(request.body)
        signed = bool(request.header("authorization")) or "sig" in query.lower()
        self.log.append(
            Exchange(request.method, path, query, rule.fault, status, sent, received, signed)
        )


@contextmanager
def proxy(upstream: str) -> Iterator[FaultProxy]:
    """A proxy before the server at that address until the block ends."""
    between = FaultProxy(upstream)
    between.start()
    try:
        yield between
    finally:
        hang_up(between.url)
        between.stop()


class _Standing:
    """A rule, and how many requests it has met."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.met = 0

    def holds(self, request: Message) -> bool:
        """Whether it is this rule's turn."""
        if not self.rule.fits(request):
            return False
        self.met += 1
        used = self.met - self.rule.skip
        return used > 0 and (self.rule.times is None or used <= self.rule.times)


def _flipped(body: bytes, at: int) -> bytes:
    if not body:
        return body
    place, bit = divmod(at % (8 * len(body)), 8)
    return body[:place] + bytes([body[place] ^ (1 << bit)]) + body[place + 1 :]
