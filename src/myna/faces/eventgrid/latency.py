"""How long MQTT clients wait for the answers to their publishes, measured on some of them.

    PUBLISH comes ---- the store has what it promises ---- PUBACK, PUBREC leaves
    `now` of the core                                       the clock, here

What a newcomer gets wrong: these are samples, twenty a second at most for each protocol, so that measuring costs
nothing under load; their average is what is meant. At QoS 0 nobody waits for anything.
"""

import asyncio
from typing import Final

from myna.core.published import Published, Sampler
from myna.core.tenant import Tenant
from myna.faces.async_broker import AsyncBroker
from myna.faces.eventgrid.metrics import Metrics, protocol_name

PAUSE: Final = 0.05  # seconds between two samples of a protocol


class Latency(Sampler):
    def __init__(self, broker: AsyncBroker, tenant: Tenant, metrics: Metrics) -> None:
        super().__init__()
        self._broker = broker
        self._tenant = tenant
        self._metrics = metrics
        self._waiting: set[asyncio.Task[None]] = set()  # the loop itself holds tasks only weakly
        tenant.sampler = self

    def sampled(self, published: Published, qos: int, retain: bool, sequence: int, now: float) -> None:
        if sequence <= self._broker.core.journal.store.committed:
            self._note(published, qos, retain, now)
            return
        task = asyncio.ensure_future(self._wait(published, qos, retain, now))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def stop(self) -> None:
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    async def _wait(self, published: Published, qos: int, retain: bool, now: float) -> None:
        await self._broker.safe()
        self._note(published, qos, retain, now)

    def _note(self, published: Published, qos: int, retain: bool, began: float) -> None:
        now = self._broker.now()
        for (is_5, websocket), held in self._tenant.published.items():
            if held is published:
                self._metrics.answered_publish(protocol_name(is_5, websocket), qos, retain, max(now - began, 0.0))
        published.sample_at = now + PAUSE
