"""A hub in memory: the face with everything behind it, WebSocket and MQTT clients, REST calls. Nothing waits, nothing
sleeps.

    hub = Hub()
    alice = hub.client("alice", roles=["webpubsub.sendToGroup"])
    alice.say(type="sendToGroup", group="g", data=1, ackId=1)
    assert alice.take() == {"type": "ack", "ackId": 1, "success": True}

Frames are told by their first byte: T for text, B for binary.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from myna.core.connection import Connection
from myna.core.identity import Identity
from myna.core.limits import Limits
from myna.core.outcome import Refusal
from myna.core.ports import Gate, Outlet, Store, Ticket
from myna.core.receiver import Receiver
from myna.faces.async_broker import AsyncBroker
from myna.faces.contract import (
    ByteConversation,
    Face,
    FaceContext,
    Headers,
    Message,
    WebSocketEndpoint,
)
from myna.faces.routes import HttpRoutes, WebSocketRoutes
from myna.faces.webpubsub import upstream as back_end
from myna.faces.webpubsub.face import WebPubSubFace
from myna.faces.webpubsub.protobuf.schema import DownstreamMessage, UpstreamMessage
from myna.faces.webpubsub.settings import DEVELOPMENT_KEY, Settings
from myna.formats import jwt
from myna.formats.offered import EventSink, NoSink
from myna.formats.outgoing import HttpCaller
from myna.testing import Client as MqttClient
from myna.testing import World, properties
from myna.testing.outgoing import ScriptedHttp
from myna.watch.watchers import Watchers
from myna.wire.packets import Connect

HOST = "hub.example:8080"
JSON = "json.webpubsub.azure.v1"
RELIABLE = "json.reliable.webpubsub.azure.v1"
PROTOBUF = "protobuf.webpubsub.azure.v1"
RELIABLE_PROTOBUF = "protobuf.reliable.webpubsub.azure.v1"
KEY = DEVELOPMENT_KEY.encode()


@dataclass
class Request:
    """An upgrade request."""

    raw_path: bytes
    query_string: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ((b"host", HOST.encode()),)
    subprotocols: tuple[str, ...] = ()
    address: str = "192.0.2.1:4711"
    listener: str = "http"
    scheme: str = "http"
    certificate: object = None

    def header(self, name: bytes) -> bytes | None:
        return dict(self.headers).get(name)


class Socket:
    """A WebSocket connection that remembers."""

    def __init__(self) -> None:
        self.answer: tuple[object, ...] = ()
        self.frames: list[bytes] = []
        self.body = b""
        self.closed: int | None = None
        self.paused = False
        self.unsent = 0
        self.carried: Callable[[Outlet, float], ByteConversation] | None = None
        self.on_accept: Callable[[], None] = lambda: None

    def accept(self, subprotocol: str | None = None, headers: Headers = ()) -> None:
        self.answer = ("accepted", subprotocol)
        self.on_accept()

    def reject(self, status: int, headers: Headers = (), body: bytes = b"") -> None:
        self.answer = ("rejected", status)
        self.body = body

    def carry(
        self,
        start: Callable[[Outlet, float], ByteConversation],
        subprotocol: str | None = None,
        headers: Headers = (),
    ) -> None:
        self.answer = ("carried", subprotocol)
        self.carried = start

    def send_text(self, text: str) -> None:
        self.send_frame(b"T" + text.encode())

    def send_bytes(self, data: bytes) -> None:
        self.send_frame(b"B" + data)

    def send_frame(self, frame: bytes) -> int:
        assert self.closed is None, "a frame behind the close"
        self.frames.append(frame)
        return self.unsent

    def direct(self) -> Outlet | None:
        return None

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed = code

    def buffered(self) -> int:
        return self.unsent

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


class WebSocket:
    """A client's side of a WebSocket."""

    def __init__(self, hub: "Hub", endpoint: WebSocketEndpoint) -> None:
        self.hub = hub
        self.endpoint = endpoint
        self.socket = Socket()
        endpoint.opening(self.socket)

    def say(self, **fields: object) -> None:
        self.endpoint.on_text(json.dumps(fields))

    def ask(self, **fields: object) -> Any:
        """The last of what came in answer."""
        self.say(**fields)
        return self.taken()[-1]

    def take(self) -> Any:
        """The next frame: JSON, or what it is."""
        frame = self.socket.frames.pop(0)
        return json.loads(frame[1:]) if frame[:1] == b"T" else frame[1:]

    def taken(self) -> list[Any]:
        return [self.take() for _ in range(len(self.socket.frames))]

    def say_protobuf(self, **fields: object) -> None:
        """One UpstreamMessage: `say_protobuf(join_group_message={"group": "g"})`."""
        self.endpoint.on_bytes(UpstreamMessage(**fields).SerializeToString())

    def ask_protobuf(self, **fields: object) -> Any:
        """The last of what came in answer."""
        self.say_protobuf(**fields)
        return self.taken_protobuf()[-1]

    def take_protobuf(self) -> Any:
        """The next frame, a DownstreamMessage."""
        frame = self.socket.frames.pop(0)
        assert frame[:1] == b"B"
        return DownstreamMessage.FromString(frame[1:])

    def taken_protobuf(self) -> list[Any]:
        return [self.take_protobuf() for _ in range(len(self.socket.frames))]

    def raw(self) -> list[bytes]:
        frames, self.socket.frames = self.socket.frames, []
        return frames

    def leave(self, code: int = 1000) -> None:
        self.endpoint.on_closed(code, "", True)

    def vanish(self, code: int = 1006) -> None:
        """Without a close frame. 1011: it did not answer pings; others: its frames were wrong."""
        self.endpoint.on_closed(code, "", False)


@dataclass
class Reply:
    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)

    def code(self) -> str:
        return self.headers.get(b"x-ms-error-code", b"").decode()


def start_now(face: Face) -> None:
    """It does not wait for anything, so no loop is needed."""
    with contextlib.suppress(StopIteration):
        face.start().__await__().__next__()


class NamedGate(Gate):
    """The face's own authenticator behind a gate, as the application puts it there."""

    def __init__(self, face: WebPubSubFace) -> None:
        super().__init__()
        self._face = face
        self._tasks: set[asyncio.Task[None]] = set()

    def admit(self, ticket: Ticket, now: float) -> None:
        verdict = self._face.claims().authenticators["webpubsub"].judge(ticket, now)
        if isinstance(verdict, Awaitable):
            task = asyncio.ensure_future(self._wait(ticket, verdict, now))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._say(ticket, verdict, now)

    async def _wait(self, ticket: Ticket, verdict: Awaitable[object], now: float) -> None:
        self._say(ticket, await verdict, now)

    def _say(self, ticket: Ticket, verdict: object, now: float) -> None:
        if isinstance(verdict, Identity):
            ticket.admit(verdict, now)
        elif isinstance(verdict, Refusal):
            ticket.refuse(verdict.reason, now, verdict.text)
        else:
            ticket.refuse(0x87, now)


class SlowUpstream(back_end.Upstream):
    """A back end that answers when the test does: `answer` answers the oldest event that is still open."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, back_end.UserEvent]] = []
        self._open: list[back_end.Then] = []

    def ask(self, receiver: Receiver, event: back_end.UserEvent, then: back_end.Then, now: float) -> None:
        self.asked.append((receiver.key[2], event))
        self._open.append(then)

    def answer(self, reply: back_end.Reply, now: float = 1_700_000_001.0) -> None:
        self._open.pop(0)(reply, now)


class Hub:
    def __init__(
        self,
        settings: Settings | None = None,
        *,
        name: str = "chat",
        limits: Limits | None = None,
        store: Store | None = None,
        development: bool = True,
        upstream: back_end.Upstream | None = None,
        outgoing: HttpCaller | None = None,
        kept: Sequence[tuple[str, str, bytes]] = (),
        events: EventSink | None = None,
    ) -> None:
        self.name = name
        self.outgoing = ScriptedHttp() if outgoing is None else outgoing
        self.world = World(limits=limits, store=store)
        self.world.now = 1_700_000_000.0
        self.core = self.world.broker
        context = self._context(development, events or NoSink())
        self.face = WebPubSubFace(context, settings or Settings(), upstream)
        claims = self.face.claims()
        watchers = Watchers()
        for watcher in (self.world.watcher, *claims.watchers):
            watchers.add(watcher)
        self.core.watcher = watchers
        for tenant, guard in claims.guards:
            self.core.guard(guard, tenant)
        self.http = HttpRoutes(claims.hot, [*claims.routes, *claims.administration])
        self.websockets = WebSocketRoutes(claims.websockets)
        for space, key, value in kept:  # as a store gives it back: behind the claims, before the start
            self.core.kept.restore(space, key, value)
        start_now(self.face)

    def _context(self, development: bool, events: EventSink) -> FaceContext:
        return FaceContext(
            broker=AsyncBroker(self.core, self.now, lambda: None),
            now=self.now,
            arm=lambda: None,
            development=development,
            default_tenant="DevOnly",
            data=None,
            secret=lambda name: f"a generated secret for {name}".ljust(40, "x"),
            http=self.outgoing,
            events=events,
            gate=lambda names: NamedGate(self.face),
            connect_mqtt=lambda gate, outlet, peer, now: Connection(self.core, gate, outlet, peer, now),
            text_frame=lambda data: b"T" + data,
            binary_frame=lambda data: b"B" + data,
            urls={"http": [f"http://{HOST}"]},
        )

    def now(self) -> float:
        return self.world.now

    # Tokens

    def token(self, path: str, *, key: bytes = KEY, lifetime: float = 3600, **claims: Any) -> str:
        given = {"aud": f"http://{HOST}{path}", "exp": self.now() + lifetime, **claims}
        return jwt.sign({name: value for name, value in given.items() if value is not None}, key)

    # WebSocket clients

    def upgrade(self, path: str, query: str = "", subprotocols: Sequence[str] = (), **headers: str) -> WebSocket:
        pairs = {"host": HOST, **headers}
        request = Request(
            path.encode(),
            query.encode(),
            tuple((name.encode(), value.encode()) for name, value in pairs.items()),
            tuple(subprotocols),
        )
        endpoint = self.websockets(request)
        assert endpoint is not None, path
        return WebSocket(self, endpoint)

    def client(
        self,
        user: str | None = None,
        *,
        roles: Sequence[str] = (),
        groups: Sequence[str] = (),
        protocol: str | None = JSON,
        query: str = "",
    ) -> "Member":
        """A client that is in; its `connected` message has been read."""
        opened = self.open(user, roles=roles, groups=groups, protocol=protocol, query=query)
        assert opened.socket.answer == ("accepted", protocol)
        return Member(self, opened.endpoint, opened.socket, protocol)

    def open(
        self,
        user: str | None = None,
        *,
        roles: Sequence[str] = (),
        groups: Sequence[str] = (),
        protocol: str | None = JSON,
        query: str = "",
    ) -> WebSocket:
        """One that has asked to come in."""
        path = f"/client/hubs/{self.name}"
        claims: dict[str, Any] = {"sub": user, "role": list(roles), "webpubsub.group": list(groups)}
        token = self.token(path, **claims)
        return self.upgrade(path, f"access_token={token}&{query}", [protocol] if protocol else [])

    def recover(self, member: "Member", token: str | None = None) -> WebSocket:
        query = urlencode(
            {"awps_connection_id": member.id, "awps_reconnection_token": member.token if token is None else token}
        )
        return self.upgrade(f"/client/hubs/{self.name}", query, [member.protocol])

    # MQTT clients

    def mqtt(
        self,
        client_id: str,
        user: str | None = None,
        level: int = 5,
        *,
        expiry: int = 0,
        clean: bool = True,
        **claims: Any,
    ) -> MqttClient:
        """An MQTT client that came with a token and has been let in."""
        client = self.mqtt_stranger(user, level, **claims)
        fields = properties(session_expiry=expiry) if expiry else None
        client.send(Connect(level, client_id, clean, 60, None, None, None, fields))
        client.expect_connack()
        return client

    def mqtt_stranger(self, user: str | None = None, level: int = 5, **claims: Any) -> MqttClient:
        path = f"/clients/mqtt/hubs/{self.name}"
        token = self.token(path, sub=user, **claims)
        opened = self.upgrade(path, f"access_token={token}", ["mqtt"])
        assert opened.socket.answer == ("carried", "mqtt")
        client = MqttClient(self.world, "", level, self.world.gate)
        assert opened.socket.carried is not None
        conversation = opened.socket.carried(client.outlet, self.now())
        assert isinstance(conversation, Connection)
        client.connection = conversation
        return client

    def session(self, client_id: str) -> Receiver | None:
        return self.core.session(self.name, "", client_id)

    # REST

    def call(
        self,
        method: str,
        path: str,
        body: object = b"",
        *,
        content_type: str | None = None,
        version: str | None = "2024-12-01",
        token: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        **query: Any,
    ) -> Reply:
        """A call below /api/hubs/{hub}/. Lists in the query repeat."""
        raw = f"/api/hubs/{self.name}/{path}"
        fields = [
            (name, one) for name, value in query.items() for one in (value if isinstance(value, list) else [value])
        ]
        if version is not None:
            fields.insert(0, ("api-version", version))
        pairs = [("host", HOST), ("authorization", f"Bearer {self.token(raw) if token is None else token}"), *headers]
        if content_type is not None:
            pairs.append(("content-type", content_type))
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return asyncio.run(self.exchange(method, raw, urlencode(fields), data, pairs))

    async def exchange(
        self, method: str, raw_path: str, query: str, body: bytes, headers: Sequence[tuple[str, str]]
    ) -> Reply:
        reply = Reply()
        pieces = [body]
        scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "raw_path": raw_path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers],
            "client": ("192.0.2.7", 4711),
        }

        async def receive() -> Message:
            if not pieces:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
                reply.headers = dict(message["headers"])
            else:
                reply.body += message["body"]

        await self.http(scope, receive, send)
        return reply


class Member(WebSocket):
    """A WebSocket client that has been let in."""

    def __init__(self, hub: Hub, endpoint: WebSocketEndpoint, socket: Socket, protocol: str | None) -> None:
        self.hub = hub
        self.endpoint = endpoint
        self.socket = socket
        self.id = ""
        self.token = ""
        self.protocol = protocol or ""
        if protocol is None:
            self.id = hub.core.sessions(hub.name)[-1].key[2]
        elif protocol in (PROTOBUF, RELIABLE_PROTOBUF):
            connected = self.take_protobuf().system_message.connected_message
            self.id = connected.connection_id
            self.token = connected.reconnection_token
        else:
            greeting = self.take()
            self.id = greeting["connectionId"]
            self.token = greeting.get("reconnectionToken", "")


def groups_of_token(*groups: str) -> Any:
    """The claim, whose name is none in Python."""
    return {"webpubsub.group": list(groups)}
