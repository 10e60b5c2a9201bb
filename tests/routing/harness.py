"""A line and its courier with a destination that answers what a test says; time passes when the test lets it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from myna.core.limits import DROP_OLDEST, Limits
from myna.core.message import Message, Origin
from myna.routing.courier import Courier
from myna.routing.deadletters import Burial, Kept
from myna.routing.destination import Destination, DestinationContext
from myna.routing.event import Event
from myna.routing.line import Line
from myna.routing.settings import DestinationSettings
from myna.routing.verdict import DELIVERED, Verdict
from myna.testing import CommitsOnCommand, World
from myna.testing.outgoing import ScriptedHttp

ORIGIN = Origin("test", "tenant")


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until it is so."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


class FakeDestination(Destination):
    """Remembers its batches; answers them in turn from `verdicts`, then DELIVERED. With `gate`, when that opens."""

    PATIENCE = 3

    def __init__(self, context: Any = None, settings: Any = None) -> None:
        self.batches: list[list[bytes]] = []
        self.verdicts: deque[Verdict | list[Verdict] | Exception] = deque()
        self.gate: asyncio.Event | None = None
        self.underway = 0
        self.most_underway = 0
        self.stopped = False

    async def stop(self) -> None:
        self.stopped = True

    async def deliver(self, events: Sequence[Event]) -> Verdict | Sequence[Verdict]:
        self.batches.append([event.body for event in events])
        self.underway += 1
        self.most_underway = max(self.most_underway, self.underway)
        verdict = self.verdicts.popleft() if self.verdicts else DELIVERED
        if self.gate is not None:
            await self.gate.wait()
        self.underway -= 1
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    @property
    def sent(self) -> list[bytes]:
        return [body for batch in self.batches for body in batch]


class Depot:
    """The world around one line."""

    def __init__(self, burial: Burial | None = None, **settings: Any) -> None:
        self.world = World(store=CommitsOnCommand())
        self.settings = DestinationSettings(kind="fake", **settings)
        bounds = Limits()
        bounds.queue_messages = self.settings.queue_messages
        bounds.queue_bytes = int(self.settings.queue_bytes)
        bounds.queue_policy = self.settings.queue_policy
        self.outbox = self.world.broker.outboxes.open("d", bounds, 1.0)
        graves = Limits()
        graves.queue_policy = DROP_OLDEST
        self.kept = Kept(self.world.broker.outboxes.open("d dead", graves, 1.0), self.world.broker)
        self.line = Line(
            "d", self.outbox, self.settings, burial or self.kept, self.world.broker, lambda: self.world.now
        )
        self.destination = FakeDestination()
        self.asked_to_be_safe = 0

    def context(self, http: ScriptedHttp | None = None, data: Path | None = None) -> DestinationContext:
        return DestinationContext(
            name="d",
            http=http or ScriptedHttp(),
            now=lambda: self.world.now,
            broker=self.world.broker,
            tenant="tenant",
            origin="broker.example",
            data=data,
            safe=self.safe,
        )

    async def safe(self) -> None:
        self.asked_to_be_safe += 1

    def reopen(self) -> Line:
        """A line on the same queue, as after a restart: what was taken waits again."""
        self.line.recall()
        self.line = Line(
            "d", self.outbox, self.settings, self.line.burial, self.world.broker, lambda: self.world.now
        )  # fmt: skip
        return self.line

    async def start(self) -> Courier:
        self.courier = Courier(self.line, self.destination)
        self.line.carrier = self.courier
        await self.courier.start()
        return self.courier

    def put(self, *bodies: bytes, topic: str = "a") -> None:
        now = self.world.now
        for body in bodies:
            self.line.put(Message(topic, body, 1, False, ORIGIN, now), now)
            self.world.broker.journal.close()

    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)
        self.courier.wake()

    async def idle(self) -> None:
        """Nothing waits any more."""
        await until(lambda: len(self.outbox) == 0)

    async def turns(self, count: int = 20) -> None:
        for _ in range(count):
            await asyncio.sleep(0)
