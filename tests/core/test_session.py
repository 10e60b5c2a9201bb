"""One client outliving its connections: what it is delivered, what waits for it, and its end."""

import re

import pytest

from myna.core.limits import DROP_SESSION, Limits
from myna.core.message import Message, Origin
from myna.core.output import OutputMemory
from myna.core.receiver import Subscription
from myna.core.records import Enqueued, Record, SessionForgotten, Settled
from myna.core.subscribing import Asked, subscribe, unsubscribe
from myna.testing import Client, CommitsOnCommand, FakeGuard, FakeReceiver, World
from myna.wire.packets import Disconnect, Pingreq, Puback, Publish, Pubrel, Unsubscribe, Will

LEVELS = (3, 4, 5)


# Delivery


@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("granted", [0, 1, 2])
@pytest.mark.parametrize("level", LEVELS)
def test_the_qos_is_the_lower_of_published_and_granted(published: int, granted: int, level: int) -> None:
    world = World()  # [MQTT-3.8.4-8]; 311: [MQTT-3.8.4-6]
    client, publisher = world.connected("c", level), world.connected("p", level)
    client.subscribe("a", granted)
    for _ in range(2):
        publisher.publish("a", b"x", published)
    assert [message.qos for message in client.messages()] == [min(published, granted)] * 2


def test_live_messages_have_retain_only_where_it_is_asked_for() -> None:
    world = World()  # [MQTT-3.3.1-12], [MQTT-3.3.1-13]; 311: [MQTT-3.3.1-9]
    plain, published, older = world.connected("plain"), world.connected("published"), world.connected("older", 4)
    plain.subscribe("a", 2)
    published.subscribe("a", 2, as_published=True)
    older.subscribe("a", 2)
    publisher = world.connected("p")
    for qos in (0, 1, 2):
        publisher.publish("a", b"x", qos, retain=True)
    publisher.publish("a", b"x")
    assert [message.retain for message in plain.messages()] == [False] * 4
    assert [message.retain for message in older.messages()] == [False] * 4
    assert [message.retain for message in published.messages()] == [True, True, True, False]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_no_local_keeps_a_clients_own_messages_from_it(qos: int) -> None:
    world = World()  # [MQTT-3.8.3-3]
    client, other = world.connected("c", expiry=100), world.connected("o")
    client.subscribe("a", 2, no_local=True)
    for sender in (client, other):
        sender.publish("a", b"from " + sender.client_id.encode(), qos)
    assert [packet.payload for packet in client.received() if isinstance(packet, Publish)] == [b"from o"]
    client.drop()
    client = world.connected("c", clean=False, expiry=100)
    client.received()
    client.publish("a", b"again", 0)
    assert client.messages() == []


def test_no_local_of_one_subscription_leaves_an_overlapping_one_alone() -> None:
    world = World()
    client, other = world.connected("c"), world.connected("o")
    client.subscribe("a/+", 2, no_local=True, identifier=1)
    client.subscribe("a/b", 1, identifier=2)
    client.publish("a/b", b"own", 2)
    other.publish("a/b", b"other", 2)
    own, others = [packet for packet in client.received() if isinstance(packet, Publish)]
    assert own.properties is not None
    assert (own.payload, own.qos, own.properties.subscription_identifiers) == (b"own", 1, [2])
    assert others.properties is not None
    assert (others.payload, others.qos) == (b"other", 2)
    assert sorted(others.properties.subscription_identifiers or []) == [1, 2]


def test_no_local_holds_for_an_api_that_speaks_in_the_clients_name() -> None:
    world = World()
    client = world.connected("c", user="alice")
    client.subscribe("a", no_local=True)
    for origin, arrives in (
        (Origin("api", "tenant", user="alice", client_id="c"), False),
        (Origin("api", "tenant", user="alice", client_id="other"), True),
        (Origin("api", "elsewhere", client_id="c"), True),
        (Origin("api", "tenant"), True),
    ):
        world.broker.publish(world.tenant, Message("a", b"", 0, False, origin, world.now), world.now)
        assert len(client.messages()) == (1 if arrives else 0)


@pytest.mark.parametrize("level", LEVELS)
def test_overlapping_subscriptions_give_one_copy_at_the_highest_qos(level: int) -> None:
    world = World()  # [MQTT-3.3.4-2]; 311: [MQTT-3.3.5-1]
    client, publisher = world.connected("c", level), world.connected("p")
    for filter, qos in (("a/b", 0), ("a/+", 2), ("#", 1)):
        client.subscribe(filter, qos)
    for _ in range(2):
        publisher.publish("a/b", b"x", 2)
    assert [message.qos for message in client.messages()] == [2, 2]


def test_order_is_kept_per_topic_through_queue_stall_and_resume() -> None:
    world = World()  # [MQTT-4.6.0-5], [MQTT-4.6.0-6]
    client, publisher = world.connected("c", expiry=100, receive_maximum=3), world.connected("p")
    client.subscribe("a", 1)
    seen: list[int] = []
    for number in range(100):
        publisher.publish("a", bytes((number,)), 1)
        publisher.received()
        if number % 7 == 0:
            for message in client.messages():
                seen.append(message.payload[0])
                client.acknowledge(message)
        if number in (30, 60):
            client.drop()
        if number in (40, 75):
            client = world.connected("c", clean=False, expiry=100, receive_maximum=3)
    while messages := client.messages():
        for message in messages:
            seen.append(message.payload[0])
            client.acknowledge(message)
    first_seen = list(dict.fromkeys(seen))
    assert first_seen == list(range(100))


def slow_reader(qos: int) -> tuple[World, Client, Client]:
    """A publisher, and a subscriber that has more than enough unsent."""
    world = World(memory=OutputMemory(high_water=100))
    client, publisher = world.connected("c"), world.connected("p")
    client.subscribe("a", qos)
    publisher.publish("a", b"x" * 200)
    client.take()
    return world, client, publisher


def test_a_run_at_qos_0_for_a_slow_reader_is_dropped_and_counted() -> None:
    world, client, publisher = slow_reader(0)
    publisher.send(*[Publish("a", b"yy")] * 7)
    assert world.dropped("qos0_slow_reader") == 7
    client.arrive()
    assert client.payloads() == [b"x" * 200]


def test_a_run_at_qos_1_for_a_slow_reader_waits() -> None:
    _, client, publisher = slow_reader(1)
    publisher.send(*[Publish("a", bytes((number,)), 1, packet_id=number) for number in range(1, 8)])
    client.take()
    client.arrive()
    assert client.payloads() == [b"x" * 200, *[bytes((number,)) for number in range(1, 8)]]


def test_a_run_longer_than_the_clients_quota_is_sent_as_far_as_that_goes() -> None:
    world = World()
    client, publisher = world.connected("c", receive_maximum=3), world.connected("p")
    client.subscribe("a", 1)
    publisher.publish("a", b"\0")
    publisher.send(*[Publish("a", bytes((number,)), 1, packet_id=number) for number in range(1, 8)])
    assert [message.payload[0] for message in client.messages()] == [0, 1, 2, 3]
    publisher.send(*[Publish("a", bytes((number,)), 1, packet_id=number) for number in range(8, 11)])
    client.send(*[Puback(number) for number in (1, 2, 3)])
    assert [message.payload[0] for message in client.messages()] == [4, 5, 6]


# Away and back


@pytest.mark.parametrize("level", LEVELS)
def test_messages_at_qos_1_and_2_wait_for_a_client_that_is_away(level: int) -> None:
    world = World()  # [MQTT-4.5.0-1]; 311: [MQTT-3.1.2-5]
    expiry = 100 if level == 5 else 0
    client = world.connected("c", level, clean=False, expiry=expiry)
    client.subscribe("a", 2)
    client.drop()
    for qos in (0, 1, 2):
        world.publish("a", bytes((qos,)), qos)
    client = world.connected("c", level, clean=False, expiry=expiry)
    assert client.payloads() == [b"\1", b"\2"]
    assert not client.session.has_waiting()


def test_a_session_is_not_dropped_while_it_is_connected() -> None:
    world = World()  # [MQTT-4.1.0-1]
    client = world.connected("c", expiry=1)
    client.subscribe("a")
    world.pass_time(1000)
    world.publish("a", b"x")
    assert client.payloads() == [b"x"]


def test_coming_back_stops_the_clock_of_the_session() -> None:
    world = World()
    world.connected("c", expiry=10).drop()
    world.pass_time(8)
    client = world.connected("c", clean=False, expiry=10)
    world.pass_time(100)
    assert not client.session.ended
    client.drop()
    world.pass_time(9)
    assert len(world.tenant.sessions()) == 1
    world.pass_time(2)
    assert world.tenant.sessions() == []
    assert world.broker.counters.sessions_expired == 1


def test_a_session_that_ends_is_gone_from_everywhere() -> None:
    world = World(store=CommitsOnCommand())
    client = world.connected("c", expiry=100)
    client.send_subscribe("a", "b/+", "$share/g/a", qos=1)
    session = client.session
    session.end(0x98, world.now, discard=True)
    session.end(0x98, world.now, discard=True)
    session.discard(0x98, world.now)
    assert session.ended
    assert session.subscriptions == {}
    assert world.tenant.sessions() == []
    assert world.tenant.router.subscribers("a") == []
    assert sum(isinstance(record, SessionForgotten) for record in world.records()) == 1
    assert world.watcher.lines[-2:] == ["c cut off 0x98", "c ended 0x98"]


def test_ending_a_connection_leaves_its_session() -> None:
    world = World()
    client = world.connected("c", expiry=100)
    session = client.session
    session.end(0x98, world.now, reference="other:1883", text="move")
    got = client.received()[-1]
    assert isinstance(got, Disconnect)
    assert got.properties is not None
    assert (got.properties.server_reference, got.properties.reason_string) == ("other:1883", "move")
    session.end(0x98, world.now)
    assert not session.is_online()
    assert not session.ended
    assert world.tenant.sessions() == [session]


def test_ready_means_connected_and_keeping_up() -> None:
    world = World(memory=OutputMemory(high_water=100))
    client = world.connected("c", expiry=100, receive_maximum=1)
    client.subscribe("a", 1)
    session = client.session
    assert session.is_ready()
    world.publish("a", b"x" * 200)
    client.take()
    assert not session.is_ready()
    client.arrive()
    assert session.is_ready()
    world.publish("a", b"x", 1)
    world.publish("a", b"x", 1)
    assert not session.is_ready()
    client.drop()
    assert not session.is_ready()
    assert session.is_persistent()
    assert not session.is_online()


# Retained messages


def retain(world: World, count: int, qos: int = 0) -> None:
    for number in range(count):
        world.publish(f"r/{number}", b"x" * 50, qos, retain=True)


def test_a_hundred_thousand_retained_messages_reach_a_slow_client_completely() -> None:
    world = World(memory=OutputMemory(high_water=50_000))
    origin = Origin("api", "tenant")
    for number in range(100_000):
        world.tenant.retained.set(Message(f"r/{number}", b"x", 0, True, origin, world.now))
    client = world.connected("c")
    client.send_subscribe("r/#")
    seen = bytearray()
    while client.connection.has_pending():
        data = client.connection.take()
        assert len(data) < 51_000
        client.connection.sent(len(data), world.now)
        seen += data
    assert len(set(re.findall(rb"r/(\d+)\0x", seen))) == 100_000
    assert not client.session.has_waiting()
    assert world.broker.counters.dropped == {}


def test_a_thousand_retained_messages_reach_a_client_of_small_quota_completely() -> None:
    world = World(memory=OutputMemory(high_water=2_000))
    retain(world, 1000, 1)
    client = world.connected("c", receive_maximum=10)
    client.subscribe("r/#", 1)
    assert len({message.topic for message in drained(client)}) == 1000
    assert client.session.outbound.waiting() == 0
    assert not client.session.has_waiting()


def drained(client: Client) -> list[Publish]:
    found: list[Publish] = []
    while messages := client.messages():
        found += messages
        client.acknowledge(*messages)
    return found


def small() -> World:
    return World(memory=OutputMemory(high_water=200))


@pytest.mark.parametrize("qos", [0, 1])
def test_a_retained_message_that_is_replaced_meanwhile_is_not_sent_stale(qos: int) -> None:
    world = small()
    retain(world, 20)
    client = world.connected("c")
    client.send_subscribe("r/#", qos=qos)
    client.take()
    for number in range(20):
        world.publish(f"r/{number}", b"new", qos, retain=True)
    world.publish("r/0", b"", retain=True)
    client.arrive()
    packets = [packet for packet in client.received() if isinstance(packet, Publish)]
    client.acknowledge(*packets)
    packets += drained(client)
    on_their_way = {packet.topic for packet in packets if packet.payload != b"new"}
    renewed = {packet.topic for packet in packets if packet.payload == b"new"}
    assert len(on_their_way) < 6
    assert on_their_way | renewed >= {f"r/{number}" for number in range(1, 20)}


def test_a_retained_message_that_is_replaced_meanwhile_is_judged_again() -> None:
    world = small()
    guard = FakeGuard("r")
    world.broker.guard(guard)
    retain(world, 20)
    client = world.connected("c")
    client.send_subscribe("r/#")
    client.take()
    guard.barred = {"c"}
    for number in range(20):
        world.publish(f"r/{number}", b"new", retain=True)
    client.arrive()
    assert b"new" not in [packet.payload for packet in client.received() if isinstance(packet, Publish)]


def test_retained_messages_that_expire_while_they_wait_are_not_sent() -> None:
    world = small()
    publisher = world.connected("p")
    for number in range(10):
        publisher.publish(f"r/{number}", b"x" * 90, retain=True, message_expiry=5)
    client = world.connected("c", expiry=100)
    client.send_subscribe("r/#", qos=0)
    client.take()
    world.now += 10
    client.arrive()
    assert sum(isinstance(packet, Publish) for packet in client.received()) == 2
    assert world.dropped("expired") == 8


def test_live_messages_do_not_wait_behind_retained_ones() -> None:
    world = small()
    retain(world, 10)
    client = world.connected("c", expiry=100)
    client.send_subscribe("r/#", qos=1)
    world.publish("r/live", b"live", 1)
    client.take()
    client.arrive()
    client.take()
    client.arrive()
    assert b"live" in [packet.payload for packet in client.received() if isinstance(packet, Publish)]


def test_retained_messages_that_still_wait_when_the_client_goes_are_queued_at_qos_1() -> None:
    world = small()
    for number in range(6, 9):
        world.publish(f"r/{number}", b"x" * 50, retain=True)
    retain(world, 6, qos=1)
    client = world.client("c", expiry=100)
    client.send_subscribe("r/#", qos=1)
    assert client.session.has_waiting()
    client.drop()
    client = world.connected("c", clean=False, expiry=100)
    assert {message.topic for message in drained(client)} >= {f"r/{number}" for number in range(6)}


def test_of_a_session_that_ends_no_retained_message_is_queued() -> None:
    world = small()
    retain(world, 9, qos=1)
    client = world.client("c")
    client.send_subscribe("r/#", qos=1)
    session = client.session
    client.drop()
    assert session.outbound.waiting() == 0


def test_who_subscribes_again_starts_over_and_piles_nothing_up() -> None:
    world = small()
    retain(world, 9)
    client = world.client("c", expiry=100)
    for _ in range(50):
        client.send_subscribe("r/#")
    backlog = client.session._backlog
    assert backlog is not None
    assert len(backlog) == 1


def test_two_subscriptions_get_their_retained_messages_one_after_the_other() -> None:
    world = small()
    for topic in "abcdefgh":
        world.publish(f"{topic}/x", b"x" * 90, retain=True)
    client = world.connected("c")
    client.send_subscribe("a/#", "+/x")
    topics: list[str] = []
    while packets := client.received():
        topics += [packet.topic for packet in packets if isinstance(packet, Publish)]
    assert topics[0] == "a/x"
    assert sorted(topics[1:]) == [f"{topic}/x" for topic in "abcdefgh"]


def test_a_retained_message_at_qos_1_counts_against_the_quota() -> None:
    world = World()
    retain(world, 5, qos=1)
    client = world.connected("c", receive_maximum=2)
    client.subscribe("r/#", 1)
    first = client.messages()
    assert len(first) == 2
    client.acknowledge(*first)
    assert len(drained(client)) == 3


def test_retained_messages_of_a_durable_session_are_told_to_the_store() -> None:
    world = World(store=CommitsOnCommand())
    retain(world, 3, qos=1)
    client = world.connected("c", expiry=100)
    world.records()
    client.send_subscribe("r/#", qos=1)
    enqueued = [record for record in world.records() if isinstance(record, Enqueued)]
    assert [len(record.receivers) for record in enqueued] == [1, 1, 1]


# A delivery that ends a session


class Ender(FakeReceiver):
    """Ends somebody else's session when it gets a message."""

    def __init__(self, world: World) -> None:
        super().__init__("ender")
        self.world = world
        self.victims: list[Client] = []

    def deliver(self, message: Message, subscription: Subscription, now: float) -> int:
        for victim in self.victims:
            victim.session.end(0x98, now, discard=True)
        return 1


def test_a_receiver_may_end_others_that_are_still_to_be_delivered_to() -> None:
    world = World(store=CommitsOnCommand())
    ender = Ender(world)
    subscribe(world.broker, ender, Asked("a", 1), world.now)
    victims = [world.connected(str(number), expiry=100) for number in range(3)]
    for victim in victims:
        victim.send_subscribe("a", qos=1)
    sessions = [victim.session for victim in victims]
    ender.victims = victims
    world.records()
    world.publish("a", b"x", 1)
    assert all(session.ended for session in sessions)
    assert [record for record in world.records() if isinstance(record, Enqueued)] == []
    assert [session.outbound.waiting() for session in sessions] == [0, 0, 0]


def test_a_will_published_because_a_queue_was_full_gets_a_record_of_its_own() -> None:
    limits = Limits()
    limits.queue_messages = 1
    limits.queue_policy = DROP_SESSION
    world = World(limits=limits, store=CommitsOnCommand())
    first = world.connected("first", expiry=100)
    first.send_subscribe("a", "will", qos=1)
    doomed = world.connected("doomed", expiry=100, receive_maximum=1, will=Will("will", b"gone", 1, False))
    doomed.send_subscribe("a", qos=1)
    last = world.connected("last", expiry=100)
    last.send_subscribe("a", qos=1)
    world.publish("a", b"1", 1)
    world.publish("a", b"2", 1)
    world.records()
    world.publish("a", b"3", 1)
    enqueued = [record for record in world.records() if isinstance(record, Enqueued)]
    assert [(record.message.payload, [part.key[2] for part in record.receivers]) for record in enqueued] == [
        (b"3", ["first"]),
        (b"gone", ["first"]),
        (b"3", ["last"]),
    ]


def test_a_full_queue_of_a_session_that_is_away_ends_it() -> None:
    limits = Limits()
    limits.queue_messages = 2
    limits.queue_policy = DROP_SESSION
    world = World(limits=limits)
    client, publisher = world.connected("c", expiry=100), world.connected("p")
    client.subscribe("a", 1)
    client.drop()
    publisher.publish("a", b"x", 1)
    publisher.send(*[Publish("a", b"x", 1, packet_id=number) for number in range(2, 9)])
    assert [session.key[2] for session in world.tenant.sessions()] == ["p"]
    assert len(publisher.received()) == 8


def test_memory_of_qos_2_lasts_as_long_as_the_session() -> None:
    world = World()
    client = world.connected("c", expiry=100)
    client.publish("a", b"", 2)
    client.drop()
    client = world.connected("c", clean=False, expiry=100)
    assert client.session.received.open_ids() == [1]
    client.send(Pubrel(1), Pingreq())
    assert client.session.received.open_ids() == []


def test_a_deliveries_end_is_told_to_the_store_even_without_a_pump() -> None:
    world = World(store=CommitsOnCommand())
    client = world.connected("c", expiry=100)
    client.send_subscribe("a", qos=1)
    world.publish("a", b"x", 1)
    world.records()
    client.send_bytes(b"\x40\x02\0\1")
    records: list[Record] = world.records()
    assert [record.numbers for record in records if isinstance(record, Settled)] == [[1]]


def test_retained_messages_that_still_wait_end_with_their_subscription() -> None:
    world = small()
    retain(world, 9, qos=1)
    client = world.client("c", expiry=100)
    client.send_subscribe("r/#", qos=1)
    session = client.session
    assert session.has_waiting()
    client.send(Unsubscribe(9, ["r/#"]))
    assert len([packet for packet in client.received() if isinstance(packet, Publish)]) < 9
    assert not session.has_waiting()


def test_what_waited_for_a_subscription_that_has_ended_is_not_queued_for_an_absent_client() -> None:
    world = small()
    retain(world, 9, qos=1)
    client = world.client("c", expiry=100)
    client.send_subscribe("r/#", qos=1)
    session = client.session
    unsubscribe(world.broker, session, "r/#", world.now)
    client.drop()
    assert len(drained(world.connected("c", clean=False, expiry=100))) < 9
