"""Events of clients and what they are told of the answer, whoever gives it."""

import pytest

from myna.faces.webpubsub.upstream import Reply, UserEvent
from myna.testing import properties
from myna.wire import reasons
from myna.wire.packets import Puback, Publish
from tests.faces.webpubsub.hub import RELIABLE, Hub, SlowUpstream

TEXT = "text/plain; charset=utf-8"
FAILED = Reply(500, error="InternalServerError", text="The event handler answered 500.")


def ack(ack_id: int, error: str = "", text: str = "") -> dict[str, object]:
    said: dict[str, object] = {"type": "ack", "ackId": ack_id, "success": not error}
    if error:
        said["error"] = {"name": error, "message": text}
    return said


def test_a_json_client_gets_the_answer_and_then_its_ack() -> None:
    upstream = SlowUpstream()
    alice = Hub(upstream=upstream).client("alice")
    alice.say(type="event", event="move", data={"x": 1}, ackId=1, metadata={"k": "v"})
    assert alice.taken() == []
    headers = (("x-webpubsub-metadata-k", "v"),)
    assert upstream.asked == [(alice.id, UserEvent("move", "application/json", b'{"x": 1}', headers))]
    upstream.answer(Reply(200, TEXT, b"moved", {"x-webpubsub-metadata-step": "3", "etag": "x"}))
    message = {"type": "message", "from": "server", "metadata": {"step": "3"}, "dataType": "text", "data": "moved"}
    assert alice.taken() == [message, ack(1)]


def test_an_answer_of_a_reliable_client_is_numbered_and_waits_for_it_to_come_back() -> None:
    upstream = SlowUpstream()
    hub = Hub(upstream=upstream)
    alice = hub.client("alice", protocol=RELIABLE)
    alice.say(type="event", event="e", data=1)
    alice.vanish()
    upstream.answer(Reply(200, "application/json", b"[1]"))
    back = hub.recover(alice)
    assert back.taken()[1:] == [{"sequenceId": 1, "type": "message", "from": "server", "dataType": "json", "data": [1]}]


@pytest.mark.parametrize(
    ("reply", "name", "text"),
    [
        (FAILED, "InternalServerError", "The event handler answered 500."),
        (Reply(200, "text/html", b"x"), "InternalServerError", "The event handler answered with the type 'text/html'."),
        (Reply(200, "", b"\xff"), "InternalServerError", "The event handler's answer is not text."),
        (
            Reply(200, "application/json", b"{"),
            "InternalServerError",
            "The event handler's answer is not application/json.",
        ),
    ],
)
def test_a_failure_is_an_error_ack_and_the_id_may_be_used_again(reply: Reply, name: str, text: str) -> None:
    upstream = SlowUpstream()
    alice = Hub(upstream=upstream).client()
    alice.say(type="event", event="e", data=1, ackId=7)
    upstream.answer(reply)
    assert alice.taken() == [ack(7, name, text)]
    alice.say(type="event", event="e", data=1, ackId=7)
    upstream.answer(Reply(204))
    assert alice.taken() == [ack(7)]


def test_the_same_ack_id_while_the_first_is_under_way_asks_nobody() -> None:
    upstream = SlowUpstream()
    alice = Hub(upstream=upstream).client()
    for _ in range(2):
        alice.say(type="event", event="e", data=1, ackId=7)
    assert len(upstream.asked) == 1
    upstream.answer(Reply(200))
    assert alice.taken() == [ack(7)]
    assert alice.ask(type="event", event="e", data=1, ackId=7)["error"]["name"] == "Duplicate"


def test_a_simple_client_is_told_the_bare_answer_and_dropped_on_failure() -> None:
    upstream = SlowUpstream()
    hub = Hub(upstream=upstream)
    alice = hub.client(protocol=None)
    alice.endpoint.on_text("hi")
    alice.endpoint.on_bytes(b"\x00")
    assert [event for _, event in upstream.asked] == [
        UserEvent("message", "text/plain", b"hi"),
        UserEvent("message", "application/octet-stream", b"\x00"),
    ]
    upstream.answer(Reply(200, "application/octet-stream", b"\x01"))
    assert alice.raw() == [b"B\x01"]
    alice.endpoint.on_text("again")
    upstream.answer(Reply(204))
    assert alice.raw() == []
    upstream.answer(FAILED)
    assert alice.socket.closed == 1011


def test_an_mqtt_client_is_answered_on_a_topic_of_the_event() -> None:
    upstream = SlowUpstream()
    mqtt = Hub(upstream=upstream).mqtt("m")
    given = properties(
        content_type="application/json",
        correlation_data=b"c",
        user_properties=[("name", "Zoë"), ("not a token", "x")],
    )
    mqtt.send(Publish("$webpubsub/server/events/move", b"{}", 1, packet_id=9, properties=given))
    answer = mqtt.received()[-1]
    assert isinstance(answer, Puback)
    assert upstream.asked == [("m", UserEvent("move", "application/json", b"{}", (("mqtt-name", "Zo%C3%AB"),)))]
    upstream.answer(Reply(200, TEXT, b"ok", {"mqtt-a": "b", "server": "x"}))
    (message,) = mqtt.messages()
    assert (message.topic, message.payload, message.qos) == ("$webpubsub/server/events/move/succeeded", b"ok", 1)
    assert message.properties is not None
    assert message.properties.content_type == TEXT
    assert message.properties.correlation_data == b"c"
    assert message.properties.user_properties == [("a", "b"), ("azure-status-code", "200")]


ODD = "\udcff"  # what a byte that is no UTF-8 becomes in a header


def test_headers_that_are_no_text_do_not_reach_clients() -> None:
    upstream = SlowUpstream()
    hub = Hub(upstream=upstream)
    mqtt, alice, simple = hub.mqtt("m"), hub.client(), hub.client(protocol=None)
    mqtt.publish("$webpubsub/server/events/e", b"x")
    alice.say(type="event", event="e", data=1, ackId=1)
    simple.endpoint.on_text("x")
    odd = {"mqtt-a": ODD, "mqtt-b": "\0", "mqtt-c": "x" * 70_000, "mqtt-d": "", "x-webpubsub-metadata-a": ODD}
    for content_type in (ODD, "", ""):
        upstream.answer(Reply(200, content_type, b"ok", odd))
    (message,) = mqtt.messages()
    assert message.properties is not None
    assert message.properties.user_properties == [("azure-status-code", "200")]
    assert message.properties.content_type is None
    assert [one.get("data") for one in alice.taken()] == ["ok", None]
    assert simple.raw() == [b"Tok"]


def test_an_mqtt_client_hears_of_failure_too_and_older_ones_get_the_payload() -> None:
    upstream = SlowUpstream()
    mqtt = Hub(upstream=upstream).mqtt("m", level=4)
    mqtt.publish("$webpubsub/server/events/e", b"x")
    assert upstream.asked[0][1] == UserEvent("e", "application/octet-stream", b"x")
    upstream.answer(FAILED)
    (message,) = mqtt.messages()
    assert (message.topic, message.qos) == ("$webpubsub/server/events/e/failed", 0)
    assert message.payload == b"The event handler answered 500."


def test_a_content_type_that_is_none_is_answered_at_once() -> None:
    upstream = SlowUpstream()
    mqtt = Hub(upstream=upstream).mqtt("m")
    mqtt.send(Publish("$webpubsub/server/events/e", b"", 0, properties=properties(content_type="no type")))
    (message,) = mqtt.messages()
    assert message.topic == "$webpubsub/server/events/e/failed"
    assert message.properties is not None
    assert message.properties.user_properties == [("azure-status-code", "400")]
    assert upstream.asked == []


def test_an_answer_to_a_client_that_has_gone_is_dropped() -> None:
    upstream = SlowUpstream()
    hub = Hub(upstream=upstream)
    alice, simple, mqtt = hub.client(), hub.client(protocol=None), hub.mqtt("m")
    alice.say(type="event", event="e", data=1, ackId=1)
    simple.endpoint.on_text("x")
    mqtt.publish("$webpubsub/server/events/e", b"x")
    for client in (alice, simple):
        client.leave()
    mqtt.drop()
    for _ in range(3):
        upstream.answer(Reply(200, TEXT, b"late"))
    assert alice.taken() == []
    assert simple.raw() == []


def test_only_clients_of_the_hub_raise_events() -> None:
    upstream = SlowUpstream()
    hub = Hub(upstream=upstream)
    stranger = hub.world.client("tcp")
    stranger.publish("$webpubsub/server/events/e", b"x", 1)
    answer = stranger.received()[-1]
    assert isinstance(answer, Puback)
    assert answer.code == reasons.NOT_AUTHORIZED
    assert upstream.asked == []
