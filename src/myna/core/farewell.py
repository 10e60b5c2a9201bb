"""The last words of a connection, as bytes: CONNACK with a reason before it is open, DISCONNECT after.

Knows no connection. What a newcomer gets wrong: a reason comes from gates, rules and APIs, who need not know which
packet will carry it; a code that is not in the packet's own table is replaced, or some clients choke on it.
"""

from myna.wire import reasons
from myna.wire.encode import encode, encode_trimmed
from myna.wire.errors import WireError
from myna.wire.packets import MQTT_3_1_1, MQTT_5, Connack, Connect, Disconnect
from myna.wire.properties import Properties
from myna.wire.reasons import CONNACK_CODES, DISCONNECT_CODES, connack_code_for_3


def refusal(
    connect: Connect | None, reason: int, text: str, unlimited: int, words: list[tuple[str, str]] | None = None
) -> bytes:
    """CONNACK for a CONNECT that is refused, in its version; nothing where there was none. `words`: user properties."""
    if connect is None:
        return b""
    if connect.level < MQTT_5:
        return encode(Connack(False, connack_code_for_3(reason)), MQTT_3_1_1)
    maximum = unlimited
    properties = connect.properties
    if properties is not None and properties.maximum_packet_size > 0:
        maximum = properties.maximum_packet_size
    told = _with_text(text)
    if words:
        told = Properties() if told is None else told
        told.user_properties = words
    return encode_trimmed(Connack(False, _for_connack(reason), told), MQTT_5, maximum)  # [MQTT-3.2.2-19]


def refusal_of_broken(error: WireError) -> bytes:
    """CONNACK for a CONNECT that could be read far enough to know its version."""
    if error.level >= MQTT_5:
        return encode(Connack(False, _for_connack(error.reason)), MQTT_5)
    if error.level and error.reason == reasons.UNSUPPORTED_PROTOCOL_VERSION:
        return encode(Connack(False, connack_code_for_3(error.reason)), MQTT_3_1_1)
    return b""  # anything else before MQTT 5 gets no answer: 311: [MQTT-3.1.4-1]


def disconnect(level: int, reason: int, reference: str, text: str, maximum: int) -> bytes:
    """DISCONNECT, which only MQTT 5 clients are sent."""
    if level < MQTT_5:
        return b""
    code = reason if reason in DISCONNECT_CODES else reasons.NOT_AUTHORIZED  # [MQTT-3.14.2-1]
    properties = _with_text(text)
    if reference:
        properties = Properties() if properties is None else properties
        properties.server_reference = reference
    return encode_trimmed(Disconnect(code, properties), MQTT_5, maximum)


def _for_connack(reason: int) -> int:
    if reason in CONNACK_CODES:  # [MQTT-3.2.2-8]
        return reason
    return reasons.SERVER_UNAVAILABLE if reason == reasons.SERVER_SHUTTING_DOWN else reasons.UNSPECIFIED_ERROR


def _with_text(text: str) -> Properties | None:
    if not text:
        return None
    properties = Properties()
    properties.reason_string = text
    return properties
