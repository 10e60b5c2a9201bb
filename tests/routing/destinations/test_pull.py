"""Events that are fetched: handed out under locks, done, released, rejected, and never lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from myna.config import Duration
from myna.routing.destinations import pull
from myna.routing.destinations.pull import PullDestination, PullQueue, PullSettings
from myna.routing.event import Event
from tests.routing.harness import Depot, until

KEY = "0123456789abcdef0123456789abcdef"


def settings(**given: Any) -> PullSettings:
    return PullSettings(kind="pull", **{"topic": "orders", "keys": (KEY,), **given})


class Shop(Depot):
    queue: PullQueue

    async def receive(self, most: int = 10) -> list[tuple[str, int, Event]]:
        return await self.queue.receive(most, 0)

    async def bodies(self) -> list[tuple[int, bytes]]:
        return [(count, event.body) for _, count, event in await self.receive()]

    def look(self, seconds: float) -> None:
        """Time passes, and the queue looks at it."""
        self.world.pass_time(seconds)
        self.queue._look()


@asynccontextmanager
async def shop(**given: Any) -> AsyncIterator[Shop]:
    made = settings(**given)
    opened = Shop(max_delivery_count=made.max_delivery_count)
    carrier = PullDestination(opened.context(), made).carrier(opened.line)
    assert isinstance(carrier, PullQueue)
    opened.queue = opened.line.carrier = carrier
    await carrier.start()
    try:
        yield opened
    finally:
        await carrier.stop(0)


async def test_what_is_acknowledged_is_done() -> None:
    async with shop() as it:
        it.put(b"1", b"2", b"3")
        found = await it.receive(2)
        assert [(count, event.body) for _, count, event in found] == [(1, b"1"), (1, b"2")]
        tokens = [token for token, _, _ in found]
        assert it.queue.acknowledge([*tokens, "unknown"]) == tokens
        assert it.queue.acknowledge(tokens) == []
        assert await it.bodies() == [(1, b"3")]
        assert it.line.delivered == 2


async def test_what_is_locked_is_handed_to_nobody_else() -> None:
    async with shop() as it:
        it.put(b"1")
        assert len(await it.receive()) == 1
        assert await it.receive() == []
        assert it.queue.state() == {"locked": 1, "delayed": 0, "receivers": 0}


async def test_a_lock_that_runs_out_gives_the_event_back_and_can_be_renewed() -> None:
    async with shop(lock=Duration(60)) as it:
        it.put(b"1")
        ((token, _, _),) = await it.receive()
        it.look(50)
        assert it.queue.renew([token]) == [token]
        it.look(50)
        assert await it.receive() == []
        it.look(11)
        assert it.queue.renew([token]) == []
        assert await it.bodies() == [(2, b"1")]


async def test_what_is_released_comes_back_after_its_delay() -> None:
    async with shop() as it:
        it.put(b"1", b"2")
        first, second = await it.receive()
        it.queue.release([first[0]], 0)
        it.queue.release([second[0]], 10)
        assert await it.bodies() == [(2, b"1")]
        it.look(11)
        assert await it.bodies() == [(2, b"2")]


async def test_what_nobody_manages_is_a_dead_letter_at_last() -> None:
    async with shop(max_delivery_count=2) as it:
        it.put(b"{}")
        for _ in range(2):
            ((token, _, _),) = await it.receive()
            it.queue.release([token], 0)
        assert await it.receive() == []
        assert it.kept.show(0)[0]["deadLetterProperties"]["deadletterreason"] == "MaxDeliveryAttemptsExceeded"


async def test_what_is_rejected_is_a_dead_letter_at_once() -> None:
    async with shop() as it:
        it.put(b"{}")
        ((token, _, _),) = await it.receive()
        assert it.queue.reject([token]) == [token]
        assert it.kept.show(0)[0]["deadLetterProperties"]["deliveryresult"] == "Rejected"


async def test_a_receiver_waits_for_what_comes() -> None:
    async with shop() as it:
        waiting = asyncio.ensure_future(it.queue.receive(10, 10))
        await until(lambda: it.queue.state()["receivers"] == 1)
        it.put(b"1")
        assert [event.body for _, _, event in await waiting] == [b"1"]


async def test_stopping_gives_back_what_is_locked_or_delayed() -> None:
    async with shop() as it:
        it.put(b"1", b"2")
        first, _ = await it.receive()
        it.queue.release([first[0]], 600)
        await it.queue.stop(0)
        assert sorted(event.body for event in it.line.take(10, 1 << 20)) == [b"1", b"2"]


async def test_how_often_and_until_when_outlast_a_restart() -> None:
    async with shop() as it:
        it.put(b"1", b"2", b"3")
        first, second, _ = await it.receive()
        it.queue.release([first[0]], 600)
        it.queue.release([second[0]], 0)
        it.reopen()  # as after a crash: nobody has given back what was locked
        again = PullQueue(it.line, settings())
        it.line.carrier = again
        await again.start()
        assert {(count, event.body) for _, count, event in await again.receive(10, 0)} == {(2, b"2"), (1, b"3")}
        assert again.state()["delayed"] == 1
        it.world.pass_time(601)
        again._look()
        assert (2, b"1") in [(count, event.body) for _, count, event in await again.receive(10, 0)]
        await again.stop(0)


async def test_a_receiver_that_waits_is_answered_when_the_queue_ends() -> None:
    async with shop() as it:
        waiting = asyncio.ensure_future(it.queue.receive(10, 100))
        await until(lambda: it.queue.state()["receivers"] == 1)
        await it.queue.stop(0)
        assert await waiting == []


async def test_what_is_out_of_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "HELD", 2)
    async with shop() as it:
        it.put(b"1", b"2", b"3")
        first, second = await it.receive()
        it.queue.release([first[0]], 600)
        assert await it.receive() == []
        it.queue.acknowledge([second[0]])
        assert await it.bodies() == [(1, b"3")]


async def test_clearing_leaves_what_is_locked_to_its_consumer() -> None:
    async with shop() as it:
        it.put(b"1", b"2", b"3")
        first, second = await it.receive(2)
        it.queue.release([first[0]], 600)
        assert it.line.clear() == 2
        assert it.queue.acknowledge([second[0]]) == [second[0]]
        assert len(it.outbox) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"topic": ""},
        {"topic": "a/b"},
        {"keys": ()},
        {"keys": ("short",)},
        {"lock": Duration(0)},
        {"lock": Duration(301)},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        settings(**wrong)
