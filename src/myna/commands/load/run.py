"""One measured run: warm up, take the time, let everything arrive, account for every message.

Knows publishers and subscribers only by what all loads have in common; what is connected to what is wired.py's affair.
The clock runs over the steady middle alone. What is under way when it stops still has to arrive: a broker that is quick
because it drops does not pass.
"""

import gc
import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from myna.commands.load.channel import CannotReach
from myna.commands.load.meter import Usage, machine_seconds, usage
from myna.commands.load.publisher import Publisher
from myna.commands.load.result import Result, percentiles
from myna.commands.load.subscriber import Subscriber

STALLED: Final = 5.0  # seconds without a single arrival after which what is missing counts as lost
_EVENTS: Final = 1024
_PROGRESS_EVERY: Final = 0.25

# Between turns we sleep, so that arrivals gather: a broker that sends a segment per message would else make us work as
# hard as itself, and share its processors. Never longer than it takes the broker to do an eighth of what it has; which
# at QoS 1 and 2 may be as little as 20 messages a subscriber, since some brokers send no more unacknowledged.
_LONGEST_PAUSE: Final = 2e-3
_LEAST_IN_FLIGHT: Final = 20
_SHORTEST_PAUSE: Final = 5e-5
_PAUSE_SHARE: Final = 8
_PAUSE_EVERY: Final = 0.02  # seconds between two looks at the rate

Progress = Callable[[float, int], None]


@dataclass(frozen=True)
class Timing:
    seconds: float
    warm_up: float


@dataclass(frozen=True)
class Reading:
    """What has been used and delivered at one moment."""

    at: float
    own: float
    received: int
    broker: Usage | None
    machine: float | None


class Run:
    """Publishers and subscribers on one poller."""

    def __init__(
        self,
        poller: select.epoll,
        publishers: Sequence[Publisher],
        subscribers: Sequence[Subscriber],
        pid: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.poller = poller
        self.publishers = publishers
        self.subscribers = subscribers
        self.pid = pid
        self.progress = progress
        self.sending = True
        self._publisher_at = {publisher.channel.socket.fileno(): publisher for publisher in publishers}
        self._subscriber_at = {subscriber.channel.socket.fileno(): subscriber for subscriber in subscribers}
        self._shown_at = 0.0
        self._pause = 0.0
        self._capacity = sum(_at_once(publisher) * len(publisher.heard_by) for publisher in publishers)
        self._paced = (0.0, 0)
        for publisher in publishers:
            publisher.channel.join(poller)
        for subscriber in subscribers:
            subscriber.channel.join(poller)

    @property
    def received(self) -> int:
        return sum(subscriber.tally.received for subscriber in self.subscribers)

    @property
    def expected(self) -> int:
        return sum(publisher.sent * len(publisher.heard_by) for publisher in self.publishers)

    def measure(self, timing: Timing, result: Result) -> None:
        """Run, and write what was seen into the result."""
        gc.collect()
        gc.disable()  # nothing here makes cycles, and a collection would look like a slow broker
        try:
            self.start()
            self.turn_until(time.perf_counter() + timing.warm_up)
            self.begin()
            before = self.read()
            self.turn_until(before.at + timing.seconds)
            after = self.read()
            self.sending = False
            self._write_rates(result, before, after)
            self._let_arrive(result)
        finally:
            gc.enable()
        self._write_account(result)

    def start(self) -> None:
        """Send the first messages."""
        for publisher in self.publishers:
            publisher.pump()

    def begin(self) -> None:
        """The warm-up is over: forget its delays."""
        for publisher in self.publishers:
            publisher.delays.clear()

    def delays(self) -> list[float]:
        return [delay for publisher in self.publishers for delay in publisher.delays]

    def turn_until(self, end: float) -> None:
        while (now := time.perf_counter()) < end:
            self.turn(min(end - now, 0.1))
            self.pause(now)
            if now - self._shown_at > _PROGRESS_EVERY:
                self.show(now)

    def turn(self, wait: float) -> None:
        """Take what has come, and send what may be sent because of it: every connection once."""
        due: set[Publisher] = set()
        for fd, event in self.poller.poll(wait, _EVENTS):
            subscriber = self._subscriber_at.get(fd)
            connection = subscriber or self._publisher_at[fd]
            if event & select.EPOLLOUT:
                connection.channel.flush()
            if event & ~select.EPOLLOUT:
                connection.readable()
            if subscriber is not None:
                due.update(subscriber.moved())
            else:
                due.add(self._publisher_at[fd])
        if self.sending:
            for publisher in due:
                publisher.pump()

    def pause(self, now: float) -> None:
        """Let arrivals gather, while the broker has enough to do."""
        then, before = self._paced
        if now - then > _PAUSE_EVERY:
            received = self.received
            self._paced = (now, received)
            rate = (received - before) / (now - then)
            self._pause = min(_LONGEST_PAUSE, self._capacity / max(rate, 1.0) / _PAUSE_SHARE)
        if self._pause > _SHORTEST_PAUSE:
            time.sleep(self._pause)

    def show(self, now: float) -> None:
        self._shown_at = now
        if self.progress is not None:
            self.progress(now, self.received)

    def read(self) -> Reading:
        broker = usage(self.pid) if self.pid is not None else None
        return Reading(time.perf_counter(), time.process_time(), self.received, broker, machine_seconds())

    def _let_arrive(self, result: Result) -> None:
        """Until everything is there, or nothing more has come for a while."""
        seen = -1
        patience = time.perf_counter() + STALLED
        while (self.received < self.expected or self._unsettled()) and time.perf_counter() < patience:
            self.turn(0.1)
            if (now := self.received + sum(publisher.settled for publisher in self.publishers)) != seen:
                seen = now
                patience = time.perf_counter() + STALLED
        if self.received >= self.expected and self._unsettled():
            result.notes.append(f"{self._unsettled():,} messages were delivered but never acknowledged")
        if self.received == 0:
            raise CannotReach("not one message arrived: does the broker let this user publish and subscribe?")

    def _unsettled(self) -> int:
        return sum(publisher.sent - publisher.settled for publisher in self.publishers if publisher.qos)

    def _write_rates(self, result: Result, before: Reading, after: Reading) -> None:
        result.seconds = after.at - before.at
        result.deliveries = after.received - before.received
        result.deliveries_per_second = result.deliveries / result.seconds
        count = max(result.deliveries, 1)
        own = after.own - before.own
        result.generator_us_per_delivery = own / count * 1e6
        result.generator_cores = own / result.seconds
        if before.broker is not None and after.broker is not None:
            spent = after.broker.seconds - before.broker.seconds
            result.broker_us_per_delivery = spent / count * 1e6
            result.broker_cores = spent / result.seconds
            result.broker_resident_bytes = after.broker.resident
            result.broker_threads = after.broker.threads
            if before.machine is not None and after.machine is not None:
                others = (after.machine - before.machine - spent - own) / result.seconds
                result.others_cores = max(others, 0.0)
        result.latency_us = percentiles(self.delays())

    def _write_account(self, result: Result) -> None:
        tallies = [subscriber.tally for subscriber in self.subscribers]
        result.sent = sum(publisher.sent for publisher in self.publishers)
        result.expected = self.expected
        result.received = sum(tally.received for tally in tallies)
        result.lost = sum(tally.lost for tally in tallies)
        result.misplaced = sum(tally.misplaced for tally in tallies)
        result.foreign = sum(tally.foreign for tally in tallies)
        result.refused = sum(publisher.refused for publisher in self.publishers)


def _at_once(publisher: Publisher) -> int:
    """How many messages of this publisher a broker can deliver without hearing from us."""
    return min(publisher.window, _LEAST_IN_FLIGHT) if publisher.qos else publisher.window
