"""Invocations: a client asks its back end by name, and the answer comes under that name."""

import pytest

from myna.config.quantities import Duration
from myna.faces.webpubsub.settings import Settings
from myna.faces.webpubsub.upstream import Reply, UserEvent
from tests.faces.webpubsub.hub import JSON, PROTOBUF, RELIABLE, Hub, Member, SlowUpstream


def invoke(client: Member, invocation_id: str = "i", **fields: object) -> None:
    client.say(type="invoke", invocationId=invocation_id, target="event", event="sum", **fields)


def said(**fields: object) -> dict[str, object]:
    return {"type": "invokeResponse", "invocationId": "i", "success": True, **fields}


@pytest.mark.parametrize("protocol", [JSON, RELIABLE])
def test_the_answer_comes_under_the_name(protocol: str) -> None:
    upstream = SlowUpstream()
    alice = Hub(upstream=upstream).client("alice", protocol=protocol)
    invoke(alice, data=[1, 2], metadata={"k": "v"})
    assert alice.taken() == []
    headers = (("x-webpubsub-metadata-k", "v"),)
    assert upstream.asked == [(alice.id, UserEvent("sum", "application/json", b"[1, 2]", headers))]
    upstream.answer(Reply(200, "application/json; charset=utf-8", b'{ "sum": 3 }'))
    assert alice.taken() == [said(dataType="json", data={"sum": 3})]


@pytest.mark.parametrize(
    ("reply", "fields"),
    [
        (Reply(204), {}),
        (Reply(200, "text/plain", b"hi"), {"dataType": "text", "data": "hi"}),
        (Reply(200, "", b"hi"), {"dataType": "text", "data": "hi"}),
        (Reply(200, "application/octet-stream", b"\0"), {"dataType": "binary", "data": "AA=="}),
        (Reply(200, "application/json", b" null"), {}),
    ],
)
def test_each_kind_of_answer(reply: Reply, fields: dict[str, str]) -> None:
    upstream = SlowUpstream()
    alice = Hub(upstream=upstream).client()
    invoke(alice)
    upstream.answer(reply)
    assert alice.taken() == [said(**fields)]


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (Reply(500, error="InternalServerError", text="It failed."), "InternalServerError"),
        (Reply(504, error="Timeout", text="It was slow."), "Timeout"),
        (Reply(200, "image/png", b"x"), "InternalServerError"),
        (Reply(200, "application/json", b"{"), "InternalServerError"),
    ],
)
def test_a_failure_has_a_name_and_words(reply: Reply, name: str) -> None:
    upstream = SlowUpstream()
    hub = Hub(upstream=upstream)
    alice = hub.client()
    invoke(alice)
    upstream.answer(reply)
    answer = alice.take()
    assert (answer["success"], answer["error"]["name"], bool(answer["error"]["message"])) == (False, name, True)
    assert hub.world.refused(f"webpubsub_invocation:{name}") == 1


def test_without_a_back_end_nobody_is_found() -> None:
    alice = Hub().client()
    invoke(alice)
    answer = alice.take()
    assert (answer["success"], answer["error"]["name"]) == (False, "NotFound")


def test_what_is_cancelled_has_no_answer() -> None:
    upstream = SlowUpstream()
    alice = Hub(upstream=upstream).client()
    invoke(alice)
    alice.say(type="cancelInvocation", invocationId="i")
    alice.say(type="cancelInvocation", invocationId="never asked")
    invoke(alice, data=2)
    upstream.answer(Reply(200, "text/plain", b"too late"))
    assert alice.taken() == []
    upstream.answer(Reply(200, "text/plain", b"in time"))
    assert alice.taken() == [said(dataType="text", data="in time")]


def test_no_answer_in_time_is_one() -> None:
    upstream = SlowUpstream()
    hub = Hub(Settings(invocation_timeout=Duration(5)), upstream=upstream)
    alice = hub.client()
    invoke(alice)
    hub.world.pass_time(5.1)
    answer = alice.take()
    assert (answer["success"], answer["error"]["name"]) == (False, "Timeout")
    upstream.answer(Reply(204))
    assert alice.taken() == []


def test_a_name_that_is_pending_and_too_many_of_them_are_refused() -> None:
    upstream = SlowUpstream()
    alice = Hub(Settings(invocations_per_client=2), upstream=upstream).client()
    for invocation_id in ("a", "b", "a", "c"):
        invoke(alice, invocation_id)
    refused = alice.taken()
    assert [(one["invocationId"], one["error"]["name"]) for one in refused] == [
        ("a", "BadRequest"),
        ("c", "BadRequest"),
    ]
    assert len(upstream.asked) == 2


@pytest.mark.parametrize("protocol", [JSON, RELIABLE])
def test_the_pending_ones_go_with_the_socket(protocol: str) -> None:
    upstream = SlowUpstream()
    hub = Hub(upstream=upstream)
    alice = hub.client(protocol=protocol)
    invoke(alice)
    alice.vanish()
    if protocol == RELIABLE:
        back = hub.recover(alice)
        back.take()
        upstream.answer(Reply(204))
        assert back.taken() == []
    hub.world.pass_time(100)
    assert len(hub.core.deadlines) == 0


def test_a_bad_event_name_is_answered() -> None:
    alice = Hub().client()
    answer = alice.ask(type="invoke", invocationId="i", target="event", event="1e")
    assert (answer["success"], answer["error"]["name"]) == (False, "BadRequest")


def test_a_protobuf_client_invokes_too() -> None:
    upstream = SlowUpstream()
    alice = Hub(upstream=upstream).client("alice", protocol=PROTOBUF)
    alice.say_protobuf(invoke_event_message={"event": "sum", "invocation_id": "i", "data": {"text_data": "1+2"}})
    upstream.answer(Reply(200, "text/plain", b"3", {"x-webpubsub-metadata-k": "v"}))
    response = alice.take_protobuf().invoke_response_message
    assert (response.invocation_id, response.success, response.data.text_data, dict(response.metadata)) == (
        "i",
        True,
        "3",
        {"k": "v"},
    )
