"""Pushes one line's events to its destination: batches, several at once, repeated on schedule, held back when it fails.

    line.take -> batch -> deliver -> DELIVERED  line.done
                                     AGAIN      waits for its time, then is among the first of a batch
                                     NEVER      line.bury, as after too many attempts

All decisions are made in `_fill`, which never waits; it runs after whatever could change its mind. What a newcomer gets
wrong: with `ordered`, a topic with an event on its way or waiting for another attempt is closed. What comes for it
meanwhile is parked here, not put back, for the order of the queue is what has to be kept.
"""

import asyncio
import heapq
import itertools
import logging
import random
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from myna.routing.deadletters import ATTEMPTS, EXPIRED, REFUSED
from myna.routing.destination import Destination, LineCarrier, NotReady
from myna.routing.event import Event
from myna.routing.line import SWEEP, Line
from myna.routing.verdict import DELIVERED, Fate, Verdict, again

log = logging.getLogger("myna.routing")

HELD: Final = 1000  # events out of the queue that wait for another attempt, or for others of their topic
HELD_BYTES: Final = 16 * 1024 * 1024
LOST: Final = "SocketError"  # the result that speaks of the connection
BUG: Final = again("the destination failed by a bug of ours; the log says which", result="InternalError")


class Courier(LineCarrier):
    def __init__(self, line: Line, destination: Destination) -> None:
        self._line = line
        self._destination = destination
        self._schedule = tuple(float(one) for one in line.settings.retry) or destination.SCHEDULE
        self._ordered = line.settings.ordered
        self._batch = 1 if self._ordered and destination.SEPARATE else line.settings.max_events_per_batch
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._underway = 0
        self._ready = False  # the destination has been started
        self._starting = False
        self._stopping = False
        self._woken = False
        self._timer: asyncio.TimerHandle | None = None
        self._swept_at = 0.0
        # Out of the queue, and not on their way.
        self._again: list[tuple[float, int, Event]] = []  # by the time of the next attempt
        self._next: deque[Event] = deque()  # had to wait for their topic
        self._closed: dict[str, deque[Event]] = {}  # topics with an event ahead, and what is parked behind it
        self._held = 0
        self._held_bytes = 0
        # Holding back.
        self._failures = 0
        self._held_until = 0.0

    async def start(self) -> None:
        self.wake()

    async def stop(self, patience: float) -> None:
        self._stopping = True
        if self._timer is not None:
            self._timer.cancel()
        if self._tasks and not self._starting:  # a beginning is no delivery: nothing is lost by ending it
            await asyncio.wait(self._tasks, timeout=patience)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        try:
            async with asyncio.timeout(max(patience, 1.0)):
                await self._destination.stop()
        except TimeoutError:
            log.warning("routing: the connection to %s could not be closed in time", self._line.name)

    def wake(self) -> None:
        if not self._woken and not self._stopping:
            self._woken = True
            self._loop.call_soon(self._look)

    def let_go(self) -> None:
        again = [event for _, _, event in self._again]
        held = [*again, *self._next, *itertools.chain(*self._closed.values())]
        self._again.clear()
        self._next.clear()
        for parked in self._closed.values():
            parked.clear()
        for event in again:  # nothing of their topics is ahead any more
            self._closed.pop(event.topic, None)
        self._held = self._held_bytes = 0
        self._line.give_back(held)

    def state(self) -> dict[str, Any]:
        now = self._line.now()
        state: dict[str, Any] = {"retrying": len(self._again), "failuresInARow": self._failures}
        if self._held_until > now:
            state["heldBackSeconds"] = round(self._held_until - now, 1)
        return state

    # Deciding

    def _look(self) -> None:
        self._woken = False
        if not self._stopping:
            self._fill()

    def _fill(self) -> None:
        line = self._line
        now = line.now()
        if now - self._swept_at > SWEEP:
            self._swept_at = now
            line.sweep()
        if not line.paused and now >= self._held_until:
            if not self._ready:
                self._begin()
            else:
                most = line.settings.concurrency if self._failures < self._destination.PATIENCE else 1
                while self._underway < most and (batch := self._next_batch(now)):
                    self._underway += 1
                    self._run(self._deliver(batch))
        self._arm(now)

    def _arm(self, now: float) -> None:
        """Look again when something becomes due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._stopping:
            return
        at = now + SWEEP if len(self._line.outbox) else float("inf")
        if not self._line.paused:
            if self._held_until > now:
                at = min(at, self._held_until)
            elif self._again and self._underway < self._line.settings.concurrency:
                at = min(at, self._again[0][0])
        if at != float("inf"):
            self._timer = self._loop.call_later(max(at - now, 0.001), self._look)

    def _next_batch(self, now: float) -> list[Event]:
        most, room = self._batch, int(self._line.settings.preferred_batch_size)
        batch: list[Event] = []
        size = 0
        while len(batch) < most and (not batch or size < room):
            event = self._next_held(now)
            if event is None:
                break
            size += event.size
            if batch and size > room:
                self._hold_again(event)
                break
            batch.append(event)
        while len(batch) < most and (not batch or size < room):  # all that is taken may have to wait
            if self._held >= HELD or self._held_bytes >= HELD_BYTES:
                break
            if batch and self._line.next_size() > room - size:
                break
            taken = self._line.take(most - len(batch), max(room - size, 1))
            if not taken:
                break
            batch += [event for event in taken if self._may_go(event, now)]
            if batch:
                break  # more would go beyond the preferred size
        if self._ordered:
            for event in batch:
                self._closed.setdefault(event.topic, deque())
        return batch

    def _next_held(self, now: float) -> Event | None:
        """One whose time has come, or whose topic is open again; buried if it has lived too long."""
        while self._again and self._again[0][0] <= now:
            event = heapq.heappop(self._again)[2]
            self._let_go(event)
            if not self._line.is_expired(event.message, now):
                return event
            self._line.bury([event], EXPIRED)
            self._open(event.topic)  # what was parked behind it comes now, and is as old
        while self._next:
            event = self._next.popleft()
            self._let_go(event)
            if event.topic in self._closed:  # by an earlier one of these
                self._park(event)
            elif self._line.is_expired(event.message, now):
                self._line.bury([event], EXPIRED)
            else:
                return event
        return None

    def _hold_again(self, event: Event) -> None:
        """It was the next, and there is no room for it: it stays the next."""
        if event.topic in self._closed:  # by itself, while it waited for another attempt
            heapq.heappush(self._again, (event.due, event.number, event))
        else:
            self._next.appendleft(event)
        self._hold(event)

    def _may_go(self, event: Event, now: float) -> bool:
        """Now, or must it wait: for another of its topic, or because it was tried before a restart and is not due?
        Several of a topic may travel in one batch.
        """
        if self._ordered and event.topic in self._closed:
            self._park(event)
            return False
        if event.due > now:
            self._wait(event)
            if self._ordered:
                self._closed[event.topic] = deque()
            return False
        return True

    def _wait(self, event: Event) -> None:
        """For its time to come."""
        heapq.heappush(self._again, (event.due, event.number, event))
        self._hold(event)

    def _park(self, event: Event) -> None:
        self._closed[event.topic].append(event)
        self._hold(event)

    def _hold(self, event: Event) -> None:
        self._held += 1
        self._held_bytes += event.size

    def _let_go(self, event: Event) -> None:
        self._held -= 1
        self._held_bytes -= event.size

    def _open(self, topic: str) -> None:
        """Nothing of this topic is ahead any more: what is parked goes next."""
        parked = self._closed.pop(topic, None)
        if parked:
            self._next.extend(parked)

    # Delivering

    def _run(self, coroutine: Any) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _begin(self) -> None:
        if not self._starting and not self._underway and len(self._line.outbox):
            self._starting = True
            self._run(self._start_destination())

    async def _start_destination(self) -> None:
        try:
            await self._destination.start()
        except NotReady as error:
            verdict = error.verdict
            self._line.failed_with(verdict.cause, verdict.error, 0)
            self._failures += 1
            self._hold_back(max(verdict.hold, 1.0))
        except Exception:
            log.exception("routing: the destination %s could not be started by a bug of ours", self._line.name)
            self._line.failed_with(BUG.cause, BUG.error, 0)
            self._hold_back(60.0)
        else:
            self._ready = True  # whether it works is for the first delivery to say
        finally:
            self._starting = False
        if not self._stopping:
            self._fill()

    async def _deliver(self, batch: list[Event]) -> None:
        try:
            verdicts = await self._destination.deliver(batch)
        except Exception:
            log.exception("routing: a delivery to %s failed by a bug of ours", self._line.name)
            verdicts = BUG
        self._underway -= 1
        if isinstance(verdicts, Verdict):
            verdicts = [verdicts] * len(batch)
        assert len(verdicts) == len(batch), "one verdict for all, or one for each"
        self._judge(batch, verdicts)
        if not self._stopping:
            self._fill()

    def _judge(self, batch: list[Event], verdicts: Sequence[Verdict]) -> None:
        line = self._line
        now = line.now()
        if all(verdict is DELIVERED for verdict in verdicts):
            self._delivered(batch)
            return
        done: list[Event] = []
        refused: list[Event] = []
        failed: list[tuple[Event, Verdict]] = []
        for event, verdict in zip(batch, verdicts, strict=True):
            if not verdict.untried:
                event.attempts += 1
                event.attempted_at = now
                line.attempts += 1
            event.result = verdict.result
            if verdict.fate is Fate.DELIVERED:
                done.append(event)
            elif verdict.fate is Fate.NEVER:
                refused.append(event)
            else:
                failed.append((event, verdict))
        self._note(verdicts, now)
        if done:
            line.done(done)
        if refused:
            line.bury(refused, REFUSED)
        if failed:
            self._retry(failed, now)
        if self._ordered:
            waiting = {event.topic for event, _ in failed} & {event.topic for _, _, event in self._again}
            for topic in {event.topic for event in batch} - waiting:
                self._open(topic)

    def _delivered(self, batch: list[Event]) -> None:
        """The short way for what is nearly always so."""
        self._failures = 0
        self._line.attempts += len(batch)
        self._line.done(batch)
        if self._ordered:
            for topic in {event.topic for event in batch}:
                self._open(topic)

    def _note(self, verdicts: Sequence[Verdict], now: float) -> None:
        """How the destination fares: after several failures in a row it is left alone for a while."""
        bad = [verdict for verdict in verdicts if verdict.fate is not Fate.DELIVERED]
        if len(bad) < len(verdicts):
            self._failures = 0
        if not bad:
            return
        worst = max(bad, key=lambda verdict: verdict.hold)
        if not worst.untried:
            self._line.failed_with(worst.cause, worst.error, len(bad))
        if worst.hold and len(bad) == len(verdicts):
            self._failures += 1
            if self._failures >= self._destination.PATIENCE:
                self._hold_back(worst.hold)
                if self._destination.RENEWS and worst.result == LOST:
                    self._ready = False
        else:
            self._failures = 0

    def _hold_back(self, seconds: float) -> None:
        most = float(self._line.settings.hold_back)
        self._held_until = max(self._held_until, self._line.now() + min(seconds, most) * random.uniform(1.0, 1.1))

    def _retry(self, failed: list[tuple[Event, Verdict]], now: float) -> None:
        settings = self._line.settings
        most, life = settings.max_delivery_count, settings.event_time_to_live
        spent: list[Event] = []
        ahead: set[str] = set()
        behind: list[Event] = []  # in an ordered line only the first of a topic is tried again, the others follow it
        for event, verdict in failed:
            if most and event.attempts >= most:
                spent.append(event)
                continue
            if self._ordered and event.topic in ahead:
                event.due = 0.0
                behind.append(event)
            else:
                ahead.add(event.topic)
                wait = 0.0 if verdict.untried else self._schedule[min(event.attempts, len(self._schedule)) - 1]
                at = now + max(wait, verdict.after) * random.uniform(1.0, 1.1)
                event.due = min(at, event.message.published_at + life + 0.001)  # to be given up in time
                self._wait(event)
            if event.attempts:
                self._line.put_back(event)
        for event in reversed(behind):
            self._closed[event.topic].appendleft(event)
            self._hold(event)
        if spent:
            self._line.bury(spent, ATTEMPTS)
