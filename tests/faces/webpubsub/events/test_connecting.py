"""WebSocket clients whose hub has a connect handler: what it decides, before anything is answered."""

import json
from typing import Any

import pytest

from myna.core.limits import Limits
from myna.faces.webpubsub.hub_settings import Handler, HubSettings
from myna.faces.webpubsub.settings import Settings
from myna.formats.outgoing import Answer, CallFailed, Cause
from tests.faces.webpubsub.events.handled import HandledHub, handled, in_a_loop, settle, welcome
from tests.faces.webpubsub.hub import JSON, RELIABLE

EVERYTHING = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]


@in_a_loop
async def test_nothing_is_answered_before_the_handler_has() -> None:
    hub = handled("connect", "connected")
    hub.back_end.hold("connect")
    alice = hub.open("alice")
    await settle()
    assert (alice.socket.answer, hub.core.sessions("chat")) == ((), [])
    assert hub.back_end.asked[0].url == "http://app/connect"
    hub.back_end.release("connect")
    await settle()
    assert alice.socket.answer == ("accepted", JSON)
    greeting = alice.take()
    assert (greeting["event"], greeting["userId"]) == ("connected", "alice")
    assert [one.headers["ce-connectionid"] for one in hub.back_end.asked] == [greeting["connectionId"]] * 2
    assert hub.back_end.events() == ["connect", "connected"]


@in_a_loop
async def test_the_handler_is_told_who_asks() -> None:
    hub = handled("connect")
    path = "/client/hubs/chat"
    token = hub.token(path, sub="alice", role=["r1", "r2"])
    hub.upgrade(path, f"access_token={token}&x=1&x=2", [JSON, "other"], authorization="Bearer nothing", cookie="c=d")
    hub.upgrade(path, f"access_token={token}&x=1&x=2", [JSON, "other"], cookie="c=d")
    await settle()
    (asked,) = hub.back_end.asked
    body = json.loads(asked.body)
    assert body["claims"]["sub"] == ["alice"]
    assert body["claims"]["role"] == ["r1", "r2"]
    assert body["query"] == {"x": ["1", "2"]}
    assert body["headers"] == {"host": ["hub.example:8080"], "cookie": ["c=d"]}
    assert body["subprotocols"] == [JSON, "other"]
    assert body["clientCertificates"] == []
    assert asked.headers["ce-id"] == "0"
    assert asked.headers["ce-userid"] == "alice"
    assert asked.headers["ce-subprotocol"] == JSON
    assert asked.headers["webhook-request-origin"] == "hub.example:8080"


@in_a_loop
async def test_what_it_says_is_so() -> None:
    hub = handled("connect")
    hub.back_end.answers["connect"] = welcome(userId="ALICE", groups=["h", "g"], roles=["webpubsub.sendToGroup"])
    alice = hub.open("alice", groups=["g"], roles=["webpubsub.joinLeaveGroup.x"])
    await settle()
    assert alice.take()["userId"] == "ALICE"
    (client,) = hub.core.sessions("chat", user="ALICE")
    assert set(client.subscriptions) == {"g", "h"}
    alice.say(type="sendToGroup", group="any", data=1, ackId=1)
    alice.say(type="joinGroup", group="x", ackId=2)
    alice.say(type="joinGroup", group="y", ackId=3)
    assert [ack["success"] for ack in alice.taken()] == [True, True, False]


@pytest.mark.parametrize(
    ("offered", "named", "answer"),
    [
        ([JSON], None, ("accepted", JSON)),
        ([JSON, RELIABLE], RELIABLE, ("accepted", RELIABLE)),
        (["x", "Y"], "y", ("accepted", "Y")),
        (["x", "y"], None, ("accepted", None)),
        ([], None, ("accepted", None)),
        (["x"], "z", ("rejected", 500)),
        ([], "z", ("rejected", 500)),
    ],
)
@in_a_loop
async def test_it_chooses_among_the_subprotocols_that_were_offered(
    offered: list[str], named: str | None, answer: tuple[object, ...]
) -> None:
    hub = handled("connect", "disconnected")
    hub.back_end.answers["connect"] = welcome(subprotocol=named)
    path = "/client/hubs/chat"
    opened = hub.upgrade(path, f"access_token={hub.token(path)}", offered)
    await settle()
    assert opened.socket.answer == answer
    assert hub.back_end.events() == ["connect"] + ["disconnected"] * (answer[0] == "rejected")


@pytest.mark.parametrize(
    ("said", "status", "body"),
    [
        (Answer(401, {"content-type": "text/html"}, b"not you"), 401, b"not you"),
        (Answer(429, {}, b""), 429, b""),
        (Answer(500, {}, b"stack trace"), 500, b"The connect handler has failed."),
        (Answer(302, {}, b""), 500, b"The connect handler has failed."),
        (Answer(200, {}, b"no JSON"), 500, b"The connect handler has failed."),
        (Answer(200, {}, b'{"groups":[" "]}'), 500, b"The connect handler has failed."),
        (CallFailed(Cause.TIMEOUT, "late"), 500, b"The connect handler has failed."),
        (CallFailed(Cause.HELD_BACK, "left alone"), 500, b"The connect handler has failed."),
    ],
)
@in_a_loop
async def test_whom_it_does_not_let_in_is_told_its_status(said: Answer | CallFailed, status: int, body: bytes) -> None:
    hub = handled("connect", "connected")
    hub.back_end.answers["connect"] = said
    alice = hub.open("alice")
    await settle()
    assert alice.socket.answer == ("rejected", status)
    assert alice.socket.body == body
    assert hub.core.sessions("chat") == []
    assert hub.world.refused(f"webpubsub_connect:{status}") == 1
    assert "connected" not in hub.back_end.events()


@in_a_loop
async def test_a_client_that_does_not_wait_is_told_of_as_gone() -> None:
    hub = handled("connect", "connected", "disconnected")
    hub.back_end.hold("connect")
    alice = hub.open("alice")
    await settle()
    alice.vanish()
    hub.back_end.release("connect")
    await settle()
    assert hub.back_end.events() == ["connect", "disconnected"]
    assert hub.core.sessions("chat") == []


@in_a_loop
async def test_a_hub_that_has_filled_up_meanwhile_says_so() -> None:
    handler = Handler("http://app/", system_events=("connect", "disconnected"))
    limits = Limits()
    limits.sessions = 1
    hub = HandledHub(Settings(hubs={"chat": HubSettings(handlers=(handler,))}), limits=limits)
    hub.back_end.hold("connect")
    first, second = hub.open("a"), hub.open("b")
    await settle()
    hub.back_end.release_all("connect")
    await settle()
    assert {first.socket.answer, second.socket.answer} == {("accepted", JSON), ("rejected", 429)}
    assert hub.back_end.events() == ["connect", "connect", "disconnected"]


@in_a_loop
async def test_other_hubs_ask_nobody_and_default_serves_them_all() -> None:
    handler = Handler("http://app/{hub}", system_events=("connect",))
    only_chat = HandledHub(Settings(hubs={"Chat": HubSettings(handlers=(handler,))}), name="other")
    assert only_chat.open("alice").socket.answer == ("accepted", JSON)
    everybody = HandledHub(Settings(hubs={"_default": HubSettings(handlers=(handler,))}), name="Other")
    everybody.open("alice")
    await settle()
    assert everybody.back_end.asked[0].url == "http://app/other"
    assert everybody.back_end.asked[0].headers["ce-hub"] == "other"


@in_a_loop
async def test_an_anonymous_client_is_asked_for_without_a_user() -> None:
    hub = handled("connect", anonymous=True)
    hub.back_end.answers["connect"] = welcome(userId="guest")
    opened = hub.upgrade("/client/hubs/chat", "", [JSON])
    await settle()
    assert opened.take()["userId"] == "guest"
    body: dict[str, Any] = json.loads(hub.back_end.asked[0].body)
    assert body["claims"] == {}
    assert "ce-userid" not in hub.back_end.asked[0].headers


@in_a_loop
async def test_a_reliable_client_that_comes_back_is_not_asked_for_again() -> None:
    hub = handled("connect", "connected", "disconnected")
    alice = hub.open("alice", protocol=RELIABLE)
    await settle()
    greeting = alice.take()
    alice.vanish()
    again = hub.upgrade(
        "/client/hubs/chat",
        f"awps_connection_id={greeting['connectionId']}&awps_reconnection_token={greeting['reconnectionToken']}",
        [RELIABLE],
    )
    assert again.take()["connectionId"] == greeting["connectionId"]
    await settle()
    assert hub.back_end.events() == ["connect", "connected"]


@in_a_loop
async def test_who_is_banned_while_the_handler_is_asked_does_not_come_in() -> None:
    hub = handled("connect")
    hub.back_end.hold("connect")
    alice = hub.open("alice")
    await settle()
    hub.core.bans.ban("chat", "user", "alice", hub.world.now)
    hub.back_end.release("connect")
    await settle()
    assert alice.socket.answer == ("rejected", 403)
