"""What protobuf clients may say, and the ways of saying it wrongly."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.faces.webpubsub.clients.requests import (
    BadInvocation,
    BadRequest,
    BadStream,
    CancelInvocation,
    EndStream,
    Event,
    Invoke,
    JoinGroup,
    LeaveGroup,
    Malformed,
    OpenStream,
    Ping,
    SendToGroup,
    SequenceAck,
    SetGroupState,
    StreamData,
    WatchGroupState,
)
from myna.faces.webpubsub.payloads import StreamError
from myna.faces.webpubsub.protobuf.reading import read_request
from myna.faces.webpubsub.protobuf.schema import UpstreamMessage

TEXT = {"text_data": "hé"}


def encoded(**fields: Any) -> bytes:
    data: bytes = UpstreamMessage(**fields).SerializeToString()
    return data


def send(**fields: Any) -> dict[str, Any]:
    return {"send_to_group_message": {"group": "g", **fields}}


@pytest.mark.parametrize(
    ("fields", "request_"),
    [
        ({"join_group_message": {"group": "g", "ack_id": 2**64 - 1}}, JoinGroup("g", 2**64 - 1)),
        ({"join_group_message": {"group": "g", "ack_id": 0}}, JoinGroup("g", 0)),
        ({"leave_group_message": {"group": "g"}}, LeaveGroup("g", None)),
        ({"ping_message": {}}, Ping()),
        ({"sequence_ack_message": {"sequence_id": 2**64 - 1}}, SequenceAck(2**64 - 1)),
        ({"sequence_ack_message": {}}, SequenceAck(0)),
        (send(data=TEXT), SendToGroup("g", "text", "hé".encode(), None, False, 0, None)),
        (
            send(data={"binary_data": b"\0\xff"}, ack_id=1, no_echo=True, ttl_seconds=5, metadata={"k": "v"}),
            SendToGroup("g", "binary", b"\0\xff", 1, True, 5, {"k": "v"}),
        ),
        (
            send(data={"json_data": '{ "a": 1.50 }'}),
            SendToGroup("g", "json", b'{ "a": 1.50 }', None, False, 0, None),
        ),
        (
            send(data={"protobuf_data": {"type_url": "t/x", "value": b"\xff"}}),
            SendToGroup("g", "protobuf", b"\x0a\x03t/x\x12\x01\xff", None, False, 0, None),
        ),
        (send(data={"text_data": ""}), SendToGroup("g", "text", b"", None, False, 0, None)),
        (send(metadata={"k": "v"}), SendToGroup("g", "text", b"", None, False, 0, {"k": "v"})),
        (send(stream={"stream_id": "s"}), OpenStream("s", "g", False, 300.0, 0, None)),
        (
            send(stream={"stream_id": "s", "idle_timeout_ms": 1500}, no_echo=True, ttl_seconds=3, metadata={"k": "v"}),
            OpenStream("s", "g", True, 1.5, 3, {"k": "v"}),
        ),
        ({"event_message": {"event": "e.1", "data": TEXT}}, Event("e.1", "text", "hé".encode(), None, None)),
        (
            {"stream_data_message": {"stream_id": "s", "stream_sequence_id": 1, "data": TEXT}},
            StreamData("s", 1, ("text", "hé".encode())),
        ),
        ({"stream_data_message": {"stream_id": "s"}}, StreamData("s", 0, None)),
        ({"stream_end_message": {"stream_id": "s"}}, EndStream("s", None)),
        ({"stream_end_message": {"stream_id": "s", "error": {}}}, EndStream("s", StreamError("UserError", "", ""))),
        (
            {"stream_end_message": {"stream_id": "s", "error": {"message": "m", "user_error_code": "c"}}},
            EndStream("s", StreamError("UserError", "m", "c")),
        ),
        (
            {"invoke_event_message": {"event": "e", "invocation_id": "i", "data": TEXT, "metadata": {"k": "v"}}},
            Invoke("i", "e", "text", "hé".encode(), {"k": "v"}),
        ),
        ({"invoke_event_message": {"event": "e", "invocation_id": "i"}}, Invoke("i", "e", "text", b"", None)),
        ({"cancel_invocation_message": {"invocation_id": "i"}}, CancelInvocation("i")),
        (
            {"set_group_state_message": {"group": "g", "ack_id": 1, "state": {"entries": {"k": "v"}}}},
            SetGroupState("g", {"k": "v"}, 1),
        ),
        ({"set_group_state_message": {"group": "g", "state": {}}}, SetGroupState("g", {}, None)),
        ({"set_group_state_message": {"group": "g"}}, SetGroupState("g", None, None)),
        ({"subscribe_group_state_message": {"group": "g", "ack_id": 1}}, WatchGroupState("g", True, 1)),
        ({"unsubscribe_group_state_message": {"group": "g"}}, WatchGroupState("g", False, None)),
    ],
)
def test_requests(fields: dict[str, Any], request_: object) -> None:
    assert read_request(encoded(**fields)) == request_


def test_fields_nobody_knows_are_skipped() -> None:
    inner = bytes.fromhex("0a0167") + bytes.fromhex("9a06 03 616263")  # field 99
    data = b"\x32" + bytes([len(inner)]) + inner + bytes.fromhex("f80701")  # field 127
    assert read_request(data) == JoinGroup("g", None)


def test_an_any_is_carried_unread() -> None:
    """Its type is known to nobody, its value is no message."""
    value = bytes(range(256)) * 4
    data = encoded(**send(data={"protobuf_data": {"type_url": "example.com/no.such.Type", "value": value}}))
    request = read_request(data)
    assert isinstance(request, SendToGroup)
    assert value in request.payload


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\x0a\x05ab",
        b"\x32\x03\x0a\x01\xff",  # a group that is no UTF-8
        b"\x62\x00",  # field 12, which is nothing
        b"\x0a\xff\xff\xff\xff\x0f",
        encoded(**send()),
        encoded(**send(data={})),
        encoded(**send(data={"json_data": "{"})),
        encoded(**send(data={"json_data": " null "})),
        encoded(**send(metadata={f"k{n}": "" for n in range(8193)})),
        encoded(stream_data_message={"stream_sequence_id": 1, "data": TEXT}),
        encoded(stream_data_message={"stream_id": "s", "stream_sequence_id": 1, "data": {}}),
        encoded(stream_end_message={"stream_id": "s" * 257}),
        encoded(invoke_event_message={"event": "e"}),
        encoded(cancel_invocation_message={}),
        encoded(**send(stream={})),
        b"\x0a\x80\x01" + b"\x1b" * 128,  # groups within groups
    ],
)
def test_what_is_not_the_protocol(data: bytes) -> None:
    with pytest.raises(Malformed):
        read_request(data)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"join_group_message": {"group": " \t"}}, "Invalid group name."),
        ({"join_group_message": {}}, "Invalid group name."),
        (send(data=TEXT, ttl_seconds=301), "ttlSeconds must be between 0 and 300."),
        (send(data=TEXT, metadata={"a b": "c"}), "Invalid metadata key 'a b'."),
        ({"event_message": {"event": "1e", "data": TEXT}}, "Invalid event name."),
        ({"set_group_state_message": {"group": "g", "state": {"entries": {"k": "x" * 1025}}}}, "The metadata value"),
        ({"subscribe_group_state_message": {"group": "\n"}}, "Invalid group name."),
    ],
)
def test_what_cannot_be_done_names_the_request(fields: dict[str, dict[str, Any]], text: str) -> None:
    ((kind, content),) = fields.items()
    with pytest.raises(BadRequest) as caught:
        read_request(encoded(**{kind: {**content, "ack_id": 7}}))
    assert caught.value.ack_id == 7
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    "fields",
    [
        send(stream={"stream_id": "s"}, data=TEXT),
        send(stream={"stream_id": "s"}, ack_id=1),
        send(stream={"stream_id": "s", "idle_timeout_ms": 0}),
        send(stream={"stream_id": "s"}, ttl_seconds=301),
        send(stream={"stream_id": "s"}, metadata={"": "v"}),
        {"send_to_group_message": {"stream": {"stream_id": "s"}}},
        {"event_message": {"event": "e", "stream": {"stream_id": "s"}}},
        {"stream_data_message": {"stream_id": "s", "stream_sequence_id": 1}},
        {"stream_data_message": {"stream_id": "s", "data": TEXT}},
        {"stream_data_message": {"stream_id": "s", "stream_sequence_id": 0, "data": TEXT}},
    ],
)
def test_what_cannot_be_a_stream_names_it(fields: dict[str, Any]) -> None:
    with pytest.raises(BadStream) as caught:
        read_request(encoded(**fields))
    assert caught.value.stream_id == "s"


@pytest.mark.parametrize(
    "content", [{"event": "1e"}, {"event": "e", "metadata": {"": ""}}, {"event": "e", "stream": {"stream_id": "s"}}]
)
def test_what_cannot_be_invoked_names_the_invocation(content: dict[str, Any]) -> None:
    with pytest.raises(BadInvocation) as caught:
        read_request(encoded(invoke_event_message={"invocation_id": "i", **content}))
    assert caught.value.invocation_id == "i"


@given(st.binary())
def test_any_bytes_are_a_request_or_one_of_the_four(data: bytes) -> None:
    try:
        read_request(data)
    except (Malformed, BadRequest, BadStream, BadInvocation):
        pass
