"""Any control packet from its bytes, and the small ones themselves: PINGREQ, PINGRESP, DISCONNECT and AUTH.

Both directions, and all rules that one packet can be judged by alone; nothing here knows what came before it.
What only a server may send is decoded like the rest, since clients need it: who must not see it asks is_client_packet.
`body` and `end` are trusted to lie inside `buffer`; everything between them is not.
"""

from myna.wire.decode_connect import decode_connack, decode_connect
from myna.wire.decode_publish import decode_puback, decode_pubcomp, decode_publish, decode_pubrec, decode_pubrel
from myna.wire.decode_subscribe import decode_suback, decode_subscribe, decode_unsuback, decode_unsubscribe
from myna.wire.errors import Malformed, ProtocolViolation
from myna.wire.headers import check_header
from myna.wire.packets import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    MQTT_5,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
    Auth,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
)
from myna.wire.properties import IN_AUTH, IN_DISCONNECT
from myna.wire.property_block import read_properties
from myna.wire.reasons import AUTH_CODES, DISCONNECT_CODES


def decode(header: int, buffer: bytes, body: int, end: int, level: int) -> Packet:
    """The packet with first byte `header` whose body is buffer[body:end]. CONNECT brings its own level."""
    packet_type = header >> 4
    if packet_type == CONNECT:
        return decode_connect(buffer, body, end, header)
    check_header(header, level)
    if packet_type == PUBLISH:
        return decode_publish(header, buffer, body, end, level)
    if PUBACK <= packet_type <= PUBCOMP:
        return _decode_answer(packet_type, buffer, body, end, level)
    if SUBSCRIBE <= packet_type <= UNSUBACK:
        return _decode_subscription(packet_type, buffer, body, end, level)
    if packet_type == CONNACK:
        return decode_connack(buffer, body, end, level)
    return _decode_small(packet_type, buffer, body, end, level)


def _decode_answer(packet_type: int, buffer: bytes, body: int, end: int, level: int) -> Packet:
    if packet_type == PUBACK:
        return decode_puback(buffer, body, end, level)
    if packet_type == PUBREC:
        return decode_pubrec(buffer, body, end, level)
    if packet_type == PUBREL:
        return decode_pubrel(buffer, body, end, level)
    return decode_pubcomp(buffer, body, end, level)


def _decode_subscription(packet_type: int, buffer: bytes, body: int, end: int, level: int) -> Packet:
    if packet_type == SUBSCRIBE:
        return decode_subscribe(buffer, body, end, level)
    if packet_type == SUBACK:
        return decode_suback(buffer, body, end, level)
    if packet_type == UNSUBSCRIBE:
        return decode_unsubscribe(buffer, body, end, level)
    return decode_unsuback(buffer, body, end, level)


def _decode_small(packet_type: int, buffer: bytes, body: int, end: int, level: int) -> Packet:
    if packet_type == DISCONNECT:
        return decode_disconnect(buffer, body, end, level)
    if packet_type in (PINGREQ, PINGRESP):
        if body != end:
            raise Malformed("ping with a body")
        return Pingreq() if packet_type == PINGREQ else Pingresp()
    return decode_auth(buffer, body, end)


def decode_disconnect(buffer: bytes, body: int, end: int, level: int) -> Disconnect:
    """A code that only a server may send is let through: it does no harm, since the connection ends anyway."""
    if body == end:
        return Disconnect()
    if level < MQTT_5:
        raise Malformed("DISCONNECT with a body")
    code = buffer[body]
    if code not in DISCONNECT_CODES:
        raise ProtocolViolation(f"reason code 0x{code:02X} does not belong in DISCONNECT")  # [MQTT-3.14.2-1]
    if body + 1 == end:
        return Disconnect(code)
    properties, position = read_properties(buffer, body + 1, end, IN_DISCONNECT)
    if position != end:
        raise Malformed("bytes behind the properties of DISCONNECT")
    return Disconnect(code, properties)


def decode_auth(buffer: bytes, body: int, end: int) -> Auth:
    """Code and properties may be left out together, not one by one (§3.15.2.1)."""
    if body == end:
        return Auth()
    code = buffer[body]
    if code not in AUTH_CODES:
        raise ProtocolViolation(f"reason code 0x{code:02X} does not belong in AUTH")  # [MQTT-3.15.2-1]
    properties, position = read_properties(buffer, body + 1, end, IN_AUTH)
    if position != end:
        raise Malformed("bytes behind the properties of AUTH")
    return Auth(code, properties)
