"""The MQTT control packets as values, one small class each, for 3.1, 3.1.1 and 5.

A packet knows nothing of bytes (decode and encode do) and nothing of sessions (the core does).
`properties` is None where a packet bears none, which is nearly always: an empty set is never built.
Packets compare by identity: a protocol has no use for equality, and a generated one costs on the hot path.
"""

from typing import Final, final

from myna.wire.properties import Properties

# Control packet types, as they stand in the upper half of the first byte (§2.1.2).
CONNECT: Final = 1
CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4
PUBREC: Final = 5
PUBREL: Final = 6
PUBCOMP: Final = 7
SUBSCRIBE: Final = 8
SUBACK: Final = 9
UNSUBSCRIBE: Final = 10
UNSUBACK: Final = 11
PINGREQ: Final = 12
PINGRESP: Final = 13
DISCONNECT: Final = 14
AUTH: Final = 15

# Protocol levels, as CONNECT carries them.
MQTT_3_1: Final = 3
MQTT_3_1_1: Final = 4
MQTT_5: Final = 5


class Packet:
    """What every control packet is; only its subclasses are built."""

    __slots__ = ()


@final
class Will(Packet):
    """The message a CONNECT leaves behind. Not a packet of its own, but a part that travels like one."""

    __slots__ = ("payload", "properties", "qos", "retain", "topic")

    def __init__(
        self, topic: str, payload: bytes, qos: int, retain: bool, properties: Properties | None = None
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.properties = properties


@final
class Connect(Packet):
    """`is_bridge`: another broker, which says so by bit 7 of the level. In no standard, and only before MQTT 5."""

    __slots__ = (
        "clean_start",
        "client_id",
        "is_bridge",
        "keep_alive",
        "level",
        "password",
        "properties",
        "user_name",
        "will",
    )

    def __init__(
        self,
        level: int,
        client_id: str,
        clean_start: bool,
        keep_alive: int,
        user_name: str | None = None,
        password: bytes | None = None,
        will: Will | None = None,
        properties: Properties | None = None,
        is_bridge: bool = False,
    ) -> None:
        self.level = level
        self.client_id = client_id
        self.clean_start = clean_start
        self.keep_alive = keep_alive
        self.user_name = user_name
        self.password = password
        self.will = will
        self.properties = properties
        self.is_bridge = is_bridge


@final
class Connack(Packet):
    __slots__ = ("code", "properties", "session_present")

    def __init__(self, session_present: bool, code: int, properties: Properties | None = None) -> None:
        self.session_present = session_present
        self.code = code
        self.properties = properties


@final
class Publish(Packet):
    """`packet_id` is 0 at QoS 0. `topic` is empty when an alias stands for it."""

    __slots__ = ("dup", "packet_id", "payload", "properties", "qos", "retain", "topic")

    def __init__(
        self,
        topic: str,
        payload: bytes,
        qos: int = 0,
        retain: bool = False,
        dup: bool = False,
        packet_id: int = 0,
        properties: Properties | None = None,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.dup = dup
        self.packet_id = packet_id
        self.properties = properties


@final
class Puback(Packet):
    __slots__ = ("code", "packet_id", "properties")

    def __init__(self, packet_id: int, code: int = 0, properties: Properties | None = None) -> None:
        self.packet_id = packet_id
        self.code = code
        self.properties = properties


@final
class Pubrec(Packet):
    __slots__ = ("code", "packet_id", "properties")

    def __init__(self, packet_id: int, code: int = 0, properties: Properties | None = None) -> None:
        self.packet_id = packet_id
        self.code = code
        self.properties = properties


@final
class Pubrel(Packet):
    __slots__ = ("code", "packet_id", "properties")

    def __init__(self, packet_id: int, code: int = 0, properties: Properties | None = None) -> None:
        self.packet_id = packet_id
        self.code = code
        self.properties = properties


@final
class Pubcomp(Packet):
    __slots__ = ("code", "packet_id", "properties")

    def __init__(self, packet_id: int, code: int = 0, properties: Properties | None = None) -> None:
        self.packet_id = packet_id
        self.code = code
        self.properties = properties


@final
class SubscriptionRequest:
    """One filter of a SUBSCRIBE with its options (§3.8.3.1)."""

    __slots__ = ("filter", "no_local", "qos", "retain_as_published", "retain_handling")

    def __init__(
        self, filter: str, qos: int, no_local: bool = False, retain_as_published: bool = False, retain_handling: int = 0
    ) -> None:
        self.filter = filter
        self.qos = qos
        self.no_local = no_local
        self.retain_as_published = retain_as_published
        self.retain_handling = retain_handling


@final
class Subscribe(Packet):
    __slots__ = ("packet_id", "properties", "requests")

    def __init__(
        self, packet_id: int, requests: list[SubscriptionRequest], properties: Properties | None = None
    ) -> None:
        self.packet_id = packet_id
        self.requests = requests
        self.properties = properties


@final
class Suback(Packet):
    __slots__ = ("codes", "packet_id", "properties")

    def __init__(self, packet_id: int, codes: list[int], properties: Properties | None = None) -> None:
        self.packet_id = packet_id
        self.codes = codes
        self.properties = properties


@final
class Unsubscribe(Packet):
    __slots__ = ("filters", "packet_id", "properties")

    def __init__(self, packet_id: int, filters: list[str], properties: Properties | None = None) -> None:
        self.packet_id = packet_id
        self.filters = filters
        self.properties = properties


@final
class Unsuback(Packet):
    """Before MQTT 5 there are no codes: the encoder leaves them out."""

    __slots__ = ("codes", "packet_id", "properties")

    def __init__(self, packet_id: int, codes: list[int], properties: Properties | None = None) -> None:
        self.packet_id = packet_id
        self.codes = codes
        self.properties = properties


@final
class Pingreq(Packet):
    __slots__ = ()


@final
class Pingresp(Packet):
    __slots__ = ()


@final
class Disconnect(Packet):
    __slots__ = ("code", "properties")

    def __init__(self, code: int = 0, properties: Properties | None = None) -> None:
        self.code = code
        self.properties = properties


@final
class Auth(Packet):
    __slots__ = ("code", "properties")

    def __init__(self, code: int = 0, properties: Properties | None = None) -> None:
        self.code = code
        self.properties = properties
