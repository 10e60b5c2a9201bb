"""Keeping retained messages within bounds, and letting go of them."""

from myna.core.limits import Limits
from myna.core.message import Message, Origin
from myna.core.outcome import Outcome
from myna.core.records import RetainedSet
from myna.testing import (
    TENANT,
    CommitsOnCommand,
    World,
)
from myna.wire import reasons
from myna.wire.packets import Publish

ORIGIN = Origin("api", TENANT)


def message(topic: str, payload: bytes = b"x", qos: int = 0, retain: bool = False, expires_at: float = 0.0) -> Message:
    return Message(topic, payload, qos, retain, ORIGIN, 1000.0, expires_at)


def test_the_last_retained_message_is_kept_and_an_empty_one_removes_it() -> None:
    world = World()  # [MQTT-3.3.1-5], -6, -7, -8; 311: -7, -10, -11, -12
    live = world.connected("live")
    live.subscribe("a", 1)
    world.publish("a", b"1", 1, retain=True)
    world.publish("a", b"2", 0, retain=True)
    world.publish("a", b"3")
    kept = world.tenant.retained.get("a")
    assert kept is not None
    assert (kept.payload, kept.qos) == (b"2", 0)
    world.publish("a", b"", retain=True)
    world.publish("a", b"", retain=True)
    assert world.tenant.retained.get("a") is None
    assert [(seen.payload, seen.retain) for seen in live.messages()] == [
        (b"1", False),
        (b"2", False),
        (b"3", False),
        (b"", False),
        (b"", False),
    ]


def test_retained_messages_are_listed_in_pages() -> None:
    world = World()
    for topic in ("b", "a", "d", "c", "$x"):
        world.publish(topic, retain=True)
    whole = world.broker.retained(world.tenant, "#", world.now)
    assert ([held.topic for held in whole.messages], whole.end) == (["a", "b", "c", "d"], "")
    part = world.broker.retained(world.tenant, "+", world.now, "a", 2)
    assert ([held.topic for held in part.messages], part.end) == (["b", "c"], "c")
    assert world.broker.clear_retained(world.tenant, "a")
    assert not world.broker.clear_retained(world.tenant, "a")


def test_what_the_broker_says_of_itself_neither_counts_nor_is_refused() -> None:
    limits = Limits()
    limits.retained_messages = 1
    world = World(limits=limits)
    for number in range(3):
        own = message(f"$SYS/broker/{number}", b"1", retain=True)
        world.broker.arrived(world.tenant, own, world.now)
    assert (world.tenant.retained.count, world.tenant.retained.size) == (0, 0)
    world.publish("a", retain=True)
    world.broker.arrived(world.tenant, message("$SYS/broker/0", b"2", retain=True), world.now)
    world.broker.arrived(world.tenant, message("$SYS/broker/1", b"", retain=True), world.now)
    assert sorted(world.tenant.retained.topics()) == ["$SYS/broker/0", "$SYS/broker/2", "a"]
    assert world.tenant.retained.count == 1
    assert "retained_limit" not in world.broker.counters.refused
    assert not world.tenant.is_empty()


def test_a_tenant_keeps_only_so_many_and_so_much() -> None:
    limits = Limits()
    limits.retained_messages = 2
    limits.retained_bytes = 1000
    world = World(limits=limits)
    for topic in ("a", "b", "c"):
        world.publish(topic, retain=True)
    assert world.tenant.retained.topics() == ["a", "b"]
    world.publish("a", b"x" * 300, retain=True)
    world.publish("b", b"x" * 400, retain=True)
    assert [len(held.payload) for held in world.broker.retained(world.tenant, "#", world.now).messages] == [300, 1]
    assert world.refused("retained_limit") == 2
    limits.retained_messages = limits.retained_bytes = 0
    world.publish("c", b"x" * 5000, retain=True)
    assert world.tenant.retained.count == 3
    limits.retain_available = False
    assert world.broker.retain(world.tenant, message("d", retain=True), world.now) == 0x9A


def test_retained_messages_are_told_to_the_store() -> None:
    world = World(store=CommitsOnCommand())
    outcome = world.publish("a", b"x", retain=True)
    assert isinstance(outcome, Outcome)
    assert outcome.sequence == 1
    world.publish("a", b"", retain=True)
    world.publish("a", b"", retain=True)
    world.publish("b", b"y", retain=True)
    world.broker.clear_retained(world.tenant, "b")
    records = [record for record in world.records() if isinstance(record, RetainedSet)]
    assert [(record.topic, record.message is not None) for record in records] == [
        ("a", True),
        ("a", False),
        ("b", True),
        ("b", False),
    ]


def test_a_retained_message_is_removed_when_it_expires() -> None:
    world = World(store=CommitsOnCommand())  # [MQTT-3.3.2-5]
    client = world.connected("c")
    client.publish("a", b"x", retain=True, message_expiry=5)
    client.publish("b", b"x", retain=True, message_expiry=5)
    client.publish("c", b"x", retain=True, message_expiry=5)
    client.publish("d", b"x", retain=True)
    world.pass_time(3)
    client.publish("b", b"renewed", retain=True, message_expiry=9)
    client.publish("c", b"for ever", retain=True)
    world.records()
    world.pass_time(3)
    assert sorted(world.tenant.retained.topics()) == ["b", "c", "d"]
    assert world.tenant.retained.expired == 1
    assert [record.topic for record in world.records() if isinstance(record, RetainedSet)] == ["a"]
    world.pass_time(100)
    assert sorted(world.tenant.retained.topics()) == ["c", "d"]
    assert world.broker.next_deadline() == 0.0


def test_expiring_retained_messages_leave_nothing_behind_when_they_are_cleared() -> None:
    world = World()
    client = world.connected("c")
    for number in range(100):
        client.publish(f"t/{number}", b"x", retain=True, message_expiry=1_000_000)
        client.publish(f"t/{number}", b"", retain=True)
    assert world.broker.next_deadline() == 0.0


def test_whether_a_message_would_be_kept_can_be_asked_before_it_is_published() -> None:
    limits = Limits()
    limits.retained_messages = 1
    world = World(limits=limits)
    one, other = (Message(topic, b"x", 1, True, Origin("api", TENANT), 0.0) for topic in ("a", "b"))
    assert world.broker.may_retain(world.tenant, one) == reasons.SUCCESS
    world.broker.retain(world.tenant, one, 0.0)
    assert world.broker.may_retain(world.tenant, one) == reasons.SUCCESS
    assert world.broker.may_retain(world.tenant, other) == reasons.QUOTA_EXCEEDED
    assert world.broker.may_retain(world.tenant, Message("b", b"", 1, True, other.origin, 0.0)) == reasons.SUCCESS
    limits.retain_available = False
    assert world.broker.may_retain(world.tenant, one) == reasons.RETAIN_NOT_SUPPORTED


def test_one_that_is_larger_than_a_retained_message_may_be_is_delivered_and_not_kept() -> None:
    limits = Limits()
    limits.retained_size = 10
    world = World(limits=limits)
    listener = world.connected("listener")
    listener.subscribe("#")
    world.publish("t", bytes(10), retain=True)
    world.publish("t", bytes(11), retain=True)
    assert [len(one.payload) for one in listener.received() if isinstance(one, Publish)] == [10, 11]
    (kept,) = world.broker.retained(world.tenant, "#", world.now).messages
    assert len(kept.payload) == 10
    assert world.refused("retained_limit") == 1
    assert "packet too large: delivered, but not retained" in world.watcher.lines[-1]
