"""Events of all clients on their way to handlers: each connection's one after the other, those of others beside them.

    ask      wants the answer        one attempt, the answer goes to `then`
    greet    the connect event       the same, before there is a connection
    tell     a notification          repeated a few times, then given up and counted

A row runs as a task while there is something in it. What a newcomer gets wrong: a client that asks faster than its back
end answers is not read from, so the bounds below are met only by what it had already sent.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from myna.core.broker import Broker
from myna.core.receiver import Receiver
from myna.faces.webpubsub.events.calls import Calls
from myna.faces.webpubsub.events.cloud_event import CONNECT, GROUP, SYSTEM, USER, Happening
from myna.faces.webpubsub.events.line import Line
from myna.faces.webpubsub.events.lines import line_of, pausing
from myna.faces.webpubsub.events.listeners import Listeners
from myna.faces.webpubsub.events.matching import VALIDATE, find_system_handler, find_user_handler, url_of
from myna.faces.webpubsub.events.row import Key, Pending, Row
from myna.faces.webpubsub.hub_settings import Handler, HubSettings
from myna.faces.webpubsub.hubs import Hubs
from myna.faces.webpubsub.upstream import FAILED, TOO_MANY, Reply, Then, Upstream, UserEvent, nobody_takes
from myna.formats.outgoing import backoff

log = logging.getLogger("myna.webpubsub")

ATTEMPTS: Final = 6  # of a notification
FIRST_PAUSE: Final = 1.0  # seconds, doubled with each attempt
LONGEST_PAUSE: Final = 16.0
MOST_LATE: Final = 10_000  # notifications of one hub that are being repeated
AGAIN: Final = frozenset({408, 429})  # and 5xx: the handler may do better later

ROUTED: Final = Reply(204)
TOO_MUCH: Final = Reply(429, error=TOO_MANY, text="Too many events are waiting for the event handler.")
BROKEN: Final = Reply(500, error=FAILED, text="The event could not be handed on.")


class Dispatcher(Upstream):
    def __init__(
        self, broker: Broker, hubs: Hubs, calls: Calls, listeners: Listeners, now: Callable[[], float]
    ) -> None:
        self._broker = broker
        self._hubs = hubs
        self._calls = calls
        self._listeners = listeners
        self._now = now
        self._rows: dict[Key, Row] = {}  # with something on its way
        self._late: dict[str, int] = {}  # notifications that are being repeated, by hub
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
        happening = Happening(USER, event.name, event.content_type, event.payload, event.headers)
        is_routed = self._listeners.offer_user_event(settings, line.source, happening)
        if handler is None:
            then(ROUTED if is_routed else nobody_takes(event.name), now)
            return
        pending = _pending(line, happening, handler, settings, then)
        row = self._row_of(line)
        if not self._has_room(row, pending):
            self._forget(row)
            then(TOO_MUCH, now)
            return
        self._add(row, pending)
        if row.is_full() and row.paused is None:
            row.paused = pausing(receiver)
            if row.paused is not None:
                row.paused(True)

    def wants(self, hub: str, name: str) -> bool:
        """Does anybody want this event of the service?"""
        settings = self._hubs.of(hub)
        return name in settings.routed_system_events or find_system_handler(settings, name) is not None

    def greet(self, line: Line, body: bytes, then: Then) -> None:
        """The connect event, in a row of its own. Whoever calls has found out that a handler wants it."""
        settings = self._hubs.of(line.source.hub)
        handler = find_system_handler(settings, "connect")
        assert handler is not None
        pending = _pending(line, Happening(SYSTEM, "connect", body=body), handler, settings, then)
        pending.number = CONNECT
        self._add(Row(_key(line)), pending)

    def tell(self, line: Line, name: str, body: bytes) -> None:
        """A notification, if anybody wants it."""
        settings = self._hubs.of(line.source.hub)
        handler = find_system_handler(settings, name)
        happening = Happening(GROUP if name in ("joined", "left") else SYSTEM, name, body=body)
        self._listeners.offer_system_event(settings, line.source, happening)
        if handler is None:
            return
        pending = _pending(line, happening, handler, settings, None)
        row = self._row_of(line)
        if name != "disconnected" and not self._has_room(row, pending):  # there is one end for each: it counts most
            self._forget(row)
            self._give_up(pending, "too many events wait")
            return
        self._add(row, pending)

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

    # Rows

    def _row_of(self, line: Line) -> Row:
        key = _key(line)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row(key)
        return row

    def _has_room(self, row: Row, pending: Pending) -> bool:
        waiting = self._bytes.get(row.key[0], 0)
        return row.has_room(pending.size) and waiting + pending.size <= pending.settings.waiting

    def _add(self, row: Row, pending: Pending) -> None:
        _add(self._bytes, row.key[0], pending.size)
        row.add(pending)
        if not row.is_running:
            row.is_running = True
            self._start(self._run(row), self._tasks)

    async def _run(self, row: Row) -> None:
        try:
            while row.waiting:
                pending = row.waiting[0]
                if pending.then is None and row.late:
                    row.next()
                    self._put_off(row, pending)
                else:
                    reply = await self._attempt(pending)
                    row.next()
                    self._answered(row, pending, reply)
                _add(self._bytes, row.key[0], -pending.size)
                if row.paused is not None and row.is_free_again():
                    row.paused(False)
                    row.paused = None
        finally:
            row.is_running = False
            self._forget(row)

    def _answered(self, row: Row, pending: Pending, reply: Reply) -> None:
        then = pending.then
        if then is None:
            if _is_worth_repeating(reply):
                self._put_off(row, pending)
            return
        try:
            then(reply, self._now())
        except Exception:
            log.exception("the answer to an event could not be used, by a bug of ours")

    async def _attempt(self, pending: Pending) -> Reply:
        pending.attempts += 1
        try:
            return await self._calls.make(pending)
        except Exception:
            log.exception("an event could not be handed on, by a bug of ours")
            return BROKEN

    # Repeating

    def _put_off(self, row: Row, pending: Pending) -> None:
        if self._stopping or self._late.get(row.key[0], 0) >= MOST_LATE:
            why = "the broker stops" if self._stopping else f"{MOST_LATE:,} notifications are being repeated already"
            self._give_up(pending, why)
            return
        _add(self._late, row.key[0], 1)
        row.late.append(pending)
        if not row.is_repeating:
            row.is_repeating = True
            self._start(self._repeat(row), self._repeating)

    async def _repeat(self, row: Row) -> None:
        try:
            while row.late:
                pending = row.late[0]
                await asyncio.sleep(backoff(pending.attempts - 1, first=FIRST_PAUSE, longest=LONGEST_PAUSE))
                reply = await self._attempt(pending)
                is_over = pending.attempts >= ATTEMPTS
                if is_over or not _is_worth_repeating(reply):
                    _add(self._late, row.key[0], -1)
                    row.late.popleft()
                    if _is_worth_repeating(reply):
                        self._give_up(pending, f"no success in {ATTEMPTS} attempts")
        finally:
            _add(self._late, row.key[0], -len(row.late))
            for pending in row.late:
                self._give_up(pending, "the broker stops")
            row.late.clear()
            row.is_repeating = False
            self._forget(row)

    def _give_up(self, pending: Pending, why: str) -> None:
        source = pending.line.source
        self._broker.counters.drop("webpubsub_notification")
        what = f"notification '{pending.happening.name}'"
        self._broker.watcher.refused(what, source.hub, source.connection_id, pending.line.address, why, self._now())

    # Within

    def _forget(self, row: Row) -> None:
        if row.is_idle() and self._rows.get(row.key) is row:
            del self._rows[row.key]

    def _start(self, running: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.get_running_loop().create_task(running)
        tasks.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(tasks.discard)


def _add(counts: dict[str, int], hub: str, more: int) -> None:
    left = counts.get(hub, 0) + more
    if left:
        counts[hub] = left
    else:
        counts.pop(hub, None)


def _key(line: Line) -> Key:
    return line.source.hub, line.source.connection_id


def _pending(line: Line, happening: Happening, handler: Handler, settings: HubSettings, then: Then | None) -> Pending:
    hub, name = line.source.hub, happening.name
    return Pending(line, happening, url_of(handler, hub, name), url_of(handler, hub, VALIDATE), settings, then)


def _is_worth_repeating(reply: Reply) -> bool:
    return not reply.is_success and (reply.status in AGAIN or reply.status >= 500)
