"""SUBSCRIBE, UNSUBSCRIBE and DISCONNECT as packets: their answers, and what follows them."""

import pytest

from myna.core.limits import Limits
from myna.testing import CommitsOnCommand, FakeRules, OpenGate, World, assert_closed, assert_received, properties
from myna.wire.packets import (
    Connect,
    Disconnect,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
)


def subscribe(packet_id: int, *filters: str, qos: int = 1) -> Subscribe:
    return Subscribe(packet_id, [SubscriptionRequest(filter, qos) for filter in filters])


@pytest.mark.parametrize(
    ("level", "codes"), [(5, [1, 0x8F, 0x87, 1]), (4, [1, 0x80, 0x80, 1]), (3, [1, 0x80, 0x80, 1])]
)
def test_there_is_one_code_for_each_filter_in_their_order(level: int, codes: list[int]) -> None:
    world, gate, rules = World(), OpenGate(), FakeRules()  # [MQTT-3.8.4-6], [MQTT-3.9.3-1]; 311: [MQTT-3.8.4-5]
    gate.rules = rules
    rules.forbidden["no"] = 0x87
    client = world.client("c", level, gate=gate)
    client.expect_connack()
    client.send(subscribe(7, "a", "b#", "no", "c"))
    assert_received(client, Suback(7, codes))
    assert world.watcher.answers == ["c SUBSCRIBE a:0x01 b#:0x8f no:0x87 c:0x01"]  # what is told knows no version
    world.publish("c", b"x")
    assert client.payloads() == [b"x"]


@pytest.mark.parametrize("level", [3, 4, 5])
def test_unsubscribe_is_always_answered_with_one_code_for_each_filter(level: int) -> None:
    world = World()  # [MQTT-3.10.4-4], -5, [MQTT-3.11.3-1]; 311: [MQTT-3.10.4-5]
    client = world.connected("c", level)
    client.subscribe("a")
    client.send(Unsubscribe(7, ["x", "a", "b#", "a"]))
    assert_received(client, Unsuback(7, [0x11, 0x00, 0x8F, 0x11]))
    assert world.watcher.answers[-1] == "c UNSUBSCRIBE x:0x11 a:0x00 b#:0x8f a:0x11"
    if level < 5:
        client.send_bytes(b"\xa2\x05\x00\x08\x00\x01a")
        assert client.received_bytes() == b"\xb0\x02\x00\x08"


def test_the_subscription_holds_when_the_suback_is_sent() -> None:
    world = World()  # §3.8.4
    client, other = world.connected("c"), world.connected("o")
    client.send(subscribe(1, "a", qos=0), Publish("a", b"own"))
    other.publish("a", b"other")
    assert_received(client, Suback(1, [0]), Publish("a", b"own"), Publish("a", b"other"))


def test_a_filter_is_in_force_once_however_often_it_is_asked_for() -> None:
    world = World()  # [MQTT-3.8.4-3], [MQTT-3.8.4-4]
    client, publisher = world.connected("c"), world.connected("p")
    client.subscribe("a", 1)
    publisher.publish("a", b"1", 1)
    client.subscribe("a", 2)
    publisher.publish("a", b"2", 2)
    assert [(message.payload, message.qos) for message in client.messages()] == [(b"1", 1), (b"2", 2)]


def test_retained_messages_follow_the_suback() -> None:
    world = World()  # §3.3.1.3; 311: [MQTT-3.3.1-6], [MQTT-3.3.1-8]
    world.publish("a", b"1", 1, retain=True)
    world.publish("b", b"2", retain=True)
    client = world.connected("c")
    client.send(subscribe(1, "a", "none", "b"))
    assert_received(
        client, Suback(1, [1, 1, 1]), Publish("a", b"1", 1, True, packet_id=1), Publish("b", b"2", retain=True)
    )


@pytest.mark.parametrize(("handling", "first", "again"), [(0, 1, 1), (1, 1, 0), (2, 0, 0)])
def test_retain_handling_says_when_retained_messages_are_sent(handling: int, first: int, again: int) -> None:
    world = World()  # [MQTT-3.3.1-9], -10, -11
    world.publish("a", b"x", retain=True)
    client = world.connected("c", expiry=100)
    client.subscribe("a", handling=handling)
    assert len(client.messages()) == first
    client.subscribe("a", handling=handling)
    assert len(client.messages()) == again
    client.drop()
    client = world.connected("c", clean=False, expiry=100)
    client.subscribe("a", handling=handling)
    assert len(client.messages()) == again
    client.unsubscribe("a")
    client.subscribe("a", handling=handling)
    assert len(client.messages()) == first


def test_shared_subscriptions_get_no_retained_messages() -> None:
    world = World()  # §4.8.2
    world.publish("a", b"x", retain=True)
    client = world.connected("c")
    for filter in ("$share/g/a", "$oshare/g/a"):
        client.subscribe(filter)
    assert client.messages() == []


@pytest.mark.parametrize("filter", ["$share/g/a", "$oshare/g/a"])
def test_no_local_on_a_shared_subscription_is_an_error(filter: str) -> None:
    world = World()  # [MQTT-3.8.3-4]
    client = world.connected("c")
    client.send(Subscribe(1, [SubscriptionRequest("b", 0), SubscriptionRequest(filter, 0, no_local=True)]))
    assert_closed(client, 0x82)


@pytest.mark.parametrize("level", [3, 4])
def test_a_bridge_gets_nothing_back_and_retain_as_it_was(level: int) -> None:
    world = World()
    bridge = world.stranger(level)
    bridge.send(Connect(level, "bridge", True, 0, is_bridge=True))
    bridge.expect_connack()
    bridge.subscribe("a/#")
    bridge.publish("a/own")
    world.publish("a/other", b"x", retain=True)
    assert_received(bridge, Publish("a/other", b"x", retain=True))
    bridge.subscribe("$share/g/a/#")  # which cannot go without what is its own
    bridge.publish("a/own", b"y")
    assert bridge.payloads() == [b"y"]


def test_identifiers_come_with_the_messages_of_their_subscription_alone() -> None:
    world = World()  # [MQTT-3.3.4-3], [MQTT-3.3.4-4]
    client = world.connected("c")
    client.subscribe("a/+", identifier=2)
    client.subscribe("+/b", identifier=268_435_455)
    client.subscribe("a/b/#")
    client.subscribe("c", identifier=4)
    world.publish("a/b", b"both")
    world.publish("a/c", b"one")
    world.publish("a/b/c", b"none")
    seen = {message.payload: message.properties for message in client.messages()}
    both, one = seen[b"both"], seen[b"one"]
    assert both is not None
    assert sorted(both.subscription_identifiers or []) == [2, 268_435_455]
    assert one is not None
    assert one.subscription_identifiers == [2]
    assert seen[b"none"] is None
    client.subscribe("a/+")  # without one: it is removed
    world.publish("a/c", b"bare")
    assert_received(client, Publish("a/c", b"bare"))


def test_retained_messages_bear_the_identifier_as_well() -> None:
    world = World()
    world.publish("a", b"x", retain=True)
    client = world.connected("c")
    client.subscribe("a", identifier=3)
    assert_received(client, Publish("a", b"x", retain=True, properties=properties(subscription_identifiers=[3])))


def test_too_many_filters_in_one_packet_end_the_connection() -> None:
    limits = Limits()
    limits.filters_per_subscribe = 2
    world = World(limits=limits)
    one, other = world.connected("one"), world.connected("other")
    one.send(subscribe(1, "a", "b"))
    assert_received(one, Suback(1, [1, 1]))
    one.send(subscribe(2, "a", "b", "c"))
    assert_closed(one, 0x98)
    other.send(Unsubscribe(1, ["a", "b", "c"]))
    assert_closed(other, 0x98)


def test_what_was_begun_before_unsubscribe_is_finished() -> None:
    world = World()  # [MQTT-3.10.4-2], [MQTT-3.10.4-3]
    client = world.connected("c", receive_maximum=1)
    client.subscribe("a", 2)
    world.publish("a", b"1", 2)
    world.publish("a", b"2", 2)
    client.unsubscribe("a")
    world.publish("a", b"3", 2)
    first = client.messages()[0]
    client.acknowledge(first)
    second = client.messages()[0]
    assert (first.payload, second.payload) == (b"1", b"2")
    client.acknowledge(second)
    assert client.messages() == []


def test_answers_of_a_persistent_session_wait_for_the_store() -> None:
    world = World(store=CommitsOnCommand())
    client, transient = world.connected("c", expiry=100), world.connected("t")
    client.send(subscribe(1, "a"), Unsubscribe(2, ["a"]))
    transient.send(subscribe(1, "a"), Unsubscribe(2, ["a"]))
    assert_received(transient, Suback(1, [1]), Unsuback(2, [0]))
    assert_received(client)
    world.commit()
    assert_received(client, Suback(1, [1]), Unsuback(2, [0]))


# DISCONNECT


def test_a_disconnect_may_change_how_long_the_session_lasts() -> None:
    world = World()  # §3.14.2.2.2
    world.connected("c", expiry=100).disconnect(session_expiry=5)
    world.pass_time(4)
    assert world.connected("c", clean=False, expiry=100).session.created_at == world.now - 4
    world.pass_time(1000)
    assert len(world.tenant.sessions()) == 1  # [MQTT-4.1.0-1]


def test_a_disconnect_may_end_the_session_at_once() -> None:
    world = World()
    world.connected("c", expiry=100).disconnect(session_expiry=0)
    assert world.tenant.sessions() == []


def test_a_session_that_ends_with_its_connection_cannot_be_extended() -> None:
    world = World()  # §3.14.2.2.2
    client = world.connected("c")
    client.send(Disconnect(0, properties(session_expiry=5)))
    assert_closed(client, 0x82)
    assert world.tenant.sessions() == []
    other = world.connected("o")
    other.send(Disconnect(0, properties(session_expiry=0)))
    assert_closed(other)


def test_a_new_expiry_stays_within_the_tenants_bounds() -> None:
    limits = Limits()
    limits.session_expiry_maximum = 10
    world = World(limits=limits)
    world.connected("c", expiry=5).disconnect(session_expiry=1000)
    world.pass_time(9)
    assert len(world.tenant.sessions()) == 1
    world.pass_time(2)
    assert world.tenant.sessions() == []


@pytest.mark.parametrize("level", [3, 4, 5])
def test_after_a_disconnect_nothing_is_processed_or_sent(level: int) -> None:
    world = World()  # [MQTT-3.14.4-1], [MQTT-3.14.4-2]; 311: [MQTT-3.14.4-1] to -3
    seen = world.connected("seen")
    seen.subscribe("a")
    client = world.connected("c", level)
    client.send(Disconnect(), Publish("a", b"x", 1, packet_id=1))
    client.send(Publish("a", b"x", 1, packet_id=1))
    assert_closed(client)
    assert seen.messages() == []
