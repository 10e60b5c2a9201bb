"""Any control packet to its bytes, in the form of the protocol level given.

Judges nothing: what it is handed is the broker's own, and a value that does not fit its field is a bug (ValueError).
Before MQTT 5 there are neither properties nor most codes; they are left out or translated, so callers need not care.
A packet is never sent longer than its receiver allows: see encode_trimmed.
"""

from typing import Final

from myna.wire.encode_publish import encode_ack, encode_publish
from myna.wire.fields import BYTES, write_binary, write_string, write_u16, write_varint
from myna.wire.packets import (
    MQTT_3_1,
    MQTT_5,
    PUBACK,
    PUBCOMP,
    PUBREC,
    PUBREL,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
    Will,
)
from myna.wire.properties import Properties
from myna.wire.property_block import (
    NO_REASON_STRING,
    NO_USER_PROPERTIES,
    WHOLE,
    encode_message_properties,
    encode_properties,
)
from myna.wire.reasons import NOT_AUTHORIZED_3, connack_code_for_3, suback_code_for_3

PINGREQ_BYTES: Final = b"\xc0\x00"
PINGRESP_BYTES: Final = b"\xd0\x00"


def encode(packet: Packet, level: int, trim: int = WHOLE) -> bytes:
    """The packet's bytes; `trim` leaves out user properties and reason string, where the standard allows that."""
    if isinstance(packet, Publish):
        return _encode_publish(packet, level)
    if isinstance(packet, Puback):
        return _encode_answer(PUBACK << 4, packet.packet_id, packet.code, packet.properties, level, trim)
    if isinstance(packet, Pubrec):
        return _encode_answer(PUBREC << 4, packet.packet_id, packet.code, packet.properties, level, trim)
    if isinstance(packet, Pubrel):
        return _encode_answer(PUBREL << 4 | 2, packet.packet_id, packet.code, packet.properties, level, trim)
    if isinstance(packet, Pubcomp):
        return _encode_answer(PUBCOMP << 4, packet.packet_id, packet.code, packet.properties, level, trim)
    if isinstance(packet, (Subscribe, Suback, Unsubscribe, Unsuback)):
        return _encode_subscription(packet, level, trim)
    if isinstance(packet, Pingreq):
        return PINGREQ_BYTES
    if isinstance(packet, Pingresp):
        return PINGRESP_BYTES
    return _encode_connection(packet, level, trim)


def encode_trimmed(packet: Packet, level: int, maximum: int) -> bytes:
    """The packet in at most `maximum` bytes, empty if that cannot be.

    Gives up first the user properties, then the reason string.  [MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.4.2-2]
    [MQTT-3.4.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.14.2-3] [MQTT-3.14.2-4]
    """
    for trim in (WHOLE, NO_USER_PROPERTIES, NO_REASON_STRING):
        out = encode(packet, level, trim)
        if len(out) <= maximum:
            return out
    return b""  # [MQTT-3.1.2-24]


def _frame(header: int, body: bytes) -> bytes:
    return BYTES[header] + write_varint(len(body)) + body


def _block(properties: Properties | None, level: int, trim: int) -> bytes:
    return encode_properties(properties, trim) if level >= MQTT_5 else b""


def _encode_publish(packet: Publish, level: int) -> bytes:
    """Never trimmed: user properties of a message must arrive unchanged.  [MQTT-3.3.2-17]"""
    flags = (8 if packet.dup else 0) | packet.qos << 1 | (1 if packet.retain else 0)
    block = encode_message_properties(packet.properties) if level >= MQTT_5 else None
    return encode_publish(packet.topic.encode("utf-8"), packet.payload, flags, packet.packet_id, block)


def _encode_answer(
    header: int, packet_id: int, code: int, properties: Properties | None, level: int, trim: int
) -> bytes:
    """The shortest of the three forms (§3.4.2.1, §3.4.2.2.1)."""
    if level < MQTT_5:
        return encode_ack(header, packet_id)
    block = encode_properties(properties, trim)
    if len(block) > 1:
        return _frame(header, write_u16(packet_id) + BYTES[code] + block)
    if code == 0:
        return encode_ack(header, packet_id)
    return BYTES[header] + b"\x03" + write_u16(packet_id) + BYTES[code]


def _encode_subscription(packet: Subscribe | Suback | Unsubscribe | Unsuback, level: int, trim: int) -> bytes:
    start = write_u16(packet.packet_id) + _block(packet.properties, level, trim)
    if isinstance(packet, Subscribe):
        return _frame(0x82, start + b"".join([_encode_request(request, level) for request in packet.requests]))
    if isinstance(packet, Suback):
        codes = packet.codes if level >= MQTT_5 else [suback_code_for_3(code) for code in packet.codes]
        return _frame(0x90, start + bytes(codes))
    if isinstance(packet, Unsubscribe):
        return _frame(0xA2, start + b"".join([write_string(filter) for filter in packet.filters]))
    return _frame(0xB0, start + bytes(packet.codes) if level >= MQTT_5 else start)


def _encode_request(request: SubscriptionRequest, level: int) -> bytes:
    options = request.qos
    if level >= MQTT_5:
        options |= request.retain_handling << 4
        options |= (4 if request.no_local else 0) | (8 if request.retain_as_published else 0)
    return write_string(request.filter) + BYTES[options]


def _encode_connection(packet: Packet, level: int, trim: int) -> bytes:
    if isinstance(packet, Connect):
        return _encode_connect(packet)
    if isinstance(packet, Connack):
        return _encode_connack(packet, level, trim)
    if isinstance(packet, Disconnect):
        return _encode_last(0xE0, packet.code, packet.properties, level, trim)
    if isinstance(packet, Auth) and level >= MQTT_5:
        return _encode_last(0xF0, packet.code, packet.properties, level, trim)
    raise ValueError(f"no packet of level {level}: {packet!r}")


def _encode_last(header: int, code: int, properties: Properties | None, level: int, trim: int) -> bytes:
    """DISCONNECT or AUTH. (The form of one byte is DISCONNECT's alone, and saves nothing worth a case.)"""
    if level < MQTT_5:
        return BYTES[header] + b"\0"
    block = encode_properties(properties, trim)
    if code == 0 and len(block) == 1:
        return BYTES[header] + b"\0"
    return _frame(header, BYTES[code] + block)


def _encode_connack(packet: Connack, level: int, trim: int) -> bytes:
    code = packet.code
    if level < MQTT_5 and code > NOT_AUTHORIZED_3:
        code = connack_code_for_3(code)
    present = packet.session_present and level != MQTT_3_1
    return _frame(0x20, (b"\1" if present else b"\0") + BYTES[code] + _block(packet.properties, level, trim))


def _encode_connect(packet: Connect) -> bytes:
    level = packet.level
    will = packet.will
    flags = 2 if packet.clean_start else 0
    body = [
        write_string("MQIsdp" if level == MQTT_3_1 else "MQTT") + BYTES[level | (0x80 if packet.is_bridge else 0)],
        b"",
        write_u16(packet.keep_alive) + _block(packet.properties, level, WHOLE),
        write_string(packet.client_id),
    ]
    if will is not None:
        flags |= 4 | will.qos << 3 | (0x20 if will.retain else 0)
        body.append(_encode_will(will, level))
    if packet.user_name is not None:
        flags |= 0x80
        body.append(write_string(packet.user_name))
    if packet.password is not None:
        flags |= 0x40
        body.append(write_binary(packet.password))
    body[1] = BYTES[flags]
    return _frame(0x10, b"".join(body))


def _encode_will(will: Will, level: int) -> bytes:
    block = encode_message_properties(will.properties) if level >= MQTT_5 else b""
    return block + write_string(will.topic) + write_binary(will.payload)
