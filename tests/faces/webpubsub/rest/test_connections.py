"""Connections, groups and users over REST: existence, membership, ends."""

import asyncio
from typing import Any

import pytest

from myna.faces.webpubsub.rest.backend import PER_TURN
from tests.faces.webpubsub.hub import HOST, Hub, Reply


def not_existed(level: str, kind: str, name: str) -> dict[str, object]:
    return {
        "code": f"{level}.{kind}.NotExisted",
        "message": f"{kind} `{name}` is not found.",
        "target": kind,
        "details": None,
        "innererror": None,
    }


def test_what_exists() -> None:
    hub = Hub()
    alice = hub.client("alice", groups=["g"])
    hub.mqtt("m", "mike", expiry=60, group="t").drop()
    for path in (f"connections/{alice.id}", "connections/m", "users/alice", "users/mike", "groups/g", "groups/t"):
        assert hub.call("HEAD", path).status == 200
    for kind, path in (
        ("Connection", "connections/x"),
        ("User", "users/x"),
        ("Group", "groups/x"),
        ("User", "users/Alice"),
    ):
        reply = hub.call("HEAD", path)
        assert (reply.status, reply.code()) == (404, f"Warning.{kind}.NotExisted")
    hub.world.pass_time(61)
    assert hub.call("HEAD", "connections/m").status == 404


def test_joining_and_leaving_in_a_clients_name() -> None:
    hub = Hub()
    alice, twin = hub.client("alice"), hub.client("alice")
    assert hub.call("PUT", f"groups/g/connections/{alice.id}").status == 200
    assert hub.call("PUT", f"groups/g/connections/{alice.id}").status == 200
    hub.call("POST", "groups/g/:send", 1, content_type="application/json")
    assert [len(client.taken()) for client in (alice, twin)] == [1, 0]
    assert hub.call("PUT", "users/alice/groups/h").status == 200
    hub.call("POST", "groups/h/:send", 1, content_type="application/json")
    assert [len(client.taken()) for client in (alice, twin)] == [1, 1]
    assert hub.call("DELETE", f"groups/h/connections/{alice.id}").status == 204
    assert hub.call("HEAD", "groups/h").status == 200
    assert hub.call("DELETE", "users/alice/groups/h").status == 204
    assert hub.call("HEAD", "groups/h").status == 404
    hub.call("PUT", "users/alice/groups/h")
    assert hub.call("DELETE", f"connections/{alice.id}/groups").status == 204
    assert hub.call("DELETE", "users/alice/groups").status == 204
    assert hub.call("HEAD", "groups/h").status == 404


def test_missing_targets() -> None:
    hub = Hub()
    reply = hub.call("PUT", "groups/g/connections/xxxx")
    assert (reply.status, reply.json()) == (404, not_existed("Error", "Connection", "xxxx"))
    assert reply.headers[b"content-type"] == b"application/json; charset=utf-8"
    assert reply.code() == "Error.Connection.NotExisted"
    assert hub.call("PUT", "users/u/groups/g").status == 404
    assert hub.call("PUT", "users/u/groups/g", version="2020-10-01").status == 200
    for method, path in (
        ("DELETE", "connections/x"),
        ("DELETE", "groups/g/connections/x"),
        ("DELETE", "connections/x/groups"),
        ("DELETE", "users/u/groups"),
        ("DELETE", "users/u/groups/g"),
        ("DELETE", "permissions/sendToGroup/connections/x"),
        ("POST", ":closeConnections"),
        ("POST", "groups/g/:closeConnections"),
        ("POST", "users/u/:closeConnections"),
    ):
        assert hub.call(method, path).status == 204, path


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "connections/{id}"),
        ("POST", "users/alice/:closeConnections"),
        ("POST", "groups/g/:closeConnections"),
        ("POST", ":closeConnections"),
    ],
)
def test_closing_says_why(method: str, path: str) -> None:
    hub = Hub()
    alice = hub.client("alice", groups=["g"])
    assert hub.call(method, path.format(id=alice.id), reason="it is late").status == 204
    assert alice.take() == {"type": "system", "event": "disconnected", "message": "it is late"}
    assert alice.socket.closed == 1000
    assert hub.session(alice.id) is None


def test_the_excluded_stay() -> None:
    hub = Hub()
    stays, leaves = (hub.client("alice", groups=["g"]) for _ in range(2))
    for path in ("users/alice/:closeConnections", "groups/g/:closeConnections", ":closeConnections"):
        hub.call("POST", path, excluded=[stays.id])
        assert (stays.socket.closed, leaves.socket.closed) == (None, 1000)


def test_whole_selections_join_and_leave() -> None:
    hub = Hub()
    alice, bob = hub.client("alice"), hub.client("bob")
    body = {"groups": ["g1", "g 2"], "filter": "userId eq 'alice'"}
    assert hub.call("POST", ":addToGroups", body, content_type="application/json").status == 200
    hub.call("POST", "groups/g%202/:send", 1, content_type="application/json")
    assert [len(client.taken()) for client in (alice, bob)] == [1, 0]
    assert hub.call("POST", ":addToGroups", {"groups": ["g3"], "filter": None}).status == 200
    assert hub.call("POST", ":removeFromGroups", body).status == 200
    assert [hub.call("HEAD", f"groups/{name}").status for name in ("g1", "g%202", "g3")] == [404, 404, 200]
    assert hub.call("POST", ":removeFromGroups", {"groups": ["g3"]}).status == 200
    assert hub.call("HEAD", "groups/g3").status == 404


@pytest.mark.parametrize(
    ("body", "target"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        ({"groups": []}, "Groups"),
        ({}, "Groups"),
        ({"groups": ["a", " "]}, "Groups"),
        ({"groups": ["a", 5]}, "Groups"),
        ({"groups": ["a"], "filter": 5}, "Filter"),
        ({"groups": ["a"], "filter": "invalid filter"}, "Filter"),
    ],
)
def test_selections_that_cannot_be_read(body: object, target: str) -> None:
    hub = Hub()
    for path in (":addToGroups", ":removeFromGroups"):
        reply = hub.call("POST", path, body, content_type="application/json")
        assert (reply.status, reply.json()["target"]) == (400, target)
        assert list(reply.json()["errors"]) == [target]


def pages(hub: Hub, **query: Any) -> list[list[str]]:
    reply = hub.call("GET", "groups/g/connections", **query).json()
    found = [[one["connectionId"] for one in reply["value"]]]
    while "nextLink" in reply:
        link = reply["nextLink"]
        base, _, rest = link.partition("/api/hubs/chat/")
        assert base == "http://hub.example:8080"
        assert "api-version=2024-12-01" in link
        path, _, fields = rest.partition("?")
        following = dict(field.split("=") for field in fields.split("&"))
        assert following.get("maxpagesize") == (str(query["maxpagesize"]) if "maxpagesize" in query else None)
        following.pop("api-version")
        reply = hub.call("GET", path, **following).json()
        found.append([one["connectionId"] for one in reply["value"]])
    return found


def test_members_come_in_pages_in_a_stable_order() -> None:
    hub = Hub()
    members = sorted(hub.client(groups=["g"]).id for _ in range(6))
    for query, sizes in (
        ({"maxpagesize": 2, "top": 5}, [2, 2, 1]),
        ({"maxpagesize": 2}, [2, 2, 2]),
        ({"top": 3}, [3]),
        ({"top": 6, "maxpagesize": 3}, [3, 3]),
        ({}, [6]),
    ):
        found = pages(hub, **query)
        assert [len(page) for page in found] == sizes
        assert [one for page in found for one in page] == members[: sum(sizes)]


def test_members_are_named_with_their_users_and_nobody_is_an_empty_list() -> None:
    hub = Hub()
    assert hub.call("GET", "groups/g/connections").json() == {"value": []}
    anonymous, alice = hub.client(groups=["g"]), hub.client("alice", groups=["g"])
    value = hub.call("GET", "groups/g/connections").json()["value"]
    assert {"connectionId": anonymous.id} in value
    assert {"connectionId": alice.id, "userId": "alice"} in value


@pytest.mark.parametrize(
    "query",
    [
        {"maxpagesize": "0"},
        {"maxpagesize": "201"},
        {"top": "0"},
        {"top": "x"},
        {"top": "2147483648"},
        {"continuationToken": "*"},
    ],
)
def test_pages_that_cannot_be(query: dict[str, Any]) -> None:
    assert Hub().call("GET", "groups/g/connections", **query).status == 400


def test_thousands_are_changed_in_many_turns_and_who_goes_meanwhile_stays_gone() -> None:
    hub = Hub()
    clients = [hub.client(f"u{number}") for number in range(PER_TURN + 20)]
    body = b'{"groups": ["a", "b"]}'
    turns: list[int] = []

    def in_group(name: str) -> int:
        return len(hub.core.tenant("chat").router.subscribers(name))

    async def meanwhile() -> None:
        """One turn after the other, until all have been added."""
        while not turns or in_group("a") != turns[-1]:
            turns.append(in_group("a"))
            if len(turns) == 2:
                clients[-1].leave()
            await asyncio.sleep(0)

    async def both(path: str, body: bytes) -> Reply:
        raw = f"/api/hubs/chat/{path}"
        headers = [("host", HOST), ("authorization", f"Bearer {hub.token(raw)}")]
        reply, _ = await asyncio.gather(hub.exchange("POST", raw, "api-version=2024-12-01", body, headers), meanwhile())
        return reply

    assert asyncio.run(both(":addToGroups", body)).status == 200
    assert 0 < turns[1] < len(clients) - 1
    assert in_group("a") == in_group("b") == len(clients) - 1
    assert hub.call("POST", ":closeConnections").status == 204
    assert hub.core.sessions("chat") == []
