"""Who publishes what to whom: pairs, one to many, many to one.

    pairs     publisher i -> topic i -> subscriber i          every message delivered once
    fanout    publisher   -> topic   -> subscriber 0..n       every message delivered n times
    fanin     publisher i -> topic i -> subscriber of "+"     one connection takes everything

Topics have one length, so that all packets of a run have one size; and they carry a mark of the run, so that what an
earlier one left in the broker is not taken for its own.
"""

import secrets
import select
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from myna.commands.load.channel import Channel, Target
from myna.commands.load.publisher import Answers, Publisher
from myna.commands.load.result import Result
from myna.commands.load.run import Progress, Run, Timing
from myna.commands.load.stream import Shape, Stream, cycle_for
from myna.commands.load.subscriber import Subscriber
from myna.commands.load.tally import ManyStreams, OneStream

LOADS: Final = ("pairs", "fanout", "fanin")


@dataclass(frozen=True)
class Plan:
    """What to run."""

    load: str
    publishers: int
    subscribers: int
    qos: int
    payload_size: int
    window: int
    pid: int | None = None


class Wiring:
    """The connections of one run; closed with it."""

    def __init__(self, target: Target, plan: Plan, open_connections: ExitStack) -> None:
        self.target = target
        self.plan = plan
        self.mark = secrets.token_hex(3)
        self.shape = Shape(self.topic(0), plan.payload_size, plan.qos, target.level)
        self.cycle = cycle_for(plan.window, self.shape.packet_size)
        self._answers = Answers(self.cycle)
        self._open = open_connections

    def topic(self, index: int) -> str:
        return f"bench/{self.mark}/{index:05}"

    def stream(self, index: int) -> Stream:
        return Stream(self.shape, self.topic(index), index, self.cycle)

    def channel(self, name: str) -> Channel:
        channel = Channel(self.target, f"{self.mark}-{name}")
        self._open.callback(channel.close)
        return channel

    def publisher(self, stream: Stream) -> Publisher:
        return Publisher(self.channel(f"pub-{stream.index}"), stream, self.plan.window, self._answers)

    def listening(self, name: str, filter: str) -> Channel:
        channel = self.channel(name)
        channel.subscribe(filter, self.plan.qos)
        return channel

    def pairs(self) -> tuple[list[Publisher], list[Subscriber]]:
        publishers, subscribers = [], []
        for index in range(self.plan.publishers):
            tally = OneStream(self.stream(index))
            channel = self.listening(f"sub-{index}", self.topic(index))
            publisher = self.publisher(tally.stream)
            publisher.heard_by = [tally]
            publishers.append(publisher)
            subscribers.append(Subscriber(channel, tally, [publisher]))
        return publishers, subscribers

    def fanout(self) -> tuple[list[Publisher], list[Subscriber]]:
        publisher = self.publisher(self.stream(0))
        subscribers = []
        for index in range(self.plan.subscribers):
            tally = OneStream(publisher.stream)
            subscribers.append(Subscriber(self.listening(f"sub-{index}", self.topic(0)), tally, [publisher]))
            publisher.heard_by.append(tally)
        return [publisher], subscribers

    def fanin(self) -> tuple[list[Publisher], list[Subscriber]]:
        channel = self.listening("sub", f"bench/{self.mark}/+")
        tally = ManyStreams(self.shape, self.cycle, self.plan.publishers)
        publishers = [self.publisher(self.stream(index)) for index in range(self.plan.publishers)]
        for place, publisher in enumerate(publishers):
            publisher.heard_by = [tally]
            publisher.place = place
        return publishers, [Subscriber(channel, tally, publishers)]

    def result(self, publishers: Sequence[Publisher], subscribers: Sequence[Subscriber]) -> Result:
        """With nothing measured yet."""
        plan = self.plan
        clients = (len(publishers), len(subscribers))
        return Result(plan.load, self.target.level, plan.qos, plan.payload_size, *clients, publishers[0].window)

    def connect(self) -> tuple[Sequence[Publisher], Sequence[Subscriber]]:
        if self.plan.load == "fanout":
            return self.fanout()
        return self.fanin() if self.plan.load == "fanin" else self.pairs()


def run_closed_loop(target: Target, plan: Plan, timing: Timing, progress: Progress | None = None) -> Result:
    """As much as the broker can take, with never more than the window under way."""
    with ExitStack() as open_connections, select.epoll() as poller:
        wiring = Wiring(target, plan, open_connections)
        publishers, subscribers = wiring.connect()
        result = wiring.result(publishers, subscribers)
        Run(poller, publishers, subscribers, plan.pid, progress).measure(timing, result)
    return result
