"""The property block of an MQTT 5 packet (§2.2.2): its length, then identifier and value in any order.

Follows the table in `properties` and the rules a value can be judged by on its own; what depends on the session (an
alias within the agreed maximum, say) is judged by whoever knows the session.
The encoder writes what it is given and judges nothing. Its order is fixed, so equal properties give equal bytes.
"""

from typing import Final

from myna.wire.errors import Malformed, ProtocolViolation
from myna.wire.fields import (
    BYTES,
    read_binary,
    read_byte,
    read_string,
    read_u16,
    read_u32,
    read_varint,
    write_binary,
    write_string,
    write_u16,
    write_u32,
    write_varint,
)
from myna.wire.properties import (
    ASSIGNED_CLIENT_ID,
    AUTHENTICATION_DATA,
    AUTHENTICATION_METHOD,
    BYTE,
    CONTENT_TYPE,
    CORRELATION_DATA,
    FOUR_BYTES,
    MAXIMUM_PACKET_SIZE,
    MAXIMUM_QOS,
    MESSAGE_EXPIRY,
    PAYLOAD_FORMAT,
    REASON_STRING,
    RECEIVE_MAXIMUM,
    REQUEST_PROBLEM_INFORMATION,
    REQUEST_RESPONSE_INFORMATION,
    RESPONSE_INFORMATION,
    RESPONSE_TOPIC,
    RETAIN_AVAILABLE,
    SERVER_KEEP_ALIVE,
    SERVER_REFERENCE,
    SESSION_EXPIRY,
    SHARED_SUBSCRIPTION_AVAILABLE,
    STRING,
    STRING_PAIR,
    SUBSCRIPTION_IDENTIFIER,
    SUBSCRIPTION_IDENTIFIER_AVAILABLE,
    TABLE,
    TOPIC_ALIAS,
    TOPIC_ALIAS_MAXIMUM,
    TWO_BYTES,
    USER_PROPERTY,
    VARINT,
    WILDCARD_SUBSCRIPTION_AVAILABLE,
    WILL_DELAY,
    Properties,
)
from myna.wire.reasons import TOPIC_ALIAS_INVALID
from myna.wire.topics import check_topic

# How much of a packet may be left out to fit its receiver's Maximum Packet Size.
WHOLE: Final = 0
NO_USER_PROPERTIES: Final = 1
NO_REASON_STRING: Final = 2  # and no user properties

_LAST: Final = SHARED_SUBSCRIPTION_AVAILABLE
_NO_ROW: Final = ("", 0, 0, 0)

# The table's columns as lists indexed by identifier: a dictionary of tuples took 40 ns more for each property.
_NAMES: Final[list[str]] = [TABLE.get(identifier, _NO_ROW)[0] for identifier in range(_LAST + 1)]
_TYPES: Final[list[int]] = [TABLE.get(identifier, _NO_ROW)[1] for identifier in range(_LAST + 1)]
_BEARERS: Final[list[int]] = [TABLE.get(identifier, _NO_ROW)[2] for identifier in range(_LAST + 1)]
_REPEATERS: Final[list[int]] = [TABLE.get(identifier, _NO_ROW)[3] for identifier in range(_LAST + 1)]


def read_properties(buffer: bytes, position: int, end: int, bearer: int) -> tuple[Properties | None, int]:
    """Read the block at `position` of a packet of kind `bearer` (an IN_ bit); None if it is empty."""
    length, position = read_varint(buffer, position, end)
    if length == 0:
        return None, position
    stop = position + length
    if stop > end:
        raise Malformed("properties go on past the packet")  # [MQTT-2.2.2-1]
    properties = Properties()
    seen = 0
    while position < stop:
        identifier = buffer[position]  # A varint, but none above 0x2A is defined.
        if identifier > _LAST or _BEARERS[identifier] & bearer == 0:
            raise Malformed(f"property 0x{identifier:02X} does not belong in this packet")
        bit = 1 << identifier
        if seen & bit and _REPEATERS[identifier] & bearer == 0:
            raise ProtocolViolation(f"{_NAMES[identifier]} appears twice")
        seen |= bit
        position = _read_value(properties, identifier, buffer, position + 1, stop)
    if properties.authentication_data is not None and properties.authentication_method is None:
        raise ProtocolViolation("authentication data without a method")
    return properties, stop


def _read_value(properties: Properties, identifier: int, buffer: bytes, position: int, stop: int) -> int:
    kind = _TYPES[identifier]
    if kind == STRING_PAIR:
        return _read_user_property(properties, buffer, position, stop)
    if kind == STRING:
        return _read_string(properties, identifier, buffer, position, stop)
    if kind == VARINT:
        return _read_subscription_identifier(properties, buffer, position, stop)
    if kind in (BYTE, TWO_BYTES, FOUR_BYTES):
        return _read_integer(properties, identifier, kind, buffer, position, stop)
    data, position = read_binary(buffer, position, stop)
    setattr(properties, _NAMES[identifier], data)
    return position


def _read_user_property(properties: Properties, buffer: bytes, position: int, stop: int) -> int:
    name, position = read_string(buffer, position, stop)
    value, position = read_string(buffer, position, stop)
    pairs = properties.user_properties
    if pairs is None:
        properties.user_properties = [(name, value)]
    else:
        pairs.append((name, value))  # [MQTT-3.3.2-18]
    return position


def _read_string(properties: Properties, identifier: int, buffer: bytes, position: int, stop: int) -> int:
    text, position = read_string(buffer, position, stop)
    if identifier == RESPONSE_TOPIC and not check_topic(text):
        raise ProtocolViolation("response topic is not a topic name")  # [MQTT-3.3.2-14]
    setattr(properties, _NAMES[identifier], text)
    return position


def _read_subscription_identifier(properties: Properties, buffer: bytes, position: int, stop: int) -> int:
    value, position = read_varint(buffer, position, stop)
    if value == 0:
        raise ProtocolViolation("subscription identifier 0")
    identifiers = properties.subscription_identifiers
    if identifiers is None:
        properties.subscription_identifiers = [value]
    else:
        identifiers.append(value)
    return position


def _read_integer(properties: Properties, identifier: int, kind: int, buffer: bytes, position: int, stop: int) -> int:
    if kind == BYTE:
        value, position = read_byte(buffer, position, stop)
        if value > 1:  # Every property of one byte is a yes or no, Maximum QoS included.
            raise ProtocolViolation(f"{_NAMES[identifier]} is {value}")
    elif kind == TWO_BYTES:
        value, position = read_u16(buffer, position, stop)
    else:
        value, position = read_u32(buffer, position, stop)
    if value == 0:
        if identifier == TOPIC_ALIAS:
            raise ProtocolViolation("topic alias 0", TOPIC_ALIAS_INVALID)  # [MQTT-3.3.2-8]
        if identifier in (RECEIVE_MAXIMUM, MAXIMUM_PACKET_SIZE):
            raise ProtocolViolation(f"{_NAMES[identifier]} is 0")
    setattr(properties, _NAMES[identifier], value)
    return position


def encode_properties(properties: Properties | None, trim: int = WHOLE) -> bytes:
    """The whole block, its length in front."""
    if properties is None:
        return b"\0"
    out: list[bytes] = []
    _write_message_properties(out, properties)
    _write_session_properties(out, properties)
    if trim < NO_REASON_STRING:
        _write_text(out, REASON_STRING, properties.reason_string)
    if trim < NO_USER_PROPERTIES:
        _write_user_properties(out, properties.user_properties)
    return _with_length(out)


def encode_message_properties(properties: Properties | None) -> bytes:
    """The block of a PUBLISH or a will, which bear few of all properties: half the time of encode_properties."""
    if properties is None:
        return b"\0"
    out: list[bytes] = []
    _write_message_properties(out, properties)
    _write_user_properties(out, properties.user_properties)
    return _with_length(out)


def _with_length(out: list[bytes]) -> bytes:
    block = b"".join(out)
    return write_varint(len(block)) + block


def _write_message_properties(out: list[bytes], properties: Properties) -> None:
    _write_byte(out, PAYLOAD_FORMAT, properties.payload_format)
    _write_u32(out, MESSAGE_EXPIRY, properties.message_expiry)
    _write_text(out, CONTENT_TYPE, properties.content_type)
    _write_text(out, RESPONSE_TOPIC, properties.response_topic)
    _write_bytes(out, CORRELATION_DATA, properties.correlation_data)
    _write_u32(out, WILL_DELAY, properties.will_delay)
    _write_u16(out, TOPIC_ALIAS, properties.topic_alias)
    identifiers = properties.subscription_identifiers
    if identifiers is not None:
        for value in identifiers:
            out.append(BYTES[SUBSCRIPTION_IDENTIFIER])
            out.append(write_varint(value))


def _write_session_properties(out: list[bytes], properties: Properties) -> None:
    _write_u32(out, SESSION_EXPIRY, properties.session_expiry)
    _write_text(out, ASSIGNED_CLIENT_ID, properties.assigned_client_id)
    _write_u16(out, SERVER_KEEP_ALIVE, properties.server_keep_alive)
    _write_text(out, AUTHENTICATION_METHOD, properties.authentication_method)
    _write_bytes(out, AUTHENTICATION_DATA, properties.authentication_data)
    _write_byte(out, REQUEST_PROBLEM_INFORMATION, properties.request_problem_information)
    _write_byte(out, REQUEST_RESPONSE_INFORMATION, properties.request_response_information)
    _write_text(out, RESPONSE_INFORMATION, properties.response_information)
    _write_text(out, SERVER_REFERENCE, properties.server_reference)
    _write_u16(out, RECEIVE_MAXIMUM, properties.receive_maximum)
    _write_u16(out, TOPIC_ALIAS_MAXIMUM, properties.topic_alias_maximum)
    _write_byte(out, MAXIMUM_QOS, properties.maximum_qos)
    _write_byte(out, RETAIN_AVAILABLE, properties.retain_available)
    _write_u32(out, MAXIMUM_PACKET_SIZE, properties.maximum_packet_size)
    _write_byte(out, WILDCARD_SUBSCRIPTION_AVAILABLE, properties.wildcard_subscription_available)
    _write_byte(out, SUBSCRIPTION_IDENTIFIER_AVAILABLE, properties.subscription_identifier_available)
    _write_byte(out, SHARED_SUBSCRIPTION_AVAILABLE, properties.shared_subscription_available)


def _write_byte(out: list[bytes], identifier: int, value: int) -> None:
    if value >= 0:
        out.append(BYTES[identifier])
        out.append(BYTES[value])


def _write_u16(out: list[bytes], identifier: int, value: int) -> None:
    if value >= 0:
        out.append(BYTES[identifier])
        out.append(write_u16(value))


def _write_u32(out: list[bytes], identifier: int, value: int) -> None:
    if value >= 0:
        out.append(BYTES[identifier])
        out.append(write_u32(value))


def _write_text(out: list[bytes], identifier: int, text: str | None) -> None:
    if text is not None:
        out.append(BYTES[identifier])
        out.append(write_string(text))


def _write_bytes(out: list[bytes], identifier: int, data: bytes | None) -> None:
    if data is not None:
        out.append(BYTES[identifier])
        out.append(write_binary(data))


def _write_user_properties(out: list[bytes], pairs: list[tuple[str, str]] | None) -> None:
    if pairs is not None:
        for name, value in pairs:
            out.append(BYTES[USER_PROPERTY])
            out.append(write_string(name))
            out.append(write_string(value))
