"""Open loop: messages leave at a fixed rate, one at a time, whether or not the broker keeps up.

Each carries the moment it was handed to the kernel, so latency is what broker and kernel took; how late the generator
itself was against its timetable is reported apart ("sent late"), lest a busy machine be taken for a slow broker.
The timetable never gives way: after a pause the messages that were due go out at once.
"""

import select
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from myna.commands.load.channel import Target
from myna.commands.load.publisher import Publisher
from myna.commands.load.result import Result, percentiles
from myna.commands.load.run import Progress, Run, Timing
from myna.commands.load.stream import Stream
from myna.commands.load.subscriber import Subscriber
from myna.commands.load.tally import Tally
from myna.commands.load.wired import Plan, Wiring

SMALLEST_PAYLOAD: Final = 12  # sender and number, and eight bytes of time
_STAMP_AT: Final = 4  # in the payload
_SHORTEST_SLEEP: Final = 20e-6  # seconds; less than that is over before the kernel has put us to sleep


class StampedTally(Tally):
    """One publisher's messages, and how long each was under way. Stamps differ, so nothing can be compared whole."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream.shape, stream.cycle, 1)
        self.delays: list[float] = []
        self._index = stream.index

    def take(self, packets: bytes, count: int) -> bool:
        now = time.monotonic_ns()
        shape = self.shape
        for start in range(0, count * shape.packet_size, shape.packet_size):
            at = start + shape.payload_at
            self._take_one(packets[at : at + shape.payload_size], now)
        return True

    def take_payload(self, payload: bytes) -> None:
        self._take_one(payload, time.monotonic_ns())

    def _take_one(self, payload: bytes, now: int) -> None:
        super().take_payload(payload)
        self.delays.append((now - int.from_bytes(payload[_STAMP_AT : _STAMP_AT + 8], "big")) * 1e-9)

    def _indexes(self) -> range:
        return range(self._index, self._index + 1)


class PacedRun(Run):
    """A run whose publishers follow a timetable: message k leaves at start + k / rate, from publisher k modulo n."""

    def __init__(
        self,
        poller: select.epoll,
        publishers: Sequence[Publisher],
        subscribers: Sequence[Subscriber],
        tallies: Sequence[StampedTally],
        rate: float,
        pid: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(poller, publishers, subscribers, pid, progress)
        self.rate = rate
        self.tallies = tallies
        self.late: list[float] = []
        self.held = 0  # messages that were due while as many as may be were under way
        self._number = 0
        self._start = 0.0

    def start(self) -> None:
        self._start = time.perf_counter()

    def begin(self) -> None:
        self.late.clear()
        for tally in self.tallies:
            tally.delays.clear()

    def delays(self) -> list[float]:
        return [delay for tally in self.tallies for delay in tally.delays]

    def turn(self, wait: float) -> None:
        """Sleep until a message is due or one has come; the poller itself can only sleep whole milliseconds."""
        if self.sending:
            now = time.perf_counter()
            due = self._start + self._number / self.rate
            if now < due:
                wait = min(wait, due - now)
            else:
                self._send_due(now)
                wait = 0.0
            if wait >= _SHORTEST_SLEEP:
                select.select([self.poller.fileno()], [], [], wait)
            wait = 0.0
        for fd, event in self.poller.poll(wait):
            connection = self._subscriber_at.get(fd) or self._publisher_at[fd]
            if event & select.EPOLLOUT:
                connection.channel.flush()
            if event & ~select.EPOLLOUT:
                connection.readable()

    def pause(self, now: float) -> None:
        """The timetable says when to sleep."""

    def _send_due(self, now: float) -> None:
        """One message; a burst that is due is sent by the following turns, between which arrivals are read."""
        publisher = self.publishers[self._number % len(self.publishers)]
        self.late.append(now - self._start - self._number / self.rate)
        self._number += 1
        behind = min(publisher.delivered, publisher.settled) if publisher.qos else publisher.delivered
        if publisher.sent - behind >= publisher.window:
            self.held += 1
            return
        publisher.channel.send(stamped(publisher.stream, publisher.sent))
        publisher.sent += 1


def stamped(stream: Stream, number: int) -> bytes:
    """The packet of this message, with the present moment in it."""
    packet = bytearray(stream.slice(number, 1))
    at = stream.shape.payload_at + _STAMP_AT
    packet[at : at + 8] = time.monotonic_ns().to_bytes(8, "big")
    return bytes(packet)


def run_paced(target: Target, plan: Plan, rate: float, timing: Timing, progress: Progress | None = None) -> Result:
    """Pairs at so many messages a second in all."""
    with ExitStack() as open_connections, select.epoll() as poller:
        wiring = Wiring(target, plan, open_connections)
        publishers, subscribers, tallies = [], [], []
        for index in range(plan.publishers):
            stream = wiring.stream(index)
            tally = StampedTally(stream)
            channel = wiring.listening(f"sub-{index}", wiring.topic(index))
            publisher = wiring.publisher(stream)
            publisher.heard_by = [tally]
            publishers.append(publisher)
            tallies.append(tally)
            subscribers.append(Subscriber(channel, tally, [publisher]))
        result = wiring.result(publishers, subscribers)
        run = PacedRun(poller, publishers, subscribers, tallies, rate, plan.pid, progress)
        run.measure(timing, result)
        result.offered_per_second = rate
        result.late_us = percentiles(run.late)
        if run.held:
            result.notes.append(f"{run.held:,} messages could not be sent in time: the broker is slower than the rate")
    return result
