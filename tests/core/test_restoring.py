"""Sessions put back by a store, before their clients come."""

from collections import deque

from myna.core.delivery import Delivery
from myna.core.identity import Identity
from myna.core.limits import Limits
from myna.core.message import Message, Origin
from myna.core.outbox import OUTBOXES
from myna.core.record_codec import encode_subscription
from myna.core.records import Subscribed
from myna.core.restoring import (
    restore_outbox,
    restore_queue,
    restore_received,
    restore_retained,
    restore_session,
    restore_subscriptions,
    restore_will,
    stored_deliveries,
)
from myna.core.session import Session
from myna.core.unfinished import stored
from myna.testing import TENANT, CommitsOnCommand, World

KEY = (TENANT, "", "c")


def restored(world: World, expiry: int = 100, offline_since: float = 0.0) -> Session:
    return restore_session(world.broker, KEY, Identity(TENANT, "u"), expiry, offline_since, world.now)


def message(topic: str, payload: bytes, qos: int = 1) -> Message:
    return Message(topic, payload, qos, False, Origin("store", TENANT), 0.0)


def test_a_session_waits_for_its_client_from_when_it_was_last_there() -> None:
    world = World()
    session = restored(world, 100, world.now - 60)
    world.pass_time(39)
    assert world.broker.session(*KEY) is session
    world.pass_time(2)
    assert world.broker.session(*KEY) is None


def test_a_session_that_was_connected_has_been_left_now() -> None:
    world = World()
    restored(world)
    world.pass_time(99)
    assert world.broker.session(*KEY) is not None
    world.pass_time(2)
    assert world.broker.session(*KEY) is None


def test_subscriptions_match_again() -> None:
    world = World(store=CommitsOnCommand())
    session = restored(world)
    record = Subscribed(KEY, "a/+", "a/+", 1, False, False, 0, None, False)
    restore_subscriptions(world.broker, session, [("a/+", encode_subscription(record))], world.now)
    assert list(session.subscriptions) == ["a/+"]
    world.publish("a/b", b"1", 1)
    assert session.outbound.waiting() == 1


def test_what_waited_goes_on_waiting_and_numbers_go_on() -> None:
    world = World(store=CommitsOnCommand())
    session = restored(world)
    sent = Delivery(message("a", b"1"), 0x32, None, 5)
    waits = Delivery(message("a", b"2"), 0x32, None, 7)
    restore_queue(session, {40: sent}, deque([waits]), 9, world.now)
    assert session.outbound.waiting() == 2
    assert session.outbound.queue is not None
    assert session.outbound.queue.size == waits.size
    assert stored(session.outbound) == []
    sent.place = waits.place = 5
    assert stored(session.outbound) == [(40, sent), (0, waits)]
    restore_received(session, [3, 4])
    assert session.received.open_ids() == [3, 4]


def test_what_expires_in_a_restored_queue_leaves_it() -> None:
    world = World(store=CommitsOnCommand())
    session = restored(world, expiry=1000)
    held = message("a", b"1")
    held.expires_at = world.now + 50
    restore_queue(
        session, {}, deque([Delivery(held, 0x32, None, 1), Delivery(message("a", b"2"), 0x32, None, 2)]), 2, world.now
    )
    world.pass_time(49)
    assert session.outbound.waiting() == 2
    world.pass_time(20)
    assert session.outbound.waiting() == 1


def test_a_retained_message_goes_when_its_time_has_come() -> None:
    world = World()
    held = message("r", b"kept")
    held.expires_at = world.now + 10
    restore_retained(world.broker, TENANT, held)
    restore_retained(world.broker, TENANT, message("for/ever", b"kept"))
    assert world.tenant.retained.count == 2
    world.pass_time(11)
    assert world.tenant.retained.topics() == ["for/ever"]


def test_a_will_waits_for_the_rest_of_its_delay() -> None:
    world = World()
    watcher = world.connected("watcher")
    watcher.subscribe("w", 1)
    session = restored(world)
    restore_will(world.broker, session, message("w", b"bye"), 30, world.now + 10, 0.0, world.now)
    world.pass_time(9)
    assert watcher.messages() == []
    world.pass_time(2)
    assert [held.payload for held in watcher.messages()] == [b"bye"]


def test_a_will_of_a_client_that_was_connected_begins_to_wait() -> None:
    world = World()
    watcher = world.connected("watcher")
    watcher.subscribe("w", 1)
    session = restored(world)
    restore_will(world.broker, session, message("w", b"bye"), 30, 0.0, 0.0, world.now)
    world.pass_time(29)
    assert watcher.messages() == []
    world.pass_time(2)
    assert [held.payload for held in watcher.messages()] == [b"bye"]


def test_an_outbox_goes_on_where_it_was() -> None:
    world = World(store=CommitsOnCommand())
    restore_outbox(world.broker, (OUTBOXES, "", "d"), deque([Delivery(message("a", b"1"), 0x32, None, 3)]), 4)
    outbox = world.broker.outboxes.open("d", Limits(), world.now)
    assert outbox.put(message("a", b"2"))
    assert [held.number for held in outbox.take(9, 10_000)] == [3, 5]


def test_what_lies_in_a_row_of_the_store_is_found_whoever_it_waits_for() -> None:
    world = World(store=CommitsOnCommand())
    session = restored(world)
    here, there = Delivery(message("a", b"1"), 0x32, None, 5), Delivery(message("a", b"2"), 0x32, None, 7)
    restore_queue(session, {40: here}, deque([there]), 9, world.now)
    here.place, there.place = 7 << 32 | 1, 8 << 32
    assert stored_deliveries(world.broker, KEY, 7) == [(40, here)]
    assert stored_deliveries(world.broker, (TENANT, "", "nobody"), 7) == []
    key = (OUTBOXES, "", "d")
    assert stored_deliveries(world.broker, key, 7) == []
    restore_outbox(world.broker, key, deque([here, there]), 9)
    assert stored_deliveries(world.broker, key, 8) == [(0, there)]
    outbox = world.broker.outboxes.open("d", Limits(), world.now)
    outbox.take(1, 1)
    assert stored_deliveries(world.broker, key, 7) == [(0, here)]
