"""Counters as Prometheus text."""

import asyncio
import re

from myna.core.broker import Broker
from myna.core.message import Message, Origin
from myna.watch.metrics import TENANTS, Metrics
from myna.watch.process import LoopLag
from tests.watch.brokers import Client, make_broker

LINE = re.compile(r'(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)+\})? [0-9.e+-]+)')


def render(broker: Broker, *more: str) -> str:
    async def run() -> str:
        lag = LoopLag(asyncio.get_running_loop())
        return await Metrics(broker, lag, [lambda text=text: text for text in more]).render()  # type: ignore[misc]  # a default binds it

    return asyncio.run(run())


def test_every_line_is_prometheus_text() -> None:
    broker = make_broker()
    broker.tenant('ac"me\n\\').enter(Client())
    broker.counters.drop("qos0_offline", 3)
    broker.counters.refuse("connect:not authorized")
    text = render(broker)
    assert text.endswith("\n")
    for line in text.splitlines():
        assert LINE.fullmatch(line), line


def test_what_was_counted_is_told_by_cause() -> None:
    broker = make_broker()
    tenant = broker.tenant("acme")
    tenant.enter(Client())
    broker.publish(tenant, Message("a", b"x", 0, True, Origin("test", "acme"), 0.0), 0.0)
    broker.counters.drop("qos0_offline", 3)
    broker.counters.refuse("publish_rate")
    lines = render(broker, "their_own_metric 1\n").splitlines()
    for expected in (
        "myna_messages_received_total 1",
        "myna_messages_unmatched_total 1",
        'myna_messages_dropped_total{cause="qos0_offline"} 3',
        'myna_refused_total{cause="publish_rate"} 1',
        "myna_sessions 1",
        "myna_retained_messages 1",
        'myna_tenant_sessions{tenant="acme"} 1',
        "myna_queued_messages 0",
        "their_own_metric 1",
    ):
        assert expected in lines


def test_many_tenants_have_no_series_of_their_own() -> None:
    broker = make_broker()
    for number in range(TENANTS + 1):
        broker.tenant(f"t{number}")
    text = render(broker)
    assert f"myna_tenants {TENANTS + 1}" in text
    assert "tenant=" not in text


def test_the_process_is_measured() -> None:
    values = dict(line.split(" ") for line in render(make_broker()).splitlines() if line.startswith("process_"))
    assert float(values["process_cpu_seconds_total"]) > 0
    assert float(values["process_resident_memory_bytes"]) > 1_000_000
    assert float(values["process_open_fds"]) > 0
