"""Permissions and client tokens over REST."""

from typing import Any

import pytest

from myna.formats import jwt
from myna.testing import FakeRules, SlowRules
from tests.faces.webpubsub.hub import KEY, Hub


def test_granting_checking_and_revoking() -> None:
    hub = Hub()
    alice = hub.client()
    path = f"permissions/joinLeaveGroup/connections/{alice.id}"
    assert hub.call("HEAD", path, targetName="g").status == 404
    assert hub.call("PUT", path, targetName="g").status == 200
    assert hub.call("HEAD", path, targetName="g").status == 200
    assert hub.call("HEAD", path.replace("joinLeaveGroup", "JOINLEAVEGROUP"), targetName="g").status == 200
    assert hub.call("HEAD", path, targetName="other").code() == "Info.Permission.NotExisted"
    assert alice.ask(type="joinGroup", group="g", ackId=1)["success"]
    assert hub.call("DELETE", path, targetName="g").status == 204
    assert not alice.ask(type="leaveGroup", group="g", ackId=2)["success"]
    assert hub.call("PUT", path).status == 200
    assert hub.call("HEAD", path).status == 200
    assert hub.call("HEAD", path, group="other", version="2020-10-01").status == 200
    assert hub.call("DELETE", path, version="2020-10-01").status == 200
    assert hub.call("HEAD", path, targetName="other").status == 404


def test_missing_connections_and_unknown_permissions() -> None:
    hub = Hub()
    for method in ("PUT", "HEAD"):
        reply = hub.call(method, "permissions/sendToGroup/connections/x", targetName="g")
        assert (reply.status, reply.code()) == (404, "Info.Connection.NotExisted")
    assert hub.call("PUT", "permissions/fly/connections/x").status == 400
    assert hub.call("PUT", "permissions/sendToGroup/connections/x", targetName=" ").status == 400


def test_a_grant_holds_for_an_mqtt_session_at_once_and_over_its_connections() -> None:
    hub = Hub()
    mqtt = hub.mqtt("m", expiry=60)
    alice = hub.client(groups=["g"])
    mqtt.publish("g", b"no")
    hub.call("PUT", "permissions/sendToGroup/connections/m", targetName="g")
    mqtt.publish("g", b"yes")
    mqtt.publish("g", b"yes")
    assert len(alice.taken()) == 2
    mqtt.drop()
    again = hub.mqtt("m", expiry=60, clean=False)
    again.publish("g", b"still")
    assert len(alice.taken()) == 1
    hub.call("DELETE", "permissions/sendToGroup/connections/m", targetName="g")
    again.publish("g", b"no")
    assert alice.taken() == []
    hub.mqtt("m", clean=True).publish("g", b"no")
    assert alice.taken() == []


def test_sessions_of_another_gate_follow_that_gates_rules() -> None:
    hub = Hub(name="tenant")
    hub.world.connected("m")
    path = "permissions/sendToGroup/connections/m"
    assert hub.call("HEAD", path, targetName="g").status == 200
    assert hub.call("HEAD", path.replace("sendTo", "joinLeave")).status == 200
    assert hub.call("PUT", path, targetName="g").status == 409


@pytest.mark.parametrize(
    ("kind", "audience"),
    [
        (None, "/client/hubs/chat"),
        ("Default", "/client/hubs/chat"),
        ("mqtt", "/clients/mqtt/hubs/chat"),
        ("SocketIO", "/clients/socketio/hubs/chat"),
    ],
)
def test_a_token_for_a_client(kind: str | None, audience: str) -> None:
    hub = Hub()
    query: dict[str, Any] = {"userId": "u", "role": ["r1", "r2"], "group": ["g"], "minutesToExpire": 5}
    if kind is not None:
        query["clientType"] = kind
    reply = hub.call("POST", ":generateToken", **query)
    assert reply.status == 200
    claims = jwt.verify(reply.json()["token"], [jwt.Key(KEY, ("HS256",))], hub.now())
    assert claims == {
        "aud": f"http://hub.example:8080{audience}",
        "iat": int(hub.now()),
        "exp": int(hub.now()) + 300,
        "sub": "u",
        "role": ["r1", "r2"],
        "webpubsub.group": ["g"],
    }


def test_a_token_made_here_lets_a_client_in() -> None:
    hub = Hub()
    token = hub.call("POST", ":generateToken", groups=["g"], roles=["webpubsub.sendToGroup"]).json()["token"]
    assert hub.upgrade("/client/hubs/chat", f"access_token={token}").socket.answer == ("accepted", None)
    assert hub.call("HEAD", "groups/g").status == 200


@pytest.mark.parametrize(
    "query", [{"minutesToExpire": "0"}, {"minutesToExpire": "x"}, {"clientType": "fax"}, {"group": " "}]
)
def test_tokens_that_cannot_be_made(query: dict[str, Any]) -> None:
    assert Hub().call("POST", ":generateToken", **query).status == 400


def test_the_brokers_rules_hold_for_sessions_of_another_gate_whoever_adds_them_to_a_group() -> None:
    hub = Hub(name="tenant")
    session = hub.world.connected("m").session
    rules = FakeRules()
    rules.forbidden = {"secret": 0x87}
    hub.world.broker.rules = rules
    assert hub.call("PUT", "groups/open/connections/m").status == 200
    assert hub.call("PUT", "groups/secret/connections/m").status >= 400
    assert list(session.subscriptions) == ["open"]
    assert hub.call("HEAD", "permissions/joinLeaveGroup/connections/m", targetName="secret").status == 404


def test_where_they_have_to_ask_elsewhere_the_group_follows_their_answer() -> None:
    hub = Hub(name="tenant")
    client = hub.world.connected("m")
    rules = SlowRules()
    hub.world.broker.rules = rules
    assert hub.call("PUT", "groups/a/connections/m").status == 200
    assert hub.call("PUT", "groups/b/connections/m").status == 200
    assert client.session.subscriptions == {}
    rules.allow("subscribe a", hub.world.now)
    rules.forbid("subscribe b", hub.world.now)
    assert list(client.session.subscriptions) == ["a"]
    assert hub.call("PUT", "groups/c/connections/m").status == 200
    client.drop()
    rules.allow("subscribe c", hub.world.now)
    assert hub.world.tenant.router.subscribers("c") == []
