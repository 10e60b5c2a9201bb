"""The first byte of a packet (§2.1): which of its 256 values are allowed, in which version.

Knows no more than that byte and the protocol level, 0 standing for "no CONNECT yet".
MQTT 3.1 is not lax by accident: there DUP may be set on a repeated PUBREL, SUBSCRIBE and UNSUBSCRIBE, and elsewhere the
flags are "not used" instead of reserved. That is why the level is needed to judge them at all.
"""

from typing import Final

from mypy_extensions import i64

from myna.wire.errors import Malformed
from myna.wire.packets import (
    AUTH,
    CONNECT,
    DISCONNECT,
    MQTT_3_1,
    MQTT_5,
    PINGREQ,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBSCRIBE,
    UNSUBSCRIBE,
)

UNKNOWN_LEVEL: Final = 0

_CLIENT_PACKETS: Final = frozenset(
    {CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT, AUTH}
)


def is_client_packet(packet_type: int) -> bool:
    """May a client send this type? The rest (CONNACK, SUBACK, UNSUBACK, PINGRESP) only a server may."""
    return packet_type in _CLIENT_PACKETS


def _is_allowed(header: int, level: int) -> bool:
    packet_type = header >> 4
    flags = header & 0x0F
    if packet_type == 0 or (packet_type == AUTH and level not in (UNKNOWN_LEVEL, MQTT_5)):
        return False
    if packet_type == PUBLISH:
        if flags & 0x06 == 0x06:
            return False  # [MQTT-3.3.1-4]
        return level == MQTT_3_1 or flags & 0x0E != 0x08  # [MQTT-3.3.1-2]
    if level == MQTT_3_1 or (packet_type == CONNECT and level == UNKNOWN_LEVEL):
        return True  # Whether a CONNECT's flags matter depends on the level it carries: decode_connect looks again.
    if packet_type in (PUBREL, SUBSCRIBE, UNSUBSCRIBE):
        return flags == 0x02  # [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1]
    return flags == 0  # [MQTT-2.1.3-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1]


# Worked out once: bit n of entry h says whether first byte h is allowed at level n.
_ALLOWED: Final = bytes(sum(_is_allowed(header, level) << level for level in range(6)) for header in range(256))


def check_header(header: i64, level: int) -> None:
    allowed: i64 = _ALLOWED[header]
    if allowed >> level & 1 == 0:
        raise Malformed(f"first byte 0x{header:02X} is not allowed")
