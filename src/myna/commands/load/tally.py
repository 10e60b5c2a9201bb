"""What a subscriber should get, against what it got: messages counted, lost ones and those out of order found.

Knows no socket and no acknowledgement. It is given whole chunks of packets of one size (`take`), or, when a broker's
packets are not the ones expected, single payloads (`take_payload`): slower, and right for any broker.
A number that comes too late counts as out of order, numbers that were jumped over as lost.
"""

import re
from abc import ABC, abstractmethod
from typing import Final

from myna.commands.load.stream import Shape, Stream, numbers

_RUNS: Final = re.compile(r"(.)\1*", re.DOTALL)


class Tally(ABC):
    """Counts of one subscriber. `reached[index]`: how far the messages of that publisher have come."""

    def __init__(self, shape: Shape, cycle: int, publishers: int) -> None:
        self.shape = shape
        self.cycle = cycle
        self.received = 0
        self.lost = 0
        self.misplaced = 0
        self.foreign = 0  # messages nobody of this run has sent
        self.reached = [0] * publishers
        self.moved: set[int] = set()  # whose messages came since somebody last looked

    @abstractmethod
    def take(self, packets: bytes, count: int) -> bool:
        """Count these PUBLISH packets. False, and nothing counted, unless they are just those expected next."""

    def take_payload(self, payload: bytes) -> None:
        """Count one message by the numbers in it, whatever packet it came in."""
        index = int.from_bytes(payload[:2], "big")
        number = int.from_bytes(payload[2:4], "big")
        if len(payload) != self.shape.payload_size or index not in self._indexes() or number >= self.cycle:
            self.foreign += 1
            return
        index = self._place(index)
        ahead = (number - self.reached[index]) % self.cycle
        self.received += 1
        if ahead > self.cycle // 2:  # behind what was there already: the window is at most half a cycle
            self.misplaced += 1
            return
        self.lost += ahead
        self.reached[index] += ahead + 1
        self.moved.add(index)

    @abstractmethod
    def _indexes(self) -> range:
        """Which publishers' messages may come here."""

    def _place(self, index: int) -> int:
        return index - self._indexes().start


class OneStream(Tally):
    """A subscriber that hears one publisher: every byte is compared with the publisher's stream."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream.shape, stream.cycle, 1)
        self.stream = stream

    def take(self, packets: bytes, count: int) -> bool:
        shape = self.shape
        first = self.reached[0]
        if count > self.cycle:  # more than may be under way: something came twice
            return False
        if shape.qos == 0:
            if not self.stream.packets.startswith(packets, first % self.cycle * shape.packet_size):
                return False
        else:
            expected = bytearray(self.stream.slice(first, count))
            for at in (shape.packet_id_at, shape.packet_id_at + 1):  # whatever packet ids the broker chose are right
                expected[at :: shape.packet_size] = packets[at :: shape.packet_size]
            if expected != packets:
                return False
        self.received += count
        self.reached[0] = first + count
        return True

    def take_bytes(self, data: bytes, position: int) -> bool:
        """QoS 0 only: are these bytes the ones that stand at this position of the endless stream?

        Packets need not be whole. That is the quickest way to read there is: one memory comparison a chunk.
        """
        return len(data) * 2 <= len(self.stream.packets) and self.stream.packets.startswith(
            data, position % (self.cycle * self.shape.packet_size)
        )

    def reach(self, messages: int) -> None:
        """QoS 0 only: so many whole messages have come by now."""
        self.received += messages - self.reached[0]
        self.reached[0] = messages

    def _indexes(self) -> range:
        return range(self.stream.index, self.stream.index + 1)


class ManyStreams(Tally):
    """A subscriber that hears many publishers, in whatever order; each one's messages must be in order."""

    def __init__(self, shape: Shape, cycle: int, publishers: int) -> None:
        super().__init__(shape, cycle, publishers)
        self._high, self._low = numbers(cycle)

    def take(self, packets: bytes, count: int) -> bool:
        size = self.shape.packet_size
        at = self.shape.payload_at
        senders = bytearray(2 * count)
        senders[0::2] = packets[at::size]
        senders[1::2] = packets[at + 1 :: size]
        runs = self._runs(senders.decode("utf-16-be", "replace"), packets[at + 2 :: size], packets[at + 3 :: size])
        if runs is None:
            return False
        self.received += count
        for index, reached in runs.items():
            self.reached[index] = reached
        self.moved.update(runs)
        return True

    def _runs(self, senders: str, high: bytes, low: bytes) -> dict[int, int] | None:
        """How far each publisher comes by these messages; None if one is not in order.

        Brokers that work per chunk send long runs of one publisher's messages: a step per run, not per message.
        """
        cycle = self.cycle
        reached: dict[int, int] = {}
        for run in _RUNS.finditer(senders):
            start, end = run.span()
            index = ord(senders[start])
            if index >= len(self.reached) or end - start > cycle:
                return None
            before = reached.get(index)
            if before is None:
                before = self.reached[index]
            first = before % cycle
            if high[start:end] != self._high[first : first + end - start]:
                return None
            if low[start:end] != self._low[first : first + end - start]:
                return None
            reached[index] = before + end - start
        return reached

    def _indexes(self) -> range:
        return range(len(self.reached))
