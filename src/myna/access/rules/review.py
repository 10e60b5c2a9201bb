"""After a change of the rules: every session's subscriptions are judged again, a few sessions at a time.

What a newcomer gets wrong: publishes need none of this. Connections ask anew about each topic the moment
`rules_changed` has been called; only what is subscribed goes on by itself.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from myna.core.broker import Broker
from myna.core.receiver import Receiver
from myna.core.reviewing import review
from myna.wire import reasons

log = logging.getLogger("myna.rules")

AT_A_TIME: Final = 200  # sessions; in between others get their turn


class Review:
    """`disconnects`: a client one of whose subscriptions has ended is told so, by the end of its connection."""

    def __init__(self, broker: Broker, now: Callable[[], float], arm: Callable[[], None]) -> None:
        self._broker = broker
        self._now = now
        self._arm = arm
        self._waiting: list[Receiver] = []
        self._handle: asyncio.Handle | None = None
        self._subscriptions = 0
        self._clients = 0
        self.disconnects = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """From the beginning, if one is under way."""
        self.stop()
        self._subscriptions = self._clients = 0
        self._waiting = [receiver for tenant in self._broker.tenants.values() for receiver in tenant.sessions()]
        self._go_on(loop)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._handle = None
        now = self._now()
        for receiver in self._waiting[:AT_A_TIME]:
            ended = review(self._broker, receiver, now)
            if ended:
                self._subscriptions += ended
                self._clients += 1
                if self.disconnects and receiver.is_online():
                    receiver.end(reasons.NOT_AUTHORIZED, now, text="a subscription is no longer allowed")
        del self._waiting[:AT_A_TIME]
        self._arm()
        if self._waiting:
            self._handle = loop.call_soon(self._go_on, loop)
        elif self._subscriptions:
            log.warning(
                "subscriptions have ended that the rules no longer allow: %d, of so many clients: %d",
                self._subscriptions,
                self._clients,
            )
