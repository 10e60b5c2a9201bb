"""CONNECT and CONNACK (§3.1, §3.2), from bytes.

Knows nothing of who may connect. An empty client id is a legal packet in every version; whether it is accepted is the
handshake's to say.
An error that carries `level` was found after the version had been read: an MQTT 5 client is owed a CONNACK for it, an
older one a bare close. An error without `level` is never answered. For a version that is not spoken here, `level` is
the one to answer in.
"""

from typing import Final

from myna.wire.errors import Malformed, ProtocolViolation, WireError
from myna.wire.fields import read_binary, read_byte, read_string, read_u16
from myna.wire.packets import MQTT_3_1, MQTT_3_1_1, MQTT_5, Connack, Connect, Will
from myna.wire.properties import IN_CONNACK, IN_CONNECT, IN_WILL, Properties
from myna.wire.property_block import read_properties
from myna.wire.reasons import CONNACK_CODES, NOT_AUTHORIZED_3, TOPIC_NAME_INVALID, UNSUPPORTED_PROTOCOL_VERSION
from myna.wire.topics import check_topic

_PLAIN_HEADER: Final = 0x10

_RESERVED: Final = 0x01
_CLEAN_START: Final = 0x02
_WILL: Final = 0x04
_WILL_QOS: Final = 0x18
_WILL_RETAIN: Final = 0x20
_PASSWORD: Final = 0x40
_USER_NAME: Final = 0x80

_BRIDGE: Final = 0x80
_LEVELS_3_1: Final = (MQTT_3_1, MQTT_3_1 | _BRIDGE)
_LEVELS: Final = (MQTT_3_1_1, MQTT_3_1_1 | _BRIDGE, MQTT_5)


def decode_connect(buffer: bytes, body: int, end: int, header: int = _PLAIN_HEADER) -> Connect:
    name, position = read_string(buffer, body, end)
    level, position = read_byte(buffer, position, end)
    if name not in ("MQTT", "MQIsdp"):
        raise ProtocolViolation("protocol name is not MQTT", UNSUPPORTED_PROTOCOL_VERSION)  # [MQTT-3.1.2-1]
    levels = _LEVELS_3_1 if name == "MQIsdp" else _LEVELS
    if level not in levels:
        answered_as = MQTT_5 if level >= MQTT_5 else MQTT_3_1_1
        raise ProtocolViolation(f"{name} level {level}", UNSUPPORTED_PROTOCOL_VERSION, answered_as)  # [MQTT-3.1.2-2]
    is_bridge = level & _BRIDGE != 0
    level &= ~_BRIDGE
    try:
        if header != _PLAIN_HEADER and level != MQTT_3_1:
            raise Malformed("reserved flags in the fixed header")  # [MQTT-2.1.3-1]
        connect = _decode_rest(buffer, position, end, level)
        connect.is_bridge = is_bridge
        return connect
    except WireError as error:
        error.level = level
        raise


def _decode_rest(buffer: bytes, position: int, end: int, level: int) -> Connect:
    flags, position = read_byte(buffer, position, end)
    _check_flags(flags, level)
    keep_alive, position = read_u16(buffer, position, end)
    properties: Properties | None = None
    if level == MQTT_5:
        properties, position = read_properties(buffer, position, end, IN_CONNECT)
    client_id, position = read_string(buffer, position, end)  # [MQTT-3.1.3-3]
    will: Will | None = None
    if flags & _WILL:
        will, position = _read_will(buffer, position, end, level, flags)
    user_name: str | None = None
    if flags & _USER_NAME and not _is_left_out(position, end, level):
        user_name, position = read_string(buffer, position, end)  # [MQTT-3.1.2-17]
    password: bytes | None = None
    if flags & _PASSWORD and not _is_left_out(position, end, level):
        password, position = read_binary(buffer, position, end)  # [MQTT-3.1.2-19]
    if position != end:
        raise Malformed("bytes behind the last field of CONNECT")  # [MQTT-3.1.2-16] [MQTT-3.1.2-18]
    clean_start = flags & _CLEAN_START != 0
    return Connect(level, client_id, clean_start, keep_alive, user_name, password, will, properties)


def _check_flags(flags: int, level: int) -> None:
    if flags & _RESERVED and level != MQTT_3_1:  # MQTT 3.1 calls the bit unused.
        raise Malformed("reserved connect flag")  # [MQTT-3.1.2-3]
    if not flags & _WILL and flags & (_WILL_QOS | _WILL_RETAIN):
        raise Malformed("will QoS or will retain without a will")  # [MQTT-3.1.2-11] [MQTT-3.1.2-13]
    if flags & _WILL_QOS == _WILL_QOS:
        raise Malformed("will QoS 3")  # [MQTT-3.1.2-12]
    if flags & _PASSWORD and not flags & _USER_NAME and level < MQTT_5:
        raise Malformed("password without a user name")  # [MQTT-3.1.2-22] of 3.1.1


def _is_left_out(position: int, end: int, level: int) -> bool:
    """In MQTT 3.1 a packet may end before the user name its flags promise: the length takes precedence (3.1 §3.1)."""
    return level == MQTT_3_1 and position == end


def _read_will(buffer: bytes, position: int, end: int, level: int, flags: int) -> tuple[Will, int]:
    properties: Properties | None = None
    if level == MQTT_5:
        properties, position = read_properties(buffer, position, end, IN_WILL)
    topic, position = read_string(buffer, position, end)  # [MQTT-3.1.3-11]
    if not check_topic(topic):
        raise ProtocolViolation("will topic is not a topic name", TOPIC_NAME_INVALID)  # [MQTT-3.3.2-2]
    payload, position = read_binary(buffer, position, end)
    return Will(topic, payload, flags >> 3 & 3, flags & _WILL_RETAIN != 0, properties), position


def decode_connack(buffer: bytes, body: int, end: int, level: int) -> Connack:
    flags, position = read_byte(buffer, body, end)
    code, position = read_byte(buffer, position, end)
    if level == MQTT_3_1:
        flags = 0  # A reserved byte in MQTT 3.1, where no session is ever announced.
    if flags > 1:
        raise Malformed("reserved acknowledge flags")  # [MQTT-3.2.2-1]
    if code not in CONNACK_CODES if level >= MQTT_5 else code > NOT_AUTHORIZED_3:
        raise ProtocolViolation(f"reason code 0x{code:02X} does not belong in CONNACK")  # [MQTT-3.2.2-8]
    if flags and code:
        raise ProtocolViolation("session present in a refusal")  # [MQTT-3.2.2-6]
    properties: Properties | None = None
    if level >= MQTT_5:
        properties, position = read_properties(buffer, position, end, IN_CONNACK)
    if position != end:
        raise Malformed("bytes behind the last field of CONNACK")
    return Connack(flags == 1, code, properties)
