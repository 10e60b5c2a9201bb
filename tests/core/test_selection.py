"""Messages for some of those who subscribe."""

from myna.core.joining import publish_to_name
from myna.core.message import Message, Origin
from myna.core.outcome import Outcome
from myna.core.receiver import Receiver
from myna.core.selection import Selection
from myna.testing import TENANT, FakeGuard, World


class Only(Selection):
    def __init__(self, *names: str) -> None:
        self.names = names

    def takes(self, receiver: Receiver) -> bool:
        return receiver.key[2] in self.names


def message(world: World, topic: str, qos: int = 0) -> Message:
    return Message(topic, b"x", qos, False, Origin("api", TENANT), world.now)


def publish(world: World, selection: Selection | None, topic: str = "a") -> bool:
    outcome = publish_to_name(world.broker, world.tenant, message(world, topic), world.now, selection)
    assert isinstance(outcome, Outcome)
    return outcome.matched


def test_only_those_whom_the_selection_takes_get_the_message() -> None:
    world = World()
    alice, bob = world.connected("alice"), world.connected("bob")
    for client in (alice, bob):
        client.subscribe("a", 0)
    assert publish(world, Only("bob"))
    assert [len(client.messages()) for client in (alice, bob)] == [0, 1]
    assert not publish(world, Only("nobody"))


def test_a_share_group_gives_it_to_a_member_the_selection_takes() -> None:
    world = World()
    alice, bob = world.connected("alice"), world.connected("bob")
    for client in (alice, bob):
        client.subscribe("$share/g/a", 0)
    for _ in range(10):
        assert publish(world, Only("bob"))
    assert [len(client.messages()) for client in (alice, bob)] == [0, 10]
    assert not publish(world, Only("nobody"))


def test_a_guard_is_asked_as_well() -> None:
    world = World()
    guard = FakeGuard("a")
    guard.barred.add("bob")
    world.broker.guard(guard)
    alice, bob, carol = (world.connected(name) for name in ("alice", "bob", "carol"))
    for client in (alice, bob):
        client.subscribe("a", 0)
    carol.subscribe("$share/g/a", 0)
    assert publish(world, Only("alice", "bob", "carol"))
    assert [len(client.messages()) for client in (alice, bob, carol)] == [1, 0, 1]
