"""Opening a WebSocket: tokens, subprotocols, raw mode, and simple clients."""

import asyncio

import pytest

from myna.core.limits import Limits
from myna.faces.contract import Headers
from myna.faces.webpubsub.settings import Settings
from tests.faces.webpubsub.hub import HOST, JSON, RELIABLE, Hub, Request, Socket, groups_of_token

PATH = "/client/hubs/chat"


def test_no_token_or_a_bad_one_is_401_and_a_bad_hub_or_group_400() -> None:
    hub = Hub()
    token = hub.token(PATH)
    groups = hub.token(PATH, **groups_of_token(" "))
    cases = {
        "/client/hubs/chat?": 401,
        "/client/hubs/chat?access_token=x": 401,
        f"/client/hubs/other?access_token={token}": 401,
        f"/client/hubs/chat?access_token={hub.token('/clients/mqtt/hubs/chat')}": 401,
        f"/client/hubs/chat?access_token={hub.token('/api/hubs/chat')}": 401,
        f"/client/hubs/5chat?access_token={token}": 400,
        f"/client/hubs/chat?access_token={groups}": 400,
        f"/client/?access_token={token}": 400,
        "/client/hubs/chat?" + "&".join(f"a{n}=1" for n in range(200)): 400,
        f"/client/hubs/chat?access_token={token}&webpubsub_mode=": 400,
        f"/client/hubs/chat?access_token={token}&webpubsub_mode=other&group=g": 400,
        f"/client/hubs/chat?access_token={token}&webpubsub_mode=sendToGroup": 400,
    }
    for target, status in cases.items():
        path, _, query = target.partition("?")
        assert hub.upgrade(path, query).socket.answer == ("rejected", status), target
    assert hub.core.sessions("chat") == []


def test_the_hub_may_stand_in_the_query_and_its_case_is_of_no_matter() -> None:
    hub = Hub()
    for target in ("/client?hub=CHAT&", "/client/?hub=Chat&", "/client/hubs/cHAt?"):
        path, _, query = target.partition("?")
        assert hub.upgrade(path, f"{query}access_token={hub.token(PATH)}").socket.answer == ("accepted", None)
    assert len(hub.core.sessions("chat")) == 3


def test_the_hub_devonly_is_the_default_tenant() -> None:
    hub = Hub(name="devonly")
    hub.upgrade("/client/hubs/devonly", f"access_token={hub.token('/client/hubs/devonly')}")
    assert len(hub.core.sessions("DevOnly")) == 1


def test_anonymous_clients_come_in_where_the_hub_admits_them() -> None:
    hub = Hub(Settings(anonymous_hubs=("Chat",)))
    assert hub.upgrade("/client/hubs/chat").socket.answer == ("accepted", None)
    assert hub.upgrade("/client/hubs/chat", "access_token=x").socket.answer == ("rejected", 401)
    assert hub.upgrade("/client/hubs/other").socket.answer == ("rejected", 401)
    assert Hub(Settings(anonymous_hubs=("*",))).upgrade("/client/hubs/any").socket.answer == ("accepted", None)


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ([JSON], JSON),
        (["JSON.WebPubSub.Azure.V1"], "JSON.WebPubSub.Azure.V1"),
        (["other", RELIABLE, JSON], RELIABLE),
        (["other"], None),
        ([], None),
    ],
)
def test_the_first_subprotocol_we_know_is_echoed_as_it_was_offered(offered: list[str], answered: str | None) -> None:
    hub = Hub()
    opened = hub.upgrade(PATH, f"access_token={hub.token(PATH)}", offered)
    assert opened.socket.answer == ("accepted", answered)


def test_groups_are_entered_before_the_upgrade_is_answered() -> None:
    hub = Hub()
    seen: list[int] = []

    class Looks(Socket):
        def accept(self, subprotocol: str | None = None, headers: Headers = ()) -> None:
            seen.append(hub.call("HEAD", "groups/g").status)

    token = hub.token(PATH, **groups_of_token("g"))
    endpoint = hub.websockets(Request(PATH.encode(), f"access_token={token}".encode(), ((b"host", HOST.encode()),)))
    assert endpoint is not None
    endpoint.opening(Looks())
    assert seen == [200]


def test_a_simple_client_gets_bare_payloads() -> None:
    hub = Hub()
    alice = hub.client("alice", groups=["g"], protocol=None)
    for payload, content_type, frame in (
        (b'{"a": 1}', "application/json", b'T{"a": 1}'),
        (b'"hello"', "application/json", b'T"hello"'),
        ("hé".encode(), "text/plain", "Thé".encode()),
        (b"\x00\xff", "application/octet-stream", b"B\x00\xff"),
    ):
        for path in (":send", "groups/g/:send", "users/alice/:send", f"connections/{alice.id}/:send"):
            assert hub.call("POST", path, payload, content_type=content_type).status == 202
            assert alice.raw() == [frame]


@pytest.mark.parametrize("binary", [False, True])
def test_an_event_of_a_simple_client_that_nobody_takes_ends_it(binary: bool) -> None:
    hub = Hub()
    alice = hub.client("alice", protocol=None)
    if binary:
        alice.endpoint.on_bytes(b"x")
    else:
        alice.endpoint.on_text("x")
    assert (alice.raw(), alice.socket.closed) == ([], 1011)


def test_in_raw_mode_every_frame_goes_to_the_group() -> None:
    hub = Hub()
    bob = hub.client(groups=["g"])
    alice = hub.client(
        "alice", roles=["webpubsub.sendToGroup.g"], protocol=None, query="webpubsub_mode=sendToGroup&group=g"
    )
    alice.endpoint.on_text("hi")
    alice.endpoint.on_bytes(b"\xff")
    assert [(message["dataType"], message["data"]) for message in bob.taken()] == [("text", "hi"), ("binary", "/w==")]
    hub.call("DELETE", f"permissions/sendToGroup/connections/{alice.id}")
    alice.endpoint.on_text("hi")
    assert (bob.taken(), alice.socket.closed) == ([], 1008)


def test_a_hub_has_as_many_connections_as_its_limits_say() -> None:
    limits = Limits()
    limits.sessions = 1
    hub = Hub(limits=limits)
    hub.client()
    assert hub.upgrade(PATH, f"access_token={hub.token(PATH)}").socket.answer == ("rejected", 429)


def test_when_the_broker_stops_all_are_told() -> None:
    hub = Hub()
    clients = [hub.client(protocol=protocol) for protocol in (JSON, RELIABLE, None)]
    asyncio.run(hub.face.stop())
    assert [client.socket.closed for client in clients] == [1001] * 3
    assert clients[0].take() == {"type": "system", "event": "disconnected", "message": "ServiceReload"}
    assert hub.core.sessions("chat") == []


def test_a_request_that_is_no_upgrade_is_told_so() -> None:
    hub = Hub()
    for path in ("/client", "/client/hubs/chat", "/clients/mqtt/hubs/chat"):
        assert asyncio.run(hub.exchange("GET", path, "", b"", [])).status == 400


@pytest.mark.parametrize(("kind", "what"), [("user", "alice"), ("address", "192.0.2.0/24")])
def test_a_banned_user_or_address_is_403_and_cut_off(kind: str, what: str) -> None:
    hub = Hub()
    token = hub.token(PATH, sub="alice")
    client = hub.upgrade(PATH, f"access_token={token}")
    hub.core.bans.ban("chat", kind, what, hub.world.now)
    assert client.socket.closed is not None
    assert hub.upgrade(PATH, f"access_token={token}").socket.answer == ("rejected", 403)
    assert hub.world.refused("webpubsub_connect:banned") == 1
    assert hub.core.bans.unban("chat", kind, what)
    assert hub.upgrade(PATH, f"access_token={token}").socket.answer == ("accepted", None)


@pytest.mark.parametrize("protocol", [JSON, RELIABLE, None])
@pytest.mark.parametrize(
    ("code", "clean", "told"),
    [
        (1000, True, "left 0x00"),
        (1005, True, "left 0x00"),
        (1001, True, "left 0x00"),
        (4001, True, "left 0x00"),
        (1006, False, "lost"),
        (1011, False, "cut off 0x8d"),
        (1009, False, "cut off 0x95"),
        (1007, False, "cut off 0x81"),
        (1002, False, "cut off 0x82"),
    ],
)
def test_watchers_learn_how_a_socket_ended(protocol: str | None, code: int, clean: bool, told: str) -> None:
    hub = Hub()
    client = hub.client(protocol=protocol)
    if clean:
        client.leave(code)
    else:
        client.vanish(code)
    assert hub.world.watcher.lines[1] == f"{client.id} {told}"
    hub.world.pass_time(3600)
    assert hub.session(client.id) is None


@pytest.mark.parametrize("path", [PATH, "/clients/mqtt/hubs/chat"])
def test_who_is_turned_away_is_counted_and_the_log_says_why(path: str) -> None:
    hub = Hub()
    offered = ["mqtt"] if "mqtt" in path else []
    good = hub.token(path)
    for query, protocols, status, cause in (
        ("", offered, 401, "there is no access token"),
        (f"access_token={hub.token(path, key=b'x' * 32)}", offered, 401, "the token is signed with another access key"),
        (f"access_token={hub.token('/api/hubs/chat')}", offered, 401, "the token's audience is another address"),
        (f"access_token={hub.token(path, group=' ')}", offered, 400, "Invalid group name."),
        *(
            [(f"access_token={good}", [JSON], 400, "Offer the subprotocol mqtt.")]
            if offered
            else [(f"access_token={good}&webpubsub_mode=x", [], 400, "Invalid webpubsub_mode.")]
        ),
    ):
        before = hub.world.refused(f"webpubsub_connect:{status}")
        assert hub.upgrade(path, query, protocols).socket.answer == ("rejected", status)
        assert hub.world.refused(f"webpubsub_connect:{status}") == before + 1
        assert hub.world.watcher.lines[-1] == f"somebody refused a WebSocket: {cause}"


def test_a_recovery_that_fails_is_in_the_log() -> None:
    hub = Hub()
    alice = hub.client("alice", protocol=RELIABLE)
    hub.recover(alice, "forged")
    assert hub.world.watcher.lines[-1] == "somebody refused a WebSocket: the reconnection token is not valid"
    alice.leave()
    hub.recover(alice)
    assert hub.world.watcher.lines[-1] == "somebody refused a WebSocket: the connection to be recovered is over"
