"""Bytes as they arrive, cut into packets: TCP splits and joins them as it likes.  [MQTT-4.2-1]

Knows the fixed header (§2.1) and nothing behind it; refuses by the header alone what need not be stored first.
What a newcomer would get wrong: `buffer` and the positions in it hold only until the next feed or next_frame.

    buffer   … | header | length (1 to 4 bytes) | body            | next packet …
                 ^ start                          ^ body            ^ end

Positions are native integers: they are what every packet is measured with, and an i64 is compared and added in place.

Whole packets are left where they lie in the chunk that brought them. Only a packet that spans chunks is gathered, in a
bytearray: that grows in place, where a sum of bytes would copy a large packet once for each of its chunks.
"""

from typing import final

from mypy_extensions import i64

from myna.wire.decode import decode
from myna.wire.errors import Malformed, ProtocolViolation
from myna.wire.headers import UNKNOWN_LEVEL, check_header
from myna.wire.packets import Packet
from myna.wire.reasons import PACKET_TOO_LARGE


@final
class FrameReader:
    """`level` is what first bytes are judged by: the owner sets it once it has seen CONNECT, and may move the limit."""

    __slots__ = (
        "_gathered",
        "_held",
        "_needed",
        "_position",
        "body",
        "buffer",
        "end",
        "header",
        "level",
        "maximum_packet_size",
        "start",
    )

    def __init__(self, maximum_packet_size: int, level: int = UNKNOWN_LEVEL) -> None:
        self.maximum_packet_size = maximum_packet_size
        self.level = level
        self.buffer: bytes = b""
        self.header: i64 = 0
        self.start: i64 = 0
        self.body: i64 = 0
        self.end: i64 = 0
        self._position: i64 = 0  # of the first byte in buffer that no frame has taken
        self._gathered: bytearray | None = None  # a packet that spans chunks; buffer is empty then
        self._needed: i64 = 0  # bytes it takes before looking again is of use; 0 if nobody has looked yet
        self._held: bytearray | None = None  # what has come and must not be read yet

    @property
    def pending(self) -> int:
        """How many bytes wait for their packet to become whole, or to be read at all."""
        if self._held is not None:
            return len(self._held)
        gathered = self._gathered
        return len(self.buffer) - self._position if gathered is None else len(gathered)

    def feed(self, data: bytes) -> None:
        if self._held is not None:
            self._held += data
            return
        gathered = self._gathered
        if gathered is not None:
            gathered += data
            return
        rest = len(self.buffer) - self._position
        if rest == 0:
            self.buffer = data
        elif 0 < self._needed <= rest + len(data):
            self.buffer = self.buffer[self._position :] + data
        else:
            gathered = bytearray(self.buffer[self._position :])
            gathered += data
            self._gathered = gathered
            self.buffer = b""
        self._position = 0

    def next_frame(self) -> bool:
        """Step to the next whole packet. False if there is none yet; raises if what comes next can be none."""
        gathered = self._gathered
        if gathered is not None:
            if len(gathered) < self._needed:
                return False
            self.buffer = bytes(gathered)
            self._gathered = None
        buffer = self.buffer
        start = self._position
        size: i64 = len(buffer)
        if start >= size:
            self.buffer = b""  # An idle connection keeps no chunk alive.
            self._position = 0
            return False
        header: i64 = buffer[start]
        check_header(header, self.level)
        body = start + 2
        if body > size:
            return self._wait(start, 2)
        length: i64 = buffer[start + 1]
        if length >= 0x80:
            body = _end_of_length(buffer, start + 1)
            if body < 0:
                return self._wait(start, size - start + 1)
            length = _length_of(buffer, start + 1, body)
        end = body + length
        if end - start > self.maximum_packet_size:
            raise ProtocolViolation(
                f"packet of {end - start} bytes, larger than {self.maximum_packet_size}", PACKET_TOO_LARGE
            )  # [MQTT-3.2.2-15]
        if end > size:
            return self._wait(start, end - start)
        self.header = header
        self.start = start
        self.body = body
        self.end = end
        self._position = end
        self._needed = 0
        return True

    def _wait(self, start: i64, needed: i64) -> bool:
        """Keep only the beginning of a packet, and say that there is no whole one."""
        self._needed = needed
        if start > 0:
            self.buffer = self.buffer[start:]
            self._position = 0
        return False

    def skip_to(self, position: i64) -> None:
        """Continue at `position` in `buffer`: the caller has read the packets up to there itself."""
        self._position = position

    def hold(self) -> None:
        """Behind this frame there is none until `go_on`, whatever has come and still comes."""
        if self._held is None:
            self._held = bytearray(self.take_rest())

    def go_on(self) -> None:
        held = self._held
        self._held = None
        if held:
            self.feed(bytes(held))

    def next_packet(self, level: int) -> Packet | None:
        """The next packet as a value, for those who need not count nanoseconds."""
        self.level = level
        if not self.next_frame():
            return None
        return decode(self.header, self.buffer, self.body, self.end, level)

    def take_rest(self) -> bytes:
        """What is left when the bytes turn out to be for somebody else. The reader is empty afterwards."""
        gathered = self._gathered
        rest = self.buffer[self._position :] if gathered is None else bytes(gathered)
        self._gathered = None
        self.buffer = b""
        self._position = 0
        self._needed = 0
        return rest


def _end_of_length(buffer: bytes, position: int) -> int:
    """The index behind the Remaining Length that starts here; -1 if it is not all there."""
    for index in range(position, min(position + 4, len(buffer))):
        if buffer[index] < 0x80:
            if buffer[index] == 0:
                raise Malformed("remaining length is longer than needed")  # [MQTT-1.5.5-1]
            return index + 1
    if len(buffer) >= position + 4:
        raise Malformed("remaining length of more than four bytes")
    return -1


def _length_of(buffer: bytes, position: int, end: int) -> int:
    value = 0
    for index in range(end - 1, position - 1, -1):
        value = value << 7 | buffer[index] & 0x7F
    return value
