"""PUBLISH and its four acknowledgements (§3.3 to §3.7), from bytes.

Trusts that the first byte has passed check_header, which refuses QoS 3 and DUP at QoS 0.
An empty topic is legal here if an alias comes with it; whether the alias stands for anything only the session knows.
"""

from myna.wire.errors import Malformed, ProtocolViolation
from myna.wire.fields import text_between
from myna.wire.packets import MQTT_5, Puback, Pubcomp, Publish, Pubrec, Pubrel
from myna.wire.properties import IN_PUBACK, IN_PUBCOMP, IN_PUBLISH, IN_PUBREC, IN_PUBREL, Properties
from myna.wire.property_block import read_properties
from myna.wire.reasons import PUBACK_CODES, PUBCOMP_CODES, PUBREC_CODES, PUBREL_CODES, TOPIC_NAME_INVALID


def decode_publish(header: int, buffer: bytes, body: int, end: int, level: int) -> Publish:
    if body + 2 > end:
        raise Malformed("PUBLISH ends inside its topic")
    position = body + 2 + (buffer[body] << 8 | buffer[body + 1])
    if position > end:
        raise Malformed("PUBLISH ends inside its topic")
    topic = text_between(buffer, body + 2, position)
    if "+" in topic or "#" in topic:
        raise ProtocolViolation("wildcard in a topic name", TOPIC_NAME_INVALID)  # [MQTT-3.3.2-2]
    qos = header >> 1 & 3
    packet_id = 0
    if qos != 0:
        packet_id = read_packet_id(buffer, position, end)
        position += 2
    properties: Properties | None = None
    if level >= MQTT_5:
        if position < end and buffer[position] == 0:  # No properties, as nearly always: saves 10 ns.
            position += 1
        else:
            properties, position = read_properties(buffer, position, end, IN_PUBLISH)
    if not topic and (properties is None or properties.topic_alias < 0):
        raise ProtocolViolation("empty topic without an alias")  # [MQTT-4.7.3-1]
    return Publish(topic, buffer[position:end], qos, header & 1 != 0, header & 8 != 0, packet_id, properties)


def read_packet_id(buffer: bytes, position: int, end: int) -> int:
    if position + 2 > end:
        raise Malformed("packet ends inside its identifier")
    packet_id = buffer[position] << 8 | buffer[position + 1]
    if packet_id == 0:
        raise ProtocolViolation("packet identifier 0")  # [MQTT-2.2.1-3]
    return packet_id


def _read_answer(
    buffer: bytes, body: int, end: int, level: int, codes: frozenset[int], bearer: int
) -> tuple[int, Properties | None]:
    """The code and properties behind the packet identifier. Both may be left out, the code last (§3.4.2.1)."""
    position = body + 2
    if position == end:
        return 0, None
    if level < MQTT_5:
        raise Malformed("acknowledgement longer than two bytes")
    code = buffer[position]
    if code not in codes:
        raise ProtocolViolation(f"reason code 0x{code:02X} does not belong in this packet")
    if position + 1 == end:
        return code, None
    properties, position = read_properties(buffer, position + 1, end, bearer)
    if position != end:
        raise Malformed("bytes behind the properties")
    return code, properties


def decode_puback(buffer: bytes, body: int, end: int, level: int) -> Puback:
    packet_id = read_packet_id(buffer, body, end)
    code, properties = _read_answer(buffer, body, end, level, PUBACK_CODES, IN_PUBACK)  # [MQTT-3.4.2-1]
    return Puback(packet_id, code, properties)


def decode_pubrec(buffer: bytes, body: int, end: int, level: int) -> Pubrec:
    packet_id = read_packet_id(buffer, body, end)
    code, properties = _read_answer(buffer, body, end, level, PUBREC_CODES, IN_PUBREC)  # [MQTT-3.5.2-1]
    return Pubrec(packet_id, code, properties)


def decode_pubrel(buffer: bytes, body: int, end: int, level: int) -> Pubrel:
    packet_id = read_packet_id(buffer, body, end)
    code, properties = _read_answer(buffer, body, end, level, PUBREL_CODES, IN_PUBREL)  # [MQTT-3.6.2-1]
    return Pubrel(packet_id, code, properties)


def decode_pubcomp(buffer: bytes, body: int, end: int, level: int) -> Pubcomp:
    packet_id = read_packet_id(buffer, body, end)
    code, properties = _read_answer(buffer, body, end, level, PUBCOMP_CODES, IN_PUBCOMP)  # [MQTT-3.7.2-1]
    return Pubcomp(packet_id, code, properties)
