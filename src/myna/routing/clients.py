"""Who comes and goes, as events of the kind "clients": a session's client has connected, or has gone, and why.

`sequenceNumber` rises by one with each connection of a session, and a disconnection bears the number of its connection.
What a newcomer gets wrong: the numbers are counted only while a rule wants such events; those of sessions that outlive
their connections are kept, the others are forgotten when they are many.
"""

from collections.abc import Mapping
from typing import Any, Final

from myna.core.kept import KeptValues
from myna.core.limits import DROP_SESSION
from myna.core.ports import LOST, Watcher
from myna.core.receiver import Receiver, SessionKey
from myna.core.session import Session
from myna.formats.offered import EventSink, OfferedEvent
from myna.routing.rules import CLIENTS
from myna.wire import reasons

CONNECTED: Final = "Microsoft.EventGrid.MQTTClientSessionConnected"
DISCONNECTED: Final = "Microsoft.EventGrid.MQTTClientSessionDisconnected"

SPACE: Final = "routing.sequences"
REMEMBERED: Final = 100_000  # sessions

_BY_BROKER: Final[Mapping[int, str]] = {
    reasons.BAD_USER_NAME_OR_PASSWORD: "ClientAuthenticationError",
    reasons.BAD_AUTHENTICATION_METHOD: "ClientAuthenticationError",
    reasons.NOT_AUTHORIZED: "ClientAuthorizationError",
    reasons.BANNED: "IpForbidden",
    reasons.KEEP_ALIVE_TIMEOUT: "ConnectionLost",
    reasons.SESSION_TAKEN_OVER: "SessionTakenOver",
    reasons.QUOTA_EXCEEDED: "QuotaExceeded",
    reasons.MESSAGE_RATE_TOO_HIGH: "QuotaExceeded",
    reasons.CONNECTION_RATE_EXCEEDED: "QuotaExceeded",
    reasons.UNSPECIFIED_ERROR: "ServerError",
    reasons.IMPLEMENTATION_SPECIFIC_ERROR: "ServerError",
    reasons.NORMAL_DISCONNECTION: "ServerInitiatedDisconnect",
    reasons.SERVER_UNAVAILABLE: "ServerInitiatedDisconnect",
    reasons.SERVER_BUSY: "ServerInitiatedDisconnect",
    reasons.SERVER_SHUTTING_DOWN: "ServerInitiatedDisconnect",
    reasons.ADMINISTRATIVE_ACTION: "ServerInitiatedDisconnect",
    reasons.USE_ANOTHER_SERVER: "ServerInitiatedDisconnect",
    reasons.SERVER_MOVED: "ServerInitiatedDisconnect",
    reasons.MAXIMUM_CONNECT_TIME: "ServerInitiatedDisconnect",
}


def disconnection_reason(reason: int, by_client: bool) -> str:
    """In the contract's words; what else the broker has to say to a client is that it broke a rule."""
    if reason == LOST:
        return "ConnectionLost"
    return "ClientInitiatedDisconnect" if by_client else _BY_BROKER.get(reason, "ClientError")


class ClientEvents(Watcher):
    def __init__(self, sink: EventSink, kept: KeptValues, namespace: str) -> None:
        super().__init__()
        self._sink = sink
        self._kept = kept
        self._namespace = namespace
        self._numbers: dict[SessionKey, int] = {}  # the one that connected last at the end

    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        if self._is_wanted(receiver):
            number = self._last(receiver.key) + 1
            self._remember(receiver, number)
            self._offer(CONNECTED, receiver, number, {})

    def disconnected(self, receiver: Receiver, reason: int, by_client: bool, now: float) -> None:
        if self._is_wanted(receiver):
            why = _special(receiver, reason, now) if not by_client else ""
            why = why or disconnection_reason(reason, by_client)
            self._offer(DISCONNECTED, receiver, max(self._last(receiver.key), 1), {"disconnectionReason": why})

    def session_ended(self, receiver: Receiver, reason: int, now: float) -> None:
        self._kept.keep(SPACE, _name(receiver.key), None)

    def _is_wanted(self, receiver: Receiver) -> bool:
        return isinstance(receiver, Session) and self._sink.want(CLIENTS, receiver.key[0])

    def _last(self, key: SessionKey) -> int:
        number = self._numbers.get(key)
        return int(self._kept.of(SPACE).get(_name(key), b"0")) if number is None else number

    def _remember(self, receiver: Receiver, number: int) -> None:
        key = receiver.key
        self._numbers.pop(key, None)
        if len(self._numbers) >= REMEMBERED:
            del self._numbers[next(iter(self._numbers))]
        self._numbers[key] = number
        if receiver.is_persistent():
            self._kept.keep(SPACE, _name(key), b"%d" % number)

    def _offer(self, type: str, receiver: Receiver, number: int, more: dict[str, Any]) -> None:
        tenant, _, session = receiver.key
        name = receiver.identity.user
        data = {
            "namespaceName": self._namespace,
            "clientAuthenticationName": name,
            "clientSessionName": session,
            "sequenceNumber": number,
            **more,
        }
        self._sink.offer(OfferedEvent(CLIENTS, tenant, type, "", f"clients/{name}/sessions/{session}", data))


def _special(receiver: Receiver, reason: int, now: float) -> str:
    """Where MQTT has one code for what the contract tells apart."""
    if reason == reasons.NOT_AUTHORIZED and 0.0 < receiver.identity.expires_at <= now:
        return "ClientAuthenticationError"  # the credentials have run out
    if reason == reasons.QUOTA_EXCEEDED and isinstance(receiver, Session) and _has_overflowed(receiver):
        return "SessionOverflow"
    return ""


def _has_overflowed(session: Session) -> bool:
    """Is it its queue that has ended it, and not what it published?"""
    is_over = not session.is_persistent()  # or is to be
    return is_over and session.tenant.limits.queue_policy == DROP_SESSION and session.outbound.has_waiting()


def _name(key: SessionKey) -> str:
    return "\t".join(key)
