"""What MQTT clients of the tenant did, in the contract's words: counters by protocol, and lines of the vendor's log.

Told by the core of what is rare: clients that come and go, what they subscribe to, and what was refused. What a
newcomer gets wrong: publishes that succeed and deliveries are counted by the core. And a CONNECT that is refused has no
protocol: it leaves nothing behind that could be asked for one.
"""

import uuid
from collections.abc import Callable
from typing import Any, Final

from myna.core.broker import Broker
from myna.core.ports import LOST, Watcher
from myna.core.receiver import Receiver
from myna.core.session import Session
from myna.faces.eventgrid.metrics import Metrics, protocol_of
from myna.faces.eventgrid.quota import PER_CLIENT
from myna.faces.eventgrid.records import LONGEST, Records, identity_of
from myna.wire import reasons
from myna.wire.reasons import reason_name

# Words of why a CONNECT was refused -> the error; the first that fits.
_ERRORS: Final = (
    (("bad user name", "expired", "token", "signature", "authenticator"), "AuthenticationError"),
    (("not authorized", "disabled", "belongs to"), "AuthorizationError"),
    (("quota", "rate", "too many"), "QuotaExceeded"),
    (("unavailable", "busy", "cannot be"), "ServiceError"),
)
_BY_REASON: Final = {
    reasons.NOT_AUTHORIZED: "AuthorizationError",
    reasons.QUOTA_EXCEEDED: "QuotaExceeded",
    reasons.MESSAGE_RATE_TOO_HIGH: "QuotaExceeded",
    reasons.UNSPECIFIED_ERROR: "ServiceError",
    reasons.IMPLEMENTATION_SPECIFIC_ERROR: "ServiceError",
}
# Words of why something was refused -> the throttle that did it.
_THROTTLES: Final = {
    "subscribe rate": "SubscribeOperationsPerConnection",
    "tenant subscribe rate": "SubscribeOperationsPerNamespace",
    "too many connects of the tenant a second": "ConnectPacketsPerNamespace",
    "publish rate exceeded": PER_CLIENT[0],
}
_MOST_FILTERS: Final = 100  # of one packet, in the log


class MqttWatch(Watcher):
    def __init__(
        self,
        broker: Broker,
        tenant: str,
        metrics: Metrics,
        records: Records,
        now: Callable[[], float],
        *,
        is_default: bool,
    ) -> None:
        super().__init__()
        self._broker = broker
        self._tenant = tenant
        self._metrics = metrics
        self._records = records
        self._now = now
        self._takes_unknown = is_default  # of a refused CONNECT nobody knows the tenant
        self._protocols: dict[Receiver, str] = {}

    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        protocol = protocol_of(receiver)
        if receiver.key[0] != self._tenant or not protocol:
            return
        self._protocols[receiver] = protocol
        link = receiver.link if isinstance(receiver, Session) else None
        came = now if link is None else link.last_heard  # nothing is read between CONNECT and CONNACK
        self._metrics.connected_by(protocol, max(self._now() - came, 0.0))
        self._note("Connect", "SuccessfulMqttConnections", "", receiver, {"sourceIp": address}, now)

    def disconnected(self, receiver: Receiver, reason: int, by_client: bool, now: float) -> None:
        protocol = self._protocols.get(receiver)
        if protocol is None:
            return
        self._metrics.disconnected_by(protocol)
        why = "" if reason == 0 else "connection lost" if reason == LOST else reason_name(reason)
        more = {"closedBy": "client" if by_client else "server", "reason": why}
        self._note("Disconnect", "MqttDisconnections", "", receiver, more, now)
        del self._protocols[receiver]

    def answered(self, receiver: Receiver, what: str, filters: list[str], codes: list[int], now: float) -> None:
        protocol = self._protocols.get(receiver)
        if protocol is None:
            return
        failed = [(filter, code) for filter, code in zip(filters, codes, strict=True) if code >= 0x80]
        errors = [error_by_reason(code) for _, code in failed]
        self._metrics.asked_by(what.capitalize(), protocol, len(codes) - len(failed), errors)
        if failed:
            filter, code = failed[0]
            shown = [filter[:LONGEST] for filter, _ in failed[:_MOST_FILTERS]]
            why = describe(f"Topic filter '{filter[:LONGEST]}'", code)
            category = "FailedMqttSubscriptionOperations"
            self._note(what, category, why, receiver, {"topicFilters": shown}, now, errors[0])

    def not_published(
        self, receiver: Receiver, topic: str, qos: int, retain: bool, reason: int, address: str, now: float
    ) -> None:
        protocol = self._protocols.get(receiver)
        if protocol is None:
            return
        error = error_by_reason(reason)
        self._metrics.refused_publish(protocol, qos, retain, error)
        why = describe(f"Topic name '{topic[:LONGEST]}'", reason)
        more = {"qos": qos, "topicName": topic[:LONGEST], "operationCount": 1, "sourceIp": address}
        self._note("Publish", "FailedMqttPublishedMessages", why, receiver, more, now, error)

    def session_ended(self, receiver: Receiver, reason: int, now: float) -> None:
        if receiver.key[0] == self._tenant and isinstance(receiver, Session):
            self._metrics.dropped(reason, 0.0 < receiver.offline_since < now)

    def refused(
        self, what: str, tenant: str, client_id: str, address: str, cause: str, now: float, user: str = ""
    ) -> None:
        if tenant != self._tenant and not (tenant == "" and self._takes_unknown):
            return
        if cause in _THROTTLES:
            self._metrics.throttled(_THROTTLES[cause])
        if what == "CONNECT":
            error = error_of(cause)
            self._metrics.refused_connect(error)
            more = {"sessionName": client_id[:LONGEST], "sourceIp": address}
            self._note("Connect", "FailedMqttConnections", cause, None, more, now, error)

    def _note(
        self,
        operation: str,
        category: str,
        description: str,
        receiver: Receiver | None,
        more: dict[str, Any],
        now: float,
        error: str = "",
    ) -> None:
        if not self._records.is_writing:
            return
        properties = {"protocol": "", **more}
        if error:
            properties["traceId"] = str(uuid.uuid4())
        line = {
            "operation": operation.lower(),
            "category": category,
            "failed": bool(error),
            "signature": error or "Success",
            "description": description,
            "properties": properties,
        }
        if receiver is not None:
            properties["sessionName"] = receiver.key[2][:LONGEST]
            properties["protocol"] = self._protocols[receiver]
            line["identity"] = identity_of(receiver.identity)
        self._records.add_line(line, now)


def error_of(cause: str) -> str:
    """The contract's word for why a CONNECT was refused, from the core's and the gates' words."""
    lowered = cause.lower()
    return next((error for words, error in _ERRORS if any(word in lowered for word in words)), "ClientError")


def error_by_reason(reason: int) -> str:
    """The contract's word for a refusal that has a reason code."""
    return _BY_REASON.get(reason, "ClientError")


def describe(subject: str, reason: int) -> str:
    """Why not, for the log; what lies outside of every topic space in the vendor's own words."""
    if reason == reasons.NOT_AUTHORIZED:
        return f"{subject} does not match any topicspaces"
    return f"{subject}: {reason_name(reason)}"
