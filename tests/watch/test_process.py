"""How late the event loop runs."""

import asyncio
import time

from myna.watch.process import LoopLag


def test_a_loop_that_was_held_up_is_late() -> None:
    loop = asyncio.new_event_loop()
    lag = LoopLag(loop)
    lag.start()
    lag._due = time.monotonic() - 0.25  # as if the timer had been due then
    lag._look()
    lag.stop()
    loop.close()
    assert lag.last >= 0.25
    assert lag.worst() >= 0.25
    lag.last = 0.0
    assert lag.worst() == 0.0
