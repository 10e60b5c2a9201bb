"""What a back end is told of connections that come, go, and move between groups."""

from typing import Any

import pytest

from myna.core.session import Session
from myna.faces.webpubsub.hub_settings import Handler, HubSettings
from myna.faces.webpubsub.settings import Settings
from myna.wire import reasons
from tests.faces.webpubsub.events.handled import HandledHub, handled, in_a_loop, settle
from tests.faces.webpubsub.hub import RELIABLE

EVERYTHING = ("webpubsub.joinLeaveGroup", "webpubsub.sendToGroup")


async def ends(hub: HandledHub) -> list[Any]:
    await settle()
    return hub.back_end.bodies("disconnected")


@in_a_loop
async def test_a_client_that_comes_and_goes() -> None:
    hub = handled("connected", "disconnected")
    alice = hub.client("alice")
    alice.leave()
    assert await ends(hub) == [{"reason": "Normal"}]
    assert hub.back_end.bodies("connected") == [{}]
    assert [one.headers["ce-type"] for one in hub.back_end.asked] == [
        "azure.webpubsub.sys.connected",
        "azure.webpubsub.sys.disconnected",
    ]
    assert [one.headers["ce-subprotocol"] for one in hub.back_end.asked] == ["json.webpubsub.azure.v1"] * 2


@in_a_loop
async def test_why_a_client_has_gone() -> None:
    hub = handled("disconnected")
    hub.client("a").vanish()
    hub.client("p").vanish(1011)
    hub.client("q").vanish(1009)
    hub.client("r").leave(4001)
    b, c = hub.client("b"), hub.client("c")
    for receiver, text in ((b, "enough"), (c, "")):
        (found,) = hub.core.sessions("chat", client_id=receiver.id)
        found.end(reasons.ADMINISTRATIVE_ACTION, hub.now(), discard=True, text=text)
    hub.client("d")
    await hub.face.stop()
    assert await ends(hub) == [
        {"reason": "ConnectionLost"},
        {"reason": "PingTimeout"},
        {"reason": "packet too large"},
        {"reason": "Normal"},
        {"reason": "enough"},
        {"reason": "ClosedByAppServer"},
        {"reason": "ServiceReload"},
    ]


@pytest.mark.parametrize(("code", "reason"), [(1006, "ConnectionLost"), (1011, "PingTimeout")])
@in_a_loop
async def test_a_reliable_client_has_gone_when_its_retention_is_over(code: int, reason: str) -> None:
    hub = handled("connected", "disconnected")
    alice = hub.client("alice", protocol=RELIABLE)
    alice.vanish()
    hub.recover(alice).vanish(code)
    assert await ends(hub) == []
    hub.world.pass_time(60)
    assert await ends(hub) == [{"reason": reason}]
    assert hub.back_end.events() == ["connected", "disconnected"]


@pytest.mark.parametrize(
    ("how", "level", "reason", "told"),
    [
        ("disconnect", 5, "Normal", {"initiatedByClient": True, "code": 0, "words": [{"name": "a", "value": "b"}]}),
        ("disconnect", 4, "Normal", {"initiatedByClient": True, "code": 0, "words": None}),
        ("drop", 5, "ConnectionLost", {"initiatedByClient": True}),
        ("end", 5, "ClosedByAppServer", {"initiatedByClient": False, "code": 0x98, "words": None}),
        ("end", 4, "ClosedByAppServer", {"initiatedByClient": False}),
    ],
)
@in_a_loop
async def test_how_an_mqtt_client_has_gone(how: str, level: int, reason: str, told: dict[str, Any]) -> None:
    hub = handled("disconnected")
    client = hub.mqtt("m", level=level)
    if how == "disconnect":
        client.disconnect(0, **({"user_properties": [("a", "b")]} if level == 5 else {}))
    elif how == "drop":
        client.drop()
    else:
        client.session.end(reasons.ADMINISTRATIVE_ACTION, hub.now(), discard=True)
    packet = {"code": told["code"], "userProperties": told["words"]} if "code" in told else None
    mqtt = {"initiatedByClient": told["initiatedByClient"], "disconnectPacket": packet}
    assert await ends(hub) == [{"reason": reason, "mqtt": mqtt}]


@in_a_loop
async def test_an_mqtt_client_has_gone_when_its_session_ends_and_not_before() -> None:
    hub = handled("connected", "disconnected")
    hub.mqtt("m", expiry=60, clean=False).drop()
    hub.world.pass_time(30)
    hub.mqtt("m", expiry=60, clean=False).drop()
    assert await ends(hub) == []
    hub.world.pass_time(61)
    mqtt = {"initiatedByClient": True, "disconnectPacket": None}
    assert await ends(hub) == [{"reason": "ConnectionLost", "mqtt": mqtt}]
    assert hub.back_end.events() == ["connected", "disconnected"]


@in_a_loop
async def test_groups_are_told_of_when_they_change() -> None:
    hub = handled("joined", "left", "disconnected")
    alice = hub.client("alice", roles=EVERYTHING, groups=["given"])
    mqtt = hub.mqtt("m", role=list(EVERYTHING), group="given")
    for _ in range(2):
        alice.say(type="joinGroup", group="g")
        mqtt.subscribe("room/+", 1)
    alice.say(type="leaveGroup", group="g")
    mqtt.unsubscribe("room/+")
    mqtt.subscribe("$webpubsub/server/messages", 0)
    alice.leave()
    mqtt.drop()
    await settle()
    found = [(one.headers["ce-connectionid"], one.headers["ce-type"], one.body) for one in hub.back_end.asked]
    assert [one for one in found if one[0] == alice.id] == [
        (alice.id, "azure.webpubsub.gp.joined", b'{"group":"g"}'),
        (alice.id, "azure.webpubsub.gp.left", b'{"group":"g"}'),
        (alice.id, "azure.webpubsub.sys.disconnected", b'{"reason":"Normal"}'),
    ]
    assert [one[1:] for one in found if one[0] == "m"][:2] == [
        ("azure.webpubsub.gp.joined", b'{"group":"room/+"}'),
        ("azure.webpubsub.gp.left", b'{"group":"room/+"}'),
    ]


@in_a_loop
async def test_clients_of_other_gates_are_nobodys_news() -> None:
    hub = handled()
    other = hub.world.client("tcp")
    other.subscribe("a")
    other.drop()
    await settle()
    assert hub.back_end.asked == []


@in_a_loop
async def test_handlers_that_are_set_later_hear_of_the_end_alone() -> None:
    hub = HandledHub(Settings())
    alice, mqtt = hub.client("alice"), hub.mqtt("m")
    handler = Handler("http://app/", "*", ("connected", "disconnected"))
    hub.face.reload(Settings(hubs={"chat": HubSettings(handlers=(handler,))}))
    alice.say(type="event", event="e", data=1, ackId=1)
    await settle()
    assert alice.take()["success"]
    alice.leave()
    assert isinstance(hub.session("m"), Session)
    mqtt.drop()
    await settle()
    assert hub.back_end.events() == ["e", "disconnected", "disconnected"]
