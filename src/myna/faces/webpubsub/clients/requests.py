"""What a client of the JSON subprotocols may say: one object per text frame, read and judged here.

Knows no client. Two kinds of wrong: `Malformed` is not the protocol and ends the connection (1007); `BadRequest` is a
request that cannot be done, which an ack can say. What a newcomer gets wrong: `type` is known in any case, `ackId` is
a uint64 and so beyond what msgspec bounds, and `data` is kept as it was written, so that numbers and spaces survive.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

import msgspec

from myna.faces.webpubsub.naming import BINARY, EVENT, JSON, PROTOBUF, TEXT, check_metadata, is_group

UINT64: Final = 2**64
TTL_AT_MOST: Final = 300


class Malformed(Exception):
    """Not a message of the subprotocol."""


class BadRequest(Exception):
    """A message that asks for something impossible. `ack_id` is whom to tell, if anybody."""

    def __init__(self, ack_id: int | None, text: str) -> None:
        super().__init__(text)
        self.ack_id = ack_id


@dataclass(frozen=True, slots=True)
class JoinGroup:
    group: str
    ack_id: int | None


@dataclass(frozen=True, slots=True)
class LeaveGroup:
    group: str
    ack_id: int | None


@dataclass(frozen=True, slots=True)
class SendToGroup:
    group: str
    data_type: str
    payload: bytes
    ack_id: int | None
    no_echo: bool
    ttl: int
    metadata: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Event:
    event: str
    data_type: str
    payload: bytes
    ack_id: int | None
    metadata: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class SequenceAck:
    sequence: int


@dataclass(frozen=True, slots=True)
class Ping:
    pass


Request = JoinGroup | LeaveGroup | SendToGroup | Event | SequenceAck | Ping


class _Fields(msgspec.Struct):
    """All fields of all requests; which of them one needs is asked afterwards."""

    type: str
    group: str | None = None
    event: str | None = None
    ackId: int | None = None  # noqa: N815 — as it is written
    noEcho: bool | None = None  # noqa: N815
    dataType: str | None = None  # noqa: N815
    data: msgspec.Raw = msgspec.Raw()
    ttlSeconds: int | None = None  # noqa: N815
    metadata: dict[str, str] | None = None
    sequenceId: int | str | None = None  # noqa: N815


_read_fields: Final = msgspec.json.Decoder(_Fields).decode
_read_string: Final = msgspec.json.Decoder(str).decode
_check_value: Final = msgspec.json.Decoder().decode


def read_request(text: str) -> Request:
    """Raises Malformed or BadRequest."""
    try:
        fields = _read_fields(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        raise Malformed("not a message of this subprotocol") from None
    ack_id = fields.ackId
    if ack_id is not None and not 0 <= ack_id < UINT64:
        raise Malformed("an ackId out of range")
    kind = fields.type.lower()
    if kind == "sendtogroup":
        return _read_send(fields, _group(fields, ack_id), ack_id)
    if kind == "sequenceack":
        return SequenceAck(_sequence(fields.sequenceId))
    if kind == "ping":
        return Ping()
    if kind == "joingroup":
        return JoinGroup(_group(fields, ack_id), ack_id)
    if kind == "leavegroup":
        return LeaveGroup(_group(fields, ack_id), ack_id)
    if kind == "event":
        return _read_event(fields, ack_id)
    raise Malformed(f"unknown type '{fields.type[:64]}'")


def _read_send(fields: _Fields, group: str, ack_id: int | None) -> SendToGroup:
    ttl = fields.ttlSeconds or 0
    if not 0 <= ttl <= TTL_AT_MOST:
        raise BadRequest(ack_id, f"ttlSeconds must be between 0 and {TTL_AT_MOST}.")
    data_type, payload = _data(fields)
    return SendToGroup(group, data_type, payload, ack_id, bool(fields.noEcho), ttl, _metadata(fields, ack_id))


def _read_event(fields: _Fields, ack_id: int | None) -> Event:
    event = fields.event
    if event is None:
        raise Malformed("an event without its name")
    if EVENT.fullmatch(event) is None:
        raise BadRequest(ack_id, "Invalid event name.")
    data_type, payload = _data(fields)
    return Event(event, data_type, payload, ack_id, _metadata(fields, ack_id))


def _group(fields: _Fields, ack_id: int | None) -> str:
    group = fields.group
    if group is None:
        raise Malformed("no group is named")
    if not is_group(group):
        raise BadRequest(ack_id, "Invalid group name.")
    return group


def _metadata(fields: _Fields, ack_id: int | None) -> dict[str, str] | None:
    metadata = fields.metadata
    if metadata:
        wrong = check_metadata(metadata)
        if wrong:
            raise BadRequest(ack_id, wrong)
    return metadata


def _data(fields: _Fields) -> tuple[str, bytes]:
    """Kind of data and payload. A message of metadata alone is text of no length."""
    data_type = JSON if fields.dataType is None else fields.dataType.lower()
    raw = bytes(fields.data)
    if not raw and fields.metadata:
        return (TEXT if data_type == JSON else data_type), b""
    try:
        if data_type == JSON:
            if raw in (b"", b"null"):
                raise Malformed("no data")
            _check_value(raw)
            return JSON, raw
        if data_type == TEXT:
            return TEXT, _read_string(raw).encode()
        if data_type in (BINARY, PROTOBUF):
            return data_type, base64.b64decode(_read_string(raw), validate=True)
    except (msgspec.DecodeError, binascii.Error, ValueError, RecursionError):
        raise Malformed(f"data is not {data_type}") from None
    raise Malformed(f"unknown dataType '{data_type[:64]}'")


def _sequence(value: int | str | None) -> int:
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) <= 20 else None
    if value is None or not 0 <= value < UINT64:
        raise Malformed("not a sequenceId")
    return value
