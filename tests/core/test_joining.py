"""Names that are no filters, and what acts with authority over a client."""

from myna.core.identity import Identity, Rules
from myna.core.joining import join, part, publish_to_name
from myna.core.limits import Limits
from myna.core.message import Message, Origin
from myna.core.ports import DORMANT
from myna.core.subscribing import Asked, subscribe
from myna.testing import TENANT, FakeGuard, FakePeers, FakeReceiver, FakeRules, OpenGate, World
from myna.wire import reasons


def publish(world: World, name: str) -> None:
    message = Message(name, b"x", 0, False, Origin("api", TENANT), world.now)
    publish_to_name(world.broker, world.tenant, message, world.now)


def test_a_name_with_wildcards_is_met_by_itself_alone() -> None:
    world = World()
    receiver = FakeReceiver()
    assert join(world.broker, receiver, "room#1/+", 1, world.now) == reasons.SUCCESS
    assert join(world.broker, receiver, "room#1/+", 1, world.now) == reasons.SUCCESS
    publish(world, "room#1/+")
    publish(world, "room#1/a")
    assert [message.topic for message in receiver.messages] == ["room#1/+"]
    assert world.dropped("undeliverable_name") == 2
    assert part(world.broker, receiver, "room#1/+", world.now)
    assert not part(world.broker, receiver, "room#1/+", world.now)
    publish(world, "room#1/+")
    assert len(receiver.messages) == 1


def test_watchers_hear_of_what_is_new_and_what_is_gone() -> None:
    world = World()
    receiver = FakeReceiver()
    for _ in range(2):
        join(world.broker, receiver, "room#1", 1, world.now)
        assert world.watcher.subscriptions == ["service + room#1"]
    part(world.broker, receiver, "room#1", world.now)
    part(world.broker, receiver, "room#1", world.now)
    assert world.watcher.subscriptions == ["service + room#1", "service - room#1"]


def test_no_mqtt_client_is_sent_a_name_that_is_no_topic() -> None:
    world = World()
    client = world.connected("c")
    client.subscribe("#", 0)
    for name in ("a+b", "a\0b", "a"):
        publish(world, name)
    assert [packet.topic for packet in client.messages()] == ["a"]


def test_a_name_that_looks_shared_is_not() -> None:
    world = World()
    receiver = FakeReceiver()
    join(world.broker, receiver, "$share/g/a", 1, world.now)
    publish(world, "a")
    publish(world, "$share/g/a")
    part(world.broker, receiver, "$share/g/a", world.now)
    publish(world, "$share/g/a")
    assert [message.topic for message in receiver.messages] == ["$share/g/a"]


def test_guards_and_peers_hear_of_it_and_a_guard_may_refuse() -> None:
    peers = FakePeers(alone=False)
    world = World(peers=peers)
    guard = FakeGuard("a")
    world.broker.guard(guard)
    receiver = FakeReceiver()
    join(world.broker, receiver, "a/b", 1, world.now)
    part(world.broker, receiver, "a/b", world.now)
    assert (guard.subscribed, guard.gone) == (["a/b"], ["a/b"])
    assert [wanted for _, _, wanted in peers.announced] == [True, False]
    guard.subscribe_verdict = reasons.NOT_AUTHORIZED
    assert join(world.broker, receiver, "a/b", 1, world.now) == reasons.NOT_AUTHORIZED
    guard.subscribe_verdict = DORMANT
    assert join(world.broker, receiver, "a/b", 1, world.now) == reasons.SUCCESS
    publish(world, "a/b")
    assert receiver.messages == []


def test_the_tenants_number_of_subscriptions_holds() -> None:
    limits = Limits()
    limits.subscriptions_per_session = 1
    world = World(limits=limits)
    receiver = FakeReceiver()
    join(world.broker, receiver, "a", 1, world.now)
    assert join(world.broker, receiver, "b", 1, world.now) == reasons.QUOTA_EXCEEDED


def test_what_has_been_judged_elsewhere_is_not_judged_by_the_clients_rules() -> None:
    world = World()
    gate = OpenGate()
    rules = FakeRules()
    rules.forbidden = {"a": reasons.NOT_AUTHORIZED, "g": reasons.NOT_AUTHORIZED}
    gate.rules = rules
    gate.groups = ["g"]
    world.gate = gate
    client = world.connected("c")
    session = world.broker.session(TENANT, "", "c")
    assert session is not None
    assert "g" in session.subscriptions  # the identity's own groups
    assert subscribe(world.broker, session, Asked("a"), world.now).code == reasons.NOT_AUTHORIZED
    assert subscribe(world.broker, session, Asked("a"), world.now, judged=True).code == 0
    assert client.connection.session is session


class NoLeaving(Rules):
    def may_unsubscribe(self, identity: Identity, filter: str) -> int:
        return reasons.NOT_AUTHORIZED


def test_rules_may_forbid_to_unsubscribe() -> None:
    world = World()
    gate = OpenGate()
    gate.rules = NoLeaving()
    world.gate = gate
    client = world.connected("c")
    client.subscribe("a", 0)
    client.unsubscribe("a")
    session = world.broker.session(TENANT, "", "c")
    assert session is not None
    assert "a" in session.subscriptions


class Successor(Identity):
    before: Identity | None = None

    def takes_over(self, before: Identity) -> None:
        self.before = before


def test_a_session_that_is_resumed_tells_its_new_identity_of_the_old() -> None:
    identities = [Successor(TENANT, "u"), Successor(TENANT, "u")]

    class InTurn(OpenGate):
        def identity(self, user: str | None) -> Identity:
            return identities.pop(0)

    first, second = identities
    world = World(gate=InTurn())
    world.connected("c", expiry=60)
    world.connected("c", clean=False, expiry=60)
    assert (first.before, second.before) == (None, first)
