"""Numbers over all tenants, as clients come and go."""

from myna.core.limits import ProcessLimits
from myna.core.message import Message, Origin
from myna.testing import Client, OpenGate, World
from myna.wire import reasons
from myna.wire.packets import Connect


def test_connections_sessions_and_half_open_ones_are_counted_and_uncounted() -> None:
    world = World()
    census = world.broker.census

    def counted() -> tuple[int, int, int]:
        return census.half_open, census.connections, census.sessions

    stranger = world.stranger()
    assert counted() == (1, 0, 0)
    keeps = world.connected("keeps", expiry=60)
    leaves = world.connected("leaves")
    assert counted() == (1, 2, 2)
    world.connected("keeps", clean=False)  # takes over
    assert counted() == (1, 2, 2)
    keeps.drop()
    leaves.disconnect()
    stranger.drop()
    assert counted() == (0, 1, 1)
    refused = world.client("", 4, clean=False)
    refused.expect_connack(2)
    refused.drop()
    assert counted() == (0, 1, 1)


def test_a_connection_that_never_says_who_it_is_is_not_half_open_for_ever() -> None:
    world = World()
    world.stranger()
    world.pass_time(11)
    assert world.broker.census.half_open == 0


def test_subscriptions_of_all_tenants_have_a_bound() -> None:
    world = World()
    process = ProcessLimits()
    process.subscriptions = 2
    world.broker.limit_process(process)
    one = world.connected("one")
    other = Client(world, "other", 5, OpenGate("acme"))
    other.send(Connect(5, "other", True, 0))
    other.expect_connack()
    assert (one.subscribe("a"), other.subscribe("a")) == (0, 0)
    assert other.subscribe("b") == 0x97
    assert one.subscribe("a") == 0  # the same again
    one.disconnect()
    assert other.subscribe("b") == 0
    assert world.broker.census.subscriptions == 2
    other.disconnect()
    assert world.broker.census.subscriptions == 0


def test_retained_messages_of_all_tenants_have_a_bound() -> None:
    world = World()
    broker, census = world.broker, world.broker.census
    process = ProcessLimits()
    process.retained_bytes = 2200
    broker.limit_process(process)

    def retain(tenant: str, topic: str, payload: bytes) -> int:
        message = Message(topic, payload, 0, True, Origin("test", tenant), world.now)
        return broker.retain(broker.tenant(tenant), message, world.now)

    assert retain("a", "t", bytes(800)) == 0
    assert retain("b", "t", bytes(800)) == 0
    assert retain("b", "u", bytes(800)) == reasons.QUOTA_EXCEEDED
    assert retain("b", "t", bytes(700)) == 0  # in place of the other
    assert census.retained_bytes == sum(tenant.retained.size for tenant in broker.tenants.values())
    assert retain("a", "t", b"") == 0
    assert retain("b", "u", bytes(800)) == 0
    assert broker.clear_retained(broker.tenant("b"), "u")
    assert broker.clear_retained(broker.tenant("b"), "t")
    assert census.retained_bytes == 0
