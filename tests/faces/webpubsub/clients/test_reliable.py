"""Reliable clients: numbers, acknowledgements, coming back."""

from typing import Any

import pytest

from myna.faces.webpubsub.settings import Settings
from tests.faces.webpubsub.hub import RELIABLE, Hub, Member, WebSocket

EVERYTHING = ("webpubsub.joinLeaveGroup", "webpubsub.sendToGroup")


def send(hub: Hub, data: object, **query: Any) -> None:
    assert hub.call("POST", "groups/g/:send", data, content_type="application/json", **query).status == 202


def client(hub: Hub, **options: Any) -> Member:
    return hub.client("alice", groups=["g"], roles=EVERYTHING, protocol=RELIABLE)


def numbers(socket: WebSocket) -> list[tuple[int, object]]:
    return [(frame["sequenceId"], frame["data"]) for frame in socket.taken()]


def test_messages_are_numbered_and_nothing_else() -> None:
    hub = Hub()
    alice = client(hub)
    assert alice.token
    send(hub, "a")
    assert alice.ask(type="sendToGroup", group="g", data="b", ackId=1)["type"] == "ack"
    alice.say(type="ping")
    send(hub, "c")
    frames = alice.taken()
    assert [frame.get("sequenceId") for frame in frames] == [None, 3]


def test_what_is_not_acknowledged_comes_again_in_order_with_its_numbers() -> None:
    hub = Hub()
    alice = client(hub)
    for letter in "abc":
        send(hub, letter)
    alice.say(type="sequenceAck", sequenceId=1)
    alice.vanish()
    send(hub, "d")
    assert hub.call("HEAD", f"connections/{alice.id}").status == 200
    assert hub.call("HEAD", "groups/g").status == 200
    back = hub.recover(alice)
    assert back.socket.answer == ("accepted", RELIABLE)
    greeting = back.take()
    assert (greeting["event"], greeting["connectionId"], greeting["userId"]) == ("connected", alice.id, "alice")
    assert greeting["reconnectionToken"]
    assert numbers(back) == [(2, "b"), (3, "c"), (4, "d")]
    send(hub, "e")
    assert numbers(back) == [(5, "e")]


def test_groups_permissions_and_acks_outlive_the_socket() -> None:
    hub = Hub()
    alice = client(hub)
    alice.say(type="joinGroup", group="other", ackId=9)
    hub.call("DELETE", f"permissions/sendToGroup/connections/{alice.id}", targetName="g")
    alice.vanish()
    back = hub.recover(alice)
    back.taken()
    assert back.ask(type="joinGroup", group="other", ackId=9)["error"]["name"] == "Duplicate"
    assert back.ask(type="sendToGroup", group="g", data=1, ackId=1)["error"]["name"] == "Forbidden"
    assert hub.call("HEAD", "groups/other").status == 200


def test_a_recovery_takes_over_from_a_socket_that_seems_to_live() -> None:
    hub = Hub()
    alice = client(hub)
    send(hub, "a")
    back = hub.recover(alice)
    assert alice.socket.closed is not None
    alice.vanish()  # now the old socket is noticed to be gone
    alice.say(type="leaveGroup", group="g")
    back.take()
    assert numbers(back) == [(1, "a")]
    assert hub.call("HEAD", "groups/g").status == 200


@pytest.mark.parametrize("code", [1000, 1005])
def test_a_client_that_closes_cleanly_is_gone(code: int) -> None:
    hub = Hub()
    alice = client(hub)
    alice.leave(code)
    assert hub.session(alice.id) is None
    assert hub.recover(alice).socket.closed == 1008


@pytest.mark.parametrize("code", [1001, 1011, 4000])
def test_any_other_close_leaves_it_to_come_back(code: int) -> None:
    hub = Hub()
    alice = client(hub)
    alice.leave(code)
    assert hub.recover(alice).take()["event"] == "connected"


def test_after_the_retention_it_is_gone() -> None:
    hub = Hub(Settings(retention=30))  # type: ignore[arg-type]  # a Duration is a float
    alice = client(hub)
    alice.vanish()
    hub.world.pass_time(29)
    assert hub.session(alice.id) is not None
    hub.world.pass_time(2)
    assert hub.session(alice.id) is None
    assert hub.call("HEAD", "groups/g").status == 404
    refused = hub.recover(alice)
    assert (refused.socket.answer, refused.socket.closed) == (("accepted", RELIABLE), 1008)


def test_coming_back_in_time_stops_the_clock() -> None:
    hub = Hub()
    alice = client(hub)
    alice.vanish()
    hub.world.pass_time(20)
    hub.recover(alice)
    hub.world.pass_time(3600)
    assert hub.session(alice.id) is not None


@pytest.mark.parametrize("token", ["", "x", "é", "AAAA", "A" * 60])
def test_another_token_recovers_nothing(token: str) -> None:
    hub = Hub()
    alice = client(hub)
    refused = hub.recover(alice, token)
    assert refused.socket.closed == 1008
    assert alice.socket.closed is None


def test_a_token_is_its_connections_own_and_holds_a_week() -> None:
    hub = Hub()
    alice, bob = client(hub), client(hub)
    assert hub.recover(alice, bob.token).socket.closed == 1008
    hub.world.now += 8 * 86_400
    assert hub.recover(alice).socket.closed == 1008


def test_too_much_unacknowledged_ends_it_for_good() -> None:
    hub = Hub(Settings(unacknowledged_messages=3))
    alice = client(hub)
    for n in range(4):
        send(hub, n)
    frames = alice.taken()
    assert [frame.get("sequenceId") for frame in frames] == [1, 2, 3, None]
    assert alice.socket.closed == 1008
    assert hub.recover(alice).socket.closed == 1008
    assert hub.world.dropped("queue_full") == 4
    assert f"{alice.id} refused connection: it leaves too much unacknowledged" in hub.world.watcher.lines


def test_bytes_count_too_while_it_is_away() -> None:
    hub = Hub(Settings(unacknowledged_bytes=2000))  # type: ignore[arg-type]  # a Size is an int
    alice = client(hub)
    alice.vanish()
    for _ in range(4):
        send(hub, "x" * 1000)
    assert hub.session(alice.id) is None


def test_acknowledging_makes_room() -> None:
    hub = Hub(Settings(unacknowledged_messages=3))
    alice = client(hub)
    for n in range(1, 20):
        send(hub, n)
        alice.say(type="sequenceAck", sequenceId=n)
    assert alice.socket.closed is None
    alice.say(type="sequenceAck", sequenceId=10**9)


def test_what_expires_while_it_is_away_is_not_sent_again() -> None:
    hub = Hub()
    alice = client(hub)
    alice.vanish()
    send(hub, "short", messageTtlSeconds=5)
    send(hub, "long", messageTtlSeconds=300)
    hub.world.pass_time(10)
    back = hub.recover(alice)
    back.take()
    assert numbers(back) == [(2, "long")]
    assert hub.world.dropped("expired") == 1


def test_the_back_end_ends_it_while_it_is_away() -> None:
    hub = Hub()
    alice = client(hub)
    alice.vanish()
    assert hub.call("DELETE", f"connections/{alice.id}").status == 204
    assert hub.session(alice.id) is None
    hub.world.pass_time(100)
