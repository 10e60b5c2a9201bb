"""Group state: who may say something of itself, who hears of it, and when it goes."""

from typing import Any

import pytest

from myna.faces.webpubsub.settings import Settings
from tests.faces.webpubsub.hub import JSON, PROTOBUF, RELIABLE, Hub, Member

EVERYTHING = (
    "webpubsub.joinLeaveGroup",
    "webpubsub.setGroupState",
    "webpubsub.getGroupState",
)
OK = {"type": "ack", "ackId": 1, "success": True}
NOW = 1_700_000_000_000


def member(hub: Hub, user: str | None, protocol: str = JSON, **options: Any) -> Member:
    return hub.client(user, roles=EVERYTHING, groups=["g"], protocol=protocol, **options)


def watch(client: Member) -> list[dict[str, Any]]:
    """The items of the snapshot."""
    client.say(type="subscribeGroupState", group="g")
    (snapshot,) = client.taken()
    assert (snapshot["type"], snapshot["group"]) == ("groupStateSnapshot", "g")
    items: list[dict[str, Any]] = snapshot["items"]
    return items


def put(client: Member, state: dict[str, str] | None, ack_id: int | None = None, group: str = "g") -> None:
    said = {} if state is None else {"state": state}
    client.say(type="setGroupState", group=group, **said, **({} if ack_id is None else {"ackId": ack_id}))


def item(client: Member, user: str, state: dict[str, str] | None, updated_at: int) -> dict[str, object]:
    said: dict[str, object] = {"connectionId": client.id, "userId": user, "updatedAt": updated_at}
    return said if state is None else {**said, "state": state}


def update(*items: dict[str, object]) -> dict[str, object]:
    return {"type": "groupStateUpdate", "group": "g", "items": list(items)}


def test_watchers_see_what_is_there_and_what_changes() -> None:
    hub = Hub()
    alice, bob = member(hub, "alice"), member(hub, "bob")
    put(alice, {"k": "1"}, 1)
    assert alice.taken() == [OK]
    assert watch(bob) == [item(alice, "alice", {"k": "1"}, NOW)]
    put(alice, {"k": "2"})
    assert bob.taken() == [update(item(alice, "alice", {"k": "2"}, NOW + 1))]
    put(alice, None, 2)
    assert bob.taken() == [update(item(alice, "alice", None, NOW + 2))]
    assert alice.take()["success"]
    bob.say(type="subscribeGroupState", group="g", ackId=1)
    assert bob.taken() == [OK, {"type": "groupStateSnapshot", "group": "g", "items": []}]


def test_times_of_a_connection_only_grow() -> None:
    hub = Hub()
    bob = member(hub, "bob")
    alice = member(hub, "alice")
    watch(bob)
    put(alice, {"k": "1"})
    put(alice, {"k": "2"})
    put(alice, None)
    hub.world.pass_time(1)
    put(alice, {"k": "3"})
    hub.world.now -= 500
    put(alice, {"k": "4"})
    times = [frame["items"][0]["updatedAt"] for frame in bob.taken()]
    assert times == [NOW, NOW + 1, NOW + 2, NOW + 1000, NOW + 1001]


def test_who_has_no_user_is_known_by_its_connection_alone() -> None:
    hub = Hub()
    stranger = member(hub, None)
    put(stranger, {})
    assert watch(stranger) == [{"connectionId": stranger.id, "state": {}, "updatedAt": NOW}]


def test_clearing_what_is_not_there_tells_nobody() -> None:
    hub = Hub()
    alice = member(hub, "alice")
    watch(alice)
    put(alice, None, 2)
    assert [frame["type"] for frame in alice.taken()] == ["ack"]


def test_who_no_longer_watches_hears_nothing() -> None:
    hub = Hub()
    alice, bob = member(hub, "alice"), member(hub, "bob")
    watch(bob)
    assert bob.ask(type="unsubscribeGroupState", group="g", ackId=2)["success"]
    assert bob.ask(type="unsubscribeGroupState", group="other", ackId=3)["success"]
    put(alice, {"k": "v"})
    assert bob.taken() == []


@pytest.mark.parametrize("way", ["leaveGroup", "REST", "vanish", "closed", "all groups"])
def test_it_goes_with_the_membership(way: str) -> None:
    hub = Hub()
    alice, bob = member(hub, "alice"), member(hub, "bob")
    watch(bob)
    put(alice, {"k": "v"})
    bob.taken()
    if way == "leaveGroup":
        alice.say(type="leaveGroup", group="g")
    elif way == "REST":
        assert hub.call("DELETE", f"groups/g/connections/{alice.id}").status == 204
    elif way == "all groups":
        assert hub.call("DELETE", f"connections/{alice.id}/groups").status == 204
    elif way == "closed":
        assert hub.call("DELETE", f"connections/{alice.id}").status == 204
    else:
        alice.vanish()
    assert bob.taken() == [update(item(alice, "alice", None, NOW + 1))]
    assert watch(bob) == []


def test_a_state_in_a_group_one_is_not_in_goes_with_the_connection() -> None:
    hub = Hub()
    bob = hub.client("bob", roles=EVERYTHING)
    alice = hub.client("alice", roles=EVERYTHING)
    watch(bob)
    put(alice, {"k": "v"}, 1)
    assert alice.taken() == [OK]
    alice.leave()
    assert [frame["items"][0].get("state") for frame in bob.taken()] == [{"k": "v"}, None]


def test_it_outlives_the_socket_of_a_reliable_client_until_the_retention_ends() -> None:
    hub = Hub()
    alice, bob = member(hub, "alice", RELIABLE), member(hub, "bob")
    watch(bob)
    put(alice, {"k": "v"})
    alice.vanish()
    assert [frame["items"][0]["state"] for frame in bob.taken()] == [{"k": "v"}]
    hub.world.pass_time(41)
    (gone,) = bob.taken()
    assert "state" not in gone["items"][0]


def test_a_watcher_that_recovers_is_told_everything_anew_and_nothing_of_it_is_numbered() -> None:
    hub = Hub()
    alice, bob = member(hub, "alice"), member(hub, "bob", RELIABLE)
    watch(bob)
    put(alice, {"k": "1"})
    bob.vanish()
    put(alice, {"k": "2"})
    back = hub.recover(bob)
    greeting, snapshot = back.taken()
    assert greeting["event"] == "connected"
    assert snapshot == {
        "type": "groupStateSnapshot",
        "group": "g",
        "items": [item(alice, "alice", {"k": "2"}, NOW + 1)],
    }
    put(alice, {"k": "3"})
    assert back.taken() == [update(item(alice, "alice", {"k": "3"}, NOW + 2))]


@pytest.mark.parametrize(
    ("roles", "may_set", "may_get"),
    [
        ((), False, False),
        (("webpubsub.setGroupState",), True, False),
        (("webpubsub.getGroupState.g",), False, True),
        (("webpubsub.setGroupState.other", "webpubsub.getGroupState.g.x"), False, False),
        (("webpubsub.setGroupStates.*", "webpubsub.getGroupStates.?"), True, True),
        (("webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"), False, False),
    ],
)
def test_each_half_needs_its_role(roles: tuple[str, ...], may_set: bool, may_get: bool) -> None:
    alice = Hub().client("alice", roles=roles)
    said = alice.ask(type="setGroupState", group="g", state={"k": "v"}, ackId=1)
    assert said["success"] == may_set
    alice.say(type="subscribeGroupState", group="g", ackId=2)
    answer = alice.take()
    assert answer["success"] == may_get
    for refused in (said, answer):
        assert refused["success"] or refused["error"]["name"] == "Forbidden"


def test_what_it_may_weigh_is_bounded() -> None:
    alice = member(Hub(), "alice")
    for state in ({"k": "x" * 1025}, {"a b": "v"}, {f"k{n}": "x" * 1000 for n in range(9)}):
        put(alice, state, 1)
        assert alice.take()["error"]["name"] == "BadRequest"


def test_how_many_there_are_is_bounded() -> None:
    hub = Hub(Settings(states_per_client=2, states_per_group=2))
    alice, bob, carol = (member(hub, user) for user in ("alice", "bob", "carol"))
    for client in (alice, bob):
        put(client, {"k": "v"}, 1)
        assert client.taken() == [OK]
    put(carol, {"k": "v"}, 1)
    assert carol.take()["error"]["name"] == "BadRequest"
    put(alice, {"k": "w"}, 2)
    put(alice, {"k": "v"}, 3, "h")
    put(alice, {"k": "v"}, 4, "i")
    assert [ack["success"] for ack in alice.taken()] == [True, True, False]
    for ack_id, group in ((5, "g"), (6, "h"), (7, "i")):
        bob.say(type="subscribeGroupState", group=group, ackId=ack_id)
    assert [frame["success"] for frame in bob.taken() if frame["type"] == "ack"] == [True, True, False]


def test_a_watcher_that_does_not_read_is_cut_off_and_its_own_state_told_to_the_others() -> None:
    hub = Hub()
    clients = [member(hub, f"user {n}") for n in range(300)]
    for client in clients:
        put(client, {"k": "v"})
        client.say(type="subscribeGroupState", group="g")
    reader, *slow = clients
    for client in slow:
        client.socket.unsent = 1 << 30
    reader.taken()
    put(reader, {"k": "w"})
    assert {client.socket.closed for client in slow} == {1008}
    assert [frame["items"][0].get("state") for frame in reader.taken()] == [{"k": "w"}] + [None] * 299
    assert watch(reader) == [item(reader, "user 0", {"k": "w"}, NOW + 1)]


def test_an_update_is_made_once_for_all_of_a_family() -> None:
    hub = Hub()
    alice = member(hub, "alice")
    watchers = [member(hub, "bob", protocol) for protocol in (JSON, RELIABLE, JSON)]
    other = member(hub, "bob", PROTOBUF)
    for client in watchers:
        watch(client)
    answer = other.ask_protobuf(subscribe_group_state_message={"group": "g", "ack_id": 1})
    assert answer.group_state_snapshot_message.group == "g"
    put(alice, {"k": "v"})
    frames = [client.raw()[0] for client in watchers]
    assert frames[0] is frames[1] is frames[2]
    (got,) = other.take_protobuf().group_state_update_message.items
    assert (got.connection_id, got.user_id, dict(got.state.entries), got.updated_at) == (
        alice.id,
        "alice",
        {"k": "v"},
        NOW,
    )


def test_nothing_is_left_when_all_have_gone() -> None:
    hub = Hub()
    alice, bob = member(hub, "alice"), member(hub, "bob")
    watch(bob)
    put(alice, {"k": "v"})
    put(bob, {"k": "v"}, group="h")
    receiver: Any = hub.session(alice.id)
    alice.leave()
    bob.leave()
    assert len(receiver.space.states) == 0


def test_a_snapshot_is_made_once_for_all_that_ask_until_something_changes() -> None:
    hub = Hub()
    alice = member(hub, "alice")
    put(alice, {"k": "1"})
    readers = [member(hub, "bob", protocol) for protocol in (JSON, RELIABLE)]

    def snapshots() -> list[bytes]:
        for reader in readers:
            reader.say(type="subscribeGroupState", group="g")
        return [reader.raw()[-1] for reader in readers]

    first, again = snapshots()
    assert first is again
    put(alice, {"k": "2"})
    assert [b'"k":"2"' in frame for frame in snapshots()] == [True, True]
