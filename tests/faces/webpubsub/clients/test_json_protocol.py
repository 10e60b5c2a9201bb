"""What JSON clients may say, and the two ways of saying it wrongly."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.faces.webpubsub.clients.json_protocol import read_request
from myna.faces.webpubsub.clients.requests import (
    BadRequest,
    Event,
    JoinGroup,
    LeaveGroup,
    Malformed,
    Ping,
    SendToGroup,
    SequenceAck,
)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ('{"type":"joinGroup","group":"g","ackId":18446744073709551615}', JoinGroup("g", 2**64 - 1)),
        ('{"type":"LEAVEGROUP","group":"g","extra":[1]}', LeaveGroup("g", None)),
        ('{"type":"ping"}', Ping()),
        ('{"type":"sequenceAck","sequenceId":"12"}', SequenceAck(12)),
        ('{"type":"sequenceAck","sequenceId":12}', SequenceAck(12)),
        (
            '{"type":"sendToGroup","group":"g","data":{ "a" : 1.50 }}',
            SendToGroup("g", "json", b'{ "a" : 1.50 }', None, False, 0, None),
        ),
        (
            '{"type":"sendToGroup","group":"g","dataType":"text","data":"h\\u00e9","noEcho":true,"ttlSeconds":5,"ackId":1}',
            SendToGroup("g", "text", "hé".encode(), 1, True, 5, None),
        ),
        (
            '{"type":"sendToGroup","group":"g","dataType":"binary","data":"AP8=","metadata":{"k":"v"}}',
            SendToGroup("g", "binary", b"\x00\xff", None, False, 0, {"k": "v"}),
        ),
        (
            '{"type":"sendToGroup","group":"g","dataType":"protobuf","data":""}',
            SendToGroup("g", "protobuf", b"", None, False, 0, None),
        ),
        (
            '{"type":"sendToGroup","group":"g","metadata":{"k":"v"}}',
            SendToGroup("g", "text", b"", None, False, 0, {"k": "v"}),
        ),
        ('{"type":"event","event":"e.1","data":1}', Event("e.1", "json", b"1", None, None)),
    ],
)
def test_requests(text: str, request_: object) -> None:
    assert read_request(text) == request_


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "{",
        '{"type":5}',
        '{"type":"unknown"}',
        '{"type":"joinGroup"}',
        '{"type":"joinGroup","group":5}',
        '{"type":"joinGroup","group":"g","ackId":-1}',
        '{"type":"joinGroup","group":"g","ackId":18446744073709551616}',
        '{"type":"joinGroup","group":"g","ackId":"1"}',
        '{"type":"sendToGroup","group":"g"}',
        '{"type":"sendToGroup","group":"g","data":null}',
        '{"type":"sendToGroup","group":"g","dataType":"text","data":5}',
        '{"type":"sendToGroup","group":"g","dataType":"binary","data":"*"}',
        '{"type":"sendToGroup","group":"g","dataType":"xml","data":"a"}',
        '{"type":"sendToGroup","group":"g","data":1,"metadata":{"a":5}}',
        '{"type":"event","data":1}',
        '{"type":"sequenceAck"}',
        '{"type":"sequenceAck","sequenceId":"-1"}',
        '{"type":"sequenceAck","sequenceId":-1}',
        '{"type":"sendToGroup","group":"g","data":' + "[" * 100_000 + "}",
        '{"type":"sendToGroup","group":"\\ud800","data":1}',
    ],
)
def test_what_is_not_the_protocol(text: str) -> None:
    with pytest.raises((Malformed, BadRequest)):
        read_request(text)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"type": "joinGroup", "group": " \t"}, "Invalid group name."),
        ({"type": "joinGroup", "group": "a\nb"}, "Invalid group name."),
        ({"type": "joinGroup", "group": "x" * 1025}, "Invalid group name."),
        ({"type": "sendToGroup", "group": "g", "data": 1, "ttlSeconds": 301}, "ttlSeconds must be between 0 and 300."),
        ({"type": "sendToGroup", "group": "g", "data": 1, "metadata": {"a b": "c"}}, "Invalid metadata key 'a b'."),
        ({"type": "sendToGroup", "group": "g", "data": 1, "metadata": {"a": "x" * 1025}}, "The metadata value of 'a'"),
        (
            {"type": "sendToGroup", "group": "g", "data": 1, "metadata": {f"k{n}": "x" * 1000 for n in range(9)}},
            "The metadata is too large.",
        ),
        ({"type": "event", "event": "1e", "data": 1}, "Invalid event name."),
    ],
)
def test_what_cannot_be_done_names_the_request(fields: dict[str, object], text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_request(json.dumps({**fields, "ackId": 7}))
    assert caught.value.ack_id == 7
    assert str(caught.value).startswith(text)


@given(
    st.text() | st.builds(json.dumps, st.dictionaries(st.sampled_from(["type", "group", "data", "ackId"]), st.text()))
)
def test_any_text_is_a_request_or_one_of_the_two(text: str) -> None:
    try:
        read_request(text)
    except (Malformed, BadRequest):
        pass
