"""What HTTP publishers and the clients of this API did, counted under the contract's names, as Prometheus text.

Plain integers in dictionaries whose keys are the labels. What a newcomer gets wrong: publishes of MQTT clients and
deliveries to them are counted by the core and only read here; and how long theirs take is known of samples alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from myna.core.broker import Broker
from myna.core.receiver import Receiver
from myna.core.session import Session
from myna.core.tenant import Tenant
from myna.faces.eventgrid.answers import outcome_of
from myna.faces.eventgrid.callers import HTTP
from myna.wire.packets import MQTT_5

Labels = tuple[str, ...]

# The reason codes of a session's end, in the contract's words.
_DROPS: Final = {0x97: "SessionOverflow", 0x87: "AuthorizationError"}


class Tally:
    """What like publishes add up to."""

    __slots__ = ("count", "seconds", "size")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.size = 0


class Latencies:
    """Durations, as sums and counts."""

    def __init__(self) -> None:
        self._milliseconds: dict[Labels, float] = {}
        self._counts: dict[Labels, int] = {}

    def add(self, labels: Labels, seconds: float, count: int = 1) -> None:
        """`count` of them, together so long."""
        self._milliseconds[labels] = self._milliseconds.get(labels, 0.0) + seconds * 1000
        _add(self._counts, labels, count)

    def copy(self) -> "Latencies":
        copy = Latencies()
        copy._milliseconds, copy._counts = dict(self._milliseconds), dict(self._counts)
        return copy

    def show(self, lines: list[str], name: str, labels: Sequence[str]) -> None:
        _show(lines, f"{name}_sum", "counter", labels, self._milliseconds)
        _show(lines, f"{name}_count", "counter", labels, self._counts)


class Metrics:
    def __init__(self) -> None:
        self._requests: dict[Labels, int] = {}
        self._publishes: dict[tuple[int, int, bool], Tally] = {}  # by status, QoS and RETAIN
        self._throttled: dict[Labels, int] = {}
        self._dropped: dict[Labels, int] = {}
        self._connections: dict[Labels, int] = {}
        self._failed: dict[Labels, int] = {}  # publishes of MQTT clients
        self._failed_subscriptions: dict[Labels, int] = {}
        self._subscriptions: dict[Labels, int] = {}
        self._waits = Latencies()  # of MQTT clients, for the answer to a publish
        self._connects = Latencies()
        self._webhook_decisions: dict[Labels, int] = {}
        self._webhook_failures: dict[Labels, int] = {}
        self.bytes_out = 0
        self.lost_records = 0

    def publish(self, status: int, qos: int, retain: bool, size: int, seconds: float) -> None:
        """One HTTP publish, answered. `qos` is -1 where it could not be read."""
        key = (status, qos, retain)
        tally = self._publishes.get(key)
        if tally is None:
            tally = self._publishes[key] = Tally()
        tally.count += 1
        tally.seconds += seconds
        tally.size += size

    def throttled(self, kind: str) -> None:
        _add(self._throttled, (kind,))

    # The webhook that knows clients

    def webhook_decided(self, decision: str) -> None:
        _add(self._webhook_decisions, (decision,))

    def webhook_failed(self, status: int, error: str) -> None:
        """`status` is 0 where there was no answer."""
        _add(self._webhook_failures, (str(status) if status else "", error))

    # MQTT clients

    def connected_by(self, protocol: str, seconds: float) -> None:
        """`seconds` after its CONNECT."""
        _add(self._requests, ("Connect", protocol, "Success", ""))
        _add(self._connections, (protocol,))
        self._connects.add((protocol,), seconds)

    def answered_publish(self, protocol: str, qos: int, retain: bool, seconds: float) -> None:
        """A sample of those that are acknowledged."""
        self._waits.add((protocol, str(qos), _truth(retain)), seconds)

    def disconnected_by(self, protocol: str) -> None:
        _add(self._connections, (protocol,), -1)

    def dropped(self, reason: int, outlived_it: bool) -> None:
        """A session has ended; `outlived_it`: later than its connection."""
        _add(self._dropped, (_DROPS.get(reason, "SessionExpiry" if outlived_it else "TransientSession"),))

    def asked_by(self, operation: str, protocol: str, done: int, errors: Sequence[str]) -> None:
        """A SUBSCRIBE or UNSUBSCRIBE: one request, each filter counted for itself. It failed if nothing was done."""
        if done:
            _add(self._requests, (operation, protocol, "Success", ""))
            _add(self._subscriptions, (operation, protocol), done)
        elif errors:
            _add(self._requests, (operation, protocol, result_of(errors[0]), errors[0]))
        for error in errors:
            _add(self._failed_subscriptions, (operation, protocol, error))

    def refused_connect(self, error: str) -> None:
        _add(self._requests, ("Connect", "", result_of(error), error))

    def refused_publish(self, protocol: str, qos: int, retain: bool, error: str) -> None:
        _add(self._requests, ("Publish", protocol, result_of(error), error))
        _add(self._failed, (protocol, str(qos), _truth(retain), error))

    # As text

    def render(self, broker: Broker, tenant: Tenant) -> str:
        lines: list[str] = []
        self._show_publishes(lines, tenant)
        _show(lines, "mqtt_throttling_enforcements_total", "counter", ("throttle_type",), self._throttles(tenant))
        name = "mqtt_successful_subscription_operations_total"
        _show(lines, name, "counter", ("operation_type", "protocol"), self._subscriptions)
        subscribing = ("operation_type", "protocol", "error")
        failed = self._failed_subscriptions
        _show(lines, "mqtt_failed_subscription_operations_total", "counter", subscribing, failed)
        decisions, failures = self._webhook_decisions, self._webhook_failures
        name = "mqtt_successful_webhook_authentication_requests_total"
        _show(lines, name, "counter", ("decision",), decisions)
        name = "mqtt_failed_webhook_authentication_requests_total"
        _show(lines, name, "counter", ("status_code", "error"), failures)
        _show(lines, "mqtt_connections", "gauge", ("protocol",), self._connections)
        _show(lines, "mqtt_dropped_sessions_total", "counter", ("drop_reason",), self._dropped)
        _show(lines, "mqtt_retained_messages", "gauge", (), {(): tenant.retained.count})
        _show(lines, "mqtt_retained_messages_bytes", "gauge", (), {(): tenant.retained.size})
        _show(lines, "mqtt_expired_retained_messages_total", "counter", (), {(): tenant.retained.expired})
        self._connects.show(lines, "mqtt_successful_connect_latency_milliseconds", ("protocol",))
        _show(lines, "mqtt_http_lost_log_records_total", "counter", (), {(): self.lost_records})
        return "\n".join(lines) + "\n"

    def _show_publishes(self, lines: list[str], tenant: Tenant) -> None:
        requests = dict(self._requests)
        published: dict[Labels, int] = {}
        failed = dict(self._failed)
        latency = self._waits.copy()
        size = 0
        for (status, qos, retain), tally in self._publishes.items():
            error = outcome_of(status)
            _add(requests, ("Publish", HTTP, result_of(error), error), tally.count)
            flags = (HTTP, str(qos) if qos >= 0 else "", _truth(retain))
            if error:
                _add(failed, (*flags, error), tally.count)
            else:
                _add(published, flags, tally.count)
                latency.add(flags, tally.seconds, tally.count)
                size += tally.size
        for (is_5, websocket), by_mqtt in tenant.published.items():
            protocol = protocol_name(is_5, websocket)
            for qos, retain, count in by_mqtt.counts():
                _add(requests, ("Publish", protocol, "Success", ""), count)
                _add(published, (protocol, str(qos), _truth(retain)), count)
        delivered: dict[Labels, int] = {}
        for (is_5, websocket), to_mqtt in tenant.delivered.items():
            protocol = protocol_name(is_5, websocket)
            for qos, retain, count in to_mqtt.by_flags.counts():
                _add(requests, ("Deliver", protocol, "Success", ""), count)
                _add(delivered, (protocol, str(qos), _truth(retain)), count)
        flag_names = ("protocol", "qos", "retain")
        asked = ("operation_type", "protocol", "result", "error")
        _show(lines, "mqtt_requests_total", "counter", asked, requests)
        _show(lines, "mqtt_successful_published_messages_total", "counter", flag_names, published)
        _show(lines, "mqtt_successful_delivered_messages_total", "counter", flag_names, delivered)
        _show(lines, "mqtt_failed_published_messages_total", "counter", (*flag_names, "error"), failed)
        latency.show(lines, "mqtt_successful_publish_latency_milliseconds", flag_names)
        throughput = {("Inbound",): size, ("Outbound",): self.bytes_out}
        _show(lines, "mqtt_http_throughput_bytes_total", "counter", ("direction",), throughput)

    def _throttles(self, tenant: Tenant) -> dict[Labels, int]:
        shared = dict(self._throttled)
        found = {
            "InboundBandwidthPerConnection": tenant.shaped.inbound_bytes,
            "OutboundBandwidthPerConnection": tenant.shaped.outbound_bytes,
            "OutboundPublishPacketsPerConnection": tenant.shaped.outbound_messages,
        }
        if tenant.throughput is not None:
            found["IncomingPublishPacketsPerNamespace"] = tenant.throughput.short_of_messages
            found["InboundBandwidthPerNamespace"] = tenant.throughput.short_of_bytes
        if tenant.deliveries is not None:
            found["OutboundPublishPacketsPerNamespace"] = tenant.deliveries.short_of_messages
            found["OutboundBandwidthPerNamespace"] = tenant.deliveries.short_of_bytes
        for name, count in found.items():
            if count:
                _add(shared, (name,), count)
        return shared


def protocol_of(receiver: Receiver) -> str:
    """The contract's name for what a client speaks; empty for those who speak no MQTT."""
    link = receiver.link if isinstance(receiver, Session) else None
    if link is None:
        return ""
    return protocol_name(link.level == MQTT_5, link.websocket)


def protocol_name(is_5: bool, websocket: bool) -> str:
    return ("MQTT5" if is_5 else "MQTT3") + ("-WS" if websocket else "")


def result_of(error: str) -> str:
    return "Success" if not error else "ServiceError" if error == "ServiceError" else "ClientError"


def _truth(flag: bool) -> str:
    return "true" if flag else "false"


def _add(counts: dict[Labels, int], labels: Labels, count: int = 1) -> None:
    counts[labels] = counts.get(labels, 0) + count


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
