"""Who has waited too long: slow readers, peers that do not finish, half requests.

One look around every half second, and only while somebody is waited for, instead of a timer each: most waits end
well, and moving a number costs nothing. What a newcomer gets wrong: a deadline may be moved at any time without
telling anybody here.
"""

import asyncio
import logging
from typing import Final, Protocol

from myna.sockets.clock import Clock

log = logging.getLogger("myna.net")

INTERVAL: Final = 0.5


class Waiting(Protocol):
    """Something that is waited for. `deadline` is in the clock's seconds, 0.0 for none."""

    deadline: float

    def expire(self, now: float) -> None:
        """The deadline has passed. Called again at the next look unless it is moved or the object leaves."""


class Patience:
    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock, interval: float = INTERVAL) -> None:
        self._loop = loop
        self._clock = clock
        self._interval = interval
        self._waiting: dict[Waiting, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, waiting: Waiting) -> None:
        self._waiting[waiting] = None
        if self._timer is None:
            self._timer = self._loop.call_later(self._interval, self._look)

    def remove(self, waiting: Waiting) -> None:
        self._waiting.pop(waiting, None)

    def stop(self) -> None:
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now = self._clock.now()
        for waiting in [one for one in self._waiting if 0.0 < one.deadline <= now]:
            try:
                waiting.expire(now)
            except Exception:
                log.exception("ending something that was overdue failed by a bug of ours")
                self.remove(waiting)
        self._timer = self._loop.call_later(self._interval, self._look) if self._waiting else None
