"""A publisher of the load: keeps a bounded number of its messages under way, and reads their acknowledgements.

Closed loop: it sends message k only when message k - window has reached every subscriber and has been acknowledged.
The QoS 2 exchange, where each arrow is one comparison and one slice for all the packets of a chunk:

    PUBLISH 1..n ->        <- PUBREC 1..n        PUBREL 1..n ->        <- PUBCOMP 1..n
"""

import time
from typing import Final

from myna.commands.load.channel import CannotReach, Channel
from myna.commands.load.stream import Acks, Stream
from myna.commands.load.tally import Tally
from myna.wire.encode import encode
from myna.wire.errors import WireError
from myna.wire.packets import Disconnect, Puback, Pubcomp, Pubrec, Pubrel
from myna.wire.reader import FrameReader
from myna.wire.reasons import UNSPECIFIED_ERROR, reason_name

_PUBREC: Final = 0x50


class Answers:
    """The acknowledgements all publishers of a run have in common, by the first byte of each."""

    def __init__(self, cycle: int) -> None:
        self.puback = Acks(0x40, cycle)
        self.pubrec = Acks(_PUBREC, cycle)
        self.pubrel = Acks(0x62, cycle)
        self.pubcomp = Acks(0x70, cycle)


class Publisher:
    def __init__(self, channel: Channel, stream: Stream, window: int, answers: Answers) -> None:
        self.channel = channel
        self.stream = stream
        self.qos = stream.shape.qos
        self.window = min(window, stream.cycle // 2)
        if self.qos:
            self.window = min(self.window, channel.receive_maximum)
        self.heard_by: list[Tally] = []  # every subscriber's count of our messages …
        self.place = 0  # … which stands in `reached` here
        self.sent = 0
        self.recorded = 0  # PUBREC
        self.settled = 0  # PUBACK or PUBCOMP
        self.refused = 0
        self.delays: list[float] = []  # a sample of seconds between sending and arriving everywhere
        self._answers = answers
        self._rest = b""
        self._reader: FrameReader | None = None  # set once acknowledgements are not what was expected
        self._marked = -1  # the message whose delay is being measured
        self._marked_at = 0.0

    @property
    def delivered(self) -> int:
        if len(self.heard_by) == 1:
            return self.heard_by[0].reached[self.place]
        return min(tally.reached[self.place] for tally in self.heard_by)

    def pump(self) -> None:
        """Send what the window has room for."""
        delivered = self.delivered
        if 0 <= self._marked < delivered:
            self.delays.append(time.perf_counter() - self._marked_at)
            self._marked = -1
        if self.channel.blocked:
            return
        behind = min(delivered, self.settled) if self.qos else delivered
        count = behind + self.window - self.sent
        if count <= 0:
            return
        if self._marked < 0:
            self._marked = self.sent
            self._marked_at = time.perf_counter()
        self.channel.send(self.stream.slice(self.sent, count))
        self.sent += count

    def readable(self) -> None:
        """Acknowledgements have come."""
        data = self.channel.receive()
        if self._reader is not None:
            self._parse(data)
            return
        data = self._rest + data
        whole = len(data) & ~3
        self._rest = data[whole:]
        position = 0
        while position < whole:
            count = self._take_run(data, position, whole)
            if count == 0:
                self._reader = FrameReader(1 << 20, self.channel.level)
                self._rest = b""
                self._parse(data[position:])
                return
            position += 4 * count

    def _take_run(self, data: bytes, position: int, end: int) -> int:
        """Take as many acknowledgements of one kind as stand here; 0 if they are not those expected."""
        count = (end - position) // 4
        head = data[position]
        if self.qos == 2:
            heads = data[position:end:4]
            count -= len(heads.lstrip(heads[:1]))
        run = data[position : position + 4 * count]
        answers = self._answers
        if self.qos == 1 and answers.puback.are_next(run, self.settled):
            self.settled += count
        elif self.qos == 2 and head == _PUBREC and answers.pubrec.are_next(run, self.recorded):
            self.channel.send(answers.pubrel.slice(self.recorded, count))
            self.recorded += count
        elif self.qos == 2 and answers.pubcomp.are_next(run, self.settled):
            self.settled += count
        else:
            return 0
        return count

    def _parse(self, data: bytes) -> None:
        """Packet by packet, for a broker whose acknowledgements carry reason codes or come in another order."""
        assert self._reader is not None
        self._reader.feed(data)
        level = self.channel.level
        try:
            while (packet := self._reader.next_packet(level)) is not None:
                if isinstance(packet, Pubrec) and packet.code < UNSPECIFIED_ERROR:
                    self.recorded += 1
                    self.channel.send(encode(Pubrel(packet.packet_id), level))
                elif isinstance(packet, (Puback, Pubrec, Pubcomp)):
                    self.settled += 1
                    self.refused += packet.code >= UNSPECIFIED_ERROR
                elif isinstance(packet, Disconnect):
                    raise CannotReach(f"{self.channel.name} was disconnected: {reason_name(packet.code)}")
        except WireError as error:
            raise CannotReach(f"{self.channel.name} was sent what is no MQTT: {error.message}") from None
