"""Subscriptions that the rules no longer allow."""

from myna.core.identity import Identity, Rules
from myna.core.records import Unsubscribed
from myna.core.reviewing import review
from myna.core.subscribing import Asked, subscribe
from myna.testing import CommitsOnCommand, FakeRules, OpenGate, SlowRules, World
from myna.wire import reasons


def ruled() -> tuple[World, FakeRules]:
    world = World()
    rules = FakeRules()
    world.broker.rules = rules
    return world, rules


def test_what_is_no_longer_allowed_ends_and_the_rest_goes_on() -> None:
    world, rules = ruled()
    client = world.connected("alice")
    client.subscribe("a")
    client.subscribe("b/#")
    client.subscribe("$share/g/c")
    rules.forbidden = {"b/#": reasons.NOT_AUTHORIZED, "c": reasons.NOT_AUTHORIZED}
    assert review(world.broker, client.session, world.now) == 2
    assert list(client.session.subscriptions) == ["a"]
    for topic in ("a", "b/1", "c"):
        world.publish(topic, topic.encode())
    assert client.payloads() == [b"a"]
    assert world.refused("subscription_ended") == 2
    assert "alice refused subscription 'b/#', which has ended: not authorized" in world.watcher.lines


def test_the_store_is_told_of_it() -> None:
    world = World(store=CommitsOnCommand())
    rules = FakeRules()
    world.broker.rules = rules
    client = world.client("alice", expiry=60)
    client.send_subscribe("a")
    world.commit()
    world.records()
    rules.forbidden["a"] = reasons.NOT_AUTHORIZED
    review(world.broker, client.session, world.now)
    assert [type(record) for record in world.records()] == [Unsubscribed]


def test_a_lower_bound_lowers_what_is_there() -> None:
    class Lowering(Rules):
        def granted_qos(self, identity: Identity, filter: str, qos: int) -> int:
            return 0

    world = World()
    client = world.connected("alice")
    client.subscribe("a", 1)
    world.broker.rules = Lowering()
    assert review(world.broker, client.session, world.now) == 0
    world.publish("a", b"x", 1)
    assert [message.qos for message in client.messages()] == [0]


def test_what_cannot_be_said_yet_is_looked_at_when_it_can() -> None:
    world = World()
    client = world.connected("alice")
    client.subscribe("a")
    client.subscribe("b")
    rules = SlowRules()
    world.broker.rules = rules
    assert review(world.broker, client.session, world.now) == 0
    rules.allow("subscribe b", world.now)
    rules.forbid("subscribe a", world.now)
    assert list(client.session.subscriptions) == ["b"]


def test_a_dialects_own_rules_are_not_reviewed() -> None:
    gate = OpenGate()
    own = FakeRules()
    gate.rules = own
    world = World(gate=gate)
    client = world.connected("alice")
    client.subscribe("a")
    own.forbidden["a"] = reasons.NOT_AUTHORIZED
    house = FakeRules()
    house.forbidden["a"] = reasons.NOT_AUTHORIZED
    world.broker.rules = house
    assert review(world.broker, client.session, world.now) == 0


def test_a_session_resumed_by_somebody_else_is_judged_as_them() -> None:
    world = World()

    class OnlyAlice(Rules):
        def may_subscribe(self, identity: Identity, filter: str, qos: int) -> int:
            return reasons.SUCCESS if identity.user == "alice" else reasons.NOT_AUTHORIZED

    world.broker.rules = OnlyAlice()
    first = world.connected("c", user="alice", expiry=60)
    first.subscribe("a")
    first.drop()
    second = world.connected("c", user="bob", clean=False, expiry=60)
    assert second.session.subscriptions == {}


def test_what_waits_for_somebody_is_not_for_whoever_takes_the_name_and_may_not_read_it() -> None:
    world = World()

    class OnlyAlice(Rules):
        def may_subscribe(self, identity: Identity, filter: str, qos: int) -> int:
            return reasons.SUCCESS if identity.user == "alice" else reasons.NOT_AUTHORIZED

    world.broker.rules = OnlyAlice()
    first = world.connected("c", user="alice", expiry=60)
    first.subscribe("a", 1)
    first.drop()
    world.publish("a", b"secret", 1)
    second = world.connected("c", user="bob", clean=False, expiry=60)
    assert second.messages() == []


def test_authority_over_a_client_does_not_set_the_brokers_rules_aside() -> None:
    world, rules = ruled()
    client = world.connected("alice")
    rules.forbidden["a"] = reasons.NOT_AUTHORIZED
    granted = subscribe(world.broker, client.session, Asked("a"), world.now, judged=True)
    assert granted.code == reasons.NOT_AUTHORIZED


def test_that_nobody_can_say_whether_it_is_allowed_ends_nothing() -> None:
    world, rules = ruled()
    client = world.connected("alice")
    client.subscribe("a")
    rules.forbidden["a"] = reasons.UNSPECIFIED_ERROR
    assert review(world.broker, client.session, world.now) == 0
    assert list(client.session.subscriptions) == ["a"]


def test_unless_the_session_belongs_to_somebody_else_now() -> None:
    world, rules = ruled()
    first = world.connected("c", user="alice", expiry=60)
    first.subscribe("a")
    first.drop()
    rules.forbidden["a"] = reasons.UNSPECIFIED_ERROR
    same = world.connected("c", user="alice", clean=False, expiry=60)
    assert list(same.session.subscriptions) == ["a"]
    same.drop()
    assert world.connected("c", user="bob", clean=False, expiry=60).session.subscriptions == {}
