"""A client of a reliable subprotocol: what it has not acknowledged is kept, and sent again when it comes back.

    socket lost           kept for the retention, with groups, permissions and acks
    recovery              takes over even from a socket that seems to live: `connected`, all that is unacknowledged, how
                          its streams and the group states stand
    closed by the client  (1000, or without a code) over at once
    too much unacknowledged                            over, and not to be recovered

What a newcomer gets wrong: an acknowledgement is cumulative, and numbers are given to messages alone.
"""

from collections import deque
from typing import Final

from myna.core.counters import DROP_EXPIRED, DROP_QUEUE_FULL
from myna.core.deadlines import Deadline, Timed
from myna.core.message import Message
from myna.core.receiver import MISSED, TAKEN, Subscription
from myna.core.tenant import Tenant
from myna.faces.contract import WebSocketConnection
from myna.faces.webpubsub.clients.client import NORMAL, POLICY, ClientSpace
from myna.faces.webpubsub.clients.pubsub_client import PubSubClient
from myna.faces.webpubsub.clients.subprotocol import Subprotocol
from myna.faces.webpubsub.roles import WebPubSubIdentity
from myna.wire import reasons

NO_STATUS: Final = 1005


class Retention(Timed):
    """The client has been away too long."""

    def __init__(self, client: "ReliableClient") -> None:
        self._client = client

    def due(self, now: float) -> None:
        self._client.expire(now)


class ReliableClient(PubSubClient):
    __slots__ = ("_bytes", "_deadline", "_lost_by", "_sequence", "_unacknowledged")

    def __init__(
        self,
        space: ClientSpace,
        tenant: Tenant,
        connection_id: str,
        identity: WebPubSubIdentity,
        subprotocol: Subprotocol,
    ) -> None:
        super().__init__(space, tenant, connection_id, identity, subprotocol)
        self._sequence = 0
        self._unacknowledged: deque[tuple[int, bytes, float]] = deque()  # number, frame's tail, when it expires
        self._bytes = 0
        self._deadline: Deadline | None = None
        self._lost_by = reasons.SUCCESS  # how it came to be away

    def protocol(self) -> str | None:
        return self.subprotocol.reliable

    def reconnection_token(self, now: float) -> str | None:
        return self.space.reconnection.issue(self.key[0], self.key[2], now)

    # Messages

    def deliver(self, message: Message, subscription: Subscription, now: float) -> int:
        if self.ended:
            return MISSED
        if message.expires_at != 0.0 and message.is_expired(now):
            self.space.broker.counters.drop(DROP_EXPIRED)
            return MISSED
        bounds = self.space.bounds
        if len(self._unacknowledged) >= bounds.unacknowledged or self._bytes >= bounds.unacknowledged_bytes:
            self.space.broker.counters.drop(DROP_QUEUE_FULL, len(self._unacknowledged) + 1)
            self.cut_off(now, "it leaves too much unacknowledged")
            return MISSED
        self._sequence += 1
        tail = self.subprotocol.tail(message)
        self._unacknowledged.append((self._sequence, tail, message.expires_at))
        self._bytes += len(tail)
        socket = self.socket
        if socket is not None:
            socket.send_frame(self.subprotocol.numbered(self._sequence, tail))
            self.space.broker.counters.messages_sent += 1
        return TAKEN

    def acknowledged(self, sequence: int) -> None:
        waiting = self._unacknowledged
        while waiting and waiting[0][0] <= sequence:
            self._bytes -= len(waiting.popleft()[1])

    # Coming back

    def may_return(self, code: int, clean: bool) -> bool:
        return not clean or code not in (NORMAL, NO_STATUS)

    def wait(self, reason: int, now: float) -> None:
        broker = self.space.broker
        self._lost_by = reason
        self._deadline = broker.deadlines.add(now + self.space.bounds.retention, Retention(self))
        self.space.arm()

    def recover(self, socket: WebSocketConnection, address: str, now: float) -> None:
        """The client is back on another socket, which has been accepted."""
        self._stop_waiting()
        old = self.socket
        if old is not None:
            self._let_go(reasons.SESSION_TAKEN_OVER, False, now)
            old.close(POLICY, "recovered on another connection")
        self.attach(socket, address, now)
        self._replay(now)
        self.resume(now)

    def expire(self, now: float) -> None:
        self._deadline = None
        self.space.broker.counters.sessions_expired += 1
        self.discard(self._lost_by, now)

    def discard(self, reason: int, now: float) -> None:
        self._stop_waiting()
        super().discard(reason, now)
        self._unacknowledged.clear()

    def is_persistent(self) -> bool:
        """It comes back, but not after a restart: nothing of it is stored."""
        return False

    def _replay(self, now: float) -> None:
        socket = self.socket
        kept: deque[tuple[int, bytes, float]] = deque()
        for sequence, tail, expires_at in self._unacknowledged:
            if expires_at != 0.0 and now > expires_at:
                self._bytes -= len(tail)
                self.space.broker.counters.drop(DROP_EXPIRED)
                continue
            kept.append((sequence, tail, expires_at))
            if socket is not None:
                socket.send_frame(self.subprotocol.numbered(sequence, tail))
        self._unacknowledged = kept

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
