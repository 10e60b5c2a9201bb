"""How many may come in, and how quickly: of the process, a tenant, a user; and what the client is told."""

import pytest

from myna.core.limits import Limits, ProcessLimits
from myna.testing import TENANT, OpenGate, World
from myna.wire.packets import Puback


def world_with(process: dict[str, object] | None = None, **bounds: object) -> World:
    limits = Limits()
    for name, value in bounds.items():
        setattr(limits, name, value)
    world = World(limits=limits)
    shared = ProcessLimits()
    for name, value in (process or {}).items():
        setattr(shared, name, value)
    world.broker.limit_process(shared)
    return world


QUOTA = (3, 0x97)
RATE = (3, 0x9F)

CASES = [
    (world_with, {"process": {"connections": 2}}, "process_connections", QUOTA),
    (world_with, {"process": {"sessions": 2}}, "process_sessions", QUOTA),
    (world_with, {"process": {"connects_per_second": 2.0}}, "process_connect_rate", RATE),
    (world_with, {"connections": 2}, "tenant_connections", QUOTA),
    (world_with, {"connections_per_user": 2}, "user_connections", QUOTA),
    (world_with, {"sessions": 2}, "tenant_sessions", QUOTA),
    (world_with, {"connects_per_second": 2.0}, "tenant_connect_rate", RATE),
]


@pytest.mark.parametrize(("make", "bounds", "cause", "codes"), CASES, ids=[case[2] for case in CASES])
@pytest.mark.parametrize("level", [3, 4, 5])
def test_the_third_client_is_one_too_many(
    make: object, bounds: dict[str, object], cause: str, codes: tuple[int, int], level: int
) -> None:
    world = world_with(**bounds)  # type: ignore[arg-type]  # a table of keyword arguments
    clients = [world.connected(name, level, user="u") for name in "ab"]
    refused = world.client("c", level, user="u")
    refused.expect_connack(codes[level == 5])
    assert refused.is_closed()
    assert world.refused(cause) == 1
    assert not any(client.is_closed() for client in clients)
    assert any("c refused CONNECT" in line for line in world.watcher.lines)
    clients[0].disconnect()
    world.pass_time(1.0)
    world.connected("c", level, user="u")


@pytest.mark.parametrize("bounds", [{"connections": 1}, {"connections_per_user": 1}, {"sessions": 1}])
def test_a_client_that_takes_over_its_own_connection_is_none_too_many(bounds: dict[str, object]) -> None:
    world = world_with(**bounds)  # type: ignore[arg-type]  # a table of keyword arguments
    first = world.connected("a", expiry=60)
    world.connected("a", clean=False, expiry=60)
    assert first.is_closed()
    assert world.broker.census.connections == 1


def test_a_refused_connect_leaves_the_session_that_waits_as_it_is() -> None:
    world = world_with(connections=1)
    world.connected("a", expiry=60).drop()
    world.connected("b")
    world.client("a", clean=True).expect_connack(0x97)
    assert world.broker.session(TENANT, "", "a") is not None


def test_users_and_tenants_do_not_count_for_one_another() -> None:
    world = world_with(connections_per_user=1)
    world.connected("a", user="alice")
    world.connected("b", user="bob")
    other = OpenGate("other")
    tenants = world_with(connections=1)
    tenants.connected("a")
    tenants.client("a", gate=other).expect_connack(0)
    process = world_with(process={"connections": 1})
    process.connected("a")
    process.client("a", gate=other).expect_connack(0x97)


@pytest.mark.parametrize(
    "bounds", [{"subscriptions": 2}, {"subscriptions_per_user": 2}, {"subscriptions_per_session": 2}]
)
@pytest.mark.parametrize(("level", "code"), [(4, 0x80), (5, 0x97)])
def test_the_third_subscription_is_one_too_many(bounds: dict[str, object], level: int, code: int) -> None:
    world = world_with(**bounds)  # type: ignore[arg-type]  # a table of keyword arguments
    client = world.connected("a", level)
    assert [client.subscribe(filter) for filter in ("x", "$share/g/y", "z", "x")] == [0, 0, code, 0]
    assert world.refused("subscribe:quota exceeded") == 1
    other = world.connected("b", level)
    assert other.subscribe("z") == (0 if "subscriptions_per_session" in bounds else code)
    client.unsubscribe("$share/g/y")
    assert client.subscribe("z") == 0
    client.disconnect()
    other.disconnect()
    assert world.tenant.subscriptions == 0


@pytest.mark.parametrize("bounds", [{"subscribes_per_second": 2.0}, {"tenant_subscribes_per_second": 2.0}])
@pytest.mark.parametrize(("level", "subscribing", "unsubscribing"), [(4, 0x80, 0), (5, 0x97, 0x80)])
def test_subscribing_too_often_is_refused_for_a_while(
    bounds: dict[str, object], level: int, subscribing: int, unsubscribing: int
) -> None:
    world = world_with(**bounds)  # type: ignore[arg-type]  # a table of keyword arguments
    client = world.connected("a", level)
    assert [client.subscribe("x") for _ in range(3)] == [0, 0, subscribing]
    assert client.unsubscribe("x") == unsubscribing
    cause = next(iter(bounds)).replace("subscribes_per_second", "subscribe_rate")
    assert world.refused(cause) == 2
    world.pass_time(1.0)
    assert client.subscribe("x") == 0


@pytest.mark.parametrize("bounds", [{"user_publishes_per_second": 2.0}, {"user_bytes_per_second": 20}])
def test_the_connections_of_a_user_share_what_he_may_publish(bounds: dict[str, object]) -> None:
    world = world_with(**bounds)  # type: ignore[arg-type]  # a table of keyword arguments
    one, two = world.connected("a", user="alice"), world.connected("b", user="alice")
    bob = world.connected("c", user="bob")
    for client in (one, two, two, bob):
        client.publish("t", b"0123456789", 1)
    codes = [[packet.code for packet in client.received() if isinstance(packet, Puback)] for client in (one, two, bob)]
    assert codes == [[0x10], [0x10, 0x97], [0x10]]
    assert world.refused("publish:quota exceeded") == 1
    older = world.connected("d", 4, user="alice")
    older.publish("t", b"0123456789", 1)
    assert older.is_paused()
    world.pass_time(1.1)
    assert not older.is_paused()


def test_a_user_draws_on_the_tenant_s_share_as_well() -> None:
    world = world_with(user_publishes_per_second=10.0, tenant_publishes_per_second=2.0)
    client = world.connected("a", user="alice")
    for _ in range(3):
        client.publish("t", b"x", 1)
    assert [packet.code for packet in client.received() if isinstance(packet, Puback)] == [0x10, 0x10, 0x97]


@pytest.mark.parametrize("bounds", [{"retained_per_second": 2.0}, {"retained_bytes_per_second": 2}])
def test_what_is_retained_too_quickly_is_delivered_and_not_kept(bounds: dict[str, object]) -> None:
    world = world_with(**bounds)  # type: ignore[arg-type]  # a table of keyword arguments
    reader = world.connected("r")
    reader.subscribe("#")
    for topic in "abc":
        world.publish(topic, b"x", retain=True)
    assert len(reader.messages()) == 3
    assert world.tenant.retained.count == 2
    assert world.refused("retained_rate") == 1
    world.publish("a", b"", retain=True)  # removing costs nothing
    assert world.tenant.retained.count == 1
