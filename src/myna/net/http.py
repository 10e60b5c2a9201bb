"""HTTP on our own listeners: uvicorn's httptools protocol, with the limits and manners a public port needs.

Adds to uvicorn: limits on the header block and the request line, deadlines for headers and bodies, names of headers
as sent, HTTP/1.0 keep-alive, client certificates, an end that lets the answer arrive, and a hand-over to WebSocket
that keeps the bytes behind the request. uvicorn's server, signals and logging are not used.

    IDLE --first byte--> HEAD --empty line--> BODY --end--> ANSWERING --answered--> IDLE      or ENDED, from anywhere

What a newcomer gets wrong: the parser runs ahead. One read may hold many requests, and a mistake behind a good
request must not spoil its answer. So nothing is answered before a read has been parsed to its end; then what the port
calls prompt runs at once, up to its first wait, and only what has to wait becomes a task.
"""

import asyncio
import logging
import ssl
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from myna.net.exchange import Exchange, make_scope
from myna.net.going_on import go_on
from myna.net.tls import Certificate, read_certificate
from myna.net.upgrade import is_websocket, plain_response
from myna.sockets.stream import Place

if TYPE_CHECKING:
    from myna.net.http_port import HttpPort

log = logging.getLogger("myna.net")

PIPELINED: Final = 128  # requests one read may hold; browsers send none, benchmarks some dozens
SLOWEST_BODY: Final = 1024  # bytes a second that extend the deadline of a body


class HttpProtocol(HttpToolsProtocol):
    """One connection. `deadline` belongs to the state: headers, body, the next request, or the client's own end."""

    def __init__(self, port: "HttpPort", address: tuple[str, int] | None, place: Place) -> None:
        super().__init__(port.config, port.state, {}, port.loop)
        self.place = place
        self._address = address
        self._port = port
        self.deadline = 0.0
        self._now = 0.0
        self.certificate: Certificate | None = None
        self.extensions: dict[str, object] = {}
        self._in_head = False
        self._head_size = 0
        self._read_size = 0
        self._head_bound = 0  # the head is no larger than this
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self._exchange: Exchange | None = None  # the one being read, or the last
        self._queue: list[Exchange] = []  # those being answered or waiting for it, in order
        self._ready: Exchange | None = None  # the head of the queue, while nobody has begun to answer it
        self._answering = False
        self._upgrading = False
        self._refusal: tuple[int, str] | None = None
        self._ended = False  # nothing more is parsed
        self._discarded = -1  # bytes read in the farewell, -1 before it
        self._unsent: list[bytes] = []  # small answers that leave when the turn ends
        self._left = 0  # bytes that the client had not taken when it was last looked at
        self._postponed = 0.0  # the deadline of what goes on behind an answer that is not taken

    # The transport.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self.client = self._address  # a proxy may have connected on somebody's behalf
        connection = transport.get_extra_info("ssl_object")
        if isinstance(connection, ssl.SSLObject):
            self.certificate = read_certificate(connection)
        self.extensions = self._port.extensions(connection, self.certificate)
        self.deadline = self._port.clock.now() + self._port.limits.head_seconds
        self._port.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._port.leave(self)
        self._ended = True
        self._unsent.clear()
        for exchange in self._queue:
            exchange.disconnect()
        if self.flow is not None:
            self.flow.resume_writing()
        self.transport.close()
        self.parser = self.cycle = None  # type: ignore[assignment]  # a ring of references, cut here as uvicorn does
        self._exchange = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._left = self.transport.get_write_buffer_size()
        self._postponed, self.deadline = self.deadline, self._port.clock.now() + self._port.limits.stall_seconds

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._queue or self._in_head:  # else the answer was complete, and what comes after it has its own
            self.deadline = self._postponed

    def _read_until(self, deadline: float) -> None:
        """What is being read has so long; but while the client takes nothing, that decides when it is cut off."""
        if self.flow.write_paused:
            self._postponed = deadline
        else:
            self.deadline = deadline

    def data_received(self, data: bytes) -> None:
        self._read(data)
        if self._ready is not None:
            self._answer()

    def _read(self, data: bytes) -> None:
        self._now = self._port.clock.now()
        if self._ended:
            self._discard(len(data))
            return
        self._read_size = len(data)
        if self._in_head:
            self._head_size += len(data)
            self._head_bound += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._after_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(*(self._refusal or (400, "this is not a valid HTTP request")))
            return
        if self._refusal is not None:
            self._refuse(*self._refusal)
        elif self._in_head and self._head_size > self._port.limits.head_bytes:
            self._refuse(431, "the headers are too large")

    # The parser.

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_size = 0
        self._head_bound = self._read_size
        self._read_until(self._now + self._port.limits.head_seconds)
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self.raw_headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.raw_headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._refusal is not None or self._ended or not self._take_headers():
            return
        self._upgrading = self.parser.should_upgrade() and is_websocket(self.headers) and self._port.has_websockets
        if self._upgrading:
            return
        if len(self._queue) >= PIPELINED:
            self._refusal = (429, "too many requests at once")
            return
        self._read_until(self._now + self._port.limits.body_seconds)
        self.start_exchange(self._port.app)

    def on_body(self, body: bytes) -> None:
        exchange = self._exchange
        if exchange is not None and not self._upgrading and self._refusal is None:
            self._read_until((self._postponed if self.flow.write_paused else self.deadline) + len(body) / SLOWEST_BODY)
            exchange.add_body(body)

    def on_message_complete(self) -> None:
        exchange = self._exchange
        if exchange is not None and not self._upgrading and self._refusal is None:
            self._read_until(0.0)
            exchange.end_body()
            if not self._queue:  # answered before its body had come
                self._read_until(self._now + self._port.limits.idle_seconds)

    # Requests and answers.

    def start_exchange(self, app: Any) -> None:
        version = self.parser.get_http_version()
        scope = make_scope(self, version)
        keep_alive = self.parser.should_keep_alive() and not self._port.draining
        continues = self.expect_100_continue and version == "1.1"
        exchange = Exchange(self, scope, app, keep_alive=keep_alive, continues=continues)
        self._exchange = exchange
        self._queue.append(exchange)
        if len(self._queue) == 1:
            self._ready = exchange
        else:
            self.flow.pause_reading()

    def answered(self, exchange: Exchange) -> None:
        """The answer of the exchange at the head of the queue has been written."""
        self.server_state.total_requests += 1
        queue = self._queue
        del queue[0]
        if not exchange.keep_alive or self._port.draining:
            queue.clear()
            self._farewell()
        elif queue:
            self._ready = queue[0]
            self._answer()
        elif self._ended:
            if self._refusal is not None:
                self._say(*self._refusal)
        else:
            self.flow.resume_reading()
            if not exchange.more and not self._in_head:
                self.deadline = self._port.clock.now() + self._port.limits.idle_seconds

    def break_off(self, exchange: Exchange) -> None:
        """An answer stopped in the middle: only the end of the connection can tell the client."""
        exchange.disconnected = True
        self._ended = True
        self._write_unsent()
        self.transport.abort()

    def write_at_turns_end(self, data: bytes) -> None:
        """A whole, small answer. Those of a turn leave together: a client is woken by the first and finds the others,
        which saved a tenth of the time of a request."""
        if not self._unsent:
            self._port.turn.wake_other(self)
        self._unsent.append(data)

    def write_now(self, data: bytes) -> None:
        self._write_unsent()
        self.transport.write(data)

    def flush(self, now: float) -> None:
        self._write_unsent()

    def crashed(self, now: float) -> None:
        self.transport.abort()

    def date_line(self) -> bytes:
        return self._port.date_line()

    def shutdown(self) -> None:
        """Finish what is being answered, then end."""
        if not self._queue:
            self._ended = True
            self._farewell()

    def expire(self, now: float) -> None:
        left = self.transport.get_write_buffer_size()
        if left and (left < self._left or not self._left):  # the answer is on its way
            self._left = left
            self.deadline = now + self._port.limits.stall_seconds
        elif left:
            log.info("slow reader of HTTP cut off: it has taken nothing for %g s", self._port.limits.stall_seconds)
            self.transport.abort()
        elif self._discarded >= 0:
            self.transport.abort()
        elif self.flow.read_paused:
            self.deadline = now + self._port.limits.body_seconds  # it is we who do not read
        elif self._in_head:
            self._refuse(408, "the headers did not come in time")
        elif self._queue:
            self._refuse(408, "the body did not come in time")
        else:
            self._ended = True
            self._farewell()  # idle

    # Within.

    def _answer(self) -> None:
        """Answer what is ready, and what becomes ready by that: a loop, so that many of them do not nest."""
        if self._answering:
            return
        self._answering = True
        try:
            while (exchange := self._ready) is not None:
                self._ready = None
                if self._queue and self._queue[0] is exchange:
                    self._run(exchange)
        finally:
            self._answering = False

    def _run(self, exchange: Exchange) -> None:
        app = self._port.find_prompt(exchange.scope)
        if app is not None:
            exchange.app = app
        answering: Coroutine[Any, Any, None] = exchange.run()
        if app is not None:
            try:
                awaited = answering.send(None)
            except StopIteration:
                return
            answering = go_on(answering, awaited)
        tasks = self.tasks
        task = self.loop.create_task(answering)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def _take_headers(self) -> bool:
        """Names in lower case, as ASGI wants them. False if there is too much of something."""
        limits = self._port.limits
        self._refusal = self._port.judge_request(self, self.url)
        if self._refusal is not None:
            return False
        headers = [(name.lower(), value) for name, value in self.raw_headers]
        self.headers = headers
        for name, value in headers:
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
        if self._head_bound > limits.head_bytes:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in headers)
            if size > limits.head_bytes:
                self._refusal = (431, "the headers are too large")
                return False
        return True

    def _after_upgrade(self, rest: bytes) -> None:
        """The parser has stopped: what follows is another protocol, or (h2c and the like) one that we do not speak."""
        if self._refusal is not None:
            self._refuse(*self._refusal)
        elif not self._upgrading:
            self._ended = True
            if self._queue:
                self._queue[-1].keep_alive = False
        elif self._queue:
            self._refuse(400, "a WebSocket must not be asked for before the last answer")
        else:
            self._hand_over(rest)

    def _hand_over(self, rest: bytes) -> None:
        method = self.parser.get_method().decode("ascii")
        scheme = self.scheme or "http"
        request = self._port.upgrade_request(self.url, self.raw_headers, self.client, scheme, self.certificate)
        refusal = self._port.judge_upgrade(method, self.parser.get_http_version(), request)
        if refusal is not None:
            self._ended = True
            self.write_now(plain_response(refusal.status, refusal.headers, refusal.text.encode() + b"\n"))
            self._farewell()
            return
        endpoint = self._port.find_endpoint(request)
        if endpoint is None:  # no WebSocket at this path: the application says so in its own words
            self._upgrading = False
            self.start_exchange(self._port.app)
            if self._exchange is not None:
                self._exchange.keep_alive = False
                self._exchange.end_body()
            self._ended = True
            self.deadline = 0.0
            return
        self._write_unsent()
        self._ended = True
        self.parser = None  # type: ignore[assignment]  # see connection_lost
        self._port.open_websocket(self, request, endpoint, rest)

    def _refuse(self, status: int, text: str) -> None:
        """No more from this client. Good requests that came before are answered first."""
        self._ended = True
        self._refusal = (status, text)
        waiting = self._queue
        if waiting and waiting[-1] is self._exchange and self._exchange.more:
            broken = waiting.pop()  # its body is the mistake
            broken.disconnect()
            if not waiting and broken.started:
                self._write_unsent()
                self.transport.abort()
                return
        if not waiting:
            self._say(status, text)

    def _say(self, status: int, text: str) -> None:
        self.write_now(plain_response(status, ((b"content-type", b"text/plain"),), text.encode() + b"\n"))
        self._farewell()

    def _farewell(self) -> None:
        """Our side is done. The peer is heard out for a moment, so that no reset destroys the answer on its way."""
        if self._discarded >= 0 or self.transport.is_closing():
            return
        self._write_unsent()
        self._ended = True
        self._discarded = 0
        self.flow.resume_reading()
        self.deadline = self._port.clock.now() + self._port.limits.linger_seconds
        try:
            if self.transport.can_write_eof():
                self.transport.write_eof()
            else:
                self.transport.close()
        except OSError:  # the client has reset the connection, and the loop does not know it yet
            self.transport.abort()

    def _write_unsent(self) -> None:
        unsent = self._unsent
        if unsent:
            data = unsent[0] if len(unsent) == 1 else b"".join(unsent)
            unsent.clear()
            self.transport.write(data)

    def _discard(self, count: int) -> None:
        if self._discarded >= 0:
            self._discarded += count
            if self._discarded > self._port.limits.linger_bytes:
                self.transport.abort()
        elif not self.flow.read_paused:
            self.flow.pause_reading()  # an answer is still being written; the rest can wait
