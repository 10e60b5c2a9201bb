"""PUBLISH from a client: what is taken, what is refused, which answer it gets; the quick way and the general one."""

from typing import Any

import pytest

from myna.core.identity import Identity
from myna.core.limits import DROP_SESSION, Limits
from myna.core.records import Received
from myna.core.remembered import ROUTES_KEPT
from myna.core.subscribing import Asked, subscribe
from myna.testing import (
    Client,
    CommitsOnCommand,
    FakeGuard,
    FakePeers,
    FakeReceiver,
    FakeRules,
    FakeTap,
    OpenGate,
    World,
    assert_closed,
    assert_received,
    properties,
)
from myna.wire import reasons
from myna.wire.encode import encode
from myna.wire.packets import Packet, Pingreq, Pingresp, Puback, Pubcomp, Publish, Pubrec, Pubrel

LEVELS = (3, 4, 5)


def listener(world: World, level: int = 5, qos: int = 2) -> Client:
    client = world.connected("listener", level)
    client.subscribe("a", qos)
    return client


def limited(**bounds: object) -> World:
    limits = Limits()
    for name, value in bounds.items():
        setattr(limits, name, value)
    return World(limits=limits)


def run(topic: str, qos: int, first_id: int, *payloads: bytes) -> list[Packet]:
    return [
        Publish(topic, payload, qos, packet_id=first_id + number if qos else 0)
        for number, payload in enumerate(payloads)
    ]


# Which answer


@pytest.mark.parametrize("level", LEVELS)
def test_qos_1_is_answered_with_one_puback_for_each(level: int) -> None:
    world = World()  # [MQTT-4.3.2-4], [MQTT-2.2.1-5]
    seen = listener(world, level)
    client = world.connected("c", level)
    client.send(*run("a", 1, 1, b"0", b"1", b"2"), *run("a", 1, 9, b"longer"))
    assert_received(client, Puback(1), Puback(2), Puback(3), Puback(9))
    assert seen.payloads() == [b"0", b"1", b"2", b"longer"]


@pytest.mark.parametrize("level", LEVELS)
def test_qos_2_is_routed_once_however_often_it_is_repeated(level: int) -> None:
    world = World()  # [MQTT-4.3.3-10]
    seen = listener(world, level)
    client = world.connected("c", level)
    client.send(*run("a", 1, 9, b"first"))
    client.send(Publish("a", b"x", 2, packet_id=1), *[Publish("a", b"x", 2, dup=True, packet_id=1)] * 4)
    client.send(*[Publish("a", b"x", 2, packet_id=1)] * 3)
    assert_received(client, Puback(9), *[Pubrec(1)] * 8)
    assert seen.payloads() == [b"first", b"x"]
    client.send(Pubrel(1))
    assert_received(client, Pubcomp(1))
    client.send(Publish("a", b"y", 2, packet_id=1))  # [MQTT-4.3.3-12]
    assert_received(client, Pubrec(1))
    assert seen.payloads() == [b"y"]


def test_a_repeated_id_within_a_run_is_answered_in_its_place() -> None:
    world = World()
    seen = listener(world)
    client = world.connected("c")
    client.send(*run("a", 2, 1, b"0"))
    ids = (2, 3, 2, 4, 1, 5)
    client.send(*[Publish("a", b"x", 2, packet_id=number) for number in ids])
    assert_received(client, Pubrec(1), *[Pubrec(number) for number in ids])
    assert len(seen.messages()) == 5


@pytest.mark.parametrize("qos", [1, 2])
def test_a_publish_with_dup_that_was_never_seen_is_a_new_message(qos: int) -> None:
    world = World()  # [MQTT-4.3.3-8], [MQTT-4.3.2-5]
    seen = listener(world)
    client = world.connected("c")
    client.publish("a", b"x", qos, dup=True)
    assert [(message.payload, message.dup) for message in seen.messages()] == [(b"x", False)]


def test_after_puback_the_same_id_is_a_new_message() -> None:
    world = World()  # [MQTT-4.3.2-5]
    seen = listener(world)
    client = world.connected("c")
    for dup in (False, True):
        client.send(Publish("a", b"x", 1, dup=dup, packet_id=1))
    assert len(seen.messages()) == 2


def test_pubrel_is_always_answered() -> None:
    world = World()  # [MQTT-4.3.3-11]
    client, older = world.connected("c"), world.connected("o", 4)
    client.send(Pubrel(7))
    assert_received(client, Pubcomp(7, 0x92))
    older.send(Pubrel(7))
    assert_received(older, Pubcomp(7))


def test_pubrel_of_mqtt_3_1_may_be_repeated_with_dup() -> None:
    world = World()
    listener(world)
    client = world.connected("c", 3)
    client.publish("a", b"x", 2)
    client.send_bytes(b"\x6a\x02\0\1")
    assert_received(client, Pubrec(1), Pubcomp(1))


def test_no_matching_subscribers_is_said_only_if_true_and_to_mqtt_5() -> None:
    world = World()  # §3.4.2.1
    client, older = world.connected("c"), world.connected("o", 4)
    client.publish("nobody", b"", 1)
    client.send(*run("nobody", 1, 2, b"", b""), *run("nobody", 2, 4, b"", b""))
    assert_received(client, Puback(1, 0x10), Puback(2, 0x10), Puback(3, 0x10), Pubrec(4, 0x10), Pubrec(5, 0x10))
    client.send(Pubrel(4))
    assert_received(client, Pubcomp(4))
    older.publish("nobody", b"", 1)
    older.send(*run("nobody", 1, 2, b"", b""))
    assert_received(older, Puback(1), Puback(2), Puback(3))
    away = world.connected("away", expiry=100)
    away.subscribe("nobody")
    away.drop()
    client.publish("nobody", b"", 1)
    assert_received(client, Puback(2))  # a session that is away counts
    assert world.broker.counters.unmatched == 8


def test_unmatched_messages_at_qos_0_are_counted() -> None:
    world = World()
    client = world.connected("c")
    client.publish("nobody", b"x")
    client.send(*run("nobody", 0, 0, b"x", b"x"))
    assert world.broker.counters.unmatched == 3
    assert world.broker.counters.messages_received == 3


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("qos", [1, 2])
def test_packet_identifier_0_ends_the_connection_after_what_came_before(level: int, qos: int) -> None:
    world = World()  # [MQTT-2.2.1-3]
    seen = listener(world)
    client = world.connected("c", level)
    client.send(*run("a", qos, 1, b"0"))
    client.send_bytes(
        b"".join(encode(packet, level) for packet in run("a", qos, 7, b"1")) + encode(Publish("a", b"2", qos), level)
    )
    assert seen.payloads() == [b"0", b"1"]
    assert client.is_closed()


def test_nothing_that_a_run_did_not_publish_passes_for_received() -> None:
    """Were its id kept as received, the message would be lost when it is repeated."""
    limits = Limits()
    limits.refused_publish_disconnects_3 = True
    world = World(limits=limits)
    guard = FakeGuard("a")
    world.broker.guard(guard)
    client = world.connected("c", 4, clean=False)
    client.publish("a", b"0", 2)
    guard.publish_verdict = 0x87
    client.send(*run("a", 2, 5, b"x", b"y", b"z"))
    assert client.is_closed()
    session = world.tenant.sessions()[0]
    client.drop()
    guard.publish_verdict = 0
    seen = listener(world)
    client = world.connected("c", 4, clean=False)
    assert client.session is session
    client.send(*run("a", 2, 5, b"x", b"y", b"z"))
    assert seen.payloads() == [b"x", b"y", b"z"]


# Refusals


def forbidding(**bounds: object) -> tuple[World, FakeRules]:
    gate, rules = OpenGate(), FakeRules()
    gate.rules = rules
    rules.forbidden["no"] = 0x87
    world = limited(**bounds)
    world.gate = gate
    return world, rules


def test_what_is_not_authorized_is_refused_in_the_words_of_mqtt_5() -> None:
    world, _ = forbidding()  # §3.4.2.1, [MQTT-4.3.3-9]
    seen = world.connected("seen")
    seen.subscribe("#")
    client = world.connected("c")
    client.publish("no", b"")
    client.publish("no", b"", 1)
    client.publish("no", b"", 2)
    assert_received(client, Puback(1, 0x87), Pubrec(2, 0x87))
    client.send(Publish("yes", b"", 2, packet_id=2))  # the id is free
    assert_received(client, Pubrec(2))
    assert [message.topic for message in seen.messages()] == ["yes"]
    assert world.refused("publish:not authorized") == 3
    assert world.watcher.lines[-1] == "c refused PUBLISH to 'no': not authorized"


def test_before_mqtt_5_a_refused_message_is_acknowledged_and_dropped() -> None:
    world, _ = forbidding()  # 311: [MQTT-3.3.5-2]
    client = world.connected("c", 4)
    client.publish("no", b"")
    client.publish("no", b"", 1)
    client.publish("no", b"", 2)
    assert_received(client, Puback(1), Pubrec(2))
    client.send(Pubrel(2))
    assert_received(client, Pubcomp(2))


@pytest.mark.parametrize("level", [3, 4])
def test_or_ends_the_connection_where_the_tenant_says_so(level: int) -> None:
    world, _ = forbidding(refused_publish_disconnects_3=True)
    client = world.connected("c", level)
    client.publish("no", b"", 1)
    assert_closed(client)
    newer = world.connected("n")
    newer.publish("no", b"", 1)
    assert not newer.is_closed()


def test_a_refused_qos_0_message_may_end_the_connection() -> None:
    world, _ = forbidding(refused_qos_0_disconnects=True)
    client = world.connected("c")
    client.publish("no", b"")
    assert_closed(client, 0x87)


def test_a_topic_that_does_not_fit_the_tenant_is_refused() -> None:
    world = limited(topic_levels=2)
    client = world.connected("c")
    client.publish("a/b/c", b"", 1)
    assert_received(client, Puback(1, 0x90))


def test_permission_is_asked_once_for_each_topic_and_again_when_the_rules_change() -> None:
    world, rules = forbidding()
    client = world.connected("c")
    for _ in range(5):
        client.publish("a", b"x", 1)
        client.publish("a", b"x")
    assert rules.judged == 1
    rules.forbidden["a"] = 0x87
    world.broker.rules_changed()
    client.received()
    client.publish("a", b"x", 1)
    assert_received(client, Puback(6, 0x87))
    client.publish("b", b"x")
    client.publish("a", b"x", 1)
    assert_received(client, Puback(7, 0x87))


def test_retained_messages_are_judged_every_time() -> None:
    world, rules = forbidding()
    client = world.connected("c")
    for _ in range(3):
        client.publish("a", b"x", retain=True)
    assert rules.judged == 3


def test_not_more_than_so_many_topics_are_remembered_for_a_connection() -> None:
    world, rules = forbidding()
    client = world.connected("c")
    for number in range(ROUTES_KEPT + 1):
        client.publish(str(number), b"xx")
    client.publish("0", b"xx")
    assert rules.judged == ROUTES_KEPT + 2
    client.publish("0", b"xx")
    assert rules.judged == ROUTES_KEPT + 2


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_route_that_was_retired_is_not_used_any_more(qos: int) -> None:
    world = World()
    client, seen = world.connected("c"), world.connected("seen")
    for _ in range(2):
        client.publish("a", b"before", qos)
    world.tenant.router.retire()
    world.publish("a", b"make another")
    seen.subscribe("a")
    client.publish("a", b"after", qos)
    client.publish("a", b"after", qos)
    assert seen.payloads() == [b"after", b"after"]


def test_a_guard_that_comes_later_is_not_passed_by() -> None:
    world = World()
    client = world.connected("c")
    client.publish("dh", b"xx")
    client.publish("dh", b"xx")
    guard = FakeGuard("dh")
    world.broker.guard(guard)
    client.publish("dh", b"xx")
    client.publish("dh", b"xx")
    assert len(guard.published) == 2


@pytest.mark.parametrize(("verdict", "code"), [(0x87, 0x87), (0x97, 0x97)])
def test_a_guard_can_refuse_each_message(verdict: int, code: int) -> None:
    world = World()
    guard = FakeGuard("dh")
    guard.publish_verdict = verdict
    world.broker.guard(guard)
    client = world.connected("c")
    client.send(*run("dh", 1, 1, b"0", b"1", b"2"), *run("dh", 2, 4, b"0", b"1"), *run("dh", 0, 0, b"0", b"1"))
    assert_received(client, *[Puback(number, code) for number in (1, 2, 3)], Pubrec(4, code), Pubrec(5, code))
    assert world.refused("guarded_topic") == 7
    assert client.session.received.count() == 0


def test_a_guard_can_take_a_message() -> None:
    world = World()
    guard = FakeGuard("dh")
    guard.publish_verdict = 1
    world.broker.guard(guard)
    client = world.connected("c")
    client.subscribe("#")
    client.send(*run("dh", 1, 5, b"0", b"1"))
    assert_received(client, Puback(5), Puback(6))
    assert [message.payload for message in guard.published] == [b"0", b"1"]


def test_a_broken_packet_behind_the_end_is_not_looked_at() -> None:
    world = limited(refused_publish_disconnects_3=True)
    guard = FakeGuard("dh")
    world.broker.guard(guard)
    client = world.connected("c", 4)
    client.publish("dh", b"0", 1)
    client.received()
    guard.publish_verdict = 0x87
    client.send(*run("dh", 1, 5, b"1"), Publish("dh", b"2", 1))
    assert_closed(client)
    assert "protocol:protocol error" not in world.broker.counters.refused


def test_a_run_ends_where_a_message_ends_its_own_connection() -> None:
    world = limited(refused_qos_0_disconnects=True)
    guard = FakeGuard("dh")
    world.broker.guard(guard)
    client = world.connected("c")
    client.publish("dh", b"0")
    guard.publish_verdict = 0x87
    client.send(*run("dh", 0, 0, b"1", b"2", b"3"), Pingreq())
    assert_closed(client, 0x87)
    assert [message.payload for message in guard.published] == [b"0", b"1"]


@pytest.mark.parametrize("qos", [1, 2])
def test_nothing_is_said_after_a_message_has_ended_its_own_session(qos: int) -> None:
    world = limited(queue_messages=1, queue_policy=DROP_SESSION)
    client = world.connected("c", receive_maximum=1)
    client.subscribe("a", 2)
    client.publish("a", b"0", qos)
    client.publish("a", b"1", qos)
    client.received()
    client.publish("a", b"2", qos)
    assert_closed(client, 0x97)


# What the tenant offers


@pytest.mark.parametrize(("maximum", "qos", "fine"), [(0, 0, True), (0, 1, False), (1, 1, True), (1, 2, False)])
def test_qos_beyond_the_maximum_ends_the_connection(maximum: int, qos: int, fine: bool) -> None:
    world = limited(maximum_qos=maximum)  # §3.2.2.3.4
    client = world.connected("c")
    client.publish("a", b"xx", 0)
    client.publish("a", b"xx", qos)
    if fine:
        assert not client.is_closed()
    else:
        assert_closed(client, 0x9B)


def test_retain_where_there_is_none_ends_the_connection() -> None:
    world = limited(retain_available=False)  # §3.2.2.3.5
    client = world.connected("c")
    client.publish("a", b"x", retain=True)
    assert_closed(client, 0x9A)


def test_a_payload_must_be_what_it_is_declared_to_be_where_that_is_checked() -> None:
    world = limited(payload_format_checked=True)
    client = world.connected("c")
    client.publish("a", b"\xff", 1, payload_format=1)
    client.publish("a", b"fine", 1, payload_format=1)
    client.publish("a", b"\xff", 1, payload_format=0)
    assert_received(client, Puback(1, 0x99), Puback(2, 0x10), Puback(3, 0x10))
    lax = World().connected("c")
    lax.publish("a", b"\xff", 1, payload_format=1)
    assert_received(lax, Puback(1, 0x10))


def test_a_publisher_above_its_rate_is_told_if_it_can_be() -> None:
    world = limited(publishes_per_second=3.0)
    seen = listener(world)
    client, older = world.connected("c"), world.connected("o", 4)
    for _ in range(5):
        older.publish("a", b"o", 1)
    assert_received(older, Puback(1), Puback(2), Puback(3))
    assert not older.is_closed()
    world.pass_time(1)
    older.publish("a", b"o", 1)
    assert_received(older, Puback(6))
    for _ in range(4):
        client.publish("a", b"n")
    assert_closed(client, 0x96)
    assert len(seen.messages()) == 4 + 3
    assert world.refused("publish_rate") == 3


# Receive maximum


def test_more_than_the_receive_maximum_ends_the_connection() -> None:
    world = limited(receive_maximum=3)  # §3.3.4, §4.9
    listener(world)
    client = world.connected("c")
    client.send(*run("a", 2, 1, b"0", b"1", b"2"))
    assert_received(client, Pubrec(1), Pubrec(2), Pubrec(3))
    client.send(*run("a", 2, 1, b"0", b"1", b"2"))
    assert_received(client, Pubrec(1), Pubrec(2), Pubrec(3))  # repeated ones are not more
    client.publish("a", b"")
    client.send(Pubrel(2), Publish("a", b"", 2, packet_id=2))
    assert_received(client, Pubcomp(2), Pubrec(2))
    client.send(Publish("a", b"", 1, packet_id=9))
    assert_closed(client, 0x93)


def test_a_run_longer_than_the_receive_maximum_is_taken_as_far_as_it_goes() -> None:
    world = limited(receive_maximum=3)
    seen = listener(world)
    client = world.connected("c")
    client.publish("a", b"\0", 1)
    client.send(*run("a", 2, 2, b"\1", b"\2", b"\3", b"\4"))
    assert seen.payloads() == [b"\0", b"\1", b"\2", b"\3"]
    assert_closed(client, 0x93)


def test_a_message_is_counted_once_while_the_store_is_slow() -> None:
    limits = Limits()
    limits.receive_maximum = 4
    world = World(limits=limits, store=CommitsOnCommand())
    away = world.connected("away", expiry=100)
    away.send_subscribe("a", qos=2)
    away.drop()
    world.commit()
    client = world.connected("c")
    client.send(*run("a", 2, 1, b"0", b"1"), *run("a", 1, 3, b"0", b"1"))
    assert not client.is_closed()
    world.commit()
    assert_received(client, Pubrec(1), Pubrec(2), Puback(3), Puback(4))
    client.send(*run("a", 1, 5, b"0", b"1"))
    assert not client.is_closed()
    client.send(*run("a", 1, 7, b"0"))
    assert_closed(client, 0x93)


def test_older_clients_know_no_receive_maximum() -> None:
    world = limited(receive_maximum=2)
    listener(world)
    client = world.connected("c", 4)
    client.send(*run("a", 2, 1, b"0", b"1", b"2", b"3"))
    client.publish("a", b"", 1)
    assert not client.is_closed()


def test_ids_still_open_from_an_earlier_connection_are_recognised() -> None:
    world = World()
    seen = listener(world)
    client = world.connected("c", clean=False, expiry=100)
    client.publish("a", b"x", 2)
    client.drop()
    client = world.connected("c", clean=False, expiry=100)
    client.send(Publish("a", b"x", 2, dup=True, packet_id=1), Pubrel(1))
    assert_received(client, Pubrec(1), Pubcomp(1))
    assert seen.payloads() == [b"x"]


def test_the_store_learns_which_ids_are_open() -> None:
    world = World(store=CommitsOnCommand())
    client = world.connected("c", expiry=100)
    client.send(*run("a", 2, 1, b"0"))
    client.send(*run("a", 2, 2, b"0", b"1"), Pubrel(1))
    noted = [(record.packet_id, record.open) for record in world.records() if isinstance(record, Received)]
    assert noted == [(1, True), (2, True), (3, True), (1, False)]


# Topic aliases


def test_an_alias_stands_for_the_topic_it_was_set_to() -> None:
    world = World()  # [MQTT-3.3.2-12]
    seen = world.connected("seen")
    seen.subscribe("#")
    client = world.connected("c")
    maximum = world.limits.topic_alias_maximum
    client.publish("a", b"1", topic_alias=maximum)
    client.publish("", b"2", 1, topic_alias=maximum)
    client.publish("b", b"3", topic_alias=maximum)
    client.publish("", b"4", topic_alias=maximum)
    client.publish("c", b"5", topic_alias=1)
    assert [(message.topic, message.payload) for message in seen.messages()] == [
        ("a", b"1"),
        ("a", b"2"),
        ("b", b"3"),
        ("b", b"4"),
        ("c", b"5"),
    ]  # [MQTT-3.1.2-26]: and without the alias
    assert all(message.properties is None for message in seen.messages())


@pytest.mark.parametrize(("alias", "reason"), [(0, 0x94), (101, 0x94), (7, 0x82)])
def test_an_alias_must_be_legal_and_known(alias: int, reason: int) -> None:
    world = World()  # [MQTT-3.3.2-8], [MQTT-3.3.2-9], §3.3.2.3.4
    client = world.connected("c")
    client.publish("", b"", topic_alias=alias)
    assert_closed(client, reason)


def test_a_topic_may_not_be_empty_without_an_alias() -> None:
    world = World()  # §3.3.2.1
    for level, reason in ((5, 0x82), (4, None)):
        client = world.connected("c", level)
        client.publish("", b"")
        assert_closed(client, reason)


def test_aliases_belong_to_one_connection() -> None:
    world = World()  # [MQTT-3.3.2-7]
    client = world.connected("c", clean=False, expiry=100)
    client.publish("a", b"", topic_alias=1)
    client.drop()
    client = world.connected("c", clean=False, expiry=100)
    client.publish("", b"", topic_alias=1)
    assert_closed(client, 0x82)


# Illegal PUBLISH


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("filter", ["a/+", "#"])
def test_a_topic_name_has_no_wildcards(level: int, filter: str) -> None:
    world = World()  # [MQTT-3.3.2-2], [MQTT-4.7.0-1]
    client = world.connected("c", level)
    client.publish(filter, b"")
    assert_closed(client, 0x90)


def test_a_client_sends_no_subscription_identifiers() -> None:
    world = World()  # [MQTT-3.3.4-6]
    seen = listener(world)
    client = world.connected("c")
    client.publish("a", b"", subscription_identifiers=[1])
    assert_closed(client, 0x82)
    assert seen.messages() == []


# Expiry and properties


def test_a_message_keeps_its_properties_on_every_way() -> None:
    world = World()  # [MQTT-3.3.2-4], -15, -16, -17, -18, -20
    fields: dict[str, Any] = {
        "payload_format": 1,
        "content_type": "text",
        "response_topic": "r",
        "correlation_data": b"\0\xff",
        "user_properties": [("a", "1"), ("b", "2"), ("a", "3")],
    }
    live = listener(world)
    away = world.connected("away", expiry=100)
    away.subscribe("a", 2)
    away.drop()
    client = world.connected("c")
    client.publish("a", b"x", 2, retain=True, **fields)
    held = properties(**fields)
    late = world.connected("late")
    late.subscribe("a", 2)
    away = world.connected("away", clean=False, expiry=100)
    assert_received(live, Publish("a", b"x", 2, packet_id=1, properties=held))
    assert_received(away, Publish("a", b"x", 2, packet_id=1, properties=held))
    assert_received(late, Publish("a", b"x", 2, True, packet_id=1, properties=held))


def test_an_expiry_of_zero_does_not_grow() -> None:
    world = World()
    live = listener(world)
    client = world.connected("c")
    client.publish("a", b"x", message_expiry=0)
    assert_received(live, Publish("a", b"x", properties=properties(message_expiry=0)))


# The quick way and the general one give the same


@pytest.mark.parametrize("sender", LEVELS)
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_runs_reach_receivers_of_every_form_in_order(sender: int, qos: int) -> None:
    world = World()
    receivers = {
        "old": world.connected("old", 4),
        "new": world.connected("new", 5),
        "alias": world.connected("alias", 5, topic_alias_maximum=5),
        "small": world.connected("small", 5, maximum_packet_size=100),
    }
    for client in receivers.values():
        client.subscribe("a", 2)
    identified = world.connected("identified")
    identified.subscribe("a", 2, identifier=9)
    local = world.connected("local", sender)
    local.subscribe("a", 2, no_local=sender == 5)
    service = FakeReceiver()
    subscribe(world.broker, service, Asked("a", 2), world.now)
    payloads = [bytes((number,)) for number in range(9)]
    local.send(*run("a", qos, 1, *payloads[:1]))
    local.send(*run("a", qos, 2, *payloads[1:]))
    if qos == 2:
        local.send(*[Pubrel(number) for number in range(1, 10)])
    for client in (*receivers.values(), identified):
        messages = client.messages()
        assert [message.payload for message in messages] == payloads
        assert {message.qos for message in messages} == {qos}
    assert [message.payload for message in service.messages] == payloads
    got = [packet for packet in local.received() if isinstance(packet, Publish)]
    assert [packet.payload for packet in got] == ([] if sender == 5 else payloads)


@pytest.mark.parametrize("sender", LEVELS)
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_run_goes_as_one_to_those_of_its_form_and_one_by_one_to_others(sender: int, qos: int) -> None:
    world = World()
    receivers = [world.connected("old", 4), world.connected("new", 5), world.connected("alias", topic_alias_maximum=1)]
    for client in receivers:
        client.subscribe("a", 2)
    publisher = world.connected("p", sender)
    payloads = [bytes((number,)) for number in range(9)]
    publisher.send(*run("a", qos, 1, *payloads[:1]))
    publisher.send(*run("a", qos, 2, *payloads[1:]))
    for client in receivers:
        assert client.payloads() == payloads
    assert world.broker.counters.messages_sent == 27
    assert world.broker.counters.messages_received == 9


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_run_breaks_off_where_a_packet_is_not_like_the_first(level: int, qos: int) -> None:
    world = World()
    seen = listener(world)
    client = world.connected("c", level)
    client.send(*run("a", qos, 1, b"1"))
    packets = run("a", qos, 2, b"2", b"3")
    packets.append(Publish("a", b"4", qos, True, packet_id=4 if qos else 0))
    packets += run("a", qos, 5, b"5", b"55555", b"6")
    packets.append(Publish("b", b"7", qos, packet_id=8 if qos else 0))
    packets.append(Pingreq())
    packets += run("a", qos, 9, b"8")
    client.send(*packets)
    if qos == 2:
        client.send(*[Pubrel(number) for number in range(1, 10)])
    assert [message.payload for message in seen.messages()] == [b"1", b"2", b"3", b"4", b"5", b"55555", b"6", b"8"]
    assert sum(isinstance(packet, Pingresp) for packet in client.received()) == 1


@pytest.mark.parametrize("qos", [0, 1])
def test_a_packet_with_properties_within_a_run_is_read_as_such(qos: int) -> None:
    world = World()
    seen = listener(world)
    client = world.connected("c")
    held = properties(payload_format=1)
    client.send(*run("a", qos, 1, b"0"))
    packets = run("a", qos, 2, b"111", b"222")
    packets.insert(1, Publish("a", b"3", qos, packet_id=9 if qos else 0, properties=held))
    client.send(*packets)
    got = seen.messages()
    assert [message.payload for message in got] == [b"0", b"111", b"3", b"222"]
    assert [message.properties is not None for message in got] == [False, False, True, False]


def test_a_run_is_seen_by_taps_and_other_nodes_message_by_message() -> None:
    for peers, tap in ((FakePeers(alone=False), None), (FakePeers(), FakeTap())):
        world = World(peers=peers)
        world.broker.carry(tap)
        seen = listener(world)
        client = world.connected("c")
        client.publish("a", b"0", 1)
        client.send(*run("a", 0, 0, b"1", b"2"), *run("a", 1, 8, b"3", b"4"))
        assert seen.payloads() == [b"0", b"1", b"2", b"3", b"4"]
        passed = peers.forwarded if tap is None else tap.offers
        assert [message.payload for message in passed] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_run_is_delivered_to_a_share_group_message_by_message() -> None:
    world = World()
    members = [world.connected(str(number)) for number in range(3)]
    for member in members:
        member.subscribe("$share/g/a", 1)
    client = world.connected("c")
    client.publish("a", b"", 1)
    client.send(*run("a", 1, 2, *[bytes((number,)) for number in range(30)]))
    client.send(*run("a", 0, 0, *[bytes((number,)) for number in range(30)]))
    counts = [len(member.messages()) for member in members]
    assert sum(counts) == 61
    assert min(counts) > 5


@pytest.mark.parametrize("level", LEVELS)
def test_very_short_packets_and_very_long_topics_are_read_alike(level: int) -> None:
    world = World()
    seen = world.connected("seen", level)
    seen.subscribe("#")
    client = world.connected("c", level)
    for _ in range(3):
        client.send(Publish("a", b""), Publish("b", b"x"), Publish("c" * 60_000, b""), Publish("c" * 60_000, b""))
    assert [message.topic[0] for message in seen.messages()] == list("abcc" * 3)


def test_an_expiry_of_0_means_never_where_the_tenant_says_so() -> None:
    for never, kept in ((False, 0), (True, 1)):
        limits = Limits()
        limits.expiry_0_is_never = never
        world = World(limits=limits)
        world.connected("c").publish("a", b"x", retain=True, message_expiry=0)
        world.pass_time(5)
        late = world.connected("late")
        late.subscribe("a")
        assert len(late.messages()) == kept


def test_rules_that_judge_each_qos_are_asked_about_each_and_once() -> None:
    class OnlyLow(FakeRules):
        def may_publish(self, identity: Identity, topic: str, qos: int, retain: bool) -> int:
            self.judged += 1
            return reasons.SUCCESS if qos < 2 else reasons.NOT_AUTHORIZED

    world = World()
    rules = OnlyLow()
    rules.judges_qos = True
    world.broker.rules = rules
    client = world.connected("alice")
    for _ in range(3):
        for qos in (0, 1):
            client.publish("a", b"x", qos)
    assert rules.judged == 2
    client.received()
    packet_id = client.publish("a", b"x", 2)
    assert_received(client, Pubrec(packet_id, reasons.NOT_AUTHORIZED))
    assert rules.judged == 3


def test_rules_that_do_not_judge_qos_are_asked_once_for_all() -> None:
    world = World()
    rules = FakeRules()
    world.broker.rules = rules
    client = world.connected("alice")
    for qos in (0, 1, 2, 0):
        client.publish("a", b"x", qos)
    assert rules.judged == 1
