"""Whatever comes in over REST or a WebSocket gets an answer in the protocol's words, and never a failure of ours."""

from typing import Any
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from myna.faces.webpubsub.rest.operations import OPERATIONS, Operation
from tests.faces.webpubsub.hub import JSON, PROTOBUF, RELIABLE, RELIABLE_PROTOBUF, Hub

NAMES = st.one_of(
    st.text(max_size=8).map(lambda text: quote(text.encode("utf-8", "surrogatepass"), safe="")),
    st.sampled_from(["%FF", "%00", "%24webpubsub", "%24share%2Fa%2Fb", "a%23", "..", "x" * 1025, "sendToGroup"]),
)
VALUES = st.one_of(st.text(max_size=12), st.sampled_from(["0", "-1", "300", "1e9", "9" * 30, "userId eq null", "mqtt"]))
FIELDS = st.dictionaries(
    st.sampled_from(
        [
            "filter",
            "excluded",
            "top",
            "maxpagesize",
            "continuationToken",
            "messageTtlSeconds",
            "reason",
            "targetName",
            "userId",
            "role",
            "group",
            "minutesToExpire",
            "clientType",
        ]
    ),
    VALUES.map(lambda text: text.encode("utf-8", "replace").decode()),
    max_size=4,
)
TYPES = st.sampled_from(
    [None, "", "text/plain", "text/plain; charset=utf-7", "text/plain; charset=rot13", "application/json", "a/b;c=d"]
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(OPERATIONS), st.lists(NAMES, min_size=2, max_size=2), FIELDS, st.binary(max_size=40), TYPES)
def test_any_rest_call_is_answered(
    operation: Operation, names: list[str], fields: dict[str, Any], body: bytes, content_type: str | None
) -> None:
    hub = Hub()
    hub.client("alice", groups=["a"])
    hub.client("bob", groups=["a"], protocol=RELIABLE)
    hub.mqtt("m", "alice")
    left = iter(names)
    path = "/".join(next(left) if segment.startswith("{") else segment for segment in operation.path.split("/"))
    reply = hub.call(operation.method, path, body, content_type=content_type, **fields)
    assert 200 <= reply.status < 500
    assert bool(reply.code()) == (reply.status in (400, 403, 404, 409, 413, 415) and bool(reply.body))


FRAGMENTS = st.sampled_from(
    [
        '{"type":"',
        "sendToGroup",
        "joinGroup",
        "event",
        '","group":"g"',
        '","event":"e"',
        ',"data":',
        "1e999",
        '"\\ud800"',
        ',"ackId":',
        "1",
        "}",
        '"',
        "[[",
        "é",
        ',"dataType":"binary"',
        ',"metadata":{"a":"b"}',
        ',"ttlSeconds":9',
        "streamData",
        "streamEnd",
        "invoke",
        "setGroupState",
        "subscribeGroupState",
        ',"stream":{"streamId":"s"}',
        ',"streamId":"s","streamSequenceId":1',
        ',"invocationId":"i"',
        ',"state":{"k":"v"}',
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(st.text(), st.lists(FRAGMENTS).map("".join), st.binary(max_size=9)), max_size=4))
def test_any_frames_are_answered_or_end_the_connection(frames: list[str | bytes]) -> None:
    hub = Hub()
    names = ("sendToGroup", "joinLeaveGroup", "setGroupState", "getGroupState")
    for protocol in (JSON, RELIABLE, PROTOBUF, RELIABLE_PROTOBUF, None):
        client = hub.client(roles=[f"webpubsub.{name}" for name in names], protocol=protocol)
        for frame in frames:
            if isinstance(frame, str):
                client.endpoint.on_text(frame)
            else:
                client.endpoint.on_bytes(frame)
        assert client.socket.closed in (None, 1003, 1007, 1011)
        client.vanish()
