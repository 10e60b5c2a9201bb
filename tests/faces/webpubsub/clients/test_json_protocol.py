"""What JSON clients may say, and the two ways of saying it wrongly."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.faces.webpubsub.clients.json_protocol import read_request
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
        (
            '{"type":"sendToGroup","group":"g","dataType":"binary","metadata":{"k":"v"}}',
            SendToGroup("g", "binary", b"", None, False, 0, {"k": "v"}),
        ),
        (
            '{"type":"sendToGroup","group":"g","stream":{"streamId":"s"}}',
            OpenStream("s", "g", False, 300.0, 0, None),
        ),
        (
            '{"type":"sendToGroup","group":"g","noEcho":true,"stream":{"streamId":"s","idleTimeoutMs":1500}}',
            OpenStream("s", "g", True, 1.5, 0, None),
        ),
        (
            '{"type":"streamData","streamId":"s","streamSequenceId":1,"dataType":"text","data":"x"}',
            StreamData("s", 1, ("text", b"x")),
        ),
        ('{"type":"streamData","streamId":"s"}', StreamData("s", 0, None)),
        ('{"type":"streamEnd","streamId":"s"}', EndStream("s", None)),
        (
            '{"type":"streamEnd","streamId":"s","error":{"message":"m","userErrorCode":"c"}}',
            EndStream("s", StreamError("UserError", "m", "c")),
        ),
        (
            '{"type":"invoke","invocationId":"i","target":"event","event":"e","dataType":"json","data":{}}',
            Invoke("i", "e", "json", b"{}", None),
        ),
        ('{"type":"invoke","invocationId":"i","target":"event","event":"e"}', Invoke("i", "e", "text", b"", None)),
        ('{"type":"cancelInvocation","invocationId":"i"}', CancelInvocation("i")),
        (
            '{"type":"setGroupState","group":"g","state":{"k":"v"},"ackId":1}',
            SetGroupState("g", {"k": "v"}, 1),
        ),
        ('{"type":"setGroupState","group":"g"}', SetGroupState("g", None, None)),
        ('{"type":"subscribeGroupState","group":"g","ackId":2}', WatchGroupState("g", True, 2)),
        ('{"type":"unsubscribeGroupState","group":"g"}', WatchGroupState("g", False, None)),
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
        '{"type":"sendToGroup","group":"g","stream":{}}',
        '{"type":"sendToGroup","group":"g","stream":"s"}',
        '{"type":"sendToGroup","stream":{"streamId":"s"}}',
        '{"type":"sendToGroup","group":"g","stream":{"streamId":""}}',
        '{"type":"streamData","streamSequenceId":1,"data":1}',
        '{"type":"streamData","streamId":"s","streamSequenceId":"1","data":1}',
        '{"type":"streamEnd"}',
        '{"type":"streamEnd","streamId":"' + "s" * 257 + '"}',
        '{"type":"invoke","target":"event","event":"e"}',
        '{"type":"invoke","invocationId":"i","target":"event"}',
        '{"type":"invoke","invocationId":"i","target":"actor","event":"e"}',
        '{"type":"cancelInvocation"}',
        '{"type":"setGroupState","group":"g","state":{"k":1}}',
        '{"type":"setGroupState","state":{}}',
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
        ({"type": "setGroupState", "group": "g", "state": {"a b": "c"}}, "Invalid metadata key 'a b'."),
        ({"type": "subscribeGroupState", "group": " "}, "Invalid group name."),
    ],
)
def test_what_cannot_be_done_names_the_request(fields: dict[str, object], text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_request(json.dumps({**fields, "ackId": 7}))
    assert caught.value.ack_id == 7
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "sendToGroup", "group": "g", "stream": {"streamId": "s"}, "data": 1},
        {"type": "sendToGroup", "group": "g", "stream": {"streamId": "s"}, "dataType": "text"},
        {"type": "sendToGroup", "group": "g", "stream": {"streamId": "s"}, "ackId": 1},
        {"type": "sendToGroup", "group": "g", "stream": {"streamId": "s", "idleTimeoutMs": 0}},
        {"type": "sendToGroup", "group": "g", "stream": {"streamId": "s", "idleTimeoutMs": -1}},
        {"type": "sendToGroup", "group": "", "stream": {"streamId": "s"}},
        {"type": "streamData", "streamId": "s", "data": 1},
        {"type": "streamData", "streamId": "s", "streamSequenceId": 1},
        {"type": "streamData", "streamId": "s", "streamSequenceId": 0, "data": 1},
        {"type": "streamData", "streamId": "s", "streamSequenceId": 2**64, "data": 1},
    ],
)
def test_what_cannot_be_a_stream_names_it(fields: dict[str, object]) -> None:
    with pytest.raises(BadStream) as caught:
        read_request(json.dumps(fields))
    assert caught.value.stream_id == "s"


def test_what_cannot_be_invoked_names_the_invocation() -> None:
    with pytest.raises(BadInvocation) as caught:
        read_request('{"type":"invoke","invocationId":"i","target":"event","event":"1e"}')
    assert caught.value.invocation_id == "i"


@given(
    st.text() | st.builds(json.dumps, st.dictionaries(st.sampled_from(["type", "group", "data", "ackId"]), st.text()))
)
def test_any_text_is_a_request_or_one_of_the_two(text: str) -> None:
    try:
        read_request(text)
    except (Malformed, BadRequest, BadStream, BadInvocation):
        pass
