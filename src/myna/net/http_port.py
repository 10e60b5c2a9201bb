"""What the connections of one HTTP listener share: its application, limits, WebSocket routes and clock.

Knows no bytes of HTTP. What a newcomer gets wrong: uvicorn's Config is here because its protocol reads it; nothing
else of uvicorn's server runs.
"""

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from myna.net.addresses import show
from myna.net.doorstep import NOWHERE, Doorstep
from myna.net.endpoint import Route, UpgradeRequest, WebSocketEndpoint
from myna.net.http import HttpProtocol
from myna.net.target import split_target
from myna.net.tls import Certificate
from myna.net.transport_stream import TransportStream
from myna.net.upgrade import BadUpgrade, check_upgrade, offered_subprotocols
from myna.net.websocket import WebSocket, WebSocketLimits
from myna.sockets.stream import Place, SocketStream, Stream, Streams

log = logging.getLogger("myna.net")

Message = MutableMapping[str, Any]
Application = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

# Finds the part of the application that answers a request at once and, until it waits, needs no task: it has no
# timeout around what comes before that, for example. None for all other requests.
Prompt = Callable[[MutableMapping[str, Any]], Application | None]


def _none(scope: MutableMapping[str, Any]) -> Application | None:
    return None


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """`idle_seconds`: between requests. `stall_seconds`: an answer is not taken. `linger_*`: see StreamLimits."""

    head_bytes: int = 64 * 1024
    target_bytes: int = 32 * 1024
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    idle_seconds: float = 75.0
    stall_seconds: float = 60.0
    linger_seconds: float = 1.0
    linger_bytes: int = 1024 * 1024


class Nobody(asyncio.Protocol):
    """The protocol of a transport whose socket has moved elsewhere."""


NOBODY = Nobody()


class HttpPort:
    def __init__(
        self,
        name: str,
        app: Application,
        streams: Streams,
        loop: asyncio.AbstractEventLoop,
        *,
        limits: HttpLimits,
        websocket_limits: WebSocketLimits,
        route: Route | None = None,
        prompt: Prompt | None = None,
        doorstep: Doorstep | None = None,
    ) -> None:
        self.name = name
        self.app = app
        self.loop = loop
        self.limits = limits
        self.clock = streams.clock
        self.turn = streams.turn
        self.patience = streams.patience
        self.state = ServerState()
        self.draining = False
        self.newcomers: set[HttpProtocol] = set()
        self.has_websockets = route is not None
        self.find_prompt: Prompt = _none if prompt is None else prompt
        self._streams = streams
        self._route = route
        self._doorstep = doorstep
        self._websocket_limits = websocket_limits
        self._date = (0, b"")
        self._emptied: asyncio.Future[None] | None = None
        self.config = Config(
            app,
            http=HttpToolsProtocol,
            ws="none",
            loop="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        self.config.load()

    def make_protocol(self, address: tuple[str, int] | None, place: Place) -> HttpProtocol:
        """`address` is the client's, None on a unix socket."""
        return HttpProtocol(self, address, place)

    def judge_request(self, connection: HttpProtocol, target: bytes) -> tuple[int, str] | None:
        """Status and words for a request that is not even looked at."""
        self.newcomers.discard(connection)
        client = connection.client
        if len(target) > self.limits.target_bytes:
            return 414, "the request target is too long"
        doorstep = self._doorstep
        if doorstep is not None and client is not None and doorstep.turns_away(client[0], target, self.clock.now()):
            return 403, "banned"
        if connection.certificate is not None and not connection.certificate.trusted:
            return 401, "the certificate of this connection is no longer trusted"
        return None

    def date_line(self) -> bytes:
        now = int(self.clock.now())
        if now != self._date[0]:
            self._date = (now, format_date(now))
        return self._date[1]

    def extensions(self, connection: object, certificate: Certificate | None) -> dict[str, object]:
        """What the scope of every request on a connection says of its TLS, in the words of ASGI's TLS extension."""
        if not isinstance(connection, ssl.SSLObject):
            return {}
        cipher = connection.cipher()
        name = "" if certificate is None else ",".join(f"{key}={value}" for key, value in certificate.subject)
        return {
            "tls": {
                "server_cert": None,
                "client_cert_chain": [],
                "client_cert_name": name or None,
                "client_cert_error": None,
                "tls_version": connection.version(),
                "cipher_suite": cipher[0] if cipher else None,
                "myna.certificate": certificate,
            }
        }

    # WebSocket.

    def upgrade_request(
        self,
        target: bytes,
        headers: list[tuple[bytes, bytes]],
        client: tuple[str, int] | None,
        scheme: str,
        certificate: Certificate | None,
    ) -> UpgradeRequest:
        raw_path, _, query = split_target(target)
        return UpgradeRequest(
            raw_path=raw_path,
            query_string=query,
            headers=tuple(headers),
            subprotocols=offered_subprotocols(headers),
            address=show(*client) if client else "unix",
            listener=self.name,
            scheme=scheme,
            certificate=certificate,
        )

    def judge_upgrade(self, method: str, http_version: str, request: UpgradeRequest) -> BadUpgrade | None:
        if self.draining:
            return BadUpgrade(503, "shutting down")
        return check_upgrade(method, http_version, request)

    def find_endpoint(self, request: UpgradeRequest) -> WebSocketEndpoint | None:
        return None if self._route is None else self._route(request)

    def open_websocket(
        self, connection: HttpProtocol, request: UpgradeRequest, endpoint: WebSocketEndpoint, rest: bytes
    ) -> None:
        place, connection.place = connection.place, NOWHERE
        self.leave(connection)
        stream = self._take_over(connection.transport)
        stream.place = place
        conversation = WebSocket(self._streams, stream, request, endpoint, self._websocket_limits)
        stream.start(conversation)
        try:
            endpoint.opening(conversation)
            if rest:
                stream.conversation.feed(rest, self.clock.now())
        except Exception:
            log.exception("opening a WebSocket failed by a bug of ours; closing it")
            stream.abort(self.clock.now())

    def _take_over(self, transport: asyncio.Transport) -> Stream:
        """A stream on the transport's connection. A plain socket leaves the loop's transport, which costs 2 KB and most
        of a wake-up; TLS has to stay."""
        if transport.get_extra_info("sslcontext") is not None or transport.get_write_buffer_size():
            return TransportStream(self._streams, transport)
        sock = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        sock.setblocking(False)
        transport.set_protocol(NOBODY)
        transport.abort()  # closes its descriptor; the connection lives on in ours
        return SocketStream(self._streams, sock)

    # The end.

    def drain(self) -> None:
        """Answer what has been asked, take nothing new."""
        self.draining = True
        for connection in list(self.state.connections):
            connection.shutdown()

    def enter(self, connection: HttpProtocol) -> None:
        """A new connection, which has asked for nothing yet."""
        self.patience.add(connection)
        self.newcomers.add(connection)

    def leave(self, connection: HttpProtocol) -> None:
        """A connection has ended or become a WebSocket."""
        self.patience.remove(connection)
        self.newcomers.discard(connection)
        connection.place.leave()
        self.state.connections.discard(connection)
        if not self.state.connections and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    async def wait_drained(self) -> None:
        """Until every answer is out and every client has heard it."""
        while self.state.connections:
            self._emptied = self.loop.create_future()
            await self._emptied

    def abort(self) -> None:
        for task in list(self.state.tasks):
            task.cancel()
        for connection in list(self.state.connections):
            with contextlib.suppress(Exception):
                connection.transport.abort()


def format_date(now: float) -> bytes:
    return b"date: " + formatdate(now, usegmt=True).encode() + b"\r\n"
