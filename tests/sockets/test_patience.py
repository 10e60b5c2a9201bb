import asyncio

import pytest

from myna.sockets.clock import Clock
from myna.sockets.patience import Patience
from tests.net.harness import QuietBroker, on_our_loop


class Waiter:
    def __init__(self, deadline: float, *, bug: bool = False) -> None:
        self.deadline = deadline
        self.bug = bug
        self.expired = asyncio.Event()

    def expire(self, now: float) -> None:
        assert now >= self.deadline
        self.expired.set()
        if self.bug:
            raise RuntimeError("a bug for the test")
        self.deadline = 0.0


def make_patience() -> tuple[Patience, Clock]:
    loop = asyncio.get_running_loop()
    clock = Clock(loop, QuietBroker())
    return Patience(loop, clock, 0.005), clock


@on_our_loop
async def test_only_who_is_overdue_expires() -> None:
    patience, clock = make_patience()
    late, early, never = Waiter(clock.now()), Waiter(clock.now() + 1000), Waiter(0.0)
    for waiter in (late, early, never):
        patience.add(waiter)
    await late.expired.wait()
    assert not early.expired.is_set()
    assert not never.expired.is_set()
    early.deadline = clock.now()  # moved without telling anybody
    await early.expired.wait()
    patience.stop()


@on_our_loop
async def test_nobody_is_looked_at_while_nobody_waits() -> None:
    patience, clock = make_patience()
    waiter = Waiter(clock.now())
    patience.add(waiter)
    await waiter.expired.wait()
    patience.remove(waiter)
    patience.remove(waiter)
    while patience._timer is not None:
        await asyncio.sleep(0)
    again = Waiter(clock.now())
    patience.add(again)
    await again.expired.wait()
    patience.stop()
    patience.stop()


@on_our_loop
async def test_a_bug_in_one_end_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    patience, clock = make_patience()
    bad, good = Waiter(clock.now(), bug=True), Waiter(clock.now())
    patience.add(bad)
    patience.add(good)
    await good.expired.wait()
    assert "a bug for the test" in caplog.text
    patience.stop()
