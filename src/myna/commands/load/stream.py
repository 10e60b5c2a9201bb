"""The stream of PUBLISH packets one publisher sends, built once and sent in slices for ever.

Message k of a publisher carries its number modulo `cycle`, and at QoS 1 and 2 the packet id (k modulo cycle) + 1. So
the stream repeats after `cycle` messages, and everything about it can be made before the clock starts: the packets, and
the acknowledgements that belong to them.

    stream    | packet 0 | packet 1 | … | packet cycle-1 | packet 0 | packet 1 | … | packet cycle-1 |
                                          ^ twice, so that any slice of up to one cycle is in one piece

What a newcomer gets wrong: a delivery is the very packet that was published, byte for byte, apart from the packet id
the broker chose. That is why whole chunks can be compared with the stream instead of being parsed.
"""

from typing import Final

from myna.wire.encode import encode
from myna.wire.packets import Publish

SMALLEST_PAYLOAD: Final = 4  # two bytes say who sent it, two which message it is
LARGEST_CYCLE: Final = 32_768  # packet ids and message numbers are two bytes wide
LARGEST_INDEX: Final = 50_000  # publishers' numbers travel in two bytes, and below the UTF-16 surrogates (see tally.py)
_STREAM_BYTES: Final = 64 << 20  # at most this much memory for one publisher's stream


def cycle_for(window: int, packet_size: int) -> int:
    """How many messages a stream holds: twice the window, so that no two undelivered ones look alike."""
    room = max(_STREAM_BYTES // (2 * packet_size), 2)
    return max(2, min(LARGEST_CYCLE, 2 * window, room))


def numbers(cycle: int) -> tuple[bytes, bytes]:
    """The upper and the lower bytes of 0, 1 … cycle-1, twice."""
    return bytes(n >> 8 for n in range(cycle)) * 2, bytes(n & 0xFF for n in range(cycle)) * 2


class Shape:
    """Where things stand in the packets of one run: all of them have the same size."""

    def __init__(self, topic: str, payload_size: int, qos: int, level: int) -> None:
        if payload_size < SMALLEST_PAYLOAD:
            raise ValueError(f"a payload needs {SMALLEST_PAYLOAD} bytes for its sender and number")
        self.qos = qos
        self.level = level
        self.payload_size = payload_size
        self.head = 0x30 | qos << 1
        self.packet_size = len(self.packet(topic, bytes(payload_size)))
        self.payload_at = self.packet_size - payload_size
        self.number_at = self.payload_at + 2
        # Between packet id and payload stands only the empty property block of MQTT 5.
        self.packet_id_at = self.payload_at - 2 - (1 if level == 5 else 0)

    def packet(self, topic: str, payload: bytes, packet_id: int = 1) -> bytes:
        return encode(Publish(topic, payload, self.qos, packet_id=packet_id if self.qos else 0), self.level)


class Stream:
    """One publisher's packets, and the 4-byte acknowledgements that answer them."""

    def __init__(self, shape: Shape, topic: str, index: int, cycle: int) -> None:
        payload = index.to_bytes(2, "big") + bytes(2) + b"." * (shape.payload_size - SMALLEST_PAYLOAD)
        packet = shape.packet(topic, payload)
        if len(packet) != shape.packet_size:
            raise ValueError("all topics of a run must have the same length")
        size = shape.packet_size
        packets = bytearray(packet * cycle)
        packets[shape.number_at :: size] = bytes(n >> 8 for n in range(cycle))
        packets[shape.number_at + 1 :: size] = bytes(n & 0xFF for n in range(cycle))
        if shape.qos:
            packets[shape.packet_id_at :: size] = bytes((n + 1) >> 8 for n in range(cycle))
            packets[shape.packet_id_at + 1 :: size] = bytes((n + 1) & 0xFF for n in range(cycle))
        self.shape = shape
        self.cycle = cycle
        self.index = index
        self.size = size
        self.packets = bytes(packets) * 2
        self.view = memoryview(self.packets)

    def slice(self, first: int, count: int) -> memoryview:
        """The packets of messages first, first+1 … ; count is at most the cycle."""
        start = first % self.cycle * self.size
        return self.view[start : start + count * self.size]


class Acks:
    """What answers a stream: PUBACK, PUBREC, PUBREL or PUBCOMP for every packet id, in order. Shared by all streams."""

    def __init__(self, head: int, cycle: int) -> None:
        self.cycle = cycle
        self.packets = b"".join(bytes((head, 2)) + (n + 1).to_bytes(2, "big") for n in range(cycle)) * 2

    def are_next(self, data: bytes, first: int) -> bool:
        """Are these exactly the acknowledgements of first, first+1 …? One memory comparison."""
        return len(data) <= 4 * self.cycle and self.packets.startswith(data, first % self.cycle * 4)

    def slice(self, first: int, count: int) -> bytes:
        start = first % self.cycle * 4
        return self.packets[start : start + 4 * count]


def acks_for(head: int, packet_ids_high: bytes, packet_ids_low: bytes) -> bytes | bytearray:
    """Acknowledge many packets at once: four strided copies instead of a loop."""
    count = len(packet_ids_high)
    if count == 1:
        return b"%c\x02%b%b" % (head, packet_ids_high, packet_ids_low)
    acks = bytearray(4 * count)
    acks[0::4] = bytes((head,)) * count
    acks[1::4] = b"\x02" * count
    acks[2::4] = packet_ids_high
    acks[3::4] = packet_ids_low
    return acks
