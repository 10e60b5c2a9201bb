"""MQTT clients of a hub: admission, roles, groups, and one broker for all dialects."""

import asyncio

import pytest

from myna.core.message import Message, Origin
from myna.core.outcome import Outcome
from myna.faces.webpubsub.settings import Settings
from myna.testing import TENANT, CommitsOnCommand
from myna.wire import reasons
from myna.wire.packets import Connect, Disconnect, Puback
from tests.faces.webpubsub.hub import Hub, groups_of_token

PATH = "/clients/mqtt/hubs/chat"
EVERYTHING = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]
SERVER = "$webpubsub/server/messages"


def test_the_upgrade_is_judged_by_its_token() -> None:
    hub = Hub()
    token = hub.token(PATH)
    for query, subprotocols, headers, answer in (
        (f"access_token={token}", ["mqtt"], {}, ("carried", "mqtt")),
        ("", ["x", "MQTT"], {"authorization": f"Bearer {token}"}, ("carried", "MQTT")),
        ("", ["mqtt"], {}, ("rejected", 401)),
        (f"access_token={hub.token('/client/hubs/chat')}", ["mqtt"], {}, ("rejected", 401)),
        (f"access_token={token}", [], {}, ("rejected", 400)),
        ("&".join(f"a{n}=1" for n in range(200)), ["mqtt"], {}, ("rejected", 400)),
    ):
        assert hub.upgrade(PATH, query, subprotocols, **headers).socket.answer == answer
    assert hub.upgrade("/clients/mqtt/hubs/5", "", ["mqtt"]).socket.answer == ("rejected", 400)


def test_the_client_id_is_the_connection_id_and_the_user_the_tokens() -> None:
    hub = Hub()
    client = hub.mqtt_stranger("mike")
    client.send(Connect(5, "device_1", True, 60, "somebody", b"secret"))
    client.expect_connack()
    session = hub.session("device_1")
    assert session is not None
    assert (session.identity.user, session.identity.tenant) == ("mike", "chat")
    assert client.connection.websocket


def test_an_empty_client_id_is_given_one() -> None:
    hub = Hub()
    client = hub.mqtt_stranger()
    client.send(Connect(5, "", True, 60))
    answer = client.expect_connack()
    assert answer.properties is not None
    assert answer.properties.assigned_client_id


@pytest.mark.parametrize(("level", "code"), [(4, 2), (5, 0x85)])
def test_a_strict_hub_refuses_other_client_ids(level: int, code: int) -> None:
    hub = Hub(Settings(strict_client_ids=True))
    client = hub.mqtt_stranger(level=level)
    client.send(Connect(level, "device_1", True, 60))
    client.expect_connack(code)
    hub.mqtt("device1", level=level)


def test_without_a_role_nothing_is_published_or_subscribed() -> None:
    hub = Hub()
    alice = hub.client(groups=["g"])
    mqtt = hub.mqtt("m")
    assert mqtt.subscribe("g", 1) == reasons.NOT_AUTHORIZED
    mqtt.publish("g", b"x")
    mqtt.publish("g", b"x", 1)
    answer = mqtt.received()[-1]
    assert isinstance(answer, Puback)
    assert answer.code == reasons.NOT_AUTHORIZED
    assert alice.taken() == []
    older = hub.mqtt("older", level=4)
    assert older.subscribe("g", 1) == 0x80


def test_groups_of_the_token_are_subscriptions_of_a_new_session() -> None:
    hub = Hub()
    mqtt = hub.mqtt("m", expiry=60, **groups_of_token("a", "b"), group="c")
    for group in "abc":
        hub.call("POST", f"groups/{group}/:send", b"x", content_type="text/plain")
    messages = mqtt.messages()
    assert [(message.topic, message.qos) for message in messages] == [("a", 1), ("b", 1), ("c", 1)]
    assert mqtt.unsubscribe("a") == reasons.NOT_AUTHORIZED
    mqtt.acknowledge(*messages)
    hub.call("DELETE", "groups/b/connections/m")
    mqtt.drop()
    again = hub.mqtt("m", expiry=60, clean=False, **groups_of_token("b"))
    assert set(again.session.subscriptions) == {"a", "c"}


def test_rest_reaches_mqtt_clients_on_the_server_topic() -> None:
    hub = Hub()
    mqtt = hub.mqtt("m", "mike")
    other = hub.mqtt("o", level=4)
    hub.call("POST", ":send", {"a": 1}, content_type="application/json")
    hub.call("POST", "users/mike/:send", b"text", content_type="text/plain", messageTtlSeconds=60)
    hub.call("POST", "connections/m/:send", b"\xff", content_type="application/octet-stream")
    first, second, third = mqtt.messages()
    assert [(one.topic, one.qos, one.payload) for one in (first, second, third)] == [
        (SERVER, 1, b'{"a": 1}'),
        (SERVER, 1, b"text"),
        (SERVER, 1, b"\xff"),
    ]
    assert [one.properties.content_type for one in (first, second, third) if one.properties is not None] == [
        "application/json",
        "text/plain",
        "application/octet-stream",
    ]
    assert second.properties is not None
    assert second.properties.message_expiry == 60
    assert [message.payload for message in other.messages()] == [b'{"a": 1}']


def test_a_subscription_to_the_server_topic_lowers_the_qos() -> None:
    hub = Hub()
    mqtt = hub.mqtt("m")
    assert mqtt.subscribe(SERVER, 0) == 0
    hub.call("POST", ":send", b"x", content_type="text/plain")
    assert [message.qos for message in mqtt.messages()] == [0]


def test_clients_of_other_gates_share_the_groups_and_not_the_server_topic() -> None:
    hub = Hub(name=TENANT)
    tcp = hub.world.connected("tcp")
    tcp.subscribe("room/+", 1)
    alice = hub.client(roles=EVERYTHING, groups=["room/1"])
    hub.call("POST", ":send", b"x", content_type="text/plain")
    assert (len(alice.taken()), tcp.messages()) == (1, [])
    alice.say(type="sendToGroup", group="room/1", data={"a": 1})
    assert [(message.topic, message.payload, message.qos) for message in tcp.messages()] == [("room/1", b'{"a": 1}', 1)]
    alice.taken()
    tcp.publish("room/1", b"[1]", 1, content_type="application/json", user_properties=[("a", "b")])
    message = alice.take()
    assert (message["dataType"], message["data"], message["fromUserId"]) == ("json", [1], "user")
    assert "metadata" not in message


def test_a_session_that_is_away_keeps_what_rest_sends() -> None:
    hub = Hub()
    hub.mqtt("m", "mike", expiry=60, group="g").drop()
    hub.call("POST", "users/mike/:send", b"1", content_type="text/plain")
    hub.call("POST", "groups/g/:send", b"2", content_type="text/plain")
    again = hub.mqtt("m", "mike", expiry=60, clean=False)
    assert sorted(message.payload for message in again.messages()) == [b"1", b"2"]


def test_rest_puts_mqtt_sessions_into_groups_and_takes_them_out() -> None:
    hub = Hub()
    mqtt = hub.mqtt("m", "mike")
    assert hub.call("PUT", "groups/a%2F%2B/connections/m").status == 200
    assert hub.call("PUT", "users/mike/groups/b").status == 200
    assert hub.call("POST", ":addToGroups", {"groups": ["c", "a#"]}).status == 200
    assert set(mqtt.session.subscriptions) == {"a/+", "b", "c"}
    assert hub.call("PUT", "groups/a%23/connections/m").status == 400
    hub.call("POST", "groups/a%2Fx/:send", b"1", content_type="text/plain")
    assert [(message.topic, message.qos) for message in mqtt.messages()] == [("a/x", 1)]
    assert hub.call("HEAD", "groups/a%2F%2B").status == 200
    assert hub.call("HEAD", "groups/a%2Fx").status == 404
    hub.call("DELETE", "groups/b/connections/m")
    hub.call("DELETE", "connections/m/groups")
    assert not mqtt.session.subscriptions


def test_being_put_into_a_group_keeps_the_options_the_client_wished_for() -> None:
    hub = Hub()
    mqtt = hub.mqtt("m", role="webpubsub.joinLeaveGroup")
    mqtt.subscribe("g", 0)
    hub.call("PUT", "groups/g/connections/m")
    assert mqtt.session.subscriptions["g"].qos == 0


def test_a_new_member_of_a_group_gets_its_retained_message() -> None:
    hub = Hub()
    world = hub.world
    message = Message("g", b"kept", 1, True, Origin("mqtt", "chat"), world.now)
    hub.core.publish(hub.core.tenant("chat"), message, world.now)
    mqtt = hub.mqtt("m")
    hub.call("PUT", "groups/g/connections/m")
    assert [(one.payload, one.retain) for one in mqtt.messages()] == [(b"kept", True)]


@pytest.mark.parametrize("path", ["connections/m", "users/mike/:closeConnections", ":closeConnections"])
def test_closing_ends_the_session(path: str) -> None:
    hub = Hub()
    mqtt = hub.mqtt("m", "mike", expiry=60)
    hub.call("DELETE" if path == "connections/m" else "POST", path, reason="late")
    answer = mqtt.received()[-1]
    assert isinstance(answer, Disconnect)
    assert answer.properties is not None
    assert answer.properties.reason_string == "late"
    assert hub.session("m") is None


def test_events_are_taken_whoever_asks_and_nothing_else_there_is() -> None:
    hub = Hub()
    mqtt = hub.mqtt("m", role=EVERYTHING)
    codes = []
    for topic in (
        "$webpubsub/server/events/e",
        "$webpubsub/server/events/",
        "$webpubsub/server/events/a/b",
        "$webpubsub/server/events/.",
        "$webpubsub/server/events/..",
        SERVER,
        "$webpubsub",
    ):
        mqtt.publish(topic, b"x", 1)
        answer = mqtt.received()[-1]
        assert isinstance(answer, Puback)
        codes.append(answer.code)
    assert codes == [0] + [reasons.NOT_AUTHORIZED] * 6
    assert hub.world.refused("webpubsub_event_without_handler") == 1


def test_the_reserved_topics_are_closed_to_other_dialects_too() -> None:
    hub = Hub(name=TENANT)
    tcp = hub.world.connected("tcp")
    codes = [tcp.subscribe(filter, 1) for filter in ("#", "+/a", SERVER, "$webpubsub/#", "$webpubsub/server/+")]
    assert codes == [1, 1, 1, reasons.NOT_AUTHORIZED, reasons.NOT_AUTHORIZED]
    tcp.publish(SERVER, b"forged", 1)
    answer = tcp.received()[-1]
    assert isinstance(answer, Puback)
    assert answer.code == reasons.NOT_AUTHORIZED
    outcome = hub.world.publish(SERVER, b"forged")
    assert not isinstance(outcome, Outcome)


def test_a_send_is_answered_when_it_would_survive() -> None:
    hub = Hub(store=CommitsOnCommand())
    hub.mqtt("m", expiry=60, group="g").drop()
    hub.world.commit()

    async def send() -> int:
        raw = "/api/hubs/chat/groups/g/:send"
        headers = [("host", "h"), ("authorization", f"Bearer {hub.token(raw)}"), ("content-type", "text/plain")]
        task = asyncio.create_task(hub.exchange("POST", raw, "", b"x", headers))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not task.done()
        hub.world.commit()
        return (await task).status

    assert asyncio.run(send()) == 202


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_the_qos_of_groups_that_others_chose_is_a_setting(qos: int) -> None:
    hub = Hub(Settings(group_qos=qos))
    client = hub.mqtt("m", **groups_of_token("a"))
    assert hub.call("PUT", "groups/b/connections/m").status == 200
    session = hub.session("m")
    assert session is not None
    assert {name: held.qos for name, held in session.subscriptions.items()} == {"a": qos, "b": qos}
    for group in ("a", "b"):
        hub.call("POST", f"groups/{group}/:send", b"x")
    assert [message.qos for message in client.messages()] == [min(qos, 1)] * 2
    assert hub.face.reload(Settings(group_qos=0))
    hub.call("PUT", "groups/c/connections/m")
    assert session.subscriptions["c"].qos == 0
