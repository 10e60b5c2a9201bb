"""One HTTP request and its answer, as ASGI sees them.

Takes the place of uvicorn's RequestResponseCycle, which writes head and body separately (a system call each), knows
no HTTP/1.0 keep-alive and closes while the client is still sending, so that a reset can destroy the answer. What a
newcomer gets wrong: the head waits for the first piece of the body and leaves with it.
"""

import asyncio
import logging
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Final, final

from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE

from myna.net.target import split_target

if TYPE_CHECKING:
    from myna.net.http import HttpProtocol

log = logging.getLogger("myna.net")

Event = MutableMapping[str, Any]

AT_TURNS_END: Final = 16 * 1024  # the largest body of an answer that waits for the turn to end
PAUSE_ABOVE: Final = 64 * 1024  # body bytes the application has not fetched yet
SMALL_REST: Final = 64 * 1024  # a rest of a body worth reading and dropping to keep the connection
DISCONNECT: Final = "http.disconnect"
FAILURE: Final = b"Internal Server Error"

# What a header of an answer is: a line to be written, and perhaps something for us to know. Answers have few different
# ones, so those are read once.
PLAIN: Final = -1  # or the length of the body, from 0 up
CLOSES: Final = -2
LINES_KEPT: Final = 256
LINES: Final[dict[tuple[bytes, bytes], tuple[bytes, int]]] = {}


ASGI: Final = {"version": "3.0", "spec_version": "2.4"}


def make_scope(protocol: "HttpProtocol", version: str) -> dict[str, Any]:
    """The request whose head has just been read, in the words of ASGI."""
    raw_path, path, query = split_target(protocol.url)
    return {
        "type": "http",
        "asgi": ASGI,
        "http_version": version,
        "method": protocol.parser.get_method().decode("ascii"),
        "scheme": protocol.scheme,
        "path": path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": protocol.headers,
        "server": protocol.server,
        "client": protocol.client,
        "state": {},
        "extensions": {"myna.raw_headers": protocol.raw_headers, **protocol.extensions},
    }


def read_header(name: bytes, value: bytes) -> tuple[bytes, int]:
    if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
        raise RuntimeError(f"not a header: {name!r}: {value!r}")
    line, meaning = b"%s: %s\r\n" % (name, value), PLAIN
    lowered = name.lower()
    if lowered == b"content-length":
        meaning = int(value)
    elif lowered == b"transfer-encoding":
        if value.lower() != b"chunked":
            raise RuntimeError(f"transfer-encoding {value!r} is not served")
        line = b""  # said below, where the client can read it
    elif lowered == b"connection":
        line, meaning = b"", CLOSES if b"close" in value.lower() else PLAIN
    is_number = meaning == PLAIN and value.isdigit()  # an id, say: there is no end to those
    if len(LINES) < LINES_KEPT and len(line) < LINES_KEPT and not is_number:
        LINES[name, value] = line, meaning
    return line, meaning


@final
class Exchange:
    __slots__ = (
        "_announced",
        "_body",
        "_chunked",
        "_expected",
        "_head",
        "_protocol",
        "_waiter",
        "app",
        "complete",
        "continues",
        "disconnected",
        "keep_alive",
        "more",
        "received",
        "scope",
        "started",
    )

    def __init__(
        self, protocol: "HttpProtocol", scope: dict[str, Any], app: Any, *, keep_alive: bool, continues: bool
    ) -> None:
        self._protocol = protocol
        self.scope = scope
        self.app = app
        self.keep_alive = keep_alive
        self.continues = continues  # the client waits for 100 Continue
        # The request.
        self._body: list[bytes] = []
        self.received = 0
        self.more = True
        self._announced = False  # the application has been told that the body is complete
        self._waiter: asyncio.Future[None] | None = None
        self.disconnected = False
        # The answer.
        self._head: list[bytes] | None = None  # built, waiting for the first piece of the body
        self.started = False
        self.complete = False
        self._chunked = False
        self._expected = -1  # bytes of the body still to come, -1 if unknown

    async def run(self) -> None:
        try:
            await self.app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._protocol.break_off(self)
            raise
        except Exception:
            log.exception("answering %s %r failed", self.scope["method"], self.scope["raw_path"])
            await self._fail()
        else:
            if not self.complete and not self.disconnected:
                log.error("%s %r was left without a complete answer", self.scope["method"], self.scope["raw_path"])
                await self._fail()

    # What the parser tells.

    def add_body(self, data: bytes) -> None:
        if self.complete:
            return
        self._body.append(data)
        self.received += len(data)
        if sum(map(len, self._body)) > PAUSE_ABOVE:
            self._protocol.flow.pause_reading()
            if len(self._body) > 1:
                self._body[:] = [b"".join(self._body)]
        self.notify()

    def end_body(self) -> None:
        self.more = False
        self.notify()

    def disconnect(self) -> None:
        if not self.complete:
            self.disconnected = True
        self.notify()

    def notify(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # ASGI.

    async def receive(self) -> Event:
        if self.continues and not self.started and not self.disconnected:
            self.continues = False
            self._protocol.write_now(b"HTTP/1.1 100 Continue\r\n\r\n")
        while True:
            if self.disconnected or self.complete:
                return {"type": DISCONNECT}
            if self._body or not (self.more or self._announced):
                body = self._body
                data = body[0] if len(body) == 1 else b"".join(body)
                self._body = []
                self._announced = not self.more
                return {"type": "http.request", "body": data, "more_body": self.more}
            self._protocol.flow.resume_reading()
            self._waiter = self._protocol.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def send(self, message: Event) -> None:
        protocol = self._protocol
        if protocol.flow.write_paused and not self.disconnected:
            await protocol.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if self.complete:
            raise RuntimeError(f"{kind} was sent behind a complete answer")
        if not self.started:
            if kind != "http.response.start":
                raise RuntimeError(f"http.response.start must come first, not {kind}")
            self._build_head(message["status"], message.get("headers", ()))
            self.started = True
        elif kind != "http.response.body":
            raise RuntimeError(f"http.response.body must come next, not {kind}")
        else:
            self._send_body(message.get("body", b""), message.get("more_body", False))

    # Within.

    def _build_head(self, status: int, headers: Any) -> None:
        head = [STATUS_LINE[status], self._protocol.date_line()]
        length = -1
        for name, value in headers:
            line, meaning = LINES.get((name, value)) or read_header(name, value)
            head.append(line)
            if meaning >= 0:
                length = meaning
            elif meaning == CLOSES:
                self.keep_alive = False
        self._expected = length
        if self.scope["method"] == "HEAD" or status in {204, 304}:
            self._expected = 0
        elif length < 0:
            self._frame_unknown_length(head)
        if self.more and not self._rest_is_small():
            self.keep_alive = False
        if not self.keep_alive:
            head.append(b"connection: close\r\n")
        elif self.scope["http_version"] == "1.0":
            head.append(b"connection: keep-alive\r\n")
        head.append(b"\r\n")
        self._head = head

    def _frame_unknown_length(self, head: list[bytes]) -> None:
        if self.scope["http_version"] == "1.0":
            self.keep_alive = False  # the end of the connection is the end of the body
        else:
            self._chunked = True
            head.append(b"transfer-encoding: chunked\r\n")

    def _rest_is_small(self) -> bool:
        """May the connection go on although the body has not come whole? The rest will be read and dropped."""
        if self.continues:
            return False  # the client was never told to send it
        for name, value in self.scope["headers"]:
            if name == b"content-length":
                return int(value) - self.received <= SMALL_REST
        return False

    def _send_body(self, body: bytes, more: bool) -> None:
        bodiless = self.scope["method"] == "HEAD"
        if not bodiless and self._expected >= 0:
            self._expected -= len(body)
            if self._expected < 0 or (self._expected and not more):
                raise RuntimeError("the body is longer or shorter than its content-length")
        whole = self._head is not None and not more
        pieces = self._head or []
        self._head = None
        if self._chunked:
            if body:
                pieces += (b"%x\r\n" % len(body), body, b"\r\n")
            if not more:
                pieces.append(b"0\r\n\r\n")
        elif body and not bodiless:
            pieces.append(body)
        if pieces:
            if whole and len(body) <= AT_TURNS_END:
                self._protocol.write_at_turns_end(b"".join(pieces))
            else:
                self._protocol.write_now(b"".join(pieces))
        if not more:
            self.complete = True
            self._body = []
            self.notify()
            self._protocol.answered(self)

    async def _fail(self) -> None:
        """A clean 500 while nothing has left yet, else the connection ends where it is."""
        if self.disconnected or self.complete:
            return
        if self.started and self._head is None:
            self._protocol.break_off(self)
            return
        self.started = False
        self._head = None
        self._chunked = False
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(FAILURE))]
        self.keep_alive = False
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": FAILURE})
