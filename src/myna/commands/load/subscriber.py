"""A subscriber of the load: takes whole chunks, has them counted, acknowledges all their packets in one piece.

Three ways to read, the quickest that fits:

    bytes     one publisher at QoS 0: the chunk is compared with the stream, packets need not even be whole
    packets   all packets have one size, so a chunk of n bytes holds n // size of them, and slices find everything
    parsing   packet by packet, for ever after something unexpected has come (a loss, a property, a repetition)

Interleaved PUBLISH and PUBREL of QoS 2 are cut into runs of one kind: the first byte of the other kind ends a run, for
the packets before it all have the same length.
"""

from myna.commands.load.channel import CHUNK, CannotReach, Channel
from myna.commands.load.publisher import Publisher
from myna.commands.load.stream import acks_for
from myna.commands.load.tally import OneStream, Tally
from myna.wire.encode import encode
from myna.wire.errors import WireError
from myna.wire.packets import Disconnect, Puback, Pubcomp, Publish, Pubrec, Pubrel
from myna.wire.reader import FrameReader
from myna.wire.reasons import reason_name


class Subscriber:
    def __init__(self, channel: Channel, tally: Tally, hears: list[Publisher]) -> None:
        self.channel = channel
        self.tally = tally
        self.hears = hears
        self._position = 0  # of the next byte in the stream, while bytes are compared
        self._rest = b""  # the beginning of a packet
        self._reader: FrameReader | None = None
        self._stream = tally if isinstance(tally, OneStream) and tally.shape.qos == 0 else None
        self._chunk = min(CHUNK, self._stream.cycle * tally.shape.packet_size) if self._stream else CHUNK

    def moved(self) -> list[Publisher]:
        """Whose messages have come since the last call."""
        if len(self.hears) == 1:
            return self.hears
        moved = self.tally.moved
        self.tally.moved = set()
        return [self.hears[index] for index in moved]

    def readable(self) -> None:
        data = self.channel.receive(self._chunk)
        if self._reader is not None:
            self._parse(data)
        elif self._stream is not None:
            self._compare(self._stream, data)
        else:
            self._take_packets(data)

    def _compare(self, tally: OneStream, data: bytes) -> None:
        size = tally.shape.packet_size
        if tally.take_bytes(data, self._position):
            self._position += len(data)
            tally.reach(self._position // size)
            return
        partial = self._position % size  # right so far, so they are in the stream
        start = tally.reached[0] % tally.cycle * size
        self._begin_parsing(tally.stream.packets[start : start + partial] + data)

    def _take_packets(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        shape = self.tally.shape
        position = 0
        acks: list[bytes | bytearray] = []
        while position < len(data):
            size = shape.packet_size if data[position] == shape.head else 4
            count = run_length(data, position, size)
            if count == 0:
                break
            run = data[position : position + count * size]
            ack = self._take_run(run, count)
            if ack is None:
                break
            acks.append(ack)
            position += count * size
        rest = data[position:]
        if acks and shape.qos:
            self.channel.send(b"".join(acks))
        if rest and (run_length(rest, 0, shape.packet_size if rest[0] == shape.head else 4)):
            self._rest = b""
            self._begin_parsing(rest)
        else:
            self._rest = rest

    def _take_run(self, run: bytes, count: int) -> bytes | bytearray | None:
        """What acknowledges this run of equal packets; None if it is not what was expected."""
        shape = self.tally.shape
        if run[0] == shape.head:
            if not self.tally.take(run, count):
                return None
            if shape.qos == 0:
                return b""
            at, size = shape.packet_id_at, shape.packet_size
            return acks_for(0x40 if shape.qos == 1 else 0x50, run[at::size], run[at + 1 :: size])
        if run[0] == 0x62 and run[1::4] == b"\x02" * count:  # PUBREL
            return acks_for(0x70, run[2::4], run[3::4])
        return None

    def _begin_parsing(self, data: bytes) -> None:
        self._reader = FrameReader(1 << 28, self.channel.level)
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        assert self._reader is not None
        self._reader.feed(data)
        level = self.channel.level
        acks: list[bytes] = []
        try:
            while (packet := self._reader.next_packet(level)) is not None:
                if isinstance(packet, Publish):
                    self.tally.take_payload(packet.payload)
                    if packet.qos:
                        ack = Puback(packet.packet_id) if packet.qos == 1 else Pubrec(packet.packet_id)
                        acks.append(encode(ack, level))
                elif isinstance(packet, Pubrel):
                    acks.append(encode(Pubcomp(packet.packet_id), level))
                elif isinstance(packet, Disconnect):
                    raise CannotReach(f"{self.channel.name} was disconnected: {reason_name(packet.code)}")
        except WireError as error:
            raise CannotReach(f"{self.channel.name} was sent what is no MQTT: {error.message}") from None
        if acks:
            self.channel.send(b"".join(acks))


def run_length(data: bytes, position: int, size: int) -> int:
    """How many packets of this size with the same first byte stand here, looking at ever longer stretches."""
    head = data[position : position + 1]
    whole = (len(data) - position) // size
    if whole and data[position + size : position + size + 1] != head:  # the common case of QoS 2
        return 1
    count = 0
    stretch = 32
    while count < whole:
        heads = data[position + count * size : position + min(whole, count + stretch) * size : size]
        same = len(heads) - len(heads.lstrip(head))
        count += same
        if same < len(heads):
            break
        stretch *= 4
    return count
