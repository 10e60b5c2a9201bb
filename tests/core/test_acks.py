"""Acknowledgements and the store: held until what they promise is safe, in order, each connection for itself."""

from myna.core.acks import MANY, Acks
from myna.core.output import Output, OutputMemory
from myna.core.records import Enqueued
from myna.testing import CommitsOnCommand, FakeOutlet, World, assert_received
from myna.wire.packets import Puback, Pubcomp, Publish, Pubrec, Pubrel


def durable() -> World:
    """A world whose store commits on command, with a persistent subscriber to `a` that is away."""
    world = World(store=CommitsOnCommand())
    sleeper = world.connected("sleeper", expiry=100)
    sleeper.send_subscribe("a", qos=2)
    world.commit()
    sleeper.received()
    sleeper.drop()
    world.commit()
    world.records()
    return world


def test_an_ack_that_promises_nothing_leaves_at_once() -> None:
    world = World(store=CommitsOnCommand())
    publisher = world.connected("p", 4)
    publisher.publish("nobody", b"x", 1)
    assert_received(publisher, Puback(1))
    assert world.records() == []


def test_an_ack_is_held_until_its_message_is_safe() -> None:
    world = durable()  # [MQTT-4.3.2-4], [MQTT-4.5.0-1]
    publisher = world.connected("p", 4)
    publisher.publish("a", b"x", 1)
    assert_received(publisher)
    world.commit(world.store.sequence - 1)
    assert_received(publisher)
    world.commit()
    assert_received(publisher, Puback(1))


def test_one_that_waits_holds_back_those_behind_it() -> None:
    world = durable()  # [MQTT-4.6.0-2], [MQTT-4.6.0-3]
    publisher = world.connected("p", 4)
    publisher.publish("a", b"x", 1)
    publisher.publish("nobody", b"x", 1)
    publisher.publish("a", b"y", 2)
    publisher.publish("nobody", b"y", 2)
    assert_received(publisher)
    world.commit(world.store.sequence - 1)
    assert_received(publisher, Puback(1), Puback(2))
    world.commit()
    assert_received(publisher, Pubrec(3), Pubrec(4))
    publisher.publish("nobody", b"x", 1)
    assert_received(publisher, Puback(5))


def test_one_connection_does_not_wait_for_another() -> None:
    world = durable()
    slow, quick = world.connected("slow", 4), world.connected("quick", 4)
    slow.publish("a", b"x", 1)
    quick.publish("nobody", b"x", 1)
    assert_received(quick, Puback(1))
    assert_received(slow)


def test_one_commit_frees_the_acks_of_many() -> None:
    world = durable()
    publishers = [world.connected(str(number), 4) for number in range(5)]
    for publisher in publishers:
        for _ in range(3):
            publisher.publish("a", b"x", 1)
    assert [record for record in world.records() if not isinstance(record, Enqueued)] == []
    world.commit()
    for publisher in publishers:
        assert_received(publisher, Puback(1), Puback(2), Puback(3))


def test_acks_of_a_run_are_held_and_freed_like_single_ones() -> None:
    world = durable()
    publisher = world.connected("p", 4)
    publisher.publish("a", b"0", 1)
    world.commit()
    publisher.received()
    publisher.send(*[Publish("a", b"x", 1, packet_id=number) for number in (5, 6, 7)])
    assert_received(publisher)
    world.commit()
    assert_received(publisher, Puback(5), Puback(6), Puback(7))


def test_a_commit_that_nobody_waits_for_is_noted() -> None:
    world = durable()
    world.commit()
    assert world.store.committed == world.store.sequence
    publisher = world.connected("p", 4)
    publisher.publish("a", b"x", 1)
    publisher.drop()
    world.commit()


def test_held_acks_are_lost_with_their_connection_and_a_repeated_message_waits_again() -> None:
    world = durable()
    publisher = world.connected("p", clean=False, expiry=100)
    publisher.publish("a", b"x", 2)
    publisher.drop()
    publisher = world.connected("p", clean=False, expiry=100)
    publisher.send(Publish("a", b"x", 2, dup=True, packet_id=1))
    assert_received(publisher)  # what PUBREC promises is not safe yet
    world.commit()
    assert_received(publisher, Pubrec(1))


def test_pubcomp_waits_until_the_store_knows_that_the_id_is_free() -> None:
    world = durable()
    publisher = world.connected("p", expiry=100)
    publisher.publish("a", b"x", 2)
    world.commit()
    assert_received(publisher, Pubrec(1))
    publisher.send(Pubrel(1))
    assert_received(publisher)
    world.commit()
    assert_received(publisher, Pubcomp(1))


def test_only_held_pubacks_count_as_unacknowledged_messages() -> None:
    world = World(store=CommitsOnCommand())
    receiver = world.connected("c", expiry=5).session
    output = Output(FakeOutlet(), OutputMemory())
    acks = Acks(world.broker, output, receiver)
    acks.send(b"\x40\x02\0\1", 5)
    acks.send(b"\x40\x03\0\1\x10", 5)
    acks.send(b"\x40\x02\0\2\x40\x02\0\3", 0)
    acks.send(b"\x50\x02\0\4", 6)
    acks.send(b"\x40\x02\0\5", 7)
    assert acks.waiting == 5
    acks.settled(5)
    assert acks.waiting == 1
    assert output.take() == b"\x40\x02\0\1\x40\x03\0\1\x10\x40\x02\0\2\x40\x02\0\3"
    acks.settled(7)
    assert acks.waiting == 0
    acks.settled(8)
    assert output.take() == b"\x50\x02\0\4\x40\x02\0\5"


def test_nothing_leaves_once_the_connection_has_ended() -> None:
    world = World(store=CommitsOnCommand())
    output = Output(FakeOutlet(), OutputMemory())
    acks = Acks(world.broker, output, world.connected("c", expiry=5).session)
    acks.send(b"\x40\x02\0\1", 5)
    acks.close()
    acks.settled(5)
    acks.send(b"\x40\x02\0\2", 0)
    assert not output.has_pending()


def test_a_client_that_outruns_the_store_is_not_read_until_that_has_caught_up() -> None:
    store = CommitsOnCommand()
    world = World(store=store)
    sub = world.connected("sub", expiry=1000)
    sub.send_bytes(bytes.fromhex("82 07 0001 00 0001 61 01"))
    sub.drop()
    publisher = world.connected("p", 4)
    for _ in range(MANY + 1):
        publisher.publish("a", b"", 1)
    assert publisher.outlet.paused
    world.broker.committed(store.sequence)
    assert not publisher.outlet.paused
