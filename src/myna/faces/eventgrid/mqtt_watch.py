"""What MQTT clients of the tenant did, in the contract's words: counters by protocol, and lines of the vendor's log.

Told by the core of what is rare: clients that come and go, what they subscribe to, and what was refused. What a
newcomer gets wrong: publishes that succeed and deliveries are counted by the core; to subscribe again is not counted.
"""

from typing import Any, Final

from myna.core.broker import Broker
from myna.core.ports import LOST, Watcher
from myna.core.receiver import Receiver, Subscription
from myna.core.session import Session
from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.metrics import Metrics, protocol_of
from myna.faces.eventgrid.records import Records
from myna.wire.reasons import reason_name

# The first word of what was refused -> the operation, its category in the log.
_OPERATIONS: Final = {
    "CONNECT": ("Connect", "FailedMqttConnections"),
    "PUBLISH": ("Publish", "FailedMqttPublishedMessages"),
    "SUBSCRIBE": ("Subscribe", "FailedMqttSubscriptionOperations"),
}
# Words of the cause -> the error; the first that fits.
_ERRORS: Final = (
    (("bad user name", "expired", "token", "signature", "authenticator"), "AuthenticationError"),
    (("not authorized", "disabled", "belongs to"), "AuthorizationError"),
    (("quota", "rate", "too many"), "QuotaExceeded"),
)
_LONGEST: Final = 256  # characters of what was refused


class MqttWatch(Watcher):
    def __init__(self, broker: Broker, tenant: str, metrics: Metrics, records: Records, default_tenant: bool) -> None:
        super().__init__()
        self._broker = broker
        self._tenant = tenant
        self._metrics = metrics
        self._records = records
        self._takes_unknown = default_tenant  # of a refused CONNECT nobody knows the tenant
        self._protocols: dict[Receiver, str] = {}

    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        protocol = protocol_of(receiver)
        if receiver.key[0] != self._tenant or not protocol:
            return
        self._protocols[receiver] = protocol
        self._metrics.connected_by(protocol)
        self._note("Connect", "SuccessfulMqttConnections", "", receiver, protocol, {"sourceIp": address}, now)

    def disconnected(self, receiver: Receiver, reason: int, by_client: bool, now: float) -> None:
        protocol = self._protocols.pop(receiver, None)
        if protocol is None:
            return
        self._metrics.disconnected_by(protocol)
        why = "" if reason == 0 else "connection lost" if reason == LOST else reason_name(reason)
        more = {"closedBy": "client" if by_client else "server", "reason": why}
        self._note("Disconnect", "MqttDisconnections", "", receiver, protocol, more, now)

    def subscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        protocol = self._protocols.get(receiver)
        if protocol is not None:
            self._metrics.subscribed_by("Subscribe", protocol)

    def unsubscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        protocol = self._protocols.get(receiver)
        if protocol is not None and receiver.is_online():
            self._metrics.subscribed_by("Unsubscribe", protocol)

    def session_ended(self, receiver: Receiver, reason: int, now: float) -> None:
        if receiver.key[0] == self._tenant and isinstance(receiver, Session):
            self._metrics.dropped(reason, receiver.is_persistent())

    def refused(
        self, what: str, tenant: str, client_id: str, address: str, cause: str, now: float, user: str = ""
    ) -> None:
        word, _, rest = what.partition(" ")
        known = _OPERATIONS.get(word)
        if known is None or (tenant != self._tenant and not (tenant == "" and self._takes_unknown)):
            return
        operation, category = known
        receiver = next(iter(self._broker.sessions(tenant, client_id=client_id)), None) if tenant else None
        protocol = "" if receiver is None else protocol_of(receiver)
        error = error_of(cause)
        self._metrics.refused_to(operation, protocol, error)
        target = rest.removeprefix("to ").strip("'\"")[:_LONGEST]
        more: dict[str, Any] = {"sessionName": client_id, "sourceIp": address}
        if operation == "Publish":
            more["topicName"] = target
        elif operation == "Subscribe":
            more["topicFilters"] = [target]
        self._note(operation, category, cause, receiver, protocol, more, now, error)

    def _note(
        self,
        operation: str,
        category: str,
        description: str,
        receiver: Receiver | None,
        protocol: str,
        more: dict[str, Any],
        now: float,
        error: str = "",
    ) -> None:
        if not self._records.is_writing:
            return
        properties = {"protocol": protocol, **more}
        line = {
            "operation": operation.lower(),
            "category": category,
            "failed": bool(error),
            "signature": error or "Success",
            "description": description,
            "properties": properties,
        }
        if receiver is not None:
            properties["sessionName"] = receiver.key[2]
            caller = receiver.identity.claims
            line["identity"] = receiver.identity.user
            line["authentication"] = caller.authentication if isinstance(caller, Caller) else "Unknown"
        self._records.add_line(line, now)


def error_of(cause: str) -> str:
    """The contract's word for a refusal, from the core's and the gates'."""
    lowered = cause.lower()
    return next((error for words, error in _ERRORS if any(word in lowered for word in words)), "ClientError")
