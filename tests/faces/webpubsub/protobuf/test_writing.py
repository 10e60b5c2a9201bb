"""What protobuf clients are told, field by field."""

import subprocess
import sys
from typing import Any

import pytest

from myna.core.message import Message, Origin
from myna.faces.webpubsub.clients.notices import (
    Ack,
    Connected,
    Disconnected,
    Failure,
    GroupStateSnapshot,
    GroupStateUpdate,
    Invoked,
    Notice,
    Pong,
    StateItem,
    StreamAck,
    StreamClosed,
    StreamNack,
)
from myna.faces.webpubsub.naming import SERVER_MESSAGES
from myna.faces.webpubsub.payloads import PROTOBUF_FORM, StreamError, StreamPlace, carried, carry
from myna.faces.webpubsub.protobuf.family import ProtobufProtocol, varint
from myna.faces.webpubsub.protobuf.schema import DownstreamMessage

FAILURE = Failure("Forbidden", "no")
ERROR = {"name": "Forbidden", "message": "no"}
ANY = b"\x0a\x03t/x\x12\x01\xff"
ITEM = StateItem("c", "u", {"k": "v"}, 1_700_000_000_000)
CLEARED = StateItem("c", "", None, 5)
ITEMS = [
    {"connection_id": "c", "user_id": "u", "state": {"entries": {"k": "v"}}, "updated_at": 1_700_000_000_000},
    {"connection_id": "c", "updated_at": 5},
]

protocol = ProtobufProtocol(lambda data: b"B" + data)


def message(data_type: str, payload: bytes, topic: str = "g", **kept: Any) -> Message:
    made = Message(topic, payload, 1, False, Origin("webpubsub", "chat", user="alice"), 0.0)
    carry(made, data_type, **kept)
    return made


def read(frame: bytes) -> Any:
    assert frame[:1] == b"B"
    return DownstreamMessage.FromString(frame[1:])


@pytest.mark.parametrize(
    ("notice", "fields"),
    [
        (Ack(0), {"ack_message": {"ack_id": 0, "success": True}}),
        (Ack(2**64 - 1, FAILURE), {"ack_message": {"ack_id": 2**64 - 1, "success": False, "error": ERROR}}),
        (Pong(), {"pong_message": {}}),
        (Connected("c", ""), {"system_message": {"connected_message": {"connection_id": "c"}}}),
        (
            Connected("c", "u", "t"),
            {
                "system_message": {
                    "connected_message": {"connection_id": "c", "user_id": "u", "reconnection_token": "t"}
                }
            },
        ),
        (Disconnected("bye"), {"system_message": {"disconnected_message": {"reason": "bye"}}}),
        (StreamAck("s", 3), {"stream_ack_message": {"stream_id": "s", "expected_sequence_id": 3}}),
        (
            StreamNack("s", 3, FAILURE),
            {"stream_nack_message": {"stream_id": "s", "expected_sequence_id": 3, **ERROR}},
        ),
        (StreamClosed("s"), {"stream_closed_message": {"stream_id": "s"}}),
        (StreamClosed("s", FAILURE), {"stream_closed_message": {"stream_id": "s", "error": ERROR}}),
        (Invoked("i"), {"invoke_response_message": {"invocation_id": "i", "success": True}}),
        (
            Invoked("i", ("text", b"x"), {"k": "v"}),
            {
                "invoke_response_message": {
                    "invocation_id": "i",
                    "success": True,
                    "data": {"text_data": "x"},
                    "metadata": {"k": "v"},
                }
            },
        ),
        (
            Invoked("i", failure=FAILURE),
            {"invoke_response_message": {"invocation_id": "i", "success": False, "error": ERROR}},
        ),
        (GroupStateSnapshot("g", []), {"group_state_snapshot_message": {"group": "g"}}),
        (GroupStateSnapshot("g", [ITEM, CLEARED]), {"group_state_snapshot_message": {"group": "g", "items": ITEMS}}),
        (GroupStateUpdate("g", [ITEM]), {"group_state_update_message": {"group": "g", "items": ITEMS[:1]}}),
        (
            GroupStateUpdate("g", [StateItem("c", "", {}, 5)]),
            {"group_state_update_message": {"group": "g", "items": [{**ITEMS[1], "state": {}}]}},
        ),
    ],
)
def test_notices(notice: Notice, fields: dict[str, Any]) -> None:
    assert read(protocol.notice(notice)) == DownstreamMessage(**fields)


def test_an_empty_notice_is_there_nevertheless() -> None:
    assert read(protocol.notice(Pong())).WhichOneof("message") == "pong_message"
    assert read(protocol.notice(Disconnected(""))).system_message.WhichOneof("message") == "disconnected_message"


@pytest.mark.parametrize(
    ("data_type", "payload", "data"),
    [
        ("text", "hé".encode(), {"text_data": "hé"}),
        ("text", b"", {"text_data": ""}),
        ("json", b'{ "a" : 1.50 }', {"text_data": '{ "a" : 1.50 }'}),
        ("binary", b"\0\xff", {"binary_data": b"\0\xff"}),
        ("protobuf", ANY, {"protobuf_data": {"type_url": "t/x", "value": b"\xff"}}),
        ("protobuf", b"", {"protobuf_data": {}}),
        ("protobuf", b"\x0a\x09no any", {"binary_data": b"\x0a\x09no any"}),
    ],
)
def test_each_kind_of_data(data_type: str, payload: bytes, data: dict[str, Any]) -> None:
    got = read(protocol.message(message(data_type, payload))).data_message
    assert {field.name: value for field, value in got.data.ListFields()}.keys() == data.keys()
    assert (getattr(got, "from"), got.group) == ("group", "g")
    assert got.data == type(got.data)(**data)
    assert not got.HasField("sequence_id")


def test_what_is_from_the_server_names_no_group() -> None:
    got = read(protocol.message(message("text", b"x", SERVER_MESSAGES, metadata={"k": "v"}))).data_message
    assert (getattr(got, "from"), got.HasField("group"), dict(got.metadata)) == ("server", False, {"k": "v"})


def test_the_place_in_a_stream() -> None:
    place = StreamPlace("s", 7)
    got = read(protocol.message(message("text", b"x", stream=place))).data_message.stream
    assert (got.stream_id, got.stream_sequence_id, got.HasField("end_of_stream"), got.HasField("error")) == (
        "s",
        7,
        False,
        False,
    )
    last = StreamPlace("s", 8, True, StreamError("UserError", "m", "c"))
    got = read(protocol.message(message("text", b"", stream=last))).data_message.stream
    assert (got.end_of_stream, got.error.name, got.error.message, got.error.user_error_code) == (
        True,
        "UserError",
        "m",
        "c",
    )


@pytest.mark.parametrize("sequence", [1, 127, 128, 16383, 16384, 2**32, 2**64 - 1])
@pytest.mark.parametrize("length", [0, 100, 113, 114, 115, 116, 117, 118, 119, 120, 200, 20_000])
def test_a_number_is_spliced_into_what_all_share(sequence: int, length: int) -> None:
    made = message("text", b"x" * length)
    tail = protocol.tail(made)
    got = read(protocol.numbered(sequence, tail)).data_message
    assert (got.sequence_id, len(got.data.text_data), got.group) == (sequence, length, "g")
    assert protocol.tail(made) is tail
    assert carried(made).frames[PROTOBUF_FORM] is None


def test_a_frame_is_made_once() -> None:
    made = message("text", b"x")
    assert protocol.message(made) is protocol.message(made)


@pytest.mark.parametrize("data", ["00", "7f", "8001", "ac02", "ff" * 9 + "01"])
def test_varints(data: str) -> None:
    encoded = bytes.fromhex(data)
    assert varint(sum((byte & 0x7F) << 7 * at for at, byte in enumerate(encoded))) == encoded


def test_a_broker_without_such_clients_does_without_the_runtime() -> None:
    program = "import sys, myna.faces.webpubsub.face; sys.exit('google.protobuf' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
