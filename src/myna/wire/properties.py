"""The MQTT 5 properties (§2.2.2.2): what each is called, its type, and which packets may bear it.

One class holds them all, since most packets bear none and the rest one or two. An absent integer is -1, an absent
string or binary None: 0 and the empty string are values a peer can send.
Knows nothing of bytes: property_block reads and writes what the table here describes.
"""

from typing import Final, final

# The types a property's value may have (§1.5).
BYTE: Final = 1
TWO_BYTES: Final = 2
FOUR_BYTES: Final = 3
VARINT: Final = 4
STRING: Final = 5
BINARY: Final = 6
STRING_PAIR: Final = 7

# Who may bear a property: one bit per packet type. No packet has type 0, so that bit is the will's.
IN_WILL: Final = 1 << 0
IN_CONNECT: Final = 1 << 1
IN_CONNACK: Final = 1 << 2
IN_PUBLISH: Final = 1 << 3
IN_PUBACK: Final = 1 << 4
IN_PUBREC: Final = 1 << 5
IN_PUBREL: Final = 1 << 6
IN_PUBCOMP: Final = 1 << 7
IN_SUBSCRIBE: Final = 1 << 8
IN_SUBACK: Final = 1 << 9
IN_UNSUBSCRIBE: Final = 1 << 10
IN_UNSUBACK: Final = 1 << 11
IN_DISCONNECT: Final = 1 << 14
IN_AUTH: Final = 1 << 15
_IN_MESSAGE: Final = IN_PUBLISH | IN_WILL
_IN_ANSWERS: Final = (
    IN_CONNACK | IN_PUBACK | IN_PUBREC | IN_PUBREL | IN_PUBCOMP | IN_SUBACK | IN_UNSUBACK | IN_DISCONNECT | IN_AUTH
)
_IN_ALL: Final = _IN_MESSAGE | _IN_ANSWERS | IN_CONNECT | IN_SUBSCRIBE | IN_UNSUBSCRIBE

PAYLOAD_FORMAT: Final = 0x01
MESSAGE_EXPIRY: Final = 0x02
CONTENT_TYPE: Final = 0x03
RESPONSE_TOPIC: Final = 0x08
CORRELATION_DATA: Final = 0x09
SUBSCRIPTION_IDENTIFIER: Final = 0x0B
SESSION_EXPIRY: Final = 0x11
ASSIGNED_CLIENT_ID: Final = 0x12
SERVER_KEEP_ALIVE: Final = 0x13
AUTHENTICATION_METHOD: Final = 0x15
AUTHENTICATION_DATA: Final = 0x16
REQUEST_PROBLEM_INFORMATION: Final = 0x17
WILL_DELAY: Final = 0x18
REQUEST_RESPONSE_INFORMATION: Final = 0x19
RESPONSE_INFORMATION: Final = 0x1A
SERVER_REFERENCE: Final = 0x1C
REASON_STRING: Final = 0x1F
RECEIVE_MAXIMUM: Final = 0x21
TOPIC_ALIAS_MAXIMUM: Final = 0x22
TOPIC_ALIAS: Final = 0x23
MAXIMUM_QOS: Final = 0x24
RETAIN_AVAILABLE: Final = 0x25
USER_PROPERTY: Final = 0x26
MAXIMUM_PACKET_SIZE: Final = 0x27
WILDCARD_SUBSCRIPTION_AVAILABLE: Final = 0x28
SUBSCRIPTION_IDENTIFIER_AVAILABLE: Final = 0x29
SHARED_SUBSCRIPTION_AVAILABLE: Final = 0x2A

# §2.2.2.2, Table 2-4: identifier -> attribute of Properties, type, who may bear it, which of those may repeat it.
TABLE: Final[dict[int, tuple[str, int, int, int]]] = {
    PAYLOAD_FORMAT: ("payload_format", BYTE, _IN_MESSAGE, 0),
    MESSAGE_EXPIRY: ("message_expiry", FOUR_BYTES, _IN_MESSAGE, 0),
    CONTENT_TYPE: ("content_type", STRING, _IN_MESSAGE, 0),
    RESPONSE_TOPIC: ("response_topic", STRING, _IN_MESSAGE, 0),
    CORRELATION_DATA: ("correlation_data", BINARY, _IN_MESSAGE, 0),
    SUBSCRIPTION_IDENTIFIER: ("subscription_identifiers", VARINT, IN_PUBLISH | IN_SUBSCRIBE, IN_PUBLISH),
    SESSION_EXPIRY: ("session_expiry", FOUR_BYTES, IN_CONNECT | IN_CONNACK | IN_DISCONNECT, 0),
    ASSIGNED_CLIENT_ID: ("assigned_client_id", STRING, IN_CONNACK, 0),
    SERVER_KEEP_ALIVE: ("server_keep_alive", TWO_BYTES, IN_CONNACK, 0),
    AUTHENTICATION_METHOD: ("authentication_method", STRING, IN_CONNECT | IN_CONNACK | IN_AUTH, 0),
    AUTHENTICATION_DATA: ("authentication_data", BINARY, IN_CONNECT | IN_CONNACK | IN_AUTH, 0),
    REQUEST_PROBLEM_INFORMATION: ("request_problem_information", BYTE, IN_CONNECT, 0),
    WILL_DELAY: ("will_delay", FOUR_BYTES, IN_WILL, 0),
    REQUEST_RESPONSE_INFORMATION: ("request_response_information", BYTE, IN_CONNECT, 0),
    RESPONSE_INFORMATION: ("response_information", STRING, IN_CONNACK, 0),
    SERVER_REFERENCE: ("server_reference", STRING, IN_CONNACK | IN_DISCONNECT, 0),
    REASON_STRING: ("reason_string", STRING, _IN_ANSWERS, 0),
    RECEIVE_MAXIMUM: ("receive_maximum", TWO_BYTES, IN_CONNECT | IN_CONNACK, 0),
    TOPIC_ALIAS_MAXIMUM: ("topic_alias_maximum", TWO_BYTES, IN_CONNECT | IN_CONNACK, 0),
    TOPIC_ALIAS: ("topic_alias", TWO_BYTES, IN_PUBLISH, 0),
    MAXIMUM_QOS: ("maximum_qos", BYTE, IN_CONNACK, 0),
    RETAIN_AVAILABLE: ("retain_available", BYTE, IN_CONNACK, 0),
    USER_PROPERTY: ("user_properties", STRING_PAIR, _IN_ALL, _IN_ALL),
    MAXIMUM_PACKET_SIZE: ("maximum_packet_size", FOUR_BYTES, IN_CONNECT | IN_CONNACK, 0),
    WILDCARD_SUBSCRIPTION_AVAILABLE: ("wildcard_subscription_available", BYTE, IN_CONNACK, 0),
    SUBSCRIPTION_IDENTIFIER_AVAILABLE: ("subscription_identifier_available", BYTE, IN_CONNACK, 0),
    SHARED_SUBSCRIPTION_AVAILABLE: ("shared_subscription_available", BYTE, IN_CONNACK, 0),
}


@final
class Properties:
    __slots__ = (
        "assigned_client_id",
        "authentication_data",
        "authentication_method",
        "content_type",
        "correlation_data",
        "maximum_packet_size",
        "maximum_qos",
        "message_expiry",
        "payload_format",
        "reason_string",
        "receive_maximum",
        "request_problem_information",
        "request_response_information",
        "response_information",
        "response_topic",
        "retain_available",
        "server_keep_alive",
        "server_reference",
        "session_expiry",
        "shared_subscription_available",
        "subscription_identifier_available",
        "subscription_identifiers",
        "topic_alias",
        "topic_alias_maximum",
        "user_properties",
        "wildcard_subscription_available",
        "will_delay",
    )

    def __init__(self) -> None:
        self.payload_format: int = -1  # 0x01 byte
        self.message_expiry: int = -1  # 0x02 four bytes
        self.content_type: str | None = None  # 0x03
        self.response_topic: str | None = None  # 0x08
        self.correlation_data: bytes | None = None  # 0x09
        self.subscription_identifiers: list[int] | None = None  # 0x0B varint, several only towards clients
        self.session_expiry: int = -1  # 0x11 four bytes
        self.assigned_client_id: str | None = None  # 0x12
        self.server_keep_alive: int = -1  # 0x13 two bytes
        self.authentication_method: str | None = None  # 0x15
        self.authentication_data: bytes | None = None  # 0x16
        self.request_problem_information: int = -1  # 0x17 byte
        self.will_delay: int = -1  # 0x18 four bytes
        self.request_response_information: int = -1  # 0x19 byte
        self.response_information: str | None = None  # 0x1A
        self.server_reference: str | None = None  # 0x1C
        self.reason_string: str | None = None  # 0x1F
        self.receive_maximum: int = -1  # 0x21 two bytes
        self.topic_alias_maximum: int = -1  # 0x22 two bytes
        self.topic_alias: int = -1  # 0x23 two bytes
        self.maximum_qos: int = -1  # 0x24 byte
        self.retain_available: int = -1  # 0x25 byte
        self.user_properties: list[tuple[str, str]] | None = None  # 0x26
        self.maximum_packet_size: int = -1  # 0x27 four bytes
        self.wildcard_subscription_available: int = -1  # 0x28 byte
        self.subscription_identifier_available: int = -1  # 0x29 byte
        self.shared_subscription_available: int = -1  # 0x2A byte
