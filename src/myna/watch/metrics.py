"""The counters of the broker as Prometheus text, made when somebody scrapes them.

What a newcomer gets wrong: sessions may be a million, so what has to be added up over all of them is added in slices
with the loop running in between. Tenants have series of their own only while they are few, for a name per client
would flood whoever scrapes.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from myna.core.broker import Broker
from myna.core.counters import Counters
from myna.core.receiver import Receiver
from myna.core.session import Session
from myna.core.tenant import Tenant
from myna.version import is_compiled, version
from myna.watch.process import LoopLag, cpu_seconds, open_descriptors, resident_bytes

TENANTS: Final = 100
SLICE: Final = 2000

Labels = dict[str, str]
Sample = tuple[Labels, float]

# Name, attribute of Counters, what it counts.
COUNTERS: Final = (
    ("myna_connections_opened_total", "connections_opened", "Connections accepted by MQTT listeners."),
    ("myna_connections_closed_total", "connections_closed", "Connections that have ended."),
    ("myna_connects_accepted_total", "connects_accepted", "CONNECT packets answered with success."),
    ("myna_messages_received_total", "messages_received", "Messages published, by clients and over HTTP."),
    ("myna_messages_sent_total", "messages_sent", "Messages delivered to MQTT clients, each receiver counted."),
    ("myna_messages_unmatched_total", "unmatched", "Messages nobody had subscribed to."),
    ("myna_bytes_received_total", "bytes_received", "Bytes read from MQTT connections."),
    ("myna_bytes_sent_total", "bytes_sent", "Bytes handed to MQTT connections."),
    ("myna_retained_stored_total", "retained_stored", "Retained messages set."),
    ("myna_sessions_expired_total", "sessions_expired", "Sessions whose time passed without their client."),
    ("myna_sessions_taken_over_total", "taken_over", "Connections ended because their client connected again."),
    ("myna_wills_published_total", "wills_published", "Last wills published."),
)

GAUGES: Final[tuple[tuple[str, str, Callable[[Tenant], float]], ...]] = (
    ("connections", "MQTT clients connected now.", lambda tenant: tenant.connections),
    ("sessions", "Sessions, connected or not.", lambda tenant: tenant.session_count()),
    ("retained_messages", "Retained messages.", lambda tenant: tenant.retained.count),
    ("retained_bytes", "Weight of retained messages in memory.", lambda tenant: tenant.retained.size),
)


class Metrics:
    """`more` are texts of others: faces with names that a contract gives them."""

    def __init__(
        self, broker: Broker, lag: LoopLag, more: Iterable[Callable[[], str]] = (), now: Callable[[], float] = time.time
    ) -> None:
        self._broker = broker
        self._now = now
        self._lag = lag
        self._more = tuple(more)

    async def render(self) -> str:
        text = _Text()
        self._add_counters(text, self._broker.counters)
        self._add_tenants(text)
        await self._add_queues(text)
        self._add_protection(text)
        self._add_process(text)
        return "\n".join([*text.lines, *(part().strip("\n") for part in self._more), ""])

    def _add_counters(self, text: "_Text", counters: Counters) -> None:
        for name, attribute, help_text in COUNTERS:
            text.add(name, "counter", help_text, [({}, getattr(counters, attribute))])
        dropped = [({"cause": cause}, count) for cause, count in sorted(counters.dropped.items())]
        text.add("myna_messages_dropped_total", "counter", "Messages that did not reach a receiver, by cause.", dropped)
        refused = [({"cause": cause}, count) for cause, count in sorted(counters.refused.items())]
        text.add("myna_refused_total", "counter", "What clients asked for and did not get, by cause.", refused)

    def _add_tenants(self, text: "_Text") -> None:
        tenants = list(self._broker.tenants.values())
        text.add("myna_tenants", "gauge", "Tenants that have been used.", [({}, len(tenants))])
        for name, help_text, value in GAUGES:
            text.add(f"myna_{name}", "gauge", help_text, [({}, sum(map(value, tenants)))])
        if len(tenants) > TENANTS:
            return
        tenants.sort(key=lambda tenant: tenant.name)
        for name, help_text, value in GAUGES:
            text.add(f"myna_tenant_{name}", "gauge", f"{help_text} By tenant.", _by_tenant(tenants, value))
        received = _by_tenant(tenants, lambda tenant: int(tenant.messages_received))
        text.add("myna_tenant_messages_received_total", "counter", "Messages published. By tenant.", received)

    async def _add_queues(self, text: "_Text") -> None:
        messages = size = inflight = 0
        for tenant in list(self._broker.tenants.values()):
            receivers = iter(tenant.sessions())
            while part := list(islice(receivers, SLICE)):
                for session in _with_queues(part):
                    outbound = session.outbound
                    messages += 0 if outbound.queue is None else len(outbound.queue)
                    inflight += 0 if outbound.window is None else len(outbound.window)
                    size += 0 if outbound.queue is None else outbound.queue.size
                await asyncio.sleep(0)
        text.add("myna_queued_messages", "gauge", "Messages that wait in sessions.", [({}, messages)])
        text.add("myna_queued_bytes", "gauge", "Their weight in memory.", [({}, size)])
        text.add("myna_inflight_messages", "gauge", "Messages sent and not acknowledged yet.", [({}, inflight)])
        warm = self._broker.queued.held
        text.add("myna_queued_memory_bytes", "gauge", "What of it counts against queue_memory.", [({}, warm)])
        held = self._broker.memory.held
        text.add("myna_unsent_bytes", "gauge", "Bytes that connections have not taken yet.", [({}, int(held))])

    def _add_protection(self, text: "_Text") -> None:
        broker = self._broker
        half_open = broker.census.half_open
        text.add("myna_half_open", "gauge", "MQTT connections that have not said who they are.", [({}, half_open)])
        text.add("myna_bans", "gauge", "Bans that hold.", [({}, len(broker.bans))])
        waiting = broker.logins.waiting(self._now())
        text.add("myna_logins_waiting", "gauge", "Names and addresses that wait after failed logins.", [({}, waiting)])

    def _add_process(self, text: "_Text") -> None:
        form = "compiled" if is_compiled() else "pure"
        text.add("myna_info", "gauge", "Which Myna this is.", [({"version": version, "form": form}, 1)])
        lag = round(self._lag.worst(), 6)
        text.add(
            "myna_loop_lag_seconds",
            "gauge",
            "How late the loop ran, at worst, since the last scrape.",
            [({}, lag)],
        )
        text.add("process_cpu_seconds_total", "counter", "Processor time used.", [({}, round(cpu_seconds(), 3))])
        text.add("process_resident_memory_bytes", "gauge", "Memory in use.", [({}, resident_bytes())])
        text.add("process_open_fds", "gauge", "Open file descriptors.", [({}, open_descriptors())])


def _with_queues(receivers: list[Receiver]) -> Iterator[Session]:
    for receiver in receivers:
        if isinstance(receiver, Session):
            yield receiver


def _by_tenant(tenants: list[Tenant], value: Callable[[Tenant], float]) -> list[Sample]:
    return [({"tenant": tenant.name}, value(tenant)) for tenant in tenants]


class _Text:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, name: str, kind: str, help_text: str, samples: Iterable[Sample]) -> None:
        self.lines += (f"# HELP {name} {help_text}", f"# TYPE {name} {kind}")
        for labels, value in samples:
            inner = ",".join(f'{key}="{_escape(label)}"' for key, label in labels.items())
            self.lines.append(f"{name}{{{inner}}} {value}" if inner else f"{name} {value}")


def _escape(label: str) -> str:
    text = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return text.encode(errors="backslashreplace").decode()
