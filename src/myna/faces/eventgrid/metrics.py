"""What HTTP publishers and the clients of this API did, counted under the contract's names, as Prometheus text.

Plain integers in dictionaries whose keys are the labels. What a newcomer gets wrong: MQTT messages are counted by the
core for all publishers together, so of those there are no numbers per protocol here.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from myna.core.broker import Broker
from myna.core.ports import Watcher
from myna.core.receiver import Receiver
from myna.core.session import Session
from myna.core.tenant import Tenant
from myna.faces.eventgrid.answers import outcome_of
from myna.faces.eventgrid.callers import HTTP
from myna.wire.packets import MQTT_5

Labels = tuple[str, ...]

# The reason codes of a session's end, in the contract's words.
_DROPS: Final = {0x97: "SessionOverflow", 0x87: "AuthorizationError"}


class Metrics(Watcher):
    def __init__(self, tenant: str) -> None:
        super().__init__()
        self._tenant = tenant
        self._requests: dict[Labels, int] = {}
        self._published: dict[Labels, int] = {}
        self._failed: dict[Labels, int] = {}
        self._latency: dict[Labels, float] = {}
        self._throttled: dict[Labels, int] = {}
        self._dropped: dict[Labels, int] = {}
        self._connections: dict[Labels, int] = {}
        self._of_receiver: dict[Receiver, str] = {}
        self.bytes_in = 0
        self.bytes_out = 0
        self.lost_records = 0

    def publish(self, status: int, qos: int, retain: bool, size: int, seconds: float) -> None:
        """One HTTP publish, answered."""
        error = outcome_of(status)
        result = "Success" if not error else "ServiceError" if status >= 500 else "ClientError"
        _add(self._requests, ("Publish", HTTP, result, error))
        flags = (HTTP, str(qos) if qos >= 0 else "", "true" if retain else "false")
        if error:
            _add(self._failed, (*flags, error))
            return
        _add(self._published, flags)
        self._latency[flags] = self._latency.get(flags, 0.0) + seconds * 1000
        self.bytes_in += size

    def throttled(self, kind: str) -> None:
        _add(self._throttled, (kind,))

    # As a watcher

    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        protocol = protocol_of(receiver)
        if receiver.key[0] == self._tenant and protocol:
            self._of_receiver[receiver] = protocol
            _add(self._requests, ("Connect", protocol, "Success", ""))
            _add(self._connections, (protocol,))

    def disconnected(self, receiver: Receiver, reason: int, by_client: bool, now: float) -> None:
        protocol = self._of_receiver.pop(receiver, None)
        if protocol is not None:
            self._connections[(protocol,)] -= 1

    def session_ended(self, receiver: Receiver, reason: int, now: float) -> None:
        if receiver.key[0] == self._tenant and isinstance(receiver, Session):
            expired = "SessionExpiry" if receiver.offline_since else "TransientSession"
            _add(self._dropped, (_DROPS.get(reason, expired),))

    # As text

    def render(self, broker: Broker, tenant: Tenant) -> str:
        lines: list[str] = []
        asked = ("operation_type", "protocol", "result", "error")
        flags = ("protocol", "qos", "retain")
        _show(lines, "mqtt_requests_total", "counter", asked, self._requests)
        _show(lines, "mqtt_successful_published_messages_total", "counter", flags, self._published)
        _show(lines, "mqtt_failed_published_messages_total", "counter", (*flags, "error"), self._failed)
        _show(lines, "mqtt_successful_publish_latency_milliseconds_sum", "counter", flags, self._latency)
        _show(lines, "mqtt_successful_publish_latency_milliseconds_count", "counter", flags, self._published)
        _show(lines, "mqtt_throttling_enforcements_total", "counter", ("throttle_type",), self._throttles(tenant))
        _show(lines, "mqtt_connections", "gauge", ("protocol",), self._connections)
        _show(lines, "mqtt_dropped_sessions_total", "counter", ("drop_reason",), self._dropped)
        throughput = {("Inbound",): self.bytes_in, ("Outbound",): self.bytes_out}
        _show(lines, "mqtt_http_throughput_bytes_total", "counter", ("direction",), throughput)
        _show(lines, "mqtt_retained_messages", "gauge", (), {(): tenant.retained.count})
        _show(lines, "mqtt_retained_messages_bytes", "gauge", (), {(): tenant.retained.size})
        _show(lines, "mqtt_http_lost_log_records_total", "counter", (), {(): self.lost_records})
        return "\n".join(lines) + "\n"

    def _throttles(self, tenant: Tenant) -> dict[Labels, int]:
        throughput = tenant.throughput
        if throughput is None:
            return self._throttled
        shared = dict(self._throttled)
        key = ("IncomingPublishPacketsPerNamespace",)
        shared[key] = shared.get(key, 0) + throughput.enforced
        return shared


def protocol_of(receiver: Receiver) -> str:
    """The contract's name for what a client speaks; empty for those who speak no MQTT."""
    link = receiver.link if isinstance(receiver, Session) else None
    if link is None:
        return ""
    return ("MQTT5" if link.level == MQTT_5 else "MQTT3") + ("-WS" if link.channel.startswith("ws") else "")


def _add(counts: dict[Labels, int], labels: Labels) -> None:
    counts[labels] = counts.get(labels, 0) + 1


def _show(
    lines: list[str], name: str, kind: str, labels: Iterable[str], counts: Mapping[Any, int] | Mapping[Any, float]
) -> None:
    if not counts:
        return
    names = tuple(labels)
    lines.append(f"# TYPE {name} {kind}")
    for values, count in counts.items():
        pairs = ",".join(f'{label}="{value}"' for label, value in zip(names, values, strict=True) if value)
        lines.append(f"{name}{{{pairs}}} {count}" if pairs else f"{name} {count}")
