"""Events of all clients on their way to handlers: each connection's one after the other, those of others beside them.

    ask      wants the answer        one attempt, the answer goes to `then`
    greet    the connect event       the same, before there is a connection
    tell     a notification          repeated a few times, then given up and counted

A line runs as a task while it has something to say. What a newcomer gets wrong: a client that asks faster than its back
end answers is not read from, so the bounds below are met only by what it had already sent.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from myna.core.broker import Broker
from myna.core.receiver import Receiver
from myna.faces.webpubsub.events.calls import Calls
from myna.faces.webpubsub.events.cloud_event import GROUP, SYSTEM, USER, Happening
from myna.faces.webpubsub.events.line import Line, Pending
from myna.faces.webpubsub.events.lines import line_of, pausing
from myna.faces.webpubsub.events.matching import VALIDATE, find_system_handler, find_user_handler, url_of
from myna.faces.webpubsub.hub_settings import Handler, HubSettings
from myna.faces.webpubsub.hubs import Hubs
from myna.faces.webpubsub.upstream import FAILED, TOO_MANY, Reply, Then, Upstream, UserEvent, nobody_takes
from myna.formats.outgoing import backoff

log = logging.getLogger("myna.webpubsub")

ATTEMPTS: Final = 6  # of a notification
FIRST_PAUSE: Final = 1.0  # seconds, doubled with each attempt
LONGEST_PAUSE: Final = 16.0
MOST_LATE: Final = 10_000  # notifications of all hubs that are being repeated
AGAIN: Final = frozenset({408, 429})  # and 5xx: the handler may do better later

TOO_MUCH: Final = Reply(429, error=TOO_MANY, text="Too many events are waiting for the event handler.")
BROKEN: Final = Reply(500, error=FAILED, text="The event could not be handed on.")


class Dispatcher(Upstream):
    def __init__(self, broker: Broker, hubs: Hubs, calls: Calls, now: Callable[[], float]) -> None:
        self._broker = broker
        self._hubs = hubs
        self._calls = calls
        self._now = now
        self._late = 0
        self._stopping = False
        self._bytes: dict[str, int] = {}  # that wait, by hub
        self._tasks: set[asyncio.Task[None]] = set()
        self._repeating: set[asyncio.Task[None]] = set()

    def settings_of(self, hub: str) -> HubSettings:
        return self._hubs.of(hub)

    # What clients do

    def ask(self, receiver: Receiver, event: UserEvent, then: Then, now: float) -> None:
        line = line_of(receiver)
        settings = self._hubs.of(line.source.hub)
        handler = find_user_handler(settings, event.name)
        if handler is None:
            then(nobody_takes(event.name), now)
            return
        happening = Happening(USER, event.name, event.content_type, event.payload, event.headers)
        pending = _pending(line, happening, handler, settings, then)
        if not self._has_room(line, pending):
            then(TOO_MUCH, now)
            return
        self._add(line, pending)
        if line.is_full() and line.paused is None:
            line.paused = pausing(receiver)
            if line.paused is not None:
                line.paused(True)

    def wants(self, hub: str, name: str) -> bool:
        """Is there a handler for this event of the service?"""
        return find_system_handler(self._hubs.of(hub), name) is not None

    def greet(self, line: Line, body: bytes, then: Then) -> None:
        """The connect event. Whoever calls has found out that a handler wants it."""
        settings = self._hubs.of(line.source.hub)
        handler = find_system_handler(settings, "connect")
        assert handler is not None
        pending = _pending(line, Happening(SYSTEM, "connect", body=body), handler, settings, then)
        pending.number = 0
        self._add(line, pending)

    def tell(self, line: Line, name: str, body: bytes) -> None:
        """A notification, if there is a handler for it."""
        settings = self._hubs.of(line.source.hub)
        handler = find_system_handler(settings, name)
        if handler is None:
            return
        kind = GROUP if name in ("joined", "left") else SYSTEM
        pending = _pending(line, Happening(kind, name, body=body), handler, settings, None)
        if name != "disconnected" and not self._has_room(
            line, pending
        ):  # there is one end for each, and it counts most
            self._give_up(line, pending, "too many events wait")
            return
        self._add(line, pending)

    # The end

    async def finish(self) -> None:
        """Return when everything has been said that can be: what would have to be repeated is given up.

        Whoever cannot wait so long cancels this, and with it all that is left.
        """
        self._stopping = True
        for task in list(self._repeating):
            task.cancel()
        try:
            while self._tasks:
                await asyncio.wait(set(self._tasks))
        except asyncio.CancelledError:
            log.warning("events of %d connections have not reached their handlers before the end", len(self._tasks))
            for task in self._tasks:
                task.cancel()
            raise

    # Lines

    def _has_room(self, line: Line, pending: Pending) -> bool:
        waiting = self._bytes.get(line.source.hub, 0)
        return line.has_room(pending.size) and waiting + pending.size <= pending.settings.waiting

    def _add(self, line: Line, pending: Pending) -> None:
        self._count(line, pending.size)
        line.add(pending)
        if not line.is_running:
            line.is_running = True
            self._start(self._run(line), self._tasks)

    async def _run(self, line: Line) -> None:
        try:
            while line.waiting:
                pending = line.waiting[0]
                if pending.then is None and line.late:
                    line.next()
                    self._put_off(line, pending)
                else:
                    reply = await self._attempt(line, pending)
                    line.next()
                    self._answered(line, pending, reply)
                self._count(line, -pending.size)
                if line.paused is not None and line.is_free_again():
                    line.paused(False)
                    line.paused = None
        finally:
            line.is_running = False

    def _answered(self, line: Line, pending: Pending, reply: Reply) -> None:
        then = pending.then
        if then is None:
            if _is_worth_repeating(reply):
                self._put_off(line, pending)
            return
        try:
            then(reply, self._now())
        except Exception:
            log.exception("the answer to an event could not be used, by a bug of ours")

    async def _attempt(self, line: Line, pending: Pending) -> Reply:
        pending.attempts += 1
        try:
            return await self._calls.make(line, pending)
        except Exception:
            log.exception("an event could not be handed on, by a bug of ours")
            return BROKEN

    # Repeating

    def _put_off(self, line: Line, pending: Pending) -> None:
        if self._stopping or self._late >= MOST_LATE:
            why = "the broker stops" if self._stopping else f"{MOST_LATE:,} notifications are being repeated already"
            self._give_up(line, pending, why)
            return
        self._late += 1
        line.late.append(pending)
        if not line.is_repeating:
            line.is_repeating = True
            self._start(self._repeat(line), self._repeating)

    async def _repeat(self, line: Line) -> None:
        try:
            while line.late:
                pending = line.late[0]
                await asyncio.sleep(backoff(pending.attempts - 1, first=FIRST_PAUSE, longest=LONGEST_PAUSE))
                reply = await self._attempt(line, pending)
                if not _is_worth_repeating(reply):
                    self._late -= 1
                    line.late.popleft()
                elif pending.attempts >= ATTEMPTS:
                    self._late -= 1
                    line.late.popleft()
                    self._give_up(line, pending, f"no success in {ATTEMPTS} attempts")
        finally:
            self._late -= len(line.late)
            for pending in line.late:
                self._give_up(line, pending, "the broker stops")
            line.late.clear()
            line.is_repeating = False

    def _give_up(self, line: Line, pending: Pending, why: str) -> None:
        source = line.source
        self._broker.counters.drop("webpubsub_notification")
        what = f"notification '{pending.happening.name}'"
        self._broker.watcher.refused(what, source.hub, source.connection_id, line.address, why, self._now())

    # Within

    def _count(self, line: Line, size: int) -> None:
        hub = line.source.hub
        left = self._bytes.get(hub, 0) + size
        if left:
            self._bytes[hub] = left
        else:
            self._bytes.pop(hub, None)

    def _start(self, running: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.get_running_loop().create_task(running)
        tasks.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(tasks.discard)


def _pending(line: Line, happening: Happening, handler: Handler, settings: HubSettings, then: Then | None) -> Pending:
    hub = line.source.hub
    return Pending(happening, url_of(handler, hub, happening.name), url_of(handler, hub, VALIDATE), settings, then)


def _is_worth_repeating(reply: Reply) -> bool:
    return not reply.is_success and (reply.status in AGAIN or reply.status >= 500)
