"""To whom a message of a route goes where not all of them may have it."""

import pytest

from myna.core.limits import Limits
from myna.core.message import Message, Origin
from myna.core.outcome import Outcome
from myna.core.subscribing import Asked, subscribe
from myna.testing import (
    TENANT,
    FakeGuard,
    FakeReceiver,
    World,
)
from myna.wire.packets import Publish

ORIGIN = Origin("api", TENANT)


def message(topic: str, payload: bytes = b"x", qos: int = 0, retain: bool = False, expires_at: float = 0.0) -> Message:
    return Message(topic, payload, qos, retain, ORIGIN, 1000.0, expires_at)


def matched(outcome: object) -> bool:
    assert isinstance(outcome, Outcome)
    return outcome.matched


def subscribed(world: World, name: str, filter: str, *, persistent: bool = False) -> FakeReceiver:
    receiver = FakeReceiver(name)
    receiver.persistent = persistent
    subscribe(world.broker, receiver, Asked(filter, 1), world.now)
    return receiver


def test_a_message_goes_to_so_many_share_groups() -> None:
    limits = Limits()
    limits.group_fanout = 2
    world = World(limits=limits)
    members = [subscribed(world, f"m{number}", f"$share/g{number}/a") for number in range(4)]
    plain = [subscribed(world, f"p{number}", "a") for number in range(4)]
    assert matched(world.publish("a"))
    assert sum(len(member.messages) for member in members) == 2
    assert all(len(receiver.messages) == 1 for receiver in plain)
    assert world.dropped("fanout_limit") == 2


def test_a_message_goes_to_so_many_persistent_sessions() -> None:
    limits = Limits()
    limits.persistent_fanout = 3
    world = World(limits=limits)
    persistent = [subscribed(world, f"s{number}", "a", persistent=True) for number in range(5)]
    transient = [subscribed(world, f"t{number}", "a") for number in range(5)]
    world.publish("a")
    assert sum(len(session.messages) for session in persistent) == 3
    assert all(len(session.messages) == 1 for session in transient)
    assert world.dropped("fanout_limit") == 2


@pytest.mark.parametrize(("size", "served"), [(10, 5), (25, 4), (50, 2), (1000, 1)])
def test_a_message_weighs_so_much_with_its_persistent_sessions(size: int, served: int) -> None:
    limits = Limits()
    limits.persistent_fanout_bytes = 100
    world = World(limits=limits)
    persistent = [subscribed(world, f"s{number}", "a", persistent=True) for number in range(5)]
    world.publish("a", b"x" * size)
    assert sum(len(session.messages) for session in persistent) == served


def test_bounds_hold_for_the_quick_ways_and_behind_a_guard_too() -> None:
    limits = Limits()
    limits.persistent_fanout = 1
    world = World(limits=limits)
    sessions = [world.connected(f"s{number}", expiry=100) for number in range(3)]
    for session in sessions:
        session.subscribe("a")
    publisher = world.connected("p")
    publisher.publish("a")
    publisher.send(Publish("a", b"1"), Publish("a", b"2"))
    publisher.send(Publish("a", b"1", 1, packet_id=9), Publish("a", b"2", 1, packet_id=10))
    assert sum(len(session.messages()) for session in sessions) == 5
    world.broker.guard(FakeGuard("a"))
    publisher.publish("a")
    world.broker.arrived(world.tenant, message("a"), world.now)
    assert sum(len(session.messages()) for session in sessions) == 2
