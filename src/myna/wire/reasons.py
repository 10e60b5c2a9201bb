"""Every reason code of MQTT 5 (§2.4), its readable name, what MQTT 3 says instead, and which packet may carry which.

Knows no packet, only numbers: decode asks the tables here, the core picks the constants.
A code below 0x80 is a success, and the same number means different things in different packets: 0x00 is "Success",
"Granted QoS 0" and "Normal disconnection", so a name alone does not tell which packet it stood in.
"""

from typing import Final

SUCCESS: Final = 0x00
GRANTED_QOS_0: Final = 0x00
NORMAL_DISCONNECTION: Final = 0x00
GRANTED_QOS_1: Final = 0x01
GRANTED_QOS_2: Final = 0x02
DISCONNECT_WITH_WILL: Final = 0x04
NO_MATCHING_SUBSCRIBERS: Final = 0x10
NO_SUBSCRIPTION_EXISTED: Final = 0x11
CONTINUE_AUTHENTICATION: Final = 0x18
REAUTHENTICATE: Final = 0x19
UNSPECIFIED_ERROR: Final = 0x80
MALFORMED_PACKET: Final = 0x81
PROTOCOL_ERROR: Final = 0x82
IMPLEMENTATION_SPECIFIC_ERROR: Final = 0x83
UNSUPPORTED_PROTOCOL_VERSION: Final = 0x84
CLIENT_IDENTIFIER_NOT_VALID: Final = 0x85
BAD_USER_NAME_OR_PASSWORD: Final = 0x86
NOT_AUTHORIZED: Final = 0x87
SERVER_UNAVAILABLE: Final = 0x88
SERVER_BUSY: Final = 0x89
BANNED: Final = 0x8A
SERVER_SHUTTING_DOWN: Final = 0x8B
BAD_AUTHENTICATION_METHOD: Final = 0x8C
KEEP_ALIVE_TIMEOUT: Final = 0x8D
SESSION_TAKEN_OVER: Final = 0x8E
TOPIC_FILTER_INVALID: Final = 0x8F
TOPIC_NAME_INVALID: Final = 0x90
PACKET_IDENTIFIER_IN_USE: Final = 0x91
PACKET_IDENTIFIER_NOT_FOUND: Final = 0x92
RECEIVE_MAXIMUM_EXCEEDED: Final = 0x93
TOPIC_ALIAS_INVALID: Final = 0x94
PACKET_TOO_LARGE: Final = 0x95
MESSAGE_RATE_TOO_HIGH: Final = 0x96
QUOTA_EXCEEDED: Final = 0x97
ADMINISTRATIVE_ACTION: Final = 0x98
PAYLOAD_FORMAT_INVALID: Final = 0x99
RETAIN_NOT_SUPPORTED: Final = 0x9A
QOS_NOT_SUPPORTED: Final = 0x9B
USE_ANOTHER_SERVER: Final = 0x9C
SERVER_MOVED: Final = 0x9D
SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: Final = 0x9E
CONNECTION_RATE_EXCEEDED: Final = 0x9F
MAXIMUM_CONNECT_TIME: Final = 0xA0
SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED: Final = 0xA1
WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED: Final = 0xA2

NAMES: Final[dict[int, str]] = {
    SUCCESS: "success",
    GRANTED_QOS_1: "granted QoS 1",
    GRANTED_QOS_2: "granted QoS 2",
    DISCONNECT_WITH_WILL: "disconnect with will message",
    NO_MATCHING_SUBSCRIBERS: "no matching subscribers",
    NO_SUBSCRIPTION_EXISTED: "no subscription existed",
    CONTINUE_AUTHENTICATION: "continue authentication",
    REAUTHENTICATE: "re-authenticate",
    UNSPECIFIED_ERROR: "unspecified error",
    MALFORMED_PACKET: "malformed packet",
    PROTOCOL_ERROR: "protocol error",
    IMPLEMENTATION_SPECIFIC_ERROR: "implementation specific error",
    UNSUPPORTED_PROTOCOL_VERSION: "unsupported protocol version",
    CLIENT_IDENTIFIER_NOT_VALID: "client identifier not valid",
    BAD_USER_NAME_OR_PASSWORD: "bad user name or password",
    NOT_AUTHORIZED: "not authorized",
    SERVER_UNAVAILABLE: "server unavailable",
    SERVER_BUSY: "server busy",
    BANNED: "banned",
    SERVER_SHUTTING_DOWN: "server shutting down",
    BAD_AUTHENTICATION_METHOD: "bad authentication method",
    KEEP_ALIVE_TIMEOUT: "keep alive timeout",
    SESSION_TAKEN_OVER: "session taken over",
    TOPIC_FILTER_INVALID: "topic filter invalid",
    TOPIC_NAME_INVALID: "topic name invalid",
    PACKET_IDENTIFIER_IN_USE: "packet identifier in use",
    PACKET_IDENTIFIER_NOT_FOUND: "packet identifier not found",
    RECEIVE_MAXIMUM_EXCEEDED: "receive maximum exceeded",
    TOPIC_ALIAS_INVALID: "topic alias invalid",
    PACKET_TOO_LARGE: "packet too large",
    MESSAGE_RATE_TOO_HIGH: "message rate too high",
    QUOTA_EXCEEDED: "quota exceeded",
    ADMINISTRATIVE_ACTION: "administrative action",
    PAYLOAD_FORMAT_INVALID: "payload format invalid",
    RETAIN_NOT_SUPPORTED: "retain not supported",
    QOS_NOT_SUPPORTED: "QoS not supported",
    USE_ANOTHER_SERVER: "use another server",
    SERVER_MOVED: "server moved",
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: "shared subscriptions not supported",
    CONNECTION_RATE_EXCEEDED: "connection rate exceeded",
    MAXIMUM_CONNECT_TIME: "maximum connect time",
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED: "subscription identifiers not supported",
    WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED: "wildcard subscriptions not supported",
}

# Which codes each packet may carry, from the table in its own section of the standard.
CONNACK_CODES: Final = frozenset(
    {SUCCESS, BAD_AUTHENTICATION_METHOD, TOPIC_NAME_INVALID, PACKET_TOO_LARGE, QUOTA_EXCEEDED, PAYLOAD_FORMAT_INVALID}
    | {RETAIN_NOT_SUPPORTED, QOS_NOT_SUPPORTED, USE_ANOTHER_SERVER, SERVER_MOVED, CONNECTION_RATE_EXCEEDED}
    | set(range(UNSPECIFIED_ERROR, BANNED + 1))
)
PUBACK_CODES: Final = frozenset(
    {SUCCESS, NO_MATCHING_SUBSCRIBERS, UNSPECIFIED_ERROR, IMPLEMENTATION_SPECIFIC_ERROR, NOT_AUTHORIZED}
    | {TOPIC_NAME_INVALID, PACKET_IDENTIFIER_IN_USE, QUOTA_EXCEEDED, PAYLOAD_FORMAT_INVALID}
)
PUBREC_CODES: Final = PUBACK_CODES
PUBREL_CODES: Final = frozenset({SUCCESS, PACKET_IDENTIFIER_NOT_FOUND})
PUBCOMP_CODES: Final = PUBREL_CODES
SUBACK_CODES: Final = frozenset(
    {GRANTED_QOS_0, GRANTED_QOS_1, GRANTED_QOS_2, UNSPECIFIED_ERROR, IMPLEMENTATION_SPECIFIC_ERROR, NOT_AUTHORIZED}
    | {TOPIC_FILTER_INVALID, PACKET_IDENTIFIER_IN_USE, QUOTA_EXCEEDED, SHARED_SUBSCRIPTIONS_NOT_SUPPORTED}
    | {SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED, WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED}
)
UNSUBACK_CODES: Final = frozenset(
    {SUCCESS, NO_SUBSCRIPTION_EXISTED, UNSPECIFIED_ERROR, IMPLEMENTATION_SPECIFIC_ERROR, NOT_AUTHORIZED}
    | {TOPIC_FILTER_INVALID, PACKET_IDENTIFIER_IN_USE}
)
CLIENT_DISCONNECT_CODES: Final = frozenset(
    {NORMAL_DISCONNECTION, DISCONNECT_WITH_WILL, UNSPECIFIED_ERROR, MALFORMED_PACKET, PROTOCOL_ERROR}
    | {IMPLEMENTATION_SPECIFIC_ERROR, TOPIC_NAME_INVALID}
    | set(range(RECEIVE_MAXIMUM_EXCEEDED, PAYLOAD_FORMAT_INVALID + 1))
)
DISCONNECT_CODES: Final = (
    CLIENT_DISCONNECT_CODES
    | {NOT_AUTHORIZED, SERVER_BUSY, SERVER_SHUTTING_DOWN, KEEP_ALIVE_TIMEOUT, SESSION_TAKEN_OVER, TOPIC_FILTER_INVALID}
    | frozenset(range(RETAIN_NOT_SUPPORTED, WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED + 1))
)
AUTH_CODES: Final = frozenset({SUCCESS, CONTINUE_AUTHENTICATION, REAUTHENTICATE})

# The return codes of a CONNACK before MQTT 5 (3.1.1 §3.2.2.3).
ACCEPTED_3: Final = 0
UNACCEPTABLE_PROTOCOL_VERSION_3: Final = 1
IDENTIFIER_REJECTED_3: Final = 2
SERVER_UNAVAILABLE_3: Final = 3
BAD_USER_NAME_OR_PASSWORD_3: Final = 4
NOT_AUTHORIZED_3: Final = 5

_CONNACK_3: Final[dict[int, int]] = {
    SUCCESS: ACCEPTED_3,
    UNSUPPORTED_PROTOCOL_VERSION: UNACCEPTABLE_PROTOCOL_VERSION_3,
    CLIENT_IDENTIFIER_NOT_VALID: IDENTIFIER_REJECTED_3,
    BAD_USER_NAME_OR_PASSWORD: BAD_USER_NAME_OR_PASSWORD_3,
    BAD_AUTHENTICATION_METHOD: BAD_USER_NAME_OR_PASSWORD_3,
    NOT_AUTHORIZED: NOT_AUTHORIZED_3,
    BANNED: NOT_AUTHORIZED_3,
}


def reason_name(code: int) -> str:
    """Readable text for a log line."""
    name = NAMES.get(code)
    return name if name is not None else f"reason code 0x{code:02X}"


def connack_code_for_3(code: int) -> int:
    """What a CONNACK says to a client of MQTT 3.1 or 3.1.1; whatever it has no word for is "unavailable"."""
    return _CONNACK_3.get(code, SERVER_UNAVAILABLE_3)  # [MQTT-3.2.2-6] of 3.1.1


def suback_code_for_3(code: int) -> int:
    """MQTT 3.1.1 knows one failure. (MQTT 3.1 knows none; its clients read any byte as a granted QoS.)"""
    return code if code <= GRANTED_QOS_2 else 0x80  # [MQTT-3.9.3-2] of 3.1.1
