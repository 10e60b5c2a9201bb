"""The JSON subprotocols: one object per text frame, read and written here.

Knows no client. What a newcomer gets wrong: `type` is known in any case, `ackId` is a uint64 and so beyond what msgspec
bounds, and `data` is kept as it was written, so that numbers and spaces survive.
"""

import base64
import binascii
from typing import Final

import msgspec

from myna.core.message import Message
from myna.faces.webpubsub.clients.notices import (
    Ack,
    Connected,
    Disconnected,
    Failure,
    GroupStateSnapshot,
    Invoked,
    Notice,
    Pong,
    StateItem,
    StreamAck,
    StreamClosed,
    StreamNack,
)
from myna.faces.webpubsub.clients.requests import (
    UINT64,
    USER_ERROR,
    CancelInvocation,
    Data,
    EndStream,
    Event,
    JoinGroup,
    LeaveGroup,
    Malformed,
    OpenStream,
    Ping,
    Request,
    SendToGroup,
    SequenceAck,
    SetGroupState,
    StreamData,
    WatchGroupState,
    checked_event,
    checked_group,
    checked_metadata,
    checked_name,
    checked_ttl,
    data_or_nothing,
    invoke,
    open_stream,
    stream_data,
)
from myna.faces.webpubsub.clients.subprotocol import Subprotocol
from myna.faces.webpubsub.naming import BINARY, JSON, PROTOBUF, SERVER_MESSAGES, TEXT
from myna.faces.webpubsub.payloads import (
    JSON_FORM,
    Carried,
    Framing,
    StreamError,
    StreamPlace,
    carried,
    encode_json,
)

JSON_PROTOCOL: Final = "json.webpubsub.azure.v1"
RELIABLE_JSON_PROTOCOL: Final = "json.reliable.webpubsub.azure.v1"
EVENT_TARGET: Final = "event"


class _Stream(msgspec.Struct):
    streamId: str  # noqa: N815 — as it is written
    idleTimeoutMs: int | None = None  # noqa: N815


class _Error(msgspec.Struct):
    message: str | None = None
    userErrorCode: str | None = None  # noqa: N815


class _Fields(msgspec.Struct, gc=False):
    """All fields of all requests; which of them one needs is asked afterwards."""

    type: str
    group: str | None = None
    event: str | None = None
    ackId: int | None = None  # noqa: N815
    noEcho: bool | None = None  # noqa: N815
    dataType: str | None = None  # noqa: N815
    data: msgspec.Raw = msgspec.Raw()
    ttlSeconds: int | None = None  # noqa: N815
    metadata: dict[str, str] | None = None
    sequenceId: int | str | None = None  # noqa: N815
    stream: _Stream | None = None
    streamId: str | None = None  # noqa: N815
    streamSequenceId: int | None = None  # noqa: N815
    error: _Error | None = None
    invocationId: str | None = None  # noqa: N815
    target: str | None = None
    state: dict[str, str] | None = None


_read_fields: Final = msgspec.json.Decoder(_Fields).decode
_read_string: Final = msgspec.json.Decoder(str).decode
_check_value: Final = msgspec.json.Decoder().decode


class JsonProtocol(Subprotocol):
    def __init__(self, text_frame: Framing) -> None:
        super().__init__(JSON_PROTOCOL, RELIABLE_JSON_PROTOCOL, JSON_FORM, text_frame)

    def read_text(self, text: str) -> Request:
        return read_request(text)

    def encode_notice(self, notice: Notice) -> bytes:
        return encode_json(_fields_of(notice))

    def encode_tail(self, message: Message) -> bytes:
        """Without its first brace."""
        return b",".join(_message_parts(message, carried(message)))

    def complete(self, tail: bytes, sequence: int) -> bytes:
        return b'{"sequenceId":%d,%b' % (sequence, tail) if sequence else b"{" + tail


# Requests


def read_request(text: str) -> Request:
    """Raises Malformed, BadRequest, BadStream or BadInvocation."""
    try:
        fields = _read_fields(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        raise Malformed("not a message of this subprotocol") from None
    ack_id = fields.ackId
    if ack_id is not None and not 0 <= ack_id < UINT64:
        raise Malformed("an ackId out of range")
    read = _READERS.get(fields.type.lower())
    if read is None:
        raise Malformed(f"unknown type '{fields.type[:64]}'")
    return read(fields, ack_id)


def _read_send(fields: _Fields, ack_id: int | None) -> SendToGroup | OpenStream:
    if fields.stream is not None:
        return _read_start(fields, fields.stream, ack_id)
    group = _group(fields, ack_id)
    ttl = checked_ttl(fields.ttlSeconds or 0, ack_id)
    data_type, payload = _data(fields) or _nothing(fields)
    metadata = checked_metadata(fields.metadata, ack_id)
    return SendToGroup(group, data_type, payload, ack_id, bool(fields.noEcho), ttl, metadata)


def _read_start(fields: _Fields, stream: _Stream, ack_id: int | None) -> OpenStream:
    return open_stream(
        stream.streamId,
        _present(fields.group, "no group is named"),
        idle=stream.idleTimeoutMs,
        has_data=bool(bytes(fields.data)) or fields.dataType is not None,
        ack_id=ack_id,
        no_echo=bool(fields.noEcho),
        ttl=fields.ttlSeconds or 0,
        metadata=fields.metadata,
    )


def _read_event(fields: _Fields, ack_id: int | None) -> Event:
    event = checked_event(_present(fields.event, "an event without its name"), ack_id)
    data_type, payload = _data(fields) or _nothing(fields)
    return Event(event, data_type, payload, ack_id, checked_metadata(fields.metadata, ack_id))


def _read_join(fields: _Fields, ack_id: int | None) -> JoinGroup:
    return JoinGroup(_group(fields, ack_id), ack_id)


def _read_leave(fields: _Fields, ack_id: int | None) -> LeaveGroup:
    return LeaveGroup(_group(fields, ack_id), ack_id)


def _read_sequence_ack(fields: _Fields, ack_id: int | None) -> SequenceAck:
    return SequenceAck(_sequence(fields.sequenceId))


def _read_ping(fields: _Fields, ack_id: int | None) -> Ping:
    return Ping()


def _read_stream_data(fields: _Fields, ack_id: int | None) -> StreamData:
    return stream_data(_present(fields.streamId, "no stream is named"), fields.streamSequenceId, _data(fields))


def _read_stream_end(fields: _Fields, ack_id: int | None) -> EndStream:
    error = fields.error
    said = None if error is None else StreamError(USER_ERROR, error.message or "", error.userErrorCode or "")
    return EndStream(checked_name(_present(fields.streamId, "no stream is named")), said)


def _read_invoke(fields: _Fields, ack_id: int | None) -> Request:
    invocation_id = _present(fields.invocationId, "no invocation is named")
    if (fields.target or EVENT_TARGET).lower() != EVENT_TARGET:
        raise Malformed("an invocation of something else than an event")
    event = _present(fields.event, "an event without its name")
    return invoke(invocation_id, event, _data(fields), fields.metadata)


def _read_cancel(fields: _Fields, ack_id: int | None) -> CancelInvocation:
    return CancelInvocation(checked_name(_present(fields.invocationId, "no invocation is named")))


def _read_state(fields: _Fields, ack_id: int | None) -> SetGroupState:
    return SetGroupState(_group(fields, ack_id), checked_metadata(fields.state, ack_id), ack_id)


def _read_watch(fields: _Fields, ack_id: int | None) -> WatchGroupState:
    return WatchGroupState(_group(fields, ack_id), True, ack_id)


def _read_unwatch(fields: _Fields, ack_id: int | None) -> WatchGroupState:
    return WatchGroupState(_group(fields, ack_id), False, ack_id)


_READERS: Final = {
    "sendtogroup": _read_send,
    "sequenceack": _read_sequence_ack,
    "ping": _read_ping,
    "joingroup": _read_join,
    "leavegroup": _read_leave,
    "event": _read_event,
    "streamdata": _read_stream_data,
    "streamend": _read_stream_end,
    "invoke": _read_invoke,
    "cancelinvocation": _read_cancel,
    "setgroupstate": _read_state,
    "subscribegroupstate": _read_watch,
    "unsubscribegroupstate": _read_unwatch,
}


def _present(value: str | None, wrong: str) -> str:
    if value is None:
        raise Malformed(wrong)
    return value


def _group(fields: _Fields, ack_id: int | None) -> str:
    return checked_group(_present(fields.group, "no group is named"), ack_id)


def _data(fields: _Fields) -> Data | None:
    """Kind of data and payload; None if there is none."""
    raw = bytes(fields.data)
    if raw in (b"", b"null"):
        return None
    data_type = JSON if fields.dataType is None else fields.dataType.lower()
    try:
        if data_type == JSON:
            _check_value(raw)
            return JSON, raw
        if data_type == TEXT:
            return TEXT, _read_string(raw).encode()
        if data_type in (BINARY, PROTOBUF):
            return data_type, base64.b64decode(_read_string(raw), validate=True)
    except (msgspec.DecodeError, binascii.Error, ValueError, RecursionError):
        raise Malformed(f"data is not {data_type}") from None
    raise Malformed(f"unknown dataType '{data_type[:64]}'")


def _nothing(fields: _Fields) -> Data:
    """Of a message of metadata alone. No data is text, unless something else is declared that can be empty."""
    data_type = JSON if fields.dataType is None else fields.dataType.lower()
    return data_or_nothing(None, fields.metadata, data_type if data_type in (BINARY, PROTOBUF) else TEXT)


def _sequence(value: int | str | None) -> int:
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) <= 20 else None
    if value is None or not 0 <= value < UINT64:
        raise Malformed("not a sequenceId")
    return value


# What is written


def _message_parts(message: Message, held: Carried) -> list[bytes]:
    parts = [b'"type":"message","from":"server"']
    if message.topic != SERVER_MESSAGES:
        origin = message.origin
        parts = [b'"type":"message","from":"group"']
        if origin.sender is not None and origin.user:
            parts.append(b'"fromUserId":' + encode_json(origin.user))
        parts.append(b'"group":' + encode_json(message.topic))
    if held.metadata:
        parts.append(b'"metadata":' + encode_json(held.metadata))
    if held.stream is not None:
        parts.append(b'"stream":' + encode_json(_place(held.stream)))
    parts.append(b'"dataType":"%b","data":%b}' % (held.data_type.encode(), json_data(held.data_type, message.payload)))
    return parts


def json_data(data_type: str, payload: bytes) -> bytes:
    """The value of `data`."""
    if data_type == JSON:
        return payload
    if data_type == TEXT:
        return encode_json(payload.decode())
    return b'"' + base64.b64encode(payload) + b'"'


def _place(place: StreamPlace) -> dict[str, object]:
    fields: dict[str, object] = {"streamId": place.stream_id, "streamSequenceId": place.sequence}
    if place.is_end:
        fields["endOfStream"] = True
    error = place.error
    if error is not None:
        said = {"name": error.name, "message": error.message}
        fields["error"] = {**said, "userErrorCode": error.code} if error.code else said
    return fields


def _fields_of(notice: Notice) -> dict[str, object]:
    if isinstance(notice, Ack):
        return {"type": "ack", "ackId": notice.ack_id, **_success(notice.failure)}
    if isinstance(notice, Pong):
        return {"type": "pong"}
    if isinstance(notice, Connected):
        return _connected(notice)
    if isinstance(notice, Disconnected):
        return {"type": "system", "event": "disconnected", "message": notice.reason}
    if isinstance(notice, StreamAck):
        return {"type": "streamAck", "streamId": notice.stream_id, "expectedSequenceId": notice.expected}
    if isinstance(notice, StreamNack):
        expected = {"type": "streamNack", "streamId": notice.stream_id, "expectedSequenceId": notice.expected}
        return {**expected, **_named(notice.failure)}
    if isinstance(notice, StreamClosed):
        closed: dict[str, object] = {"type": "streamClosed", "streamId": notice.stream_id}
        return closed if notice.failure is None else {**closed, "error": _named(notice.failure)}
    if isinstance(notice, Invoked):
        return _invoked(notice)
    kind = "groupStateSnapshot" if isinstance(notice, GroupStateSnapshot) else "groupStateUpdate"
    return {"type": kind, "group": notice.group, "items": [_item(item) for item in notice.items]}


def _connected(notice: Connected) -> dict[str, object]:
    fields: dict[str, object] = {"type": "system", "event": "connected"}
    if notice.user:
        fields["userId"] = notice.user
    fields["connectionId"] = notice.connection_id
    if notice.reconnection_token is not None:
        fields["reconnectionToken"] = notice.reconnection_token
    return fields


def _invoked(notice: Invoked) -> dict[str, object]:
    fields: dict[str, object] = {"type": "invokeResponse", "invocationId": notice.invocation_id}
    fields.update(_success(notice.failure))
    if notice.data is not None:
        data_type, payload = notice.data
        fields.update(dataType=data_type, data=msgspec.Raw(json_data(data_type, payload)))
    if notice.metadata:
        fields["metadata"] = notice.metadata
    return fields


def _success(failure: Failure | None) -> dict[str, object]:
    return {"success": True} if failure is None else {"success": False, "error": _named(failure)}


def _named(failure: Failure) -> dict[str, object]:
    return {"name": failure.name, "message": failure.message}


def _item(item: StateItem) -> dict[str, object]:
    fields: dict[str, object] = {"connectionId": item.connection_id}
    if item.user:
        fields["userId"] = item.user
    if item.state is not None:
        fields["state"] = item.state
    fields["updatedAt"] = item.updated_at
    return fields
