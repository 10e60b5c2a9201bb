"""Events that are fetched: a consumer receives some under locks, and acknowledges, releases or rejects each.

    queue -> receive -> locked -> acknowledge: done    release, lock runs out: back    reject: dead letter

What a newcomer gets wrong: how often an event has been handed out is remembered in memory alone, and counts anew after
a restart; what is locked then comes back at once.
"""

import asyncio
import heapq
import secrets
from collections.abc import Sequence
from typing import Any, Final

from myna.config import Duration
from myna.core.message import Message
from myna.routing.deadletters import ATTEMPTS, EXPIRED, REFUSED
from myna.routing.destination import Destination, DestinationContext, DestinationSettings, LineCarrier
from myna.routing.event import Event
from myna.routing.line import SWEEP, Line

LOCKED: Final = 10_000  # events of one subscription that consumers hold at once
PAGE_BYTES: Final = 4 * 1024 * 1024  # of one answer
SHORTEST_KEY: Final = 32
LONGEST_LOCK: Final = 300


class PullSettings(DestinationSettings, frozen=True, kw_only=True):
    topic: str  # the namespace topic whose subscription this is: /topics/TOPIC/eventsubscriptions/NAME
    keys: tuple[str, ...]  # those who show one of them may fetch, and publish to the topic
    lock: Duration = Duration(60)  # how long a consumer has for an event, at most 300 s

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.topic or len(self.topic) > 50 or not all(one.isalnum() or one == "-" for one in self.topic):
            raise ValueError("topic: 1 to 50 letters, digits and hyphens")
        if not 1 <= self.lock <= LONGEST_LOCK:
            raise ValueError(f"lock: 1 s to {LONGEST_LOCK} s")
        if not self.keys or any(len(key) < SHORTEST_KEY for key in self.keys):
            raise ValueError(f"keys: at least one, each of {SHORTEST_KEY} characters or more")


class PullDestination(Destination):
    SETTINGS = PullSettings

    def __init__(self, context: DestinationContext, settings: PullSettings) -> None:
        self._settings = settings

    def carrier(self, line: Line) -> LineCarrier:
        return PullQueue(line, self._settings)


class _Lock:
    __slots__ = ("event", "until")

    def __init__(self, event: Event, until: float) -> None:
        self.event = event
        self.until = until


class PullQueue(LineCarrier):
    """What consumers ask for. Tokens that name no lock are answered, not raised."""

    def __init__(self, line: Line, settings: PullSettings) -> None:
        self.settings = settings
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._locks: dict[str, _Lock] = {}
        self._handed_out: dict[int, int] = {}  # how often, by the number of events that came back
        self._delayed: list[tuple[float, int, Event]] = []  # released, for later
        self._waiting: set[asyncio.Event] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        return self._line.name

    # As a carrier

    def wake(self) -> None:
        for one in self._waiting:
            one.set()

    async def start(self) -> None:
        self._look()

    async def stop(self, patience: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._line.give_back([lock.event for lock in self._locks.values()])
        self._line.give_back([event for _, _, event in self._delayed])
        self._locks.clear()
        self._delayed.clear()

    def state(self) -> dict[str, Any]:
        return {"locked": len(self._locks), "delayed": len(self._delayed), "receivers": len(self._waiting)}

    # For producers

    def put(self, message: Message) -> bool:
        return self._line.put(message, self._line.now())

    # For consumers

    async def receive(self, most: int, patience: float) -> list[tuple[str, int, Event]]:
        """Lock token, how often it has been handed out, and the event; empty when none has come in time."""
        until = self._loop.time() + patience
        while True:
            found = self._take(most)
            left = until - self._loop.time()
            if found or left <= 0:
                return found
            woken = asyncio.Event()
            self._waiting.add(woken)
            try:
                async with asyncio.timeout(left):
                    await woken.wait()
            except TimeoutError:
                continue  # a last look
            finally:
                self._waiting.discard(woken)

    def acknowledge(self, tokens: Sequence[str]) -> list[str]:
        """Those that were locked and are done now."""
        known = [token for token in tokens if token in self._locks]
        events = [self._locks.pop(token).event for token in known]
        for event in events:
            self._handed_out.pop(event.number, None)
        self._line.done(events)
        return known

    def release(self, tokens: Sequence[str], delay: float) -> list[str]:
        """Back into the queue, to be handed out again after the delay; given up if it has been so too often."""
        known = [token for token in tokens if token in self._locks]
        self._return([self._locks.pop(token).event for token in known], delay)
        return known

    def reject(self, tokens: Sequence[str]) -> list[str]:
        """To the dead letters."""
        known = [token for token in tokens if token in self._locks]
        events = [self._locks.pop(token).event for token in known]
        for event in events:
            self._handed_out.pop(event.number, None)
            event.result = "Rejected"
        if events:
            self._line.failed_with("rejected by a consumer", "Rejected", len(events))
            self._line.bury(events, REFUSED)
        return known

    def renew(self, tokens: Sequence[str]) -> list[str]:
        known = [token for token in tokens if token in self._locks]
        for token in known:
            self._locks[token].until = self._line.now() + self.settings.lock
        return known

    # Within

    def _take(self, most: int) -> list[tuple[str, int, Event]]:
        room = min(most, LOCKED - len(self._locks))
        if room <= 0 or self._line.paused:
            return []
        now = self._line.now()
        events: list[Event] = []
        while self._delayed and self._delayed[0][0] <= now and len(events) < room:
            event = heapq.heappop(self._delayed)[2]
            if self._line.is_expired(event.message, now):
                self._line.bury([event], EXPIRED)
            else:
                events.append(event)
        if len(events) < room:
            events += self._line.take(room - len(events), PAGE_BYTES)
        return [self._lock(event, now) for event in events]

    def _lock(self, event: Event, now: float) -> tuple[str, int, Event]:
        token = secrets.token_urlsafe(24)
        count = event.attempts = self._handed_out.get(event.number, 0) + 1
        event.attempted_at = now
        self._line.attempts += 1
        self._handed_out[event.number] = count
        self._locks[token] = _Lock(event, now + self.settings.lock)
        self._arm()
        return token, count, event

    def _return(self, events: Sequence[Event], delay: float) -> None:
        most = self.settings.max_delivery_count
        spent = [event for event in events if most and event.attempts >= most]
        back = [event for event in events if not most or event.attempts < most]
        for event in spent:
            self._handed_out.pop(event.number, None)
            event.result = "NotAcknowledged"
        if spent:
            self._line.bury(spent, ATTEMPTS)
        if delay > 0:
            due = self._line.now() + delay
            for event in back:
                heapq.heappush(self._delayed, (due, event.number, event))
            self._arm()
        elif back:
            self._line.give_back(back)
            self.wake()

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(self._next_look(), self._look)

    def _next_look(self) -> float:
        """Whole seconds are near enough for locks and delays, which last for some."""
        due = self._delayed[0][0] - self._line.now() if self._delayed else SWEEP
        return max(0.2, min(due, 1.0 if self._locks else SWEEP))

    def _look(self) -> None:
        """Locks that have run out, delays that are over, and events that have outlived their time."""
        self._timer = None
        now = self._line.now()
        late = [token for token, lock in self._locks.items() if lock.until <= now]
        if late:
            self._return([self._locks.pop(token).event for token in late], 0)
        self._line.sweep()
        if self._delayed and self._delayed[0][0] <= now:
            self.wake()
        self._arm()
