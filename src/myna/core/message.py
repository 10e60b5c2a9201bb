"""What travels: a message, where it comes from, and the bytes it becomes for MQTT receivers, each form made once.

A form is a protocol version (3 for 3.1 and 3.1.1, or 5) with the flags of the first byte. Receivers share its bytes; at
QoS 1 and 2 they differ only in the packet id, which stands between `head` and `tail`. What a newcomer gets wrong: the
remaining lifetime is part of the MQTT 5 form, so a message that expires is encoded anew when a second has passed.
"""

from typing import Final, final

from mypy_extensions import mypyc_attr

from myna.core.identity import Identity
from myna.wire.fields import write_varint
from myna.wire.properties import Properties
from myna.wire.property_block import encode_properties

FORM_3: Final = 3
FORM_5: Final = 5

QOS_0: Final = 0x30
NO_PROPERTIES: Final = b"\0"


@mypyc_attr(allow_interpreted_subclasses=True)
class Sender:
    """Whoever a message comes from while connected; every Receiver is one."""

    __slots__ = ()


@final
class Origin:
    """Where messages come from. One serves all the messages of a connection, or of an HTTP caller."""

    __slots__ = ("address", "client_id", "identity", "sender", "source", "tenant", "user")

    def __init__(
        self,
        source: str,
        tenant: str,
        *,
        user: str = "",
        client_id: str = "",
        identity: Identity | None = None,
        sender: Sender | None = None,
        address: str = "",
    ) -> None:
        self.source = source
        self.tenant = tenant
        self.user = user
        self.client_id = client_id
        self.identity = identity
        self.sender = sender
        self.address = address


@final
class Message:
    """One publication. `expires_at` is 0 where it never expires; `properties` holds only what is passed on."""

    __slots__ = (
        "_flags_3",
        "_flags_5",
        "_frame_3",
        "_frame_5",
        "_head_3",
        "_head_5",
        "_tail_5",
        "_tail_remaining",
        "attachment",
        "encoded_topic",
        "expires_at",
        "origin",
        "payload",
        "place",
        "properties",
        "published_at",
        "qos",
        "retain",
        "topic",
    )

    def __init__(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        retain: bool,
        origin: Origin,
        published_at: float,
        expires_at: float = 0.0,
        properties: Properties | None = None,
        encoded_topic: bytes | None = None,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.origin = origin
        self.published_at = published_at
        self.expires_at = expires_at
        self.properties = properties
        self.encoded_topic = encoded_topic
        self.attachment: object = None  # what a dialect keeps with it for its own receivers; no store has it
        self.place = 0  # where a store has it; 0 for nowhere
        self._frame_3: bytes | None = None
        self._frame_5: bytes | None = None
        self._flags_3 = 0
        self._head_3: bytes | None = None
        self._flags_5 = 0
        self._head_5: bytes | None = None
        self._tail_5: bytes | None = None
        self._tail_remaining = -1

    def is_expired(self, now: float) -> bool:
        return self.expires_at != 0.0 and now > self.expires_at

    def size(self) -> int:
        """What it weighs in a queue: its bytes and a fair guess at what surrounds them."""
        properties = self.properties
        return len(self.payload) + len(self.topic) + 200 + (0 if properties is None else _size_of(properties))

    def adopt_form(self, form: int, head: bytes, payload: bytes) -> None:
        """Take over the beginning it arrived with, so that receivers of the same form and QoS cost no encoding."""
        if form == FORM_3:
            self._flags_3 = head[0]
            self._head_3 = head
        else:
            self._flags_5 = head[0]
            self._head_5 = head
            self._tail_5 = NO_PROPERTIES + payload

    def frame(self, form: int, now: float) -> bytes:
        """The whole packet at QoS 0 without RETAIN, the commonest form."""
        if form == FORM_3:
            frame = self._frame_3
            if frame is None:
                frame = self.head(form, QOS_0, now) + self.payload
                self._frame_3 = frame
            return frame
        frame = self._frame_5
        if frame is None or self.expires_at != 0.0:
            frame = self.head(form, QOS_0, now) + self.tail(form, now)
            self._frame_5 = frame
        return frame

    def head(self, form: int, flags: int, now: float) -> bytes:
        """First byte to topic. The tail's length is part of it, so MQTT 5 makes the tail first."""
        if form == FORM_3:
            head = self._head_3
            if head is None or self._flags_3 != flags:
                head = self._build_head(flags, len(self.payload))
                self._head_3 = head
                self._flags_3 = flags
            return head
        tail = self.tail(form, now)
        head = self._head_5
        if head is None or self._flags_5 != flags:
            head = self._build_head(flags, len(tail))
            self._head_5 = head
            self._flags_5 = flags
        return head

    def tail(self, form: int, now: float) -> bytes:
        """What follows the packet id: properties, in MQTT 5, and payload."""
        if form == FORM_3:
            return self.payload
        tail = self._tail_5
        if self.expires_at != 0.0:
            remaining = self.remaining(now)
            if tail is None or remaining != self._tail_remaining:
                tail = self._encode_expiring(remaining) + self.payload
                self._tail_5 = tail
                self._tail_remaining = remaining
                self._head_5 = None
        elif tail is None:
            properties = self.properties
            block = NO_PROPERTIES if properties is None else encode_properties(properties)
            tail = block + self.payload
            self._tail_5 = tail
        return tail

    def remaining(self, now: float) -> int:
        """Seconds left of its life, at least one of those it had: it must not grow [MQTT-3.3.2-6]."""
        whole = int(self.expires_at - self.published_at + 0.5)
        return min(max(int(self.expires_at - now + 0.5), 1), whole)

    def special_form(
        self, flags: int, identifiers: list[int] | None, alias: int, with_topic: bool, now: float
    ) -> tuple[bytes, bytes]:
        """Head and tail for one MQTT 5 receiver alone: with its subscription identifiers or its topic alias."""
        properties = copy_for_delivery(self.properties)
        if self.expires_at != 0.0:
            properties.message_expiry = self.remaining(now)
        properties.subscription_identifiers = identifiers
        properties.topic_alias = alias if alias else -1
        tail = encode_properties(properties) + self.payload
        topic = self.topic_bytes() if with_topic else b""
        length = 2 + len(topic) + len(tail) + (0 if flags & 0x06 == 0 else 2)
        return bytes((flags,)) + write_varint(length) + len(topic).to_bytes(2, "big") + topic, tail

    def topic_bytes(self) -> bytes:
        encoded = self.encoded_topic
        if encoded is None:
            encoded = self.topic.encode()
            self.encoded_topic = encoded
        return encoded

    def _build_head(self, flags: int, tail_length: int) -> bytes:
        topic = self.topic_bytes()
        length = 2 + len(topic) + tail_length + (0 if flags & 0x06 == 0 else 2)
        return bytes((flags,)) + write_varint(length) + len(topic).to_bytes(2, "big") + topic

    def _encode_expiring(self, remaining: int) -> bytes:
        properties = copy_for_delivery(self.properties)
        properties.message_expiry = remaining
        return encode_properties(properties)


def _size_of(properties: Properties) -> int:
    size = 300  # as an object
    for text in (properties.content_type, properties.response_topic):
        size += 0 if text is None else len(text)
    if properties.correlation_data is not None:
        size += len(properties.correlation_data)
    if properties.user_properties is not None:
        for name, value in properties.user_properties:
            size += len(name) + len(value) + 150
    return size


def copy_for_delivery(source: Properties | None) -> Properties:
    """The properties of a PUBLISH or a will that travel with the message [MQTT-3.3.2-4, -15, -16, -17, -20]."""
    copy = Properties()
    if source is not None:
        copy.payload_format = source.payload_format
        copy.content_type = source.content_type
        copy.response_topic = source.response_topic
        copy.correlation_data = source.correlation_data
        copy.user_properties = source.user_properties
    return copy


def is_as_declared(payload_format: int, payload: bytes) -> bool:
    """Is it UTF-8 if its sender says so (§3.3.2.3.2, §3.1.3.2.3)?"""
    if payload_format != 1:
        return True
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
