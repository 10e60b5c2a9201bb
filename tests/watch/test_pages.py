"""/health and /metrics."""

import asyncio
import json

import pytest

from myna.watch.metrics import Metrics
from myna.watch.pages import HealthPage, MetricsPage
from myna.watch.process import LoopLag
from tests.faces.exchanges import ask
from tests.watch.brokers import make_broker


@pytest.mark.parametrize(("healthy", "status"), [(True, 200), (False, 503)])
def test_health_says_whether_all_is_open(healthy: bool, status: int) -> None:
    reply = asyncio.run(ask(HealthPage(lambda: (healthy, {"status": "x"})), "GET", "/health"))
    assert reply.status == status
    assert json.loads(reply.body) == {"status": "ok" if healthy else "unavailable"}  # the rest is not for everybody


def test_metrics_are_prometheus_text() -> None:
    async def run() -> None:
        page = MetricsPage(Metrics(make_broker(), LoopLag(asyncio.get_running_loop())))
        reply = await ask(page, "GET", "/metrics")
        assert reply.status == 200
        assert reply.headers[b"content-type"].startswith(b"text/plain; version=0.0.4")
        assert b"myna_connections 0\n" in reply.body

    asyncio.run(run())
