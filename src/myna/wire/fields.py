"""The field types every packet is made of (§1.5): integers, variable byte integers, UTF-8 strings, binary data.

Knows neither packets nor properties. A reader takes the buffer, a position and the end of what it may touch, and gives
the value with the position behind it; a position past the end is refused here, so no caller over-reads.
A pair as result costs nothing compiled: it stays in registers, unlike a cursor object.
"""

import re
from typing import Final

from myna.wire.errors import Malformed

MAXIMUM_VARINT: Final = 268_435_455
MAXIMUM_STRING: Final = 65_535

# A receiver MAY refuse control characters and non-characters (§1.5.4). We do, in every string of every packet: a topic
# or client id holding one is nearly always an encoding mistake, and it would end up raw in somebody's terminal or log.
# Surrogates can only come from text that never was UTF-8, such as JSON's; they could not be encoded again.
_PLANE_ENDS: Final = "".join(f"\\U{plane:04x}fffe\\U{plane:04x}ffff" for plane in range(17))
_UNWANTED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef" + _PLANE_ENDS + "]")

BYTES: Final[list[bytes]] = [bytes((value,)) for value in range(256)]


def is_wanted(text: str) -> bool:
    """May this text stand in a packet? What Python finds printable may, and that is the quick way for most text."""
    return text.isprintable() or _UNWANTED.search(text) is None  # [MQTT-1.5.4-2]


def text_between(buffer: bytes, start: int, end: int) -> str:
    """The UTF-8 text in these bytes. A byte-order mark is text like any other.  [MQTT-1.5.4-3]"""
    try:
        text = buffer[start:end].decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("ill-formed UTF-8") from None  # [MQTT-1.5.4-1]
    if not is_wanted(text):
        raise Malformed("control character or non-character in a string")
    return text


def read_byte(buffer: bytes, position: int, end: int) -> tuple[int, int]:
    if position >= end:
        raise Malformed("packet ends inside a byte")
    return buffer[position], position + 1


def read_u16(buffer: bytes, position: int, end: int) -> tuple[int, int]:
    if position + 2 > end:
        raise Malformed("packet ends inside a two byte integer")
    return buffer[position] << 8 | buffer[position + 1], position + 2


def read_u32(buffer: bytes, position: int, end: int) -> tuple[int, int]:
    if position + 4 > end:
        raise Malformed("packet ends inside a four byte integer")
    high = buffer[position] << 8 | buffer[position + 1]
    return high << 16 | buffer[position + 2] << 8 | buffer[position + 3], position + 4


def read_varint(buffer: bytes, position: int, end: int) -> tuple[int, int]:
    value = 0
    shift = 0
    while position < end:
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift > 0:
                raise Malformed("variable byte integer is longer than needed")  # [MQTT-1.5.5-1]
            return value, position
        shift += 7
        if shift == 28:
            raise Malformed("variable byte integer of more than four bytes")
    raise Malformed("packet ends inside a variable byte integer")


def read_binary(buffer: bytes, position: int, end: int) -> tuple[bytes, int]:
    length, position = read_u16(buffer, position, end)
    after = position + length
    if after > end:
        raise Malformed("packet ends inside binary data")
    return buffer[position:after], after


def read_string(buffer: bytes, position: int, end: int) -> tuple[str, int]:
    length, position = read_u16(buffer, position, end)
    after = position + length
    if after > end:
        raise Malformed("packet ends inside a string")
    return text_between(buffer, position, after), after


def write_u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def write_u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def write_varint(value: int) -> bytes:
    if value < 0x80:
        return BYTES[value]
    if value > MAXIMUM_VARINT:
        raise ValueError(f"{value} does not fit a variable byte integer")
    out = b""
    while value >= 0x80:
        out += BYTES[value & 0x7F | 0x80]
        value >>= 7
    return out + BYTES[value]


def write_binary(data: bytes) -> bytes:
    if len(data) > MAXIMUM_STRING:
        raise ValueError(f"{len(data)} bytes do not fit a field of at most {MAXIMUM_STRING}")
    return write_u16(len(data)) + data


def write_string(text: str) -> bytes:
    return write_binary(text.encode("utf-8"))
