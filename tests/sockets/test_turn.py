import asyncio

import pytest

from myna.sockets.clock import Clock
from myna.sockets.turn import ROUNDS, Turn
from tests.net.harness import QuietBroker, on_our_loop


class Wet:
    """Counts its flushes; `again` times a flush makes it dirty once more, `bug` makes it fail."""

    def __init__(self, turn: Turn, again: int = 0, *, bug: bool = False) -> None:
        self.turn = turn
        self.again = again
        self.bug = bug
        self.flushes = 0
        self.crashes = 0
        self.dry = asyncio.Event()

    def flush(self, now: float) -> None:
        self.flushes += 1
        if self.bug:
            raise RuntimeError("a bug for the test")
        if self.again:
            self.again -= 1
            self.turn.wake_other(self)
        else:
            self.dry.set()

    def crashed(self, now: float) -> None:
        self.crashes += 1


def make_turn() -> Turn:
    loop = asyncio.get_running_loop()
    return Turn(loop, Clock(loop, QuietBroker()))


@on_our_loop
async def test_a_batch_flushes_at_its_end_and_asks_the_loop_for_nothing() -> None:
    turn = make_turn()
    wet = Wet(turn)
    now = turn.begin()
    turn.wake_other(wet)
    assert wet.flushes == 0
    turn.end(now)
    assert wet.flushes == 1
    await asyncio.sleep(0)
    assert wet.flushes == 1


@on_our_loop
async def test_work_outside_a_batch_is_flushed_once_behind_what_is_runnable() -> None:
    turn = make_turn()
    first, second = Wet(turn), Wet(turn)
    turn.wake_other(first)
    turn.wake_other(second)
    assert (first.flushes, second.flushes) == (0, 0)
    await second.dry.wait()
    assert (first.flushes, second.flushes) == (1, 1)


@on_our_loop
async def test_who_never_dries_does_not_hold_the_turn() -> None:
    turn = make_turn()
    wet = Wet(turn, again=ROUNDS * 3)
    now = turn.begin()
    turn.wake_other(wet)
    turn.end(now)
    assert wet.flushes == ROUNDS
    await wet.dry.wait()
    assert wet.flushes == ROUNDS * 3 + 1


@on_our_loop
async def test_a_bug_in_one_flush_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    turn = make_turn()
    bad, good = Wet(turn, bug=True), Wet(turn)
    now = turn.begin()
    turn.wake_other(bad)
    turn.wake_other(good)
    turn.end(now)
    assert (bad.crashes, good.flushes) == (1, 1)
    assert "a bug for the test" in caplog.text
