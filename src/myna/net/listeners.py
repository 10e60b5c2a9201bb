"""Opens what the configuration asks for, all of it or nothing, and closes it again.

Knows neither MQTT nor HTTP: a listener brings what answers its connections. What a newcomer gets wrong: everything
is bound before anything accepts, so that a port that is taken leaves nobody half served.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from myna.core.ports import Conversation, Outlet, Peer, Ticking
from myna.net.acceptor import Accepted, Acceptor
from myna.net.addresses import BACKLOG, listen_tcp, listen_unix, remove_unix, show_peer
from myna.net.doorstep import Doorstep, DoorstepLimits
from myna.net.endpoint import Route
from myna.net.http import HttpProtocol
from myna.net.http_port import Application, HttpLimits, HttpPort, Prompt
from myna.net.proxy_accept import Proxies
from myna.net.tls import TlsContexts, explain_handshake
from myna.net.tls_accept import MqttTlsProtocol
from myna.net.websocket import WebSocketLimits
from myna.sockets.backpressure import StreamLimits
from myna.sockets.clock import Clock
from myna.sockets.patience import INTERVAL, Patience
from myna.sockets.readiness import make_readiness
from myna.sockets.stream import Place, SocketStream, Streams
from myna.sockets.turn import Turn

log = logging.getLogger("myna.net")

HANDSHAKE: Final = 10.0  # seconds for TLS
HANDSHAKES: Final = 1024  # at once per listener; more wait in the kernel's queue or are closed

SHORTEST_REST: Final = 0.001  # of accepting, when there have been too many in this second

Answer = Callable[[socket.socket, Any, Place], None]
Connect = Callable[[Outlet, Peer, float], Conversation]


@dataclass(frozen=True, slots=True)
class MqttListener:
    """`connect` makes the core's Connection. With `path` it is a unix socket, and host, port and tls do not count."""

    name: str
    connect: Connect
    host: str = "localhost"
    port: int = 1883
    path: str = ""
    mode: int = 0o660
    tls: TlsContexts | None = None
    backlog: int = BACKLOG
    proxied: bool = False  # each connection begins with a PROXY header


@dataclass(frozen=True, slots=True)
class HttpListener:
    """One ASGI application. `route` finds the WebSocket endpoint of an upgrade, None where there is none; `prompt`
    finds what answers a request without a task of its own.
    """

    name: str
    app: Application
    route: Route | None = None
    prompt: Prompt | None = None
    host: str = "localhost"
    port: int = 8080
    path: str = ""
    mode: int = 0o660
    tls: TlsContexts | None = None
    backlog: int = BACKLOG
    proxied: bool = False
    limits: HttpLimits = field(default_factory=HttpLimits)
    websocket: WebSocketLimits = field(default_factory=WebSocketLimits)


Listener = MqttListener | HttpListener


@dataclass(frozen=True, slots=True)
class Opened:
    """One address that is open. `url` is what a client would be told."""

    name: str
    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{self.path}" if self.path else f"{self.scheme}://{host}:{self.port}"


class Listeners:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        broker: Ticking,
        limits: StreamLimits | None = None,
        *,
        doorstep: Doorstep | None = None,
        patience_interval: float = INTERVAL,
    ) -> None:
        self._loop = loop
        self.doorstep = Doorstep() if doorstep is None else doorstep
        self.clock = Clock(loop, broker)
        self.turn = Turn(loop, self.clock)
        patience = Patience(loop, self.clock, patience_interval)
        self.streams = Streams(self.turn, make_readiness(loop, self.turn), patience, limits or StreamLimits())
        self.proxies = Proxies(loop, patience, self.clock.now, self._refuse_proxied)
        self.opened: list[Opened] = []
        self._acceptors: list[Acceptor] = []
        self._ports: list[HttpPort] = []
        self._paths: list[str] = []
        self._handshakes: set[asyncio.Task[None]] = set()
        self._securing: set[asyncio.Task[None]] = set()  # those of them that do TLS and so take their time
        self._closed = False

    def protect(self, limits: DoorstepLimits, trusted_proxies: Sequence[str]) -> None:
        """From now on; whoever has come in stays."""
        self.doorstep.limit(limits)
        self.proxies.trust(trusted_proxies)
        for acceptor in self._acceptors:
            acceptor.batch = limits.accepts_per_turn

    def open(self, listeners: Sequence[Listener]) -> list[Opened]:
        """Open all of them, or raise ListenError and leave none open."""
        bound: list[tuple[Listener, socket.socket]] = []
        try:
            for listener in listeners:
                bound += [(listener, sock) for sock in _bind(listener)]
        except BaseException:
            for listener, sock in bound:
                sock.close()
                if listener.path:
                    remove_unix(listener.path)
            raise
        answers: dict[str, Accepted] = {}
        opened: list[Opened] = []
        for listener, sock in bound:
            if listener.name not in answers:
                answer = self._let_in(self._answer(listener))
                answers[listener.name] = self.proxies.before(answer) if listener.proxied else answer
            acceptor = Acceptor(
                self._loop, sock, answers[listener.name], batch=self.doorstep.limits.accepts_per_turn, pace=self._pace
            )
            self._acceptors.append(acceptor)
            opened.append(_describe(listener, sock))
            if listener.path:
                self._paths.append(listener.path)
            acceptor.start()
        self.opened += opened
        self.clock.arm()
        return opened

    def stop_accepting(self) -> None:
        for acceptor in self._acceptors:
            acceptor.stop()
        self._acceptors = []
        for path in self._paths:
            remove_unix(path)
        self._paths = []
        self.opened = []

    async def drain(self, seconds: float) -> None:
        """Stop accepting, let requests be answered and closing connections close; what is left then is cut.

        MQTT and WebSocket connections are ended by their owners (DISCONNECT 0x8B, close 1001) just before this.
        """
        self.stop_accepting()
        for port in self._ports:
            port.drain()
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(port.wait_drained() for port in self._ports))
                await self.streams.wait_ended()
        except TimeoutError:
            log.info("some connections did not end within %g s; cutting them", seconds)
        self.close()

    def close(self) -> None:
        """End everything now."""
        if self._closed:
            return
        self._closed = True
        self.stop_accepting()
        for task in list(self._handshakes):
            task.cancel()
        self.proxies.close()
        for port in self._ports:
            port.abort()
        self.streams.abort_all()
        self.streams.patience.stop()
        self.streams.readiness.close()
        self.clock.stop()

    # Within.

    def _let_in(self, answer: Answer) -> Accepted:
        """What is done with a socket: a look at who it is from the door, then what answers its connections."""

        def accepted(sock: socket.socket, address: Any) -> None:
            place = self.doorstep.enter(show_peer(address), self._half_open(), self._sockets(), self.clock.now())
            if place is None:
                sock.close()
                return
            try:
                answer(sock, address, place)
            except BaseException:
                place.leave()
                raise

        return accepted

    def _half_open(self) -> int:
        """Connections that have not said who they are. Those of MQTT are counted by the core."""
        newcomers = sum(len(port.newcomers) for port in self._ports)
        return self.doorstep.greeting() + newcomers + len(self._securing) + len(self.proxies.waiting)

    def _sockets(self) -> int:
        """Connections of any kind, those of HTTP that wait for their next request among them."""
        of_http = sum(len(port.state.connections) for port in self._ports)
        return len(self.streams.open) + of_http + len(self._handshakes) + len(self.proxies.waiting)

    def _pace(self) -> float:
        rate = self.doorstep.rate
        if rate is None or rate.take(1.0, self.clock.now()):
            return 0.0
        return max(rate.wait(1.0), SHORTEST_REST)

    def _refuse_proxied(self, address: str, cause: str) -> None:
        self.doorstep.refuse(address, "proxy", cause, self.clock.now())

    def _answer(self, listener: Listener) -> Answer:
        """What answers the connections of a listener."""
        if isinstance(listener, MqttListener):
            return self._answer_mqtt(listener) if listener.tls is None else self._answer_mqtt_tls(listener)
        port = HttpPort(
            listener.name,
            listener.app,
            self.streams,
            self._loop,
            limits=listener.limits,
            websocket_limits=listener.websocket,
            route=listener.route,
            prompt=listener.prompt,
            doorstep=self.doorstep,
        )
        self._ports.append(port)

        def answer(sock: socket.socket, address: Any, place: Place) -> None:
            context = None if listener.tls is None else listener.tls.current
            client = (address[0], address[1]) if isinstance(address, tuple) else None

            def make() -> HttpProtocol:
                return port.make_protocol(client, place)

            connecting = self._loop.connect_accepted_socket(make, sock, **_tls(context))
            task = self._hand_to_loop(sock, address, place, connecting)
            self._secure(task, listener.tls)

        return answer

    def _answer_mqtt(self, listener: MqttListener) -> Answer:
        def answer(sock: socket.socket, address: Any, place: Place) -> None:
            stream = SocketStream(self.streams, sock)
            stream.place = place
            peer = Peer(show_peer(address), listener=listener.name)
            stream.start(listener.connect(stream, peer, self.clock.now()))

        return answer

    def _answer_mqtt_tls(self, listener: MqttListener) -> Answer:
        assert listener.tls is not None  # that is why we are here
        contexts = listener.tls

        def answer(sock: socket.socket, address: Any, place: Place) -> None:
            def make() -> MqttTlsProtocol:
                return MqttTlsProtocol(self.streams, listener.name, show_peer(address), listener.connect, place)

            connecting = self._loop.connect_accepted_socket(make, sock, **_tls(contexts.current))
            task = self._hand_to_loop(sock, address, place, connecting)
            self._secure(task, contexts)

        return answer

    def _secure(self, task: asyncio.Task[None] | None, tls: TlsContexts | None) -> None:
        if task is not None and tls is not None:
            self._securing.add(task)
            task.add_done_callback(self._securing.discard)

    def _hand_to_loop(
        self, sock: socket.socket, address: Any, place: Place, connecting: Coroutine[Any, Any, Any]
    ) -> asyncio.Task[None] | None:
        if len(self._handshakes) >= HANDSHAKES:
            self.doorstep.refuse("", "handshakes", "too many connections in their handshake", self.clock.now())
            connecting.close()
            sock.close()
            place.leave()
            return None
        task = self._loop.create_task(self._connect(sock, address, place, connecting))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)
        return task

    async def _connect(
        self, sock: socket.socket, address: Any, place: Place, connecting: Coroutine[Any, Any, Any]
    ) -> None:
        try:
            await connecting
        except OSError as error:  # ssl.SSLError and TimeoutError are such: not TLS, a bad certificate, too slow
            sock.close()
            place.leave()
            self.doorstep.failed(show_peer(address), explain_handshake(error), self.clock.now())
        except BaseException:
            sock.close()
            place.leave()
            raise


def _tls(context: Any) -> dict[str, Any]:
    return {} if context is None else {"ssl": context, "ssl_handshake_timeout": HANDSHAKE}


def _bind(listener: Listener) -> list[socket.socket]:
    if listener.path:
        return [listen_unix(listener.path, listener.mode, listener.backlog)]
    return listen_tcp(listener.host, listener.port, listener.backlog)


def _describe(listener: Listener, sock: socket.socket) -> Opened:
    plain, secure = ("mqtt", "mqtts") if isinstance(listener, MqttListener) else ("http", "https")
    if listener.path:
        return Opened(listener.name, f"{plain}+unix", "", 0, listener.path)
    host, port = sock.getsockname()[:2]
    return Opened(listener.name, plain if listener.tls is None else secure, host, port)
