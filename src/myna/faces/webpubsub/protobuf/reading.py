"""Requests of protobuf clients: one UpstreamMessage per binary frame.

What a newcomer gets wrong: fields nobody knows are skipped, but a message with nothing in it that we know is none. An
`Any` is carried as it came; what is in it is never looked at.
"""

from typing import Any, Final

from google.protobuf.message import DecodeError

from myna.faces.webpubsub.clients.requests import (
    USER_ERROR,
    BadInvocation,
    BadStream,
    CancelInvocation,
    Data,
    EndStream,
    Event,
    JoinGroup,
    LeaveGroup,
    Malformed,
    Metadata,
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
from myna.faces.webpubsub.naming import BINARY, JSON, PROTOBUF, TEXT
from myna.faces.webpubsub.payloads import StreamError, is_as_declared
from myna.faces.webpubsub.protobuf.schema import UpstreamMessage

METADATA_ENTRIES: Final = 8 * 1024  # no more fit into the bytes it may have


def read_request(data: bytes) -> Request:
    """Raises Malformed, BadRequest, BadStream or BadInvocation."""
    try:
        message = UpstreamMessage.FromString(data)
    except (DecodeError, RecursionError):
        raise Malformed("not a message of this subprotocol") from None
    kind = message.WhichOneof("message")
    read = _READERS.get(kind)
    if read is None:
        raise Malformed("no message that is known here")
    return read(getattr(message, kind))


def _read_send(message: Any) -> SendToGroup | OpenStream:
    ack_id = _ack_id(message)
    metadata = _metadata(message.metadata)
    if message.HasField("stream"):
        return open_stream(
            message.stream.stream_id,
            message.group,
            idle=message.stream.idle_timeout_ms if message.stream.HasField("idle_timeout_ms") else None,
            has_data=message.HasField("data"),
            ack_id=ack_id,
            no_echo=message.no_echo,
            ttl=message.ttl_seconds,
            metadata=metadata,
        )
    group = checked_group(message.group, ack_id)
    ttl = checked_ttl(message.ttl_seconds, ack_id)
    data_type, payload = data_or_nothing(_data(message), metadata)
    return SendToGroup(group, data_type, payload, ack_id, message.no_echo, ttl, checked_metadata(metadata, ack_id))


def _read_event(message: Any) -> Event:
    if message.HasField("stream"):
        raise BadStream(checked_name(message.stream.stream_id), "Streams go to groups.")
    ack_id = _ack_id(message)
    event = checked_event(message.event, ack_id)
    metadata = _metadata(message.metadata)
    data_type, payload = data_or_nothing(_data(message), metadata)
    return Event(event, data_type, payload, ack_id, checked_metadata(metadata, ack_id))


def _read_join(message: Any) -> JoinGroup:
    ack_id = _ack_id(message)
    return JoinGroup(checked_group(message.group, ack_id), ack_id)


def _read_leave(message: Any) -> LeaveGroup:
    ack_id = _ack_id(message)
    return LeaveGroup(checked_group(message.group, ack_id), ack_id)


def _read_sequence_ack(message: Any) -> SequenceAck:
    return SequenceAck(message.sequence_id)


def _read_ping(message: Any) -> Ping:
    return Ping()


def _read_stream_data(message: Any) -> StreamData:
    sequence = message.stream_sequence_id if message.HasField("stream_sequence_id") else None
    return stream_data(message.stream_id, sequence, _data(message))


def _read_stream_end(message: Any) -> EndStream:
    error = None
    if message.HasField("error"):
        error = StreamError(USER_ERROR, message.error.message, message.error.user_error_code)
    return EndStream(checked_name(message.stream_id), error)


def _read_invoke(message: Any) -> Request:
    if message.HasField("stream"):
        raise BadInvocation(checked_name(message.invocation_id), "Streams go to groups.")
    return invoke(message.invocation_id, message.event, _data(message), _metadata(message.metadata))


def _read_cancel(message: Any) -> CancelInvocation:
    return CancelInvocation(checked_name(message.invocation_id))


def _read_state(message: Any) -> SetGroupState:
    ack_id = _ack_id(message)
    group = checked_group(message.group, ack_id)
    state = (_metadata(message.state.entries) or {}) if message.HasField("state") else None
    return SetGroupState(group, checked_metadata(state, ack_id), ack_id)


def _read_watch(message: Any) -> WatchGroupState:
    ack_id = _ack_id(message)
    return WatchGroupState(checked_group(message.group, ack_id), True, ack_id)


def _read_unwatch(message: Any) -> WatchGroupState:
    ack_id = _ack_id(message)
    return WatchGroupState(checked_group(message.group, ack_id), False, ack_id)


_READERS: Final = {
    "send_to_group_message": _read_send,
    "sequence_ack_message": _read_sequence_ack,
    "ping_message": _read_ping,
    "join_group_message": _read_join,
    "leave_group_message": _read_leave,
    "event_message": _read_event,
    "stream_data_message": _read_stream_data,
    "stream_end_message": _read_stream_end,
    "invoke_event_message": _read_invoke,
    "cancel_invocation_message": _read_cancel,
    "set_group_state_message": _read_state,
    "subscribe_group_state_message": _read_watch,
    "unsubscribe_group_state_message": _read_unwatch,
}


def _ack_id(message: Any) -> int | None:
    return message.ack_id if message.HasField("ack_id") else None


def _metadata(entries: Any) -> Metadata:
    if len(entries) > METADATA_ENTRIES:
        raise Malformed("too much metadata")
    return dict(entries) if entries else None


def _data(message: Any) -> Data | None:
    if not message.HasField("data"):
        return None
    data = message.data
    kind = data.WhichOneof("data")
    if kind == "text_data":
        return TEXT, data.text_data.encode()
    if kind == "binary_data":
        return BINARY, data.binary_data
    if kind == "protobuf_data":
        return PROTOBUF, data.protobuf_data.SerializeToString()
    if kind == "json_data":
        text = data.json_data.encode()
        if text.strip() == b"null" or not is_as_declared(JSON, text):
            raise Malformed("data is not json")
        return JSON, text
    raise Malformed("no data that is known here")
