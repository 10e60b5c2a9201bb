"""Records as bytes: the one format of every store, whatever it is kept in.

    record     kind (1)  length of the body (4)  body
    ENQUEUED   length of the parts (varint)  parts: session, number, flags, packet id (2), [identifiers]  message
    SENT       session  count  then for each: number (as the distance from the one before)  packet id (2)
    RELEASED   session  number
    SETTLED    session  count  numbers (likewise)
    message    what it has (1)  published (8)  [expires (8)]  topic  [properties]  [origin]  payload, to the end

Sessions are numbers here, given by the store and never used twice, so that nothing is ever delivered to a later session
of the same name. Everything else of a session lies in rows of its own. Times are written as the store's time, which is
the clock's plus `skew`: it never runs backwards, though the clock of a machine may be set back between two runs. What a
newcomer gets wrong: bytes that do not follow this format are damage and raise `DamagedRecord`; they are never skipped.
"""

import struct
from typing import Final, final
from zlib import crc32

from myna.core.message import Message, Origin
from myna.core.receiver import SessionKey
from myna.core.records import Enqueued, Released, Sent, SessionSaved, Settled, Subscribed, WillSet
from myna.wire.errors import WireError
from myna.wire.properties import IN_PUBLISH
from myna.wire.property_block import encode_properties, read_properties

ENQUEUED: Final = 1
SENT: Final = 2
RELEASED: Final = 3
SETTLED: Final = 4

HEADER: Final = 5  # of a record

HAS_RETAIN: Final = 0x04  # over the two bits of the QoS
HAS_EXPIRY: Final = 0x08
HAS_PROPERTIES: Final = 0x10
HAS_ORIGIN: Final = 0x20

PART_IDENTIFIERS: Final = 0x80  # over the first byte of the PUBLISH without its packet type
PART_RELEASED: Final = 0x40

_DOUBLE: Final = struct.Struct(">d")


class DamagedRecord(Exception):
    """Stored bytes that are not what was written."""


def varint(value: int) -> bytes:
    """Seven bits a byte, the low ones first, without an upper bound."""
    if value < 0x80:
        return bytes((value,))
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(buffer: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    shift = 0
    while at < end:
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise DamagedRecord("a number has no end")


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return varint(len(data)) + data


def _read_text(buffer: bytes, at: int, end: int) -> tuple[str, int]:
    length, at = read_varint(buffer, at, end)
    if at + length > end:
        raise DamagedRecord("a text goes on past its record")
    try:
        return buffer[at : at + length].decode("utf-8", "surrogatepass"), at + length
    except UnicodeDecodeError:
        raise DamagedRecord("a text is not UTF-8") from None


def _read_double(buffer: bytes, at: int, end: int) -> tuple[float, int]:
    if at + 8 > end:
        raise DamagedRecord("a time goes on past its record")
    value: float = _DOUBLE.unpack_from(buffer, at)[0]
    return value, at + 8


def seal(body: bytes) -> bytes:
    """With a checksum behind it: SQLite has none of its own."""
    return body + crc32(body).to_bytes(4, "big")


def unseal(sealed: bytes) -> bytes:
    body = sealed[:-4]
    if len(sealed) < 4 or crc32(body) != int.from_bytes(sealed[-4:], "big"):
        raise DamagedRecord("the checksum is wrong")
    return body


def frame(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(4, "big") + body


@final
class RecordEncoder:
    """Knows the sessions' numbers. A record of sessions that are not stored is no bytes at all."""

    __slots__ = ("numbers", "skew")

    def __init__(self, skew: float) -> None:
        self.skew = skew
        self.numbers: dict[SessionKey, int] = {}

    def enqueued(self, record: Enqueued) -> bytes:
        parts = b""
        numbers = self.numbers
        if len(record.receivers) == 1:
            part = record.receivers[0]
            session = numbers.get(part.key, 0)
            if session:
                parts = encode_part(session, part.number, part.flags, part.identifiers, part.packet_id, False)
        else:
            pieces: list[bytes] = []
            for part in record.receivers:
                session = numbers.get(part.key, 0)
                if session:
                    pieces.append(
                        encode_part(session, part.number, part.flags, part.identifiers, part.packet_id, False)
                    )
            parts = b"".join(pieces)
        if not parts:
            return b""
        return enqueued_of(parts, encode_message(record.message, self.skew, False))

    def sent(self, record: Sent) -> bytes:
        session = self.numbers.get(record.key, 0)
        if not session:
            return b""
        pieces = [varint(session), varint(len(record.numbers))]
        before = 0
        for index, number in enumerate(record.numbers):  # they ascend: a queue is sent from its head
            pieces.append(varint(number - before))
            pieces.append(record.packet_ids[index].to_bytes(2, "big"))
            before = number
        return frame(SENT, b"".join(pieces))

    def released(self, record: Released) -> bytes:
        session = self.numbers.get(record.key, 0)
        return frame(RELEASED, varint(session) + varint(record.number)) if session else b""

    def settled(self, record: Settled) -> bytes:
        session = self.numbers.get(record.key, 0)
        if not session:
            return b""
        numbers = sorted(record.numbers)
        pieces = [varint(session), varint(len(numbers))]
        before = 0
        for number in numbers:
            pieces.append(varint(number - before))
            before = number
        return frame(SETTLED, b"".join(pieces))


def encode_part(
    session: int, number: int, flags: int, identifiers: list[int] | None, packet_id: int, released: bool
) -> bytes:
    flags &= 0x0F
    if released:
        flags |= PART_RELEASED
    if identifiers is None:
        return varint(session) + varint(number) + bytes((flags, packet_id >> 8, packet_id & 0xFF))
    pieces = [
        varint(session),
        varint(number),
        bytes((flags | PART_IDENTIFIERS, packet_id >> 8, packet_id & 0xFF)),
        varint(len(identifiers)),
    ]
    pieces.extend([varint(identifier) for identifier in identifiers])
    return b"".join(pieces)


def enqueued_of(parts: bytes, message: bytes) -> bytes:
    length = varint(len(parts))
    size = len(length) + len(parts) + len(message)
    return b"".join((bytes((ENQUEUED,)), size.to_bytes(4, "big"), length, parts, message))


# Messages


def encode_message(message: Message, skew: float, with_origin: bool) -> bytes:
    has = message.qos | (HAS_RETAIN if message.retain else 0)
    topic = message.topic_bytes()
    properties = message.properties
    if message.expires_at == 0.0 and properties is None and not with_origin:
        return b"".join(
            (bytes((has,)), _DOUBLE.pack(message.published_at + skew), varint(len(topic)), topic, message.payload)
        )
    pieces = [_DOUBLE.pack(message.published_at + skew)]
    if message.expires_at != 0.0:
        has |= HAS_EXPIRY
        pieces.append(_DOUBLE.pack(message.expires_at + skew))
    pieces.append(varint(len(topic)))
    pieces.append(topic)
    if properties is not None:
        has |= HAS_PROPERTIES
        block = encode_properties(properties)
        pieces.append(varint(len(block)))
        pieces.append(block)
    if with_origin:
        has |= HAS_ORIGIN
        origin = message.origin
        pieces.append(_text(origin.source))
        pieces.append(_text(origin.user))
        pieces.append(_text(origin.client_id))
    pieces.append(message.payload)
    return bytes((has,)) + b"".join(pieces)


def decode_message(buffer: bytes, at: int, end: int, skew: float, tenant: str) -> Message:
    """The message in these bytes; of where it came from only what was written."""
    if at >= end:
        raise DamagedRecord("a message has no bytes")
    has = buffer[at]
    published_at, at = _read_double(buffer, at + 1, end)
    expires_at = 0.0
    if has & HAS_EXPIRY:
        expires_at, at = _read_double(buffer, at, end)
        expires_at -= skew
    length, at = read_varint(buffer, at, end)
    topic = buffer[at : at + length]
    at += length
    properties = None
    if has & HAS_PROPERTIES:
        length, at = read_varint(buffer, at, end)
        try:
            properties, _ = read_properties(buffer, at, min(at + length, end), IN_PUBLISH)
        except WireError as error:
            raise DamagedRecord(f"properties of a message: {error.message}") from None
        at += length
    source, user, client_id = "store", "", ""
    if has & HAS_ORIGIN:
        source, at = _read_text(buffer, at, end)
        user, at = _read_text(buffer, at, end)
        client_id, at = _read_text(buffer, at, end)
    if at > end:
        raise DamagedRecord("a message goes on past its record")
    try:
        name = topic.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise DamagedRecord("a topic is not UTF-8") from None
    origin = Origin(source, tenant, user=user, client_id=client_id)
    return Message(
        name,
        buffer[at:end],
        has & 0x03,
        has & HAS_RETAIN != 0,
        origin,
        published_at - skew,
        expires_at,
        properties,
        topic,
    )


def message_of_record(record: bytes, skew: float, tenant: str) -> Message:
    """The message of one ENQUEUED record, given from its first byte on."""
    end = HEADER + int.from_bytes(record[1:HEADER], "big")
    if len(record) < end or record[0] != ENQUEUED:
        raise DamagedRecord("there is no message where one was stored")
    length, at = read_varint(record, HEADER, end)
    return decode_message(record, at + length, end, skew, tenant)


# What has a row of its own


@final
class SavedSession:
    """A session as its row says it."""

    __slots__ = ("attributes", "expiry", "key", "offline_since", "user")

    def __init__(
        self, key: SessionKey, user: str, attributes: dict[str, str], expiry: int, offline_since: float
    ) -> None:
        self.key = key
        self.user = user
        self.attributes = attributes
        self.expiry = expiry
        self.offline_since = offline_since


def encode_session(record: SessionSaved, skew: float) -> bytes:
    tenant, scope, client_id = record.key
    since = record.offline_since + skew if record.offline_since != 0.0 else 0.0
    pieces = [_text(tenant), _text(scope), _text(client_id), _text(record.user), varint(record.expiry)]
    pieces.append(_DOUBLE.pack(since))
    for name, value in record.attributes.items():
        pieces.append(_text(name))
        pieces.append(_text(value))
    return seal(b"".join(pieces))


def decode_session(sealed: bytes, skew: float) -> SavedSession:
    body = unseal(sealed)
    end = len(body)
    tenant, at = _read_text(body, 0, end)
    scope, at = _read_text(body, at, end)
    client_id, at = _read_text(body, at, end)
    user, at = _read_text(body, at, end)
    expiry, at = read_varint(body, at, end)
    since, at = _read_double(body, at, end)
    attributes: dict[str, str] = {}
    while at < end:
        name, at = _read_text(body, at, end)
        attributes[name], at = _read_text(body, at, end)
    return SavedSession((tenant, scope, client_id), user, attributes, expiry, since - skew if since != 0.0 else 0.0)


def encode_subscription(record: Subscribed) -> bytes:
    """Without its text, which is the row's key; the filter only where a guard has rewritten it."""
    flags = record.qos | record.retain_handling << 2
    flags |= (0x10 if record.no_local else 0) | (0x20 if record.retain_as_published else 0)
    flags |= 0x40 if record.dormant else 0
    pieces = [bytes((flags,)), b"\0" if record.filter == record.text else _text(record.filter)]
    if record.identifiers is not None:
        pieces.extend([varint(identifier) for identifier in record.identifiers])
    return b"".join(pieces)


def decode_subscription(key: SessionKey, text: str, body: bytes) -> Subscribed:
    end = len(body)
    if not body:
        raise DamagedRecord("a subscription has no bytes")
    flags = body[0]
    filter, at = _read_text(body, 1, end)
    if not filter:
        filter = text  # one object for both: there may be millions
    identifiers: list[int] | None = None
    while at < end:
        identifier, at = read_varint(body, at, end)
        identifiers = [identifier] if identifiers is None else [*identifiers, identifier]
    return Subscribed(
        key,
        text,
        filter,
        flags & 0x03,
        flags & 0x10 != 0,
        flags & 0x20 != 0,
        flags >> 2 & 0x03,
        identifiers,
        flags & 0x40 != 0,
    )


def encode_will(record: WillSet, message: Message, skew: float) -> bytes:
    due = record.due + skew if record.due != 0.0 else 0.0
    times = _DOUBLE.pack(due) + _DOUBLE.pack(record.lifetime) + varint(record.delay)
    return seal(times + encode_message(message, skew, True))


def decode_will(key: SessionKey, sealed: bytes, skew: float) -> WillSet:
    body = unseal(sealed)
    end = len(body)
    due, at = _read_double(body, 0, end)
    lifetime, at = _read_double(body, at, end)
    delay, at = read_varint(body, at, end)
    message = decode_message(body, at, end, skew, key[0])
    return WillSet(key, message, delay, due - skew if due != 0.0 else 0.0, lifetime)
