"""A PUBLISH that is not taken, in every version and at every QoS."""

import pytest

from myna.core.limits import Limits
from myna.testing import FakeRules, World, assert_closed, assert_received
from myna.wire import reasons
from myna.wire.packets import Puback, Pubrec


def forbidding(limits: Limits | None = None) -> World:
    world = World(limits=limits)
    rules = FakeRules()
    rules.forbidden["a"] = reasons.NOT_AUTHORIZED
    world.broker.rules = rules
    return world


def test_mqtt_5_is_told_why() -> None:
    client = forbidding().connected("alice")
    client.publish("a", b"x")
    one, two = client.publish("a", b"x", 1), client.publish("a", b"x", 2)
    assert_received(client, Puback(one, reasons.NOT_AUTHORIZED), Pubrec(two, reasons.NOT_AUTHORIZED))


def test_earlier_versions_get_the_ack_of_a_message_that_was_taken() -> None:
    client = forbidding().connected("alice", 4)
    one, two = client.publish("a", b"x", 1), client.publish("a", b"x", 2)
    assert_received(client, Puback(one), Pubrec(two))


@pytest.mark.parametrize(("level", "qos"), [(4, 0), (4, 1), (4, 2), (5, 0)])
def test_a_tenant_may_rather_end_the_connection(level: int, qos: int) -> None:
    limits = Limits()
    limits.refused_qos_0_disconnects = limits.refused_publish_disconnects_3 = True
    client = forbidding(limits).connected("alice", level)
    client.publish("a", b"x", qos)
    assert_closed(client, reasons.NOT_AUTHORIZED)


def test_it_is_counted_and_told() -> None:
    world = forbidding()
    world.connected("alice").publish("a", b"x")
    assert world.refused("publish:not authorized") == 1
    assert "alice refused PUBLISH to 'a': not authorized" in world.watcher.lines


@pytest.mark.parametrize("level", [3, 4, 5])
def test_only_at_qos_0_if_the_tenant_wants_just_that(level: int) -> None:
    limits = Limits()
    limits.refused_qos_0_disconnects = True
    client = forbidding(limits).connected("alice", level)
    client.publish("a", b"x", 1)
    client.publish("a", b"x", 2)
    assert not client.is_closed()
    client.publish("a", b"x")
    assert client.is_closed()
