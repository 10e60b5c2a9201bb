"""MQTT clients whose hub has a connect handler."""

import json

import pytest

from myna.faces.webpubsub.hub_settings import HubSettings
from myna.faces.webpubsub.settings import Settings
from myna.formats.outgoing import Answer, CallFailed, Cause
from myna.testing import Client, assert_received, properties
from myna.wire import reasons
from myna.wire.packets import Connack, Connect
from tests.faces.webpubsub.events.handled import HandledHub, handled, in_a_loop, settle, welcome
from tests.faces.webpubsub.hub import Hub

HELLO = {"mqtt": {"userProperties": [{"name": "hello", "value": "you"}]}}


def ask(hub: HandledHub, client_id: str, user: str | None = None, level: int = 5, **fields: object) -> Client:
    """CONNECT of a client that has got through the upgrade."""
    client = hub.mqtt_stranger(user, level)
    given = properties(**fields) if level == 5 else None
    client.send(Connect(level, client_id, False, 60, "mary", b"\xff", None, given))
    return client


@in_a_loop
async def test_connect_waits_for_the_handler_which_is_told_everything() -> None:
    hub = handled("connect", "connected")
    hub.back_end.hold("connect")
    client = ask(hub, "device", "mike", user_properties=[("a", "b")], session_expiry=60)
    await settle()
    assert client.received() == []
    (asked,) = hub.back_end.asked
    assert (asked.headers["ce-connectionid"], asked.headers["ce-subprotocol"]) == ("device", "mqtt")
    assert asked.headers["ce-source"] == f"/hubs/chat/client/device/{asked.headers['ce-physicalconnectionid']}"
    body = json.loads(asked.body)
    assert body["claims"]["sub"] == ["mike"]
    assert (body["subprotocols"], body["query"]) == (["mqtt"], {})
    assert body["mqtt"] == {
        "protocolVersion": 5,
        "cleanStart": False,
        "username": "mary",
        "password": "/w==",
        "userProperties": [{"name": "a", "value": "b"}],
    }
    hub.back_end.release("connect", welcome(userId="MIKE", groups=["g"], roles=["webpubsub.sendToGroup"], **HELLO))
    await settle()
    connack = client.expect_connack()
    assert connack.properties is not None
    assert connack.properties.user_properties == [("hello", "you")]
    session = hub.session("device")
    assert session is not None
    assert (session.identity.user, set(session.subscriptions)) == ("MIKE", {"g"})
    client.publish("g", b"x")
    assert [message.payload for message in client.messages()] == [b"x"]
    connected = hub.back_end.asked[1]
    assert (connected.headers["ce-userid"], connected.headers["ce-id"]) == ("MIKE", "1")
    assert connected.headers["ce-sessionid"]


@pytest.mark.parametrize(
    ("said", "level", "expected"),
    [
        (
            Answer(401, {}, b'{"mqtt":{"code":138,"reason":"no","userProperties":[{"name":"a","value":"b"}]}}'),
            5,
            Connack(False, 0x8A, properties(reason_string="no", user_properties=[("a", "b")])),
        ),
        (Answer(401, {}, b'{"mqtt":{"code":5,"reason":"no"}}'), 4, Connack(False, 5)),
        (Answer(400, {}, b""), 4, Connack(False, 4)),
        (
            CallFailed(Cause.TIMEOUT, "late"),
            5,
            Connack(False, 0x80, properties(reason_string="the connect handler has failed")),
        ),
        (CallFailed(Cause.TIMEOUT, "late"), 4, Connack(False, 3)),
        (
            Answer(200, {}, b"no JSON"),
            5,
            Connack(False, 0x80, properties(reason_string="the connect handler's answer: the body is not JSON")),
        ),
    ],
)
@in_a_loop
async def test_whom_the_handler_refuses_is_told_in_connack(
    said: Answer | CallFailed, level: int, expected: Connack
) -> None:
    hub = handled("connect")
    hub.back_end.answers["connect"] = said
    client = ask(hub, "device", level=level)
    await settle()
    assert_received(client, expected)
    assert client.is_closed()
    assert hub.session("device") is None


@in_a_loop
async def test_a_client_without_a_name_is_asked_for_by_the_one_it_is_given() -> None:
    hub = handled("connect", "connected")
    client = hub.mqtt_stranger()
    client.send(Connect(5, "", True, 60))
    await settle()
    connack = client.expect_connack()
    assert connack.properties is not None
    names = {asked.headers["ce-connectionid"] for asked in hub.back_end.asked}
    assert names == {connack.properties.assigned_client_id}


@in_a_loop
async def test_a_session_that_is_resumed_keeps_what_the_handler_gave_it_and_is_no_news() -> None:
    hub = handled("connect", "connected", "disconnected")
    hub.back_end.answers["connect"] = Answer(
        200,
        {"ce-connectionstate": "s1"},
        json.dumps({"userId": "u", "roles": ["webpubsub.sendToGroup"], "groups": ["g"]}).encode(),
    )
    first = ask(hub, "device", session_expiry=60)
    await settle()
    first.expect_connack()
    first.drop()
    hub.back_end.answers["connect"] = welcome(userId="u", groups=["h"])
    second = ask(hub, "device", session_expiry=60)
    await settle()
    assert second.expect_connack().session_present
    session = hub.session("device")
    assert session is not None
    assert set(session.subscriptions) == {"g"}
    second.publish("g", b"x")
    assert [message.payload for message in second.messages()] == [b"x"]
    second.publish("$webpubsub/server/events/e", b"x")
    await settle()
    assert hub.back_end.events() == ["connect", "connected", "connect", "e"]
    one, told, two, event = hub.back_end.asked
    assert one.headers["ce-physicalconnectionid"] != two.headers["ce-physicalconnectionid"]
    assert event.headers["ce-physicalconnectionid"] == two.headers["ce-physicalconnectionid"]
    assert event.headers["ce-sessionid"] == told.headers["ce-sessionid"]
    assert event.headers["ce-connectionstate"] == "s1"
    assert [asked.headers["ce-id"] for asked in hub.back_end.asked] == ["0", "1", "0", "1"]


@pytest.mark.parametrize("clean", [True, False])
@in_a_loop
async def test_the_client_id_of_another_users_session_is_refused(clean: bool) -> None:
    hub = Hub()
    mine = hub.mqtt("device", "mike", expiry=60, clean=False)
    thief = hub.mqtt_stranger("eve")
    thief.send(Connect(5, "device", clean, 60))
    thief.expect_connack(reasons.NOT_AUTHORIZED)
    older = hub.mqtt_stranger("eve", 4)
    older.send(Connect(4, "device", clean, 60))
    older.expect_connack(5)
    nobody = hub.mqtt_stranger()
    nobody.send(Connect(5, "device", clean, 60))
    nobody.expect_connack(reasons.NOT_AUTHORIZED)
    assert not mine.is_closed()
    mine.drop()
    away = hub.mqtt_stranger("eve")
    away.send(Connect(5, "device", clean, 60))
    away.expect_connack(reasons.NOT_AUTHORIZED)
    hub.mqtt("device", "mike", expiry=60, clean=False)


@in_a_loop
async def test_who_is_asked_about_may_turn_out_to_be_another_user() -> None:
    hub = handled("connect", "disconnected")
    hub.back_end.answers["connect"] = welcome(userId="mike")
    mine = ask(hub, "device", "x")
    await settle()
    mine.expect_connack()
    hub.back_end.answers["connect"] = welcome(userId="eve")
    thief = ask(hub, "device", "x")
    await settle()
    thief.expect_connack(reasons.NOT_AUTHORIZED)
    await settle()
    # The connection of this id is mike's, and it goes on.
    assert hub.back_end.events() == ["connect", "connect"]


@pytest.mark.parametrize("how", ["gone", "limit", "resuming"])
@in_a_loop
async def test_who_was_let_in_by_the_handler_and_does_not_come_in_is_told_of_as_gone(how: str) -> None:
    hub = handled("connect", "connected", "disconnected")
    if how == "resuming":
        first = ask(hub, "device", "mike", session_expiry=60)
        await settle()
        first.expect_connack()
        first.drop()
        hub.back_end.asked.clear()
    hub.back_end.hold("connect")
    client = ask(hub, "device", "mike", session_expiry=60)
    await settle()
    if how == "limit":
        hub.core.tenant("chat").limits.levels = (4,)
    else:
        client.drop()
    hub.back_end.release("connect", welcome())
    await settle()
    if how == "resuming":  # then the session is still there
        assert hub.back_end.events() == ["connect"]
        return
    assert hub.back_end.events() == ["connect", "disconnected"]
    told = {"initiatedByClient": False, "disconnectPacket": None}
    assert hub.back_end.bodies("disconnected") == [{"reason": "The client has not come in.", "mqtt": told}]
    assert hub.session("device") is None


@in_a_loop
async def test_where_client_ids_are_free_the_last_one_has_it() -> None:
    hub = Hub(Settings(hubs={"chat": HubSettings(client_ids_of_users=False)}))
    mine = hub.mqtt("device", "mike")
    hub.mqtt("device", "eve")
    assert mine.is_closed()
    session = hub.session("device")
    assert session is not None
    assert session.identity.user == "eve"


@in_a_loop
async def test_extended_authentication_is_none_of_ours() -> None:
    hub = Hub()
    client = hub.mqtt_stranger("mike")
    client.send(Connect(5, "device", True, 60, None, None, None, properties(authentication_method="X")))
    client.expect_connack(reasons.BAD_AUTHENTICATION_METHOD)


@in_a_loop
async def test_an_answer_reaches_a_persistent_session_that_is_away() -> None:
    hub = handled("connected")
    client = hub.mqtt("device", "mike", expiry=60, clean=False)
    hub.back_end.hold("e")
    client.publish("$webpubsub/server/events/e", b"x", 1)
    await settle()
    client.drop()
    hub.back_end.release("e", Answer(200, {"content-type": "text/plain"}, b"done"))
    await settle()
    again = hub.mqtt("device", "mike", expiry=60, clean=False)
    (message,) = again.messages()
    assert (message.topic, message.payload) == ("$webpubsub/server/events/e/succeeded", b"done")


@in_a_loop
async def test_a_client_that_begins_anew_stands_behind_the_end_of_what_it_was() -> None:
    hub = handled("connected", "disconnected")
    hub.back_end.hold("e")
    first = hub.mqtt("device", "mike")
    first.publish("$webpubsub/server/events/e", b"x")
    await settle()
    hub.mqtt("device", "mike")
    await settle()
    assert hub.back_end.events() == ["connected", "e"]
    hub.back_end.release("e")
    await settle()
    assert hub.back_end.events() == ["connected", "e", "disconnected", "connected"]
    sessions = [asked.headers["ce-sessionid"] for asked in hub.back_end.asked]
    assert sessions[0] == sessions[1] == sessions[2] != sessions[3]
    assert hub.back_end.bodies("disconnected")[0]["reason"] == "session taken over"
