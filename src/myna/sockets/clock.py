"""The one place that reads the time and sets a timer for the broker.

Time starts as the wall clock's and from then on follows the monotonic one, so that it never steps back under a
session. What a newcomer gets wrong: do not set a timer per connection. The broker keeps all its deadlines in one
heap; here is one timer for the earliest, set again after each turn of work, and only when an earlier one has come
up.
"""

import asyncio
import logging
from time import monotonic, time
from typing import Final

from myna.core.ports import Ticking

log = logging.getLogger("myna.net")

MONOTONIC: Final = monotonic  # asked once a turn, and not looked up by its name each time


class Clock:
    def __init__(self, loop: asyncio.AbstractEventLoop, broker: Ticking) -> None:
        self._loop = loop
        self._broker = broker
        self._offset = time() - monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = 0.0
        self._stopped = False

    def now(self) -> float:
        return MONOTONIC() + self._offset

    def arm(self) -> None:
        """A turn of work has ended. A timer that is too early is left alone: it fires, finds nothing, re-arms."""
        at = self._broker.next_deadline()
        if at == 0.0 or (self._timer is not None and self._armed_for <= at) or self._stopped:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = at
        self._timer = self._loop.call_later(max(at - self.now(), 0.0), self._fire)

    def stop(self) -> None:
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        try:
            self._broker.tick(self.now())
        except Exception:
            log.exception("a deadline of the broker failed; the others still run")
            self._armed_for = 0.0
            # Not at once: a deadline that keeps failing must not spin.
            self._timer = self._loop.call_later(0.1, self._fire)
            return
        self.arm()
