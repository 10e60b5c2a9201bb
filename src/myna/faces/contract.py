"""What a face is: an API that claims its ways in and is given the broker. Whoever writes one reads this file and
`async_broker`.

    class Settings(Section, frozen=True): ...                     its table [faces.NAME]

    class PigeonFace(Face):
        SETTINGS = Settings

        def __init__(self, context: FaceContext, settings: Settings) -> None: ...

        def claims(self) -> Claims:
            return Claims(
                hot={("POST", "/pigeon/send"): self.send},
                routes=[Route("/pigeon/lofts/{loft}", self.show_loft, ("GET", "HEAD"))],
                websockets=[WebSocketRoute("/pigeon/fly/{loft}", self.fly)],
            )

What a newcomer gets wrong: paths are matched as they were sent, so that a `%2F` within a segment stays within it; the
values of placeholders are decoded and lie in `scope["path_params"]`.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

from msgspec import Struct

from myna.config.limits import LimitSettings
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Gate, Outlet, Peer, Ticket, TopicGuard, Watcher
from myna.core.receiver import Receiver
from myna.core.verdict import Answer
from myna.faces.async_broker import AsyncBroker
from myna.formats.inventory_port import Inventory
from myna.formats.offered import EventSink, NoSink
from myna.formats.outgoing import HttpCaller
from myna.wire import reasons

# HTTP, as ASGI has it. `scope["extensions"]["myna.raw_headers"]` holds the header names as they were sent.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Route:
    """`pattern` is a path with {placeholders} for whole segments; `/*` at its end takes all that follows. Literal
    segments win over placeholders, those over `/*`. Without methods the route takes every method that no other one
    of the pattern has.
    """

    pattern: str
    app: Asgi
    methods: tuple[str, ...] = ()


# WebSocket, as `net` has it: the same shapes, seen from here.
Headers = Sequence[tuple[bytes, bytes]]


class UpgradeRequest(Protocol):
    """The request that asks for a WebSocket. `header` finds one in any case."""

    @property
    def raw_path(self) -> bytes: ...
    @property
    def query_string(self) -> bytes: ...
    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]: ...
    @property
    def subprotocols(self) -> tuple[str, ...]: ...
    @property
    def address(self) -> str: ...
    @property
    def listener(self) -> str: ...
    @property
    def scheme(self) -> str: ...
    @property
    def certificate(self) -> object: ...
    def header(self, name: bytes) -> bytes | None: ...


class ByteConversation(Protocol):
    """MQTT, for `carry`."""

    def feed(self, data: bytes, now: float) -> None: ...
    def has_pending(self) -> bool: ...
    def take(self) -> bytes: ...
    def sent(self, count: int, now: float) -> None: ...
    def lost(self, now: float) -> None: ...


class WebSocketConnection(Protocol):
    """What an endpoint speaks with. Nothing here waits or raises; after the end nothing happens."""

    def accept(self, subprotocol: str | None = None, headers: Headers = ()) -> None: ...
    def reject(self, status: int, headers: Headers = (), body: bytes = b"") -> None: ...
    def carry(
        self,
        start: Callable[[Outlet, float], ByteConversation],
        subprotocol: str | None = None,
        headers: Headers = (),
    ) -> None: ...
    def send_text(self, text: str) -> None: ...
    def send_bytes(self, data: bytes) -> None: ...
    def send_frame(self, frame: bytes) -> int:
        """Answers the bytes, of this frame and of those before, that are not with the kernel yet."""

    def direct(self) -> Outlet | None:
        """Where a frame may be sent by `send_now`; what has not gone must follow by `send_frame`."""

    def close(self, code: int = 1000, reason: str = "") -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class WebSocketEndpoint(ABC):
    """One client's conversation. `opening` answers now or later; `on_closed` comes exactly once."""

    @abstractmethod
    def opening(self, socket: WebSocketConnection) -> None: ...

    def on_text(self, text: str) -> None:
        return

    def on_bytes(self, data: bytes) -> None:
        return

    def on_closed(self, code: int, reason: str, clean: bool) -> None:
        return


PathParameters = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WebSocketRoute:
    """Where a WebSocket is opened. `open` answers None where there is none after all: the HTTP routes answer then.

    With `subprotocols` the route takes only clients that offer one of them, so that several may share a path.
    """

    pattern: str
    open: Callable[[UpgradeRequest, PathParameters], WebSocketEndpoint | None]
    subprotocols: tuple[str, ...] = ()


# Who clients are.


class Authenticator(Protocol):
    """Looks at a CONNECT: Identity admits it, Refusal does not, None lets the next one judge; or any of them later."""

    def judge(self, ticket: Ticket, now: float) -> Answer: ...


Judged = Identity | Refusal

EVERY_TENANT: Final = "*"  # the tenant of a caller who may speak for all of them


class Callers(Protocol):
    """The authenticators of a list. `call` judges an HTTP request by what it shows: Authorization (Basic, Bearer), an
    API key in x-api-key, a client certificate. `claim` does so, too, and answers None where nobody knows them; for a
    face that asks somebody else then. `judge` asks them about a ticket, for a face's own authenticator.

    Whoever calls `call` is told at once or later, and whom it refuses has been counted and reported. `look_after` those
    who came in by it and stay: they are ended when what let them in is taken back.
    """

    def call(self, scope: Scope, now: float) -> Judged | Awaitable[Judged]: ...
    def claim(self, scope: Scope, now: float) -> Judged | Awaitable[Judged | None] | None: ...
    def judge(self, ticket: Ticket, now: float) -> Answer: ...
    def look_after(self, receivers: Callable[[], Iterable[Receiver]]) -> None: ...


# What HTTP says of a caller who is refused; anything else is 401, for other credentials may do.
_CALLER_STATUS: Final = {
    reasons.BANNED: 403,
    reasons.QUOTA_EXCEEDED: 429,
    reasons.CONNECTION_RATE_EXCEEDED: 429,
    reasons.SERVER_BUSY: 503,
    reasons.SERVER_UNAVAILABLE: 503,
    reasons.UNSPECIFIED_ERROR: 500,
}


def caller_status(refusal: Refusal) -> int:
    return _CALLER_STATUS.get(refusal.reason, 401)


# The face.


@dataclass(frozen=True, slots=True)
class Claims:
    """Everything a face wants to be asked for.

    `hot` are exact paths in front of the router, for the few calls whose speed matters. They run without a task up to
    their first wait, so there must be no timeout around what comes before that. `own_listener` names a
    listener of the configuration; `hot`, `routes` and `websockets` are on that one then instead of the common HTTP
    port, and `fallback` answers what matches none of them. `guards` go by tenant, "" for all of them. `administration`
    are routes below /api/admin, on the administration's own listeners or the common HTTP port: whoever gets there has
    shown the administrator's token. `description` is an OpenAPI document of what is claimed: what it says of paths
    below /api/admin is served there, the rest in /openapi.json.
    """

    hot: Mapping[tuple[str, str], Asgi] = field(default_factory=dict)
    routes: Sequence[Route] = ()
    websockets: Sequence[WebSocketRoute] = ()
    guards: Sequence[tuple[str, TopicGuard]] = ()
    authenticators: Mapping[str, Authenticator] = field(default_factory=dict)
    watchers: Sequence[Watcher] = ()
    own_listener: str = ""
    fallback: Asgi | None = None
    administration: Sequence[Route] = ()
    description: Mapping[str, Any] | None = None


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a face that has none."""


def _no_callers(names: Sequence[str]) -> Callers:
    raise AssertionError("whoever made this context has no authenticators to give")


def _no_registry(url: str, retention: float) -> Inventory:
    raise AssertionError("whoever made this context has no registry to give")


_NO_SINK: Final = NoSink()


def _no_limits(tenant: str, limits: LimitSettings | None) -> None:
    raise AssertionError("whoever made this context has no limits to set")


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of reading the configuration again: `problems` if it stays as it was, else what took effect and
    what waits for a restart."""

    in_force: Sequence[str] = ()
    waiting: Sequence[str] = ()
    problems: Sequence[str] = ()


class Process(Protocol):
    """What an administrator may ask of the process as a whole."""

    def reread(self) -> Reloaded: ...
    def health(self) -> tuple[bool, dict[str, object]]: ...


class NoProcess:
    """For faces that are made without a broker around them."""

    def reread(self) -> Reloaded:
        return Reloaded()

    def health(self) -> tuple[bool, dict[str, object]]:
        return True, {"status": "ok"}


_NO_PROCESS: Final = NoProcess()


@dataclass(frozen=True, slots=True)
class FaceContext:
    """What a face is given.

    now             the broker's time, in seconds since 1970
    arm             call it after adding deadlines anywhere but in an answer to a client or to HTTP
    development     no configuration file: the well-known keys hold
    data            the folder for what must survive, None where nothing is kept
    secret          a key of the face's own by name: made on first use, kept in the data folder
    http            for calling others
    gate            a gate of the named authenticators; every face has made its claims by the time `start` is called
    callers         the named authenticators for HTTP callers; ask while the face is made
    connect_mqtt    an MQTT conversation behind a gate, for `socket.carry`
    text_frame, binary_frame    a WebSocket frame for `send_frame`: encoded once, sent to many
    open_registry   devices and people: in a database by its URL, or "" for the data folder, keeping history so many
                    seconds. It waits for the database, so ask while the face is made, and `start` it when the face
                    starts. The broker closes it, after the last clients have gone
    events          takes events that are made of no message, for rules that want them
    limit_tenant    what somebody outside says of a tenant's limits, or None: it goes over what the configuration says
                    of everybody, and below what it says of this tenant
    urls            what is open, by listener: urls["http"][0]; complete when `start` is called
    process         reads the configuration again and says how it does; for the administrator
    """

    broker: AsyncBroker
    now: Callable[[], float]
    arm: Callable[[], None]
    development: bool
    default_tenant: str
    data: Path | None
    secret: Callable[[str], str]
    http: HttpCaller
    gate: Callable[[Sequence[str]], Gate]
    connect_mqtt: Callable[[Gate, Outlet, Peer, float], ByteConversation]
    text_frame: Callable[[bytes], bytes]
    binary_frame: Callable[[bytes], bytes]
    urls: Mapping[str, Sequence[str]]
    open_registry: Callable[[str, float], Inventory] = _no_registry
    events: EventSink = _NO_SINK
    process: Process = _NO_PROCESS
    limit_tenant: Callable[[str, LimitSettings | None], None] = _no_limits
    callers: Callable[[Sequence[str]], Callers] = _no_callers


class Face(ABC):
    """One API. Made when the broker is, before anything is open."""

    SETTINGS: ClassVar[type[Struct]] = Nothing

    @abstractmethod
    def __init__(self, context: FaceContext, settings: Any) -> None: ...

    @abstractmethod
    def claims(self) -> Claims:
        """Asked once."""

    async def start(self) -> None:
        """The listeners are open."""
        return

    async def stop(self) -> None:
        """The broker is about to stop: end WebSockets (1001), finish what is under way within `server.drain`."""
        return

    async def finish(self) -> None:
        """Everybody has been sent away: say what others still have to hear, within `server.drain`."""
        return

    def reload(self, settings: Any) -> bool:
        """The settings have changed. Says whether that took effect; if not, it waits for a restart."""
        return False

    def banner(self) -> Sequence[str]:
        """Lines for the terminal: what a user needs to know, and one to try."""
        return ()

    @classmethod
    def explain(cls, settings: Any) -> Sequence[str]:
        """Lines for `myna check`: what these settings mean, as far as it is worth a line."""
        return ()

    def metrics(self) -> str:
        """Lines of Prometheus text, if the contract has names of its own."""
        return ""


# Reading requests.


class BodyTooLarge(Exception):
    """Answer 413. What is left of the body need not be read: the connection sees to it."""


class ClientGone(Exception):
    """The client left before its body was complete; nobody waits for an answer."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Judged by its announced length first, and never held beyond `limit` and one chunk."""
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > limit:
            raise BodyTooLarge
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def answer(send: Send, status: int, body: bytes = b"", headers: Headers = ()) -> None:
    """A whole answer at once. `headers` without content-length."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


JSON: Final = (b"content-type", b"application/json")
