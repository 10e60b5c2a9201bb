"""A WebSocket client as a receiver: its life from the handshake to the end, its groups, its socket. No protocol.

    ClientSpace    what all of them share: the broker, frames, bounds, the clock
    subclasses     say what a frame of theirs is, what a received one means, and what survives a lost socket

What a newcomer gets wrong: the connection is the session. Groups are entered before 101 is answered, since back ends
look them up the moment their client is open; and they are left the moment it ends.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from myna.core.broker import Broker
from myna.core.counters import DROP_EXPIRED
from myna.core.deadlines import Timed
from myna.core.framed import FramedReceiver
from myna.core.joining import join, part, publish_to_name
from myna.core.link import THROUGHPUT
from myna.core.message import Message, Origin
from myna.core.outcome import Outcome, Refusal
from myna.core.ports import LOST
from myna.core.receiver import MISSED, TAKEN, Receiver, Subscription
from myna.core.selection import Selection
from myna.core.tenant import Tenant
from myna.faces.contract import WebSocketConnection
from myna.faces.webpubsub.clients.group_states import GroupStates
from myna.faces.webpubsub.clients.subprotocol import Subprotocol
from myna.faces.webpubsub.naming import DIALECT, SERVER_MESSAGES
from myna.faces.webpubsub.payloads import SimpleFrames, StreamPlace, carry
from myna.faces.webpubsub.reconnection import ReconnectionTokens
from myna.faces.webpubsub.roles import WebPubSubIdentity
from myna.faces.webpubsub.upstream import Reply, Upstream
from myna.wire import reasons

NORMAL: Final = 1000
UNSUPPORTED: Final = 1003
ABNORMAL: Final = 1006  # no close frame: the client has vanished
INVALID: Final = 1007
POLICY: Final = 1008
TOO_LARGE: Final = 1009
UPSTREAM_FAILED: Final = 1011
PINGS_UNANSWERED: Final = 1011  # of a socket that has not been closed by anybody's frame

# What has happened to a client whose socket ended otherwise than by its own close frame; all else broke the protocol.
LOSSES: Final = {
    ABNORMAL: LOST,
    INVALID: reasons.MALFORMED_PACKET,
    TOO_LARGE: reasons.PACKET_TOO_LARGE,
    PINGS_UNANSWERED: reasons.KEEP_ALIVE_TIMEOUT,
}

GROUP_QOS: Final = 1  # of what these clients publish and receive, as MQTT sees it


@dataclass(frozen=True, slots=True)
class Bounds:
    """`unsent`: bytes the kernel has not taken from which a client is too slow."""

    unsent: int = 16 * 1024 * 1024
    unacknowledged: int = 1000  # messages of a reliable client
    unacknowledged_bytes: int = 16 * 1024 * 1024
    retention: float = 40.0  # seconds a reliable client may be away
    streams: int = 100  # open ones of a connection
    invocations: int = 100  # pending ones of a connection
    invocation_timeout: float = 30.0
    states: int = 100  # groups in which a connection has a state, and groups whose state it watches
    states_of_group: int = 1000


@dataclass(slots=True)
class ClientSpace:
    """`json`, `protobuf`: how clients of those families write."""

    broker: Broker
    simple: SimpleFrames
    json: Subprotocol
    protobuf: Subprotocol
    upstream: Upstream
    reconnection: ReconnectionTokens
    bounds: Bounds
    arm: Callable[[], None]
    now: Callable[[], float]
    states: GroupStates = field(default_factory=GroupStates)


class AllBut(Selection):
    """Everybody else: `noEcho`."""

    def __init__(self, sender: Receiver) -> None:
        self._sender = sender

    def takes(self, receiver: Receiver) -> bool:
        return receiver is not self._sender


class Rest(Timed):
    def __init__(self, client: "WebSocketClient", socket: WebSocketConnection) -> None:
        self._client = client
        self._socket = socket

    def due(self, now: float) -> None:
        self._client.read_on(THROUGHPUT, self._socket)


class WebSocketClient(FramedReceiver):
    __slots__ = ("_origin", "_rests", "address", "ended", "farewell", "permissions", "socket", "space", "tenant")

    def __init__(
        self, space: ClientSpace, tenant: Tenant, connection_id: str, identity: WebPubSubIdentity, form: int
    ) -> None:
        """`form`: which of the frames kept with a message is its own."""
        super().__init__((tenant.name, "", connection_id), identity, form, space.broker.counters)
        self.space = space
        self.tenant = tenant
        self.permissions = identity.permissions
        self.socket: WebSocketConnection | None = None
        self.address = ""
        self.ended = False
        self.farewell = ""  # why it was ended, in the words of whoever did
        self._rests = 0  # why it is not read from
        self._origin: Origin | None = None  # made by the first message it sends: many never do

    # Life

    def open(self, groups: Iterable[str], now: float) -> None:
        """It exists from now on, in these groups, which need no permission."""
        self.tenant.enter(self)
        for group in groups:
            join(self.space.broker, self, group, GROUP_QOS, now)

    def attach(self, socket: WebSocketConnection, address: str, now: float) -> None:
        """This socket serves it; 101 has been answered."""
        self.socket = socket
        self._rests = 0
        self.direct = socket.direct()
        self.address = address
        self.connected_at = now
        broker = self.space.broker
        self.tenant.connected()
        broker.counters.connections_opened += 1
        broker.counters.connects_accepted += 1
        broker.watcher.connected(self, address, now)
        self.greet(now)

    def lost(self, socket: WebSocketConnection, code: int, clean: bool, now: float) -> None:
        """A socket is gone: `clean` by the client's close frame, else by what the code says."""
        if socket is not self.socket:
            return
        reason = reasons.SUCCESS if clean else LOSSES.get(code, reasons.PROTOCOL_ERROR)
        self._let_go(reason, reason in (reasons.SUCCESS, LOST), now)
        if self.may_return(code, clean):
            self.wait(reason, now)
        else:
            self.discard(reason, now)

    def end(self, reason: int, now: float, *, discard: bool = False, reference: str = "", text: str = "") -> None:
        self.farewell = text
        self.close(NORMAL, text or reasons.reason_name(reason), reason, now)

    def close(self, code: int, text: str, reason: int, now: float) -> None:
        """Say why, where there is a word for it, then end the socket and the client."""
        socket = self.socket
        if socket is not None:
            self.say_farewell(text)
            self._let_go(reason, False, now)
            socket.close(code)
        self.discard(reason, now)

    def discard(self, reason: int, now: float) -> None:
        if self.ended:
            return
        self.ended = True
        for group in list(self.subscriptions):
            part(self.space.broker, self, group, now)
        self.tenant.leave(self)
        self.space.broker.watcher.session_ended(self, reason, now)

    def _let_go(self, reason: int, by_client: bool, now: float) -> None:
        self.socket = self.direct = None
        broker = self.space.broker
        self.tenant.disconnected()
        broker.counters.connections_closed += 1
        broker.watcher.disconnected(self, reason, by_client, now)

    # For subclasses

    @abstractmethod
    def frame(self, message: Message) -> bytes:
        """The bytes of a message, made now and kept with it."""

    @abstractmethod
    def receive_text(self, text: str, now: float) -> None:
        """A text frame."""

    @abstractmethod
    def receive_bytes(self, data: bytes, now: float) -> None:
        """A binary frame."""

    def protocol(self) -> str | None:
        return None

    def greet(self, now: float) -> None:
        return

    def say_farewell(self, text: str) -> None:
        return

    def may_return(self, code: int, clean: bool) -> bool:
        return False

    def wait(self, reason: int, now: float) -> None:
        raise AssertionError("a client that may not return waits for nothing")

    # As a receiver

    def deliver_framed(self, message: Message, now: float) -> int:
        if self.socket is None:
            return MISSED
        if message.expires_at != 0.0 and message.is_expired(now):
            self.counters.drop(DROP_EXPIRED)
            return MISSED
        return self.send_frame(self.frame(message), now)

    def send_frame(self, frame: bytes, now: float) -> int:
        socket = self.socket
        if socket is None:
            return MISSED
        unsent = socket.send_frame(frame)
        self.counters.messages_sent += 1
        if unsent > self.space.bounds.unsent:
            self.cut_off(now)
        return TAKEN

    def tell(self, reply: Reply, now: float) -> None:
        """What the back end has answered, as a message from the server."""
        message = self.message(SERVER_MESSAGES, reply.data_type(), reply.body, 0, reply.metadata(), now)
        self.deliver(message, Subscription(self, SERVER_MESSAGES, SERVER_MESSAGES, GROUP_QOS), now)

    def cut_off(self, now: float, cause: str = "it reads too slowly for what it is sent") -> None:
        """Losing messages unnoticed would be worse than losing the client."""
        self.refuse("slow_client", "connection", cause)
        self.close(POLICY, "SlowClient", reasons.QUOTA_EXCEEDED, now)

    def refuse(self, counted: str, what: str, cause: str) -> None:
        """Something of its is not done: count that, and say it where the broker's operators look."""
        broker = self.space.broker
        broker.counters.refuse(f"webpubsub_{counted}")
        tenant, connection_id, user = self.names()
        broker.watcher.refused(what, tenant, connection_id, self.address, cause, self.space.now(), user)

    def is_online(self) -> bool:
        return self.socket is not None

    def is_ready(self) -> bool:
        return self.socket is not None

    def peer_address(self) -> str:
        return self.address if self.socket is not None else ""

    # As a publisher

    def publish(self, message: Message, now: float, *, no_echo: bool = False) -> Outcome | Refusal:
        self.space.broker.counters.packets_received += 1
        if self.tenant.is_metered:
            self._draw(len(message.payload), now)
        selection = AllBut(self) if no_echo else None
        return publish_to_name(self.space.broker, self.tenant, message, now, selection)

    def _draw(self, size: int, now: float) -> None:
        """On what its user and its tenant may publish. What is too much is not refused: it is read from later."""
        throughput = self.tenant.throughput_of(self.identity.user)
        wait = 0.0 if throughput is None else throughput.owe(1, size, now)
        socket = self.socket
        if wait > 0.0 and socket is not None and not self._rests & THROUGHPUT:
            self.rest(THROUGHPUT)
            self.space.broker.deadlines.add(now + wait, Rest(self, socket))

    def rest(self, why: int) -> None:
        """Do not read from the client, until no reason is left."""
        if self.socket is not None:
            if not self._rests:
                self.socket.pause()
            self._rests |= why

    def read_on(self, why: int, socket: WebSocketConnection) -> None:
        """This reason is gone, for the socket that it was about: a client that has come back is on another."""
        if socket is self.socket and self._rests:
            self._rests &= ~why
            if not self._rests:
                socket.resume()

    def message(
        self,
        topic: str,
        data_type: str,
        payload: bytes,
        ttl: int,
        metadata: dict[str, str] | None,
        now: float,
        stream: StreamPlace | None = None,
    ) -> Message:
        message = Message(topic, payload, GROUP_QOS, False, self.origin(), now, now + ttl if ttl else 0.0)
        carry(message, data_type, metadata, stream)
        return message

    def origin(self) -> Origin:
        origin = self._origin
        if origin is None:
            tenant, _, client_id = self.key
            origin = Origin(
                DIALECT,
                tenant,
                user=self.identity.user,
                client_id=client_id,
                identity=self.identity,
                sender=self,
                address=self.address,
            )
            self._origin = origin
        return origin
