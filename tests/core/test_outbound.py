"""The window, packet ids, the queue behind it, and what is sent again."""

from typing import Any

import pytest

from myna.core.limits import DROP_NEWEST, DROP_OLDEST, DROP_SESSION, Limits
from myna.core.message import Message, Origin
from myna.core.output import OutputMemory
from myna.core.records import Enqueued, Released, Sent, Settled
from myna.testing import Client, CommitsOnCommand, World, assert_received, properties
from myna.wire import reasons
from myna.wire.encode import encode
from myna.wire.packets import Disconnect, Pingreq, Pingresp, Puback, Pubcomp, Publish, Pubrec, Pubrel


def subscriber(world: World, level: int = 5, qos: int = 2, **fields: Any) -> Client:
    client = world.connected("c", level, clean=False, expiry=1000 if level == 5 else 0, **fields)
    client.subscribe("a", qos)
    return client


def back(world: World, level: int = 5, **fields: Any) -> Client:
    return world.connected("c", level, clean=False, expiry=1000 if level == 5 else 0, **fields)


# One exchange


@pytest.mark.parametrize("level", [3, 4, 5])
def test_qos_1_takes_an_id_until_puback(level: int) -> None:
    world = World()  # [MQTT-4.3.2-1] and its kin, [MQTT-2.2.1-4]
    client = subscriber(world, level)
    world.publish("a", b"x", 1)
    assert_received(client, Publish("a", b"x", 1, packet_id=1))
    assert client.session.outbound.waiting() == 1
    client.send(Puback(1))
    assert client.session.outbound.waiting() == 0


@pytest.mark.parametrize("level", [3, 4, 5])
def test_qos_2_takes_an_id_until_pubcomp(level: int) -> None:
    world = World()  # [MQTT-4.3.3-1] and its kin
    client = subscriber(world, level)
    world.publish("a", b"x", 2)
    assert_received(client, Publish("a", b"x", 2, packet_id=1))
    client.send(Pubrec(1))
    assert_received(client, Pubrel(1))
    client.send(Pubrec(1))
    assert_received(client, Pubrel(1))
    assert client.session.outbound.waiting() == 1
    client.send(Pubcomp(1))
    assert client.session.outbound.waiting() == 0
    assert_received(client)


def test_qos_0_takes_no_id() -> None:
    world = World()  # [MQTT-2.2.1-2]
    client = subscriber(world)
    world.publish("a", b"x")
    world.publish("a", b"y", 1)
    assert_received(client, Publish("a", b"x"), Publish("a", b"y", 1, packet_id=1))


def test_acks_of_unknown_ids_are_ignored() -> None:
    world = World()  # §4.3, §4.9
    client = subscriber(world, receive_maximum=2)
    client.send(Puback(9), Pubcomp(9), Puback(9))
    world.publish("a", b"one", 1)
    world.publish("a", b"two", 2)
    world.publish("a", b"three", 2)
    client.received()
    client.send(Puback(7), Pubcomp(8))
    assert_received(client)
    assert client.session.outbound.waiting() == 3
    client.send(Puback(1))
    assert_received(client, Publish("a", b"three", 2, packet_id=3))


@pytest.mark.parametrize(
    ("qos", "answers"),
    [
        (1, [Pubrec(1)]),
        (1, [Pubcomp(1)]),
        (2, [Puback(1)]),
        (2, [Pubcomp(1)]),
        (2, [Pubrec(1), Puback(1)]),
    ],
)
def test_an_ack_of_the_wrong_kind_is_a_protocol_error(qos: int, answers: list[Puback | Pubrec | Pubcomp]) -> None:
    world = World()  # §4.3
    client = subscriber(world)
    world.publish("a", b"x", qos)
    client.received()
    client.send(*answers)
    *_, last = client.received()
    assert isinstance(last, Disconnect)
    assert last.code == reasons.PROTOCOL_ERROR
    assert client.is_closed()


def test_pubrec_of_an_unknown_id_is_answered_and_harmless() -> None:
    world = World()  # §3.5.4, §3.6.2.1
    client, older = subscriber(world), world.connected("older", 4)
    client.send(Pubrec(9), Pubrec(10, 0x80))
    assert_received(client, Pubrel(9, 0x92))
    older.send(Pubrec(9))
    assert_received(older, Pubrel(9))
    assert not client.is_closed()


def test_a_pubrec_that_refuses_ends_the_exchange() -> None:
    world = World()  # [MQTT-4.3.3-4], [MQTT-4.4.0-2]
    client = subscriber(world, receive_maximum=1)
    world.publish("a", b"x", 2)
    world.publish("a", b"y", 2)
    client.received()
    client.send(Pubrec(1, 0x97))
    assert_received(client, Publish("a", b"y", 2, packet_id=2))
    client.drop()
    assert_received(back(world), Publish("a", b"y", 2, dup=True, packet_id=2))


def test_a_pubrec_that_refuses_may_follow_one_that_did_not() -> None:
    world = World()
    client = subscriber(world)
    world.publish("a", b"x", 2)
    client.received()
    client.send(Pubrec(1))
    assert_received(client, Pubrel(1))
    client.send(Pubrec(1, 0x80))
    assert client.session.outbound.waiting() == 0
    assert client.session.outbound.window_bytes == 0


def test_a_puback_that_refuses_counts_as_one_that_does_not() -> None:
    world = World()  # [MQTT-4.4.0-2]
    client = subscriber(world)
    world.publish("a", b"x", 1)
    client.received()
    client.send(Puback(1, 0x97))
    client.drop()
    assert_received(back(world))


# Flow control


def test_the_clients_receive_maximum_holds_back_qos_1_and_2_alone() -> None:
    world = World()  # [MQTT-3.3.4-9], [MQTT-4.9.0-2], [MQTT-3.3.4-10], [MQTT-4.9.0-3]
    client = subscriber(world, receive_maximum=2)
    for number in range(4):
        world.publish("a", bytes((number,)), 1 + number % 2)
    world.publish("a", b"zero")
    client.publish("nobody", b"", 1)
    client.send(Pingreq())
    expected = (
        Publish("a", b"\0", 1, packet_id=1),
        Publish("a", b"\1", 2, packet_id=2),
        Publish("a", b"zero"),
        Puback(2, 0x10),
        Pingresp(),
    )
    assert_received(client, *expected)
    client.send(Pubrec(2))
    assert_received(client, Pubrel(2))
    client.send(Pubcomp(2))
    assert_received(client, Publish("a", b"\2", 1, packet_id=3))
    client.send(Puback(1))
    assert_received(client, Publish("a", b"\3", 2, packet_id=4))


def test_the_quota_begins_anew_with_each_connection() -> None:
    world = World()  # [MQTT-4.9.0-1]
    client = subscriber(world, receive_maximum=1)
    for payload in (b"1", b"2", b"3"):
        world.publish("a", payload, 1)
    assert_received(client, Publish("a", b"1", 1, packet_id=1))
    client.drop()
    client = back(world, receive_maximum=10)
    assert_received(
        client,
        Publish("a", b"1", 1, dup=True, packet_id=1),
        Publish("a", b"2", 1, packet_id=2),
        Publish("a", b"3", 1, packet_id=3),
    )


def test_a_smaller_quota_than_before_holds_for_what_is_repeated_too() -> None:
    world = World()  # [MQTT-3.3.4-9]
    client = subscriber(world)
    for payload in (b"1", b"2", b"3"):
        world.publish("a", payload, 2)
    client.received()
    client.send(Pubrec(1))
    client.received()
    client.drop()
    client = back(world, receive_maximum=1)
    world.publish("a", b"4", 2)
    assert_received(client, Pubrel(1))
    client.send(Pubcomp(1))
    assert_received(client, Publish("a", b"2", 2, dup=True, packet_id=2))
    client.send(Pubrec(2), Pubcomp(2))
    assert_received(client, Pubrel(2), Publish("a", b"3", 2, dup=True, packet_id=3))
    client.send(Pubrec(3), Pubcomp(3))
    assert_received(client, Pubrel(3), Publish("a", b"4", 2, packet_id=4))


def test_an_ack_of_what_was_not_repeated_yet_makes_no_room_for_another() -> None:
    world = World()
    client = subscriber(world)
    for payload in (b"1", b"2", b"3"):
        world.publish("a", payload, 1)
    assert client.payloads() == [b"1", b"2", b"3"]
    client.drop()
    client = back(world, receive_maximum=1)
    assert client.payloads() == [b"1"]
    client.send(Puback(3))  # which the client has had before
    assert client.payloads() == []
    client.send(Puback(1))
    assert client.payloads() == [b"2"]
    client.send(Puback(2))
    assert client.session.outbound.waiting() == 0


def test_what_is_acknowledged_before_it_was_repeated_is_not_repeated() -> None:
    world = World()
    client = subscriber(world)
    for payload in (b"1", b"2", b"3"):
        world.publish("a", payload, 1)
    client.received()
    client.drop()
    client = back(world, receive_maximum=1)
    client.send(Puback(2))
    client.received()
    client.send(Puback(1))
    assert_received(client, Publish("a", b"3", 1, dup=True, packet_id=3))


def test_a_tenant_may_bound_what_is_in_flight() -> None:
    limits = Limits()
    limits.inflight = 1
    world = World(limits=limits)
    older = subscriber(world, 4)
    for payload in (b"1", b"2"):
        world.publish("a", payload, 1)
    assert_received(older, Publish("a", b"1", 1, packet_id=1))
    older.send(Puback(1))
    assert_received(older, Publish("a", b"2", 1, packet_id=2))
    newer = world.connected("n", receive_maximum=100)
    newer.subscribe("a", 1)
    for payload in (b"1", b"2"):
        world.publish("a", payload, 1)
    assert newer.payloads() == [b"1"]


def test_ids_are_used_up_wrap_around_and_skip_those_in_use() -> None:
    world = World()  # [MQTT-2.2.1-4]
    client = subscriber(world, qos=1)
    for _ in range(65_536):
        world.publish("a", b"", 1)
    client.received_bytes()
    assert list(client.session.outbound.window or {}) == list(range(1, 65_536))
    client.send(Puback(77))
    assert [message.packet_id for message in client.messages()] == [77]
    client.send_bytes(b"".join(b"\x40\x02" + packet_id.to_bytes(2, "big") for packet_id in range(79, 65_535)))
    for payload in (b"x", b"y"):
        world.publish("a", payload, 1)
    assert [message.packet_id for message in client.messages()] == [79, 80]


def test_ids_of_a_run_wrap_around_and_skip_those_in_use() -> None:
    world = World()
    client, publisher = subscriber(world, qos=1), world.connected("p")
    world.publish("a", b"", 1)
    client.received()
    client.session.outbound.last_id = 65_533
    publisher.publish("a", b"0", 1)
    publisher.send(*[Publish("a", b"x", 1, packet_id=number) for number in range(2, 6)])
    assert [message.packet_id for message in client.messages()] == [65_534, 65_535, 2, 3, 4]


# Coming back


@pytest.mark.parametrize("level", [3, 4, 5])
def test_what_was_not_acknowledged_is_repeated_in_order_with_its_id_and_dup(level: int) -> None:
    world = World()  # [MQTT-4.4.0-1], [MQTT-3.3.1-1]; 311: [MQTT-4.4.0-1], [MQTT-4.6.0-1]
    client = subscriber(world, level)
    for number, payload in enumerate((b"1", b"2", b"3", b"4"), 1):
        world.publish("a", payload, 1 + number % 2)
    client.received()
    client.send(Puback(2), Pubrec(3))
    client.received()
    client.drop()
    world.publish("a", b"offline", 1)
    client = back(world, level)
    assert_received(
        client,
        Publish("a", b"1", 2, dup=True, packet_id=1),
        Pubrel(3),  # [MQTT-4.3.3-6]
        Publish("a", b"4", 1, dup=True, packet_id=4),
        Publish("a", b"offline", 1, packet_id=5),
    )
    world.pass_time(10_000)
    assert_received(client)  # and never while the connection lasts


def test_a_client_may_come_back_with_another_version() -> None:
    world = World()
    client = subscriber(world)
    client.subscribe("b", 1, identifier=7)
    client.publish("b", b"x", 1, content_type="text")
    client.received()
    client.drop()
    older = back(world, 4)
    assert_received(older, Publish("b", b"x", 1, dup=True, packet_id=1))
    older.drop()
    held = properties(content_type="text", subscription_identifiers=[7])
    assert_received(back(world), Publish("b", b"x", 1, dup=True, packet_id=1, properties=held))


def test_dup_is_not_inherited() -> None:
    world = World()  # [MQTT-3.3.1-3]
    client, publisher = subscriber(world), world.connected("p")
    publisher.publish("a", b"x", 1, dup=True)
    assert_received(client, Publish("a", b"x", 1, packet_id=1))


def test_an_exchange_that_has_begun_is_not_ended_by_expiry() -> None:
    world = World()  # [MQTT-4.3.3-7], [MQTT-4.3.3-13]
    client, publisher = subscriber(world), world.connected("p")
    publisher.publish("a", b"x", 2, message_expiry=5)
    client.received()
    client.drop()
    world.pass_time(10)
    client = back(world)
    assert_received(client, Publish("a", b"x", 2, dup=True, packet_id=1, properties=properties(message_expiry=1)))
    client.send(Pubrec(1))
    assert_received(client, Pubrel(1))


# Expiry


def test_a_message_that_expires_while_it_waits_is_not_sent() -> None:
    world = World()  # [MQTT-3.3.2-5], [MQTT-3.3.2-6]
    client, publisher = subscriber(world), world.connected("p")
    client.drop()
    publisher.publish("a", b"short", 1, message_expiry=5)
    publisher.publish("a", b"long", 1, message_expiry=20)
    world.pass_time(10)
    client = back(world)
    assert_received(client, Publish("a", b"long", 1, packet_id=1, properties=properties(message_expiry=10)))
    assert world.dropped("expired") == 1


def test_a_qos_0_message_may_be_expired_when_its_turn_comes() -> None:
    limits = Limits()
    limits.queue_qos_0 = True
    world = World(limits=limits)
    client, publisher = subscriber(world), world.connected("p")
    client.drop()
    publisher.publish("a", b"short", 0, message_expiry=5)
    publisher.publish("a", b"long", 0, message_expiry=50)
    world.pass_time(10)
    assert back(world).payloads() == [b"long"]
    assert world.dropped("expired") == 1


@pytest.mark.parametrize("qos", [0, 1])
def test_what_comes_from_elsewhere_may_have_expired_on_its_way(qos: int) -> None:
    world = World()
    client = subscriber(world)
    late = Message("a", b"x", qos, False, Origin("node", "tenant"), world.now - 9, world.now - 1)
    world.broker.arrived(world.tenant, late, world.now)
    assert client.messages() == []
    assert world.dropped("expired") == 1
    assert client.session.outbound.waiting() == 0


def test_nothing_moves_while_the_client_is_away() -> None:
    world = World()
    client = subscriber(world)
    session = client.session
    client.drop()
    world.publish("a", b"x", 1)
    session.outbound.refill(world.now)
    assert session.outbound.waiting() == 1


# What the client accepts


def test_a_message_too_large_for_the_client_is_dropped_as_if_it_had_been_sent() -> None:
    world = World()  # [MQTT-3.1.2-24], [MQTT-3.1.2-25]
    exact = len(encode(Publish("a", b"x" * 20, 1, packet_id=1), 5))
    client = subscriber(world, qos=1, maximum_packet_size=exact, receive_maximum=1)
    for size in (21, 20, 22, 20):
        world.publish("a", b"x" * size, 1)
    assert_received(client, Publish("a", b"x" * 20, 1, packet_id=1))
    client.send(Puback(1))
    assert_received(client, Publish("a", b"x" * 20, 1, packet_id=2))
    client.send(Puback(2))
    assert world.dropped("larger_than_client_accepts") == 2
    assert client.session.outbound.waiting() == 0
    world.publish("a", b"x" * 22)
    world.publish("a", b"x" * 23)
    assert_received(client, Publish("a", b"x" * 22))
    assert world.dropped("larger_than_client_accepts") == 3


def test_what_is_repeated_may_be_too_large_for_the_new_connection() -> None:
    world = World()
    client = subscriber(world)
    world.publish("a", b"x" * 100, 1)
    world.publish("a", b"y", 1)
    client.received()
    client.drop()
    client = back(world, maximum_packet_size=60)
    assert_received(client, Publish("a", b"y", 1, dup=True, packet_id=2))
    assert client.session.outbound.waiting() == 1


# Topic aliases


def test_the_first_message_of_a_topic_sets_its_alias_and_the_next_use_it() -> None:
    world = World()  # [MQTT-3.3.2-11], [MQTT-3.1.2-26]
    client = subscriber(world, qos=1, topic_alias_maximum=1)
    client.subscribe("b", 1)
    for topic, qos in (("a", 0), ("a", 1), ("b", 1), ("a", 1), ("b", 0)):
        world.publish(topic, b"x", qos)
    alias = properties(topic_alias=1)
    assert_received(
        client,
        Publish("a", b"x", properties=alias),
        Publish("", b"x", 1, packet_id=1, properties=alias),
        Publish("b", b"x", 1, packet_id=2),
        Publish("", b"x", 1, packet_id=3, properties=alias),
        Publish("b", b"x"),
    )


def test_a_new_connection_knows_none_of_the_old_aliases() -> None:
    world = World()  # [MQTT-3.3.2-7]
    client = subscriber(world, qos=1, topic_alias_maximum=5)
    world.publish("a", b"x", 1)
    world.publish("a", b"y", 1)
    client.received()
    client.drop()
    client = back(world, topic_alias_maximum=5)
    alias = properties(topic_alias=1)
    assert_received(
        client,
        Publish("a", b"x", 1, dup=True, packet_id=1, properties=alias),
        Publish("", b"y", 1, dup=True, packet_id=2, properties=alias),
    )
    client.drop()
    assert_received(
        back(world), Publish("a", b"x", 1, dup=True, packet_id=1), Publish("a", b"y", 1, dup=True, packet_id=2)
    )


def test_a_message_that_was_dropped_leaves_no_dangling_alias() -> None:
    world = World()
    client = subscriber(world, qos=1, topic_alias_maximum=5, maximum_packet_size=50)
    world.publish("a", b"x" * 100, 1)
    world.publish("a", b"y", 1)
    assert_received(client, Publish("a", b"y", 1, packet_id=1, properties=properties(topic_alias=1)))


def test_no_more_aliases_are_given_than_the_tenant_allows() -> None:
    limits = Limits()
    limits.topic_alias_maximum = 0
    world = World(limits=limits)
    client = subscriber(world, topic_alias_maximum=100)
    world.publish("a", b"x")
    assert_received(client, Publish("a", b"x"))


# Congestion and the queue


def slow(limits: Limits | None = None, **fields: Any) -> tuple[World, Client]:
    """A subscriber that has more than enough unsent."""
    world = World(limits=limits, memory=OutputMemory(high_water=100))
    client = subscriber(world, **fields)
    world.publish("a", b"x" * 200)
    client.take()
    return world, client


def test_to_a_slow_reader_qos_0_is_dropped_and_counted_and_the_rest_is_queued() -> None:
    world, client = slow()
    for qos in (0, 1, 2, 0):
        world.publish("a", bytes((qos,)), qos)
    assert world.dropped("qos0_slow_reader") == 2
    client.arrive()
    assert client.payloads() == [b"x" * 200, b"\1", b"\2"]


def test_acks_reach_a_slow_reader_all_the_same() -> None:
    _, client = slow()
    client.publish("nobody", b"", 1)
    client.send(Pingreq())
    client.take()
    client.arrive()
    assert_received(client, Publish("a", b"x" * 200), Puback(2, 0x10), Pingresp())


def test_what_is_queued_follows_as_the_reader_catches_up() -> None:
    world, client = slow()
    for number in range(50):
        world.publish("a", bytes((number,)) * 60, 1)
    seen: list[bytes] = []
    for _ in range(100):
        client.take()
        assert client.connection.output.unsent < 400
        client.arrive()
        seen += client.payloads()
    assert seen == [b"x" * 200, *[bytes((number,)) * 60 for number in range(50)]]


def test_a_window_to_repeat_does_not_flood_a_slow_reader() -> None:
    world = World(memory=OutputMemory(high_water=100))
    client = subscriber(world)
    client.drop()
    client = back(world)
    for number in range(20):
        world.publish("a", bytes((number,)) * 60, 1)
        client.received()
    client.drop()
    client = world.client("c", clean=False, expiry=1000)
    assert len(client.connection.take()) < 300
    assert client.session.has_waiting()


@pytest.mark.parametrize(("policy", "kept"), [(DROP_NEWEST, [b"1", b"2", b"3"]), (DROP_OLDEST, [b"3", b"4", b"5"])])
def test_a_full_queue_drops_by_its_policy_and_counts_it(policy: str, kept: list[bytes]) -> None:
    limits = Limits()
    limits.queue_messages = 3
    limits.queue_policy = policy
    world = World(limits=limits)
    subscriber(world).drop()
    for payload in (b"1", b"2", b"3", b"4", b"5"):
        world.publish("a", payload, 1)
    assert world.dropped("queue_full") == 2
    assert back(world).payloads() == kept


def test_a_queue_is_bounded_in_bytes_too() -> None:
    limits = Limits()
    limits.queue_bytes = 1000
    world = World(limits=limits)
    subscriber(world).drop()
    for number in range(10):
        world.publish("a", bytes((number,)) * 100, 1)
    assert world.dropped("queue_full") == 7
    client = back(world)
    assert len(client.messages()) == 3
    assert client.session.outbound.queue is None


def test_what_is_in_flight_is_bounded_in_bytes_like_the_queue() -> None:
    limits = Limits()
    limits.queue_bytes = 1000
    world = World(limits=limits)
    client = subscriber(world)
    for number in range(20):
        world.publish("a", bytes((number,)) * 100, 1 + number % 2)
    first = client.messages()
    assert len(first) == 4
    assert len(client.session.outbound.queue or ()) == 3
    assert world.dropped("queue_full") == 13
    client.send(Puback(1), Pubrec(2), Puback(3), Pubrec(4, 0x80))
    assert [packet.payload[0] for packet in client.received() if isinstance(packet, Publish)] == [4, 5, 6]
    client.send(Puback(5), Pubrec(6), Puback(7))
    client.drop()
    assert client.connection.session is None
    assert world.tenant.sessions()[0] is not None
    client = back(world)
    assert_received(client, Pubrel(2), Pubrel(6))
    assert client.session.outbound.window_bytes == 0


def test_a_run_too_heavy_to_keep_waits_as_well() -> None:
    limits = Limits()
    limits.queue_bytes = 5000
    world = World(limits=limits)
    client, publisher = subscriber(world), world.connected("p")
    world.publish("a", b"x" * 6000, 1)
    publisher.publish("a", b"0", 1)
    publisher.send(*[Publish("a", b"x", 1, packet_id=number) for number in range(2, 6)])
    assert len(client.messages()) == 1
    client.send(Puback(1))
    assert len(client.messages()) == 5
    client.send(*[Puback(number) for number in range(2, 7)])
    assert client.session.outbound.window_bytes == 0


def test_a_message_larger_than_the_whole_queue_drives_nobody_out() -> None:
    limits = Limits()
    limits.queue_bytes = 1000
    limits.queue_policy = DROP_OLDEST
    world = World(limits=limits)
    subscriber(world).drop()
    world.publish("a", b"x" * 2000, 1)
    world.publish("a", b"small", 1)
    world.publish("a", b"x" * 2000, 1)
    assert world.dropped("queue_full") == 2
    assert back(world).payloads() == [b"small"]


def test_a_bound_of_0_is_none() -> None:
    limits = Limits()
    limits.queue_messages = limits.queue_bytes = 0
    world = World(limits=limits)
    subscriber(world).drop()
    for _ in range(100):
        world.publish("a", b"x", 1)
    assert len(back(world).messages()) == 100


def test_a_full_queue_may_end_its_session() -> None:
    limits = Limits()
    limits.queue_messages = 1
    limits.queue_policy = DROP_SESSION
    world = World(limits=limits)
    client = subscriber(world, receive_maximum=1)
    for _ in range(3):
        world.publish("a", b"x", 1)
    got = client.received()
    assert isinstance(got[-1], Disconnect)
    assert got[-1].code == 0x97
    assert world.tenant.sessions() == []


def test_qos_0_messages_are_queued_only_where_the_tenant_asks_for_it() -> None:
    world = World()
    subscriber(world).drop()
    world.publish("a", b"x")
    assert world.dropped("qos0_offline") == 1
    assert back(world).payloads() == []


@pytest.mark.parametrize(("oldest", "kept"), [(False, [b"0", b"1"]), (True, [b"1", b"2"])])
def test_a_queued_qos_0_message_makes_way_for_its_like_alone(oldest: bool, kept: list[bytes]) -> None:
    limits = Limits()
    limits.queue_qos_0 = True
    limits.queue_qos_0_drops_oldest = oldest
    limits.queue_messages = 2
    world = World(limits=limits)
    subscriber(world).drop()
    for payload in (b"0", b"1", b"2"):
        world.publish("a", payload)
    client = back(world)
    assert client.payloads() == kept
    client.drop()
    world.publish("a", b"one", 1)
    world.publish("a", b"two", 1)
    world.publish("a", b"zero")
    assert back(world).payloads() == [b"one", b"two"]


# What the store is told


def test_the_store_can_follow_every_delivery() -> None:
    world = World(store=CommitsOnCommand())
    client = world.connected("c", expiry=1000, receive_maximum=1)
    client.send_subscribe("a", qos=2)
    world.records()
    world.publish("a", b"1", 2)
    world.publish("a", b"2", 1)
    first, second = world.records()
    assert isinstance(first, Enqueued)
    assert isinstance(second, Enqueued)
    part, waiting = first.receivers[0], second.receivers[0]
    assert (part.key[2], part.number, part.flags, part.identifiers, part.packet_id) == ("c", 1, 0x34, None, 1)
    assert (waiting.number, waiting.flags, waiting.packet_id) == (2, 0x32, 0)
    client.send(Pubrec(1))
    (released,) = world.records()
    assert isinstance(released, Released)
    assert released.number == 1
    client.send(Pubrec(1))
    assert world.records() == []
    client.send(Pubcomp(1))
    sent, settled = world.records()
    assert isinstance(sent, Sent)
    assert (sent.numbers, sent.packet_ids) == ([2], [2])
    assert isinstance(settled, Settled)
    assert settled.numbers == [1]
    client.send(Puback(2))
    (settled,) = world.records()
    assert isinstance(settled, Settled)
    assert settled.numbers == [2]


def test_many_acks_are_one_record() -> None:
    world = World(store=CommitsOnCommand())
    client = world.connected("c", expiry=1000)
    client.send_subscribe("a", qos=2)
    for _ in range(5):
        world.publish("a", b"", 1)
    world.records()
    client.send(*[Puback(number) for number in (1, 2, 3, 4, 5)])
    (settled,) = world.records()
    assert isinstance(settled, Settled)
    assert settled.numbers == [1, 2, 3, 4, 5]


def test_what_is_dropped_from_the_queue_of_a_client_that_is_away_is_told_at_once() -> None:
    limits = Limits()
    limits.queue_messages = 1
    limits.queue_policy = DROP_OLDEST
    world = World(limits=limits, store=CommitsOnCommand())
    client = world.connected("c", expiry=1000)
    client.send_subscribe("a", qos=2)
    client.drop()
    world.publish("a", b"1", 1)
    world.records()
    world.publish("a", b"2", 1)
    enqueued, settled = world.records()
    assert isinstance(settled, Settled)
    assert settled.numbers == [1]
    assert isinstance(enqueued, Enqueued)


def test_what_could_not_be_sent_is_not_stored_or_settled() -> None:
    world = World(store=CommitsOnCommand())
    client = world.connected("c", expiry=1000, maximum_packet_size=30)
    client.send_subscribe("a", qos=2)
    world.publish("a", b"x" * 100, 1)
    client.send(Pingreq())
    assert not [record for record in world.records() if isinstance(record, Enqueued | Settled)]
    client.drop()
    publisher = world.connected("p")
    publisher.publish("a", b"y", 1, message_expiry=1)
    world.pass_time(5)
    world.connected("c", clean=False, expiry=1000)
    assert [record.numbers for record in world.records() if isinstance(record, Settled)] == [[2]]


def test_where_a_message_goes_to_nobody_durable_nothing_is_written() -> None:
    world = World(store=CommitsOnCommand())
    client = world.connected("c")
    client.subscribe("a", 2)
    world.publish("a", b"x", 2)
    message = client.messages()[0]
    client.acknowledge(message)
    client.drop()
    assert world.records() == []
