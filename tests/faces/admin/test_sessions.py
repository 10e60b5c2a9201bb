from urllib.parse import quote

import pytest

from myna.core.limits import Limits
from myna.testing import TENANT, assert_closed
from myna.wire.packets import Disconnect, Will
from tests.faces.admin.desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


def names(desk: Desk, query: str) -> list[str]:
    return [one["client_id"] for one in desk.get(f"/sessions{query}")["sessions"]]


def test_a_session_is_shown_with_all_that_is_known_of_it(desk: Desk) -> None:
    will = Will("gone", b"12345", 1, False, None)
    client = desk.world.connected("alice", user="ann", expiry=60, will=will)
    client.subscribe("room/+", 1, no_local=True, identifier=7)
    desk.world.publish("room/1", b"x", 1)
    shown = desk.get(f"/sessions/{TENANT}/alice")
    assert shown["user"] == "ann"
    assert shown["online"]
    assert shown["protocol"] == "MQTT 5"
    assert shown["address"] == "192.0.2.1:4711"
    assert shown["persistent"]
    assert shown["expires_after"] == 60
    assert shown["connected_since"] == "1970-01-01T00:16:40Z"
    assert shown["window"]["messages"] == 1
    assert shown["will"] == {"topic": "gone", "qos": 1, "retain": False, "delay": 0, "size": 5}
    subscription = {"filter": "room/+", "qos": 1, "no_local": True, "retain_as_published": False}
    assert shown["subscriptions"] == [{**subscription, "identifiers": [7], "dormant": False}]


def test_what_waits_for_a_client_that_is_away_is_counted(desk: Desk) -> None:
    client = desk.world.connected("bob", expiry=60)
    client.subscribe("a", 1)
    client.drop()
    desk.world.publish("a", b"x", 1)
    shown = desk.get(f"/sessions/{TENANT}/bob")
    assert not shown["online"]
    assert shown["address"] == ""
    assert shown["queue"]["messages"] == 1
    assert shown["offline_since"] == "1970-01-01T00:16:40Z"


def test_pages_go_through_all_and_stay_right_while_sessions_come_and_go(desk: Desk) -> None:
    for number in range(7):
        desk.world.connected(f"c{number}")
    seen: list[str] = []
    query = "?limit=3"
    while True:
        page = desk.get(f"/sessions{query}")
        seen += [one["client_id"] for one in page["sessions"]]
        if page["next"] is None:
            break
        desk.world.connected(f"b{len(seen)}")  # before where the page ended: not seen, and nothing is seen twice
        query = f"?limit=3&cursor={page['next']}"
    assert seen == [f"c{number}" for number in range(7)]


def test_lists_are_narrowed(desk: Desk) -> None:
    desk.world.connected("one", user="ann")
    desk.world.connected("two", user="bob", expiry=60).drop()
    assert names(desk, "") == ["one", "two"]
    assert names(desk, "?user=ann") == ["one"]
    assert names(desk, "?status=offline") == ["two"]
    assert names(desk, "?status=online") == ["one"]
    assert names(desk, "?client_id=two") == ["two"]
    assert names(desk, f"?tenant={TENANT}") == ["one", "two"]
    assert names(desk, "?tenant=other") == []
    assert names(desk, "?address=192.0.2.1") == ["one"]
    assert names(desk, "?address=192.0.2.1:4711") == ["one"]
    assert names(desk, "?address=192.0.2.0/24") == ["one"]
    assert names(desk, "?address=::ffff:192.0.2.1") == ["one"]
    for elsewhere in ("192.0.2.2", "192.0.2.1:4712", "192.0.3.0/24", "::1", "x"):
        assert names(desk, f"?address={elsewhere}") == []


def test_a_client_is_disconnected_and_keeps_its_session(desk: Desk) -> None:
    client = desk.world.connected("alice", expiry=60)
    answer = desk.call("POST", f"/sessions/{TENANT}/alice/disconnect")
    assert answer.json() == {"disconnected": True}
    packet = client.received()[0]
    assert isinstance(packet, Disconnect)
    assert packet.code == 0x98
    assert_closed(client)
    client.drop()
    assert desk.call("POST", f"/sessions/{TENANT}/alice/disconnect").json() == {"disconnected": False}
    assert names(desk, "") == ["alice"]


def test_a_session_is_ended_for_good(desk: Desk) -> None:
    client = desk.world.connected("alice", expiry=60)
    assert desk.call("DELETE", f"/sessions/{TENANT}/alice").status == 204
    assert client.is_closed()
    assert desk.problem("GET", f"/sessions/{TENANT}/alice") == (404, "")
    assert desk.problem("DELETE", f"/sessions/{TENANT}/alice") == (404, "")


def test_client_ids_may_hold_anything(desk: Desk) -> None:
    strange = "a/b c?d#e%2F+ä"
    desk.world.connected(strange)
    assert desk.get(f"/sessions/{TENANT}/{quote(strange, safe='')}")["client_id"] == strange


def test_where_several_users_have_a_client_of_one_id_the_scope_is_asked_for() -> None:
    desk = Desk()
    for scope in ("ann", "bob"):
        receiver = desk.world.connected(f"tmp-{scope}").session
        tenant = desk.world.tenant
        tenant.leave(receiver)
        receiver.key = (TENANT, scope, "same")
        tenant.enter(receiver)
    assert desk.problem("GET", f"/sessions/{TENANT}/same") == (409, "scope")
    assert desk.get(f"/sessions/{TENANT}/same?scope=bob")["scope"] == "bob"
    assert desk.problem("GET", f"/sessions/{TENANT}/same?scope=eve") == (404, "")


def test_subscriptions_of_a_session_come_in_pages_and_a_list_has_the_first_hundred() -> None:
    desk = Desk(Limits())
    client = desk.world.connected("many")
    for number in range(120):
        client.subscribe(f"t/{number:03}")
    shown = desk.get(f"/sessions/{TENANT}/many")
    assert shown["subscription_count"] == 120
    assert len(shown["subscriptions"]) == 100
    page = desk.get(f"/sessions/{TENANT}/many/subscriptions?limit=100")
    rest = desk.get(f"/sessions/{TENANT}/many/subscriptions?cursor={page['next']}")
    filters = [one["filter"] for one in [*page["subscriptions"], *rest["subscriptions"]]]
    assert filters == [f"t/{number:03}" for number in range(120)]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=٣", "limit"),
        ("?limit=x", "limit"),
        ("?limit=" + "9" * 5000, "limit"),
        ("?limit=1&limit=2", "limit"),
        ("?status=away", "status"),
        ("?tenant=", "tenant"),
        ("?tenant=%ff", "tenant"),
        ("?tenat=x", "tenat"),
        ("?cursor=nonsense", "cursor"),
        ("?cursor=WzFd", "cursor"),
        ("?cursor=%F0%9F%90%A6", "cursor"),
    ],
)
def test_what_does_not_fit_is_named(desk: Desk, query: str, parameter: str) -> None:
    assert desk.problem("GET", f"/sessions{quote(query, safe='?=&%')}") == (400, parameter)
