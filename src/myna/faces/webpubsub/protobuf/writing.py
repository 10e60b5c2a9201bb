"""Notices and messages for protobuf clients: a DownstreamMessage, or the DataMessage that becomes one.

What a newcomer gets wrong: JSON goes out as text, which every generation of clients reads; and what calls itself
protobuf but is no `Any` goes out as binary, since it would make the whole frame unreadable.
"""

from typing import Any

from google.protobuf.message import DecodeError

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
from myna.faces.webpubsub.naming import JSON, PROTOBUF, SERVER_MESSAGES, TEXT
from myna.faces.webpubsub.payloads import StreamPlace, carried
from myna.faces.webpubsub.protobuf.schema import AnyMessage, DataMessage, DownstreamMessage


def encode_notice(notice: Notice) -> bytes:
    message = DownstreamMessage()
    _write(message, notice)
    encoded: bytes = message.SerializeToString()
    return encoded


def encode_data_message(message: Message) -> bytes:
    """Without a sequence id."""
    held = carried(message)
    is_group = message.topic != SERVER_MESSAGES
    made = DataMessage(group=message.topic if is_group else None, metadata=held.metadata)
    setattr(made, "from", "group" if is_group else "server")  # which is no name in Python
    _write_data(made.data, held.data_type, message.payload)
    if held.stream is not None:
        _write_place(made.stream, held.stream)
    encoded: bytes = made.SerializeToString()
    return encoded


def _write_data(data: Any, data_type: str, payload: bytes) -> None:
    if data_type in (TEXT, JSON):
        data.text_data = payload.decode()
        return
    if data_type == PROTOBUF:
        try:
            data.protobuf_data.CopyFrom(AnyMessage.FromString(payload))
            return
        except DecodeError:
            pass
    data.binary_data = payload


def _write_place(info: Any, place: StreamPlace) -> None:
    info.stream_id = place.stream_id
    info.stream_sequence_id = place.sequence
    if place.is_end:
        info.end_of_stream = True
    error = place.error
    if error is not None:
        info.error.name, info.error.message, info.error.user_error_code = error.name, error.message, error.code


def _write(message: Any, notice: Notice) -> None:
    if isinstance(notice, Ack):
        message.ack_message.ack_id = notice.ack_id
        message.ack_message.success = notice.failure is None
        _write_failure(message.ack_message, notice.failure)
    elif isinstance(notice, Pong):
        message.pong_message.SetInParent()
    elif isinstance(notice, Connected):
        connected = message.system_message.connected_message
        connected.connection_id, connected.user_id = notice.connection_id, notice.user
        if notice.reconnection_token is not None:
            connected.reconnection_token = notice.reconnection_token
    elif isinstance(notice, Disconnected):
        message.system_message.disconnected_message.reason = notice.reason
    elif isinstance(notice, StreamAck):
        ack = message.stream_ack_message
        ack.stream_id, ack.expected_sequence_id = notice.stream_id, notice.expected
    elif isinstance(notice, StreamNack):
        nack = message.stream_nack_message
        nack.stream_id, nack.expected_sequence_id = notice.stream_id, notice.expected
        nack.name, nack.message = notice.failure.name, notice.failure.message
    elif isinstance(notice, StreamClosed):
        message.stream_closed_message.stream_id = notice.stream_id
        _write_failure(message.stream_closed_message, notice.failure)
    elif isinstance(notice, Invoked):
        _write_invoked(message.invoke_response_message, notice)
    else:
        is_snapshot = isinstance(notice, GroupStateSnapshot)
        states = message.group_state_snapshot_message if is_snapshot else message.group_state_update_message
        states.group = notice.group
        for item in notice.items:
            _write_item(states.items.add(), item)


def _write_failure(message: Any, failure: Failure | None) -> None:
    if failure is not None:
        message.error.name, message.error.message = failure.name, failure.message


def _write_invoked(message: Any, notice: Invoked) -> None:
    message.invocation_id = notice.invocation_id
    message.success = notice.failure is None
    _write_failure(message, notice.failure)
    if notice.data is not None:
        _write_data(message.data, *notice.data)
    if notice.metadata:
        message.metadata.update(notice.metadata)


def _write_item(message: Any, item: StateItem) -> None:
    message.connection_id, message.updated_at = item.connection_id, item.updated_at
    if item.user:
        message.user_id = item.user
    if item.state is not None:
        message.state.SetInParent()
        message.state.entries.update(item.state)
