"""Events that are fetched: a consumer receives some under locks, and acknowledges, releases or rejects each.

    queue -> receive -> locked -> acknowledge: done    release, lock runs out: back    reject: dead letter

What a newcomer gets wrong: that an event was handed out is written down when it comes back, not when it leaves. After
a crash what was locked comes back at once, and that last time does not count.
"""

import asyncio
import heapq
import secrets
from collections.abc import Sequence
from typing import Any, Final

from myna.config import Duration
from myna.core.message import Message
from myna.routing.deadletters import ATTEMPTS, REFUSED
from myna.routing.destination import Destination, DestinationContext
from myna.routing.event import Event
from myna.routing.line import SWEEP, Line, LineCarrier
from myna.routing.settings import DestinationSettings

HELD: Final = 10_000  # events of one subscription that consumers have, or have put off, at once
HELD_BYTES: Final = 64 * 1024 * 1024
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
        self._delayed: list[tuple[float, int, Event]] = []  # released, for later
        self._held_bytes = 0  # of both
        self._waiting: set[asyncio.Event] = set()
        self._stopped = False
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
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        self._return(list(self._locks), 0.0)
        self.let_go()
        self.wake()

    def let_go(self) -> None:
        self._give_back([event for _, _, event in self._delayed])
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
            if found or left <= 0 or self._stopped:
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
        known, events = self._unlock(tokens)
        self._line.done(events)
        return known

    def release(self, tokens: Sequence[str], delay: float) -> list[str]:
        """Back into the queue, to be handed out again after the delay; given up if it has been so too often."""
        return self._return(tokens, delay)

    def reject(self, tokens: Sequence[str]) -> list[str]:
        """To the dead letters."""
        known, events = self._unlock(tokens)
        for event in events:
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
        events: list[Event] = []
        now = self._line.now()
        while not (events or self._line.paused or self._stopped) and self._held_bytes < HELD_BYTES:
            room = min(most, HELD - len(self._locks) - len(self._delayed))
            taken = self._line.take(room, PAGE_BYTES) if room > 0 else []
            if not taken:
                break
            self._held_bytes += sum(event.size for event in taken)
            for event in taken:
                if event.due > now:  # released before a restart
                    self._delay(event)
                else:
                    events.append(event)
        return [self._lock(event, now) for event in events]

    def _lock(self, event: Event, now: float) -> tuple[str, int, Event]:
        token = secrets.token_urlsafe(24)
        event.attempts += 1
        event.attempted_at = now
        self._line.attempts += 1
        self._locks[token] = _Lock(event, now + self.settings.lock)
        self._arm()
        return token, event.attempts, event

    def _unlock(self, tokens: Sequence[str]) -> tuple[list[str], list[Event]]:
        """Those that are known, and their events, which are nobody's from here on."""
        known = [token for token in tokens if token in self._locks]
        events = [self._locks.pop(token).event for token in known]
        self._held_bytes -= sum(event.size for event in events)
        return known, events

    def _return(self, tokens: Sequence[str], delay: float) -> list[str]:
        known, events = self._unlock(tokens)
        most, due = self.settings.max_delivery_count, self._line.now() + delay if delay else 0.0
        spent: list[Event] = []
        back: list[Event] = []
        for event in events:
            event.result = "NotAcknowledged"
            event.due = due
            if most and event.attempts >= most:
                spent.append(event)
                continue
            self._line.put_back(event)
            if delay:
                self._held_bytes += event.size
                self._delay(event)
            else:
                back.append(event)
        if spent:
            self._line.bury(spent, ATTEMPTS)
        if back:
            self._line.give_back(back)
            self.wake()
        return known

    def _delay(self, event: Event) -> None:
        heapq.heappush(self._delayed, (event.due, event.number, event))
        self._arm()

    def _give_back(self, delayed: Sequence[Event]) -> None:
        self._held_bytes -= sum(event.size for event in delayed)
        self._line.give_back(delayed)

    def _arm(self) -> None:
        if self._timer is None and not self._stopped:
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
            self._return(late, 0.0)
        due: list[Event] = []
        while self._delayed and self._delayed[0][0] <= now:
            due.append(heapq.heappop(self._delayed)[2])
        if due:
            self._give_back(due)
            self.wake()
        self._line.sweep()
        self._arm()
