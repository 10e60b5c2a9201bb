import asyncio
import time

import pytest

from myna.sockets.clock import Clock
from tests.net.harness import QuietBroker, on_our_loop


class Awaited(QuietBroker):
    def __init__(self) -> None:
        super().__init__()
        self.ticked = asyncio.Event()
        self.failures = 0

    def tick(self, now: float) -> None:
        self.ticked.set()
        if self.failures:
            self.failures -= 1
            raise RuntimeError("a bug for the test")
        super().tick(now)


@on_our_loop
async def test_time_is_the_walls_and_does_not_step_back() -> None:
    clock = Clock(asyncio.get_running_loop(), QuietBroker())
    first = clock.now()
    assert abs(first - time.time()) < 60.0
    assert clock.now() >= first


@on_our_loop
async def test_the_broker_is_called_when_its_deadline_has_come_and_not_before() -> None:
    broker = Awaited()
    clock = Clock(asyncio.get_running_loop(), broker)
    deadline = broker.deadline = clock.now() + 0.03
    clock.arm()
    clock.arm()
    await broker.ticked.wait()
    while broker.deadline:  # the loop's timer may be early by its resolution; then it is set again
        broker.ticked.clear()
        await broker.ticked.wait()
    assert broker.ticks[-1] >= deadline
    assert len(broker.ticks) <= 3


@on_our_loop
async def test_an_earlier_deadline_moves_the_timer() -> None:
    broker = Awaited()
    clock = Clock(asyncio.get_running_loop(), broker)
    broker.deadline = clock.now() + 1000
    clock.arm()
    broker.deadline = clock.now()
    clock.arm()
    await broker.ticked.wait()


@on_our_loop
async def test_a_deadline_that_fails_by_a_bug_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    broker = Awaited()
    broker.failures = 1
    clock = Clock(asyncio.get_running_loop(), broker)
    broker.deadline = clock.now()
    clock.arm()
    while broker.deadline:
        broker.ticked.clear()
        await broker.ticked.wait()
    assert "a bug for the test" in caplog.text


@on_our_loop
async def test_a_stopped_clock_rings_no_more() -> None:
    broker = Awaited()
    clock = Clock(asyncio.get_running_loop(), broker)
    broker.deadline = clock.now()
    clock.arm()
    clock.stop()
    clock.arm()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not broker.ticks
