"""Somebody outside who says no: what each resource stops, and what the client is told."""

import pytest

from myna.core import quotas as names
from myna.core.quotas import RESOURCES, Quotas
from myna.testing import TENANT, CommitsOnCommand, World, assert_closed
from myna.wire.packets import Publish, Suback


class Strict(Quotas):
    """Says no to these; remembers what it was asked."""

    def __init__(self, *denied: str) -> None:
        super().__init__()
        self.asked = True
        self.denied = set(denied)
        self.questions: list[tuple[str, str]] = []

    def allows(self, tenant: str, resource: str) -> bool:
        self.questions.append((tenant, resource))
        return resource not in self.denied


def strict(*denied: str) -> tuple[World, Strict]:
    world = World(store=CommitsOnCommand())
    quotas = Strict()
    world.broker.ask(quotas)
    quotas.denied.update(denied)
    return world, quotas


def test_nobody_is_asked_unless_somebody_has_a_say() -> None:
    quotas = Quotas()
    assert quotas.missing("t", RESOURCES) == ""
    assert quotas.allows("t", RESOURCES[0])
    assert len(set(RESOURCES)) == 21


@pytest.mark.parametrize(
    ("resource", "persistent", "refused"),
    [
        (names.CONNECTIONS, False, True),
        (names.SESSION_MEMORY, False, True),
        (names.CONNECT_RATE, False, True),
        (names.PERSISTENT_SESSIONS, True, True),
        (names.PERSISTENT_SESSIONS, False, False),
        (names.PERSISTENT_SESSION_SPACE, True, True),
        (names.PERSISTENT_SESSION_SPACE, False, False),
    ],
)
@pytest.mark.parametrize(("level", "code"), [(4, 3), (5, 0x97)])
def test_a_connect_that_may_not_be_is_told_which_resource_is_short(
    resource: str, persistent: bool, refused: bool, level: int, code: int
) -> None:
    world, quotas = strict(resource)
    client = world.client("c", level, clean=not persistent, expiry=60 if persistent and level == 5 else 0)
    answer = client.expect_connack(code if refused else 0)
    if refused and level == 5:
        assert answer.properties is not None
        assert answer.properties.reason_string == resource
    assert world.refused(f"quota:{resource}") == int(refused)
    assert {tenant for tenant, _ in quotas.questions} == {TENANT}


def test_a_persistent_session_that_exists_is_resumed_all_the_same() -> None:
    world, quotas = strict()
    world.connected("c", expiry=60).drop()
    quotas.denied.add(names.PERSISTENT_SESSIONS)
    world.connected("c", clean=False, expiry=60)


@pytest.mark.parametrize(
    ("resource", "filter", "persistent", "refused"),
    [
        (names.SHARED_SUBSCRIPTIONS, "$share/g/a", False, True),
        (names.SHARED_SUBSCRIPTIONS, "a", False, False),
        (names.TRANSIENT_SUBSCRIPTIONS, "a", False, True),
        (names.TRANSIENT_SUBSCRIPTIONS, "a", True, False),
        (names.PERSISTENT_SUBSCRIPTIONS, "a", True, True),
        (names.TRANSIENT_SUBSCRIBE_RATE, "a", False, True),
        (names.PERSISTENT_SUBSCRIBE_RATE, "a", True, True),
        (names.RETAIN_MATCH_RATE, "a", False, True),
        (names.RETAIN_MATCH_BYTES, "a", False, True),
    ],
)
@pytest.mark.parametrize(("level", "code"), [(4, 0x80), (5, 0x97)])
def test_a_subscription_that_may_not_be(
    resource: str, filter: str, persistent: bool, refused: bool, level: int, code: int
) -> None:
    world, quotas = strict()
    world.publish("a", retain=True)
    client = world.connected("c", level, clean=not persistent, expiry=60 if persistent and level == 5 else 0)
    quotas.denied.add(resource)
    client.send_subscribe(filter)
    world.commit()
    answers = [packet.codes for packet in client.received() if isinstance(packet, Suback)]
    assert answers == [[code if refused else 0]]


@pytest.mark.parametrize(("level", "code"), [(4, 0), (5, 0x80)])
def test_an_unsubscribe_that_may_not_be(level: int, code: int) -> None:
    world, quotas = strict()
    client = world.connected("c", level)
    client.subscribe("a")
    quotas.denied.add(names.TRANSIENT_UNSUBSCRIBE_RATE)
    assert client.unsubscribe("a") == code
    assert len(client.session.subscriptions) == 1
    assert world.refused(f"quota:{names.TRANSIENT_UNSUBSCRIBE_RATE}") == 1


@pytest.mark.parametrize("resource", [names.RETAIN_SPACE, names.RETAIN_RATE, names.RETAIN_BYTES, names.RETAIN_TOPICS])
def test_a_message_that_may_not_be_kept_is_delivered_all_the_same(resource: str) -> None:
    world, quotas = strict()
    reader = world.connected("r")
    reader.subscribe("a")
    world.publish("a", b"1", retain=True)
    quotas.denied.add(resource)
    world.publish("a", b"2", retain=True)
    world.publish("b", b"3", retain=True)
    assert reader.payloads() == [b"1", b"2"]
    assert world.tenant.retained.get("b") is None
    kept = world.tenant.retained.get("a")
    assert kept is not None
    assert kept.payload == (b"2" if resource == names.RETAIN_TOPICS else b"1")


def test_a_tenant_that_sends_too_much_is_read_from_more_slowly() -> None:
    world, quotas = strict()
    client = world.connected("c")
    quotas.denied.add(names.INBOUND_BYTES)
    client.publish("a", b"x")
    assert client.is_paused()
    world.pass_time(1)
    assert not client.is_paused()


@pytest.mark.parametrize(
    ("denied", "received"),
    [
        ((), {"live", "kept"}),
        ((names.TRANSIENT_FANOUT,), {"kept"}),
        ((names.PERSISTENT_FANOUT,), {"live"}),
        ((names.TRANSIENT_FANOUT, names.PERSISTENT_FANOUT), set()),
    ],
)
def test_of_several_routes_the_short_kind_is_left_out_and_a_single_one_never(
    denied: tuple[str, ...], received: set[str]
) -> None:
    world, quotas = strict()
    clients = {"live": world.connected("live"), "kept": world.connected("kept", expiry=60)}
    for client in clients.values():
        client.send_subscribe("both")
    clients["live"].send_subscribe("alone")
    world.commit()
    for client in clients.values():
        client.received()
    quotas.denied.update(denied)
    world.publish("both")
    world.publish("alone")
    got = {name: [p.topic for p in one.received() if isinstance(p, Publish)] for name, one in clients.items()}
    assert {name for name, topics in got.items() if "both" in topics} == received
    assert got["live"][-1] == "alone"
    assert world.dropped("quota") == 2 - len(received)


def test_a_client_that_was_let_in_stays() -> None:
    world, quotas = strict()
    client = world.connected("c")
    quotas.denied.update(RESOURCES)
    client.publish("a", b"x", qos=1)
    assert not client.is_closed()
    world.client("d").expect_connack(0x97)
    other = world.client("e", 4)
    other.expect_connack(3)
    assert_closed(other)
