"""Subscribing and unsubscribing as verbs: what is checked, what is kept, who is told."""

import pytest

from myna.core.identity import Identity
from myna.core.limits import Limits
from myna.core.ports import DORMANT
from myna.core.receiver import Subscription
from myna.core.records import Subscribed, Unsubscribed
from myna.core.subscribing import Asked, restore, subscribe, unsubscribe
from myna.testing import (
    CommitsOnCommand,
    FakeGuard,
    FakePeers,
    FakeReceiver,
    FakeRules,
    OpenGate,
    World,
    assert_received,
    properties,
)
from myna.wire import reasons
from myna.wire.packets import Publish, Subscribe, SubscriptionRequest, Unsubscribe


@pytest.mark.parametrize(
    "filter", ["a#", "#/a", "a+", "+a/b", "$share//t", "$share/g", "$share/g+/t", "$share/g/", "a\0"]
)
def test_a_filter_that_breaks_the_syntax_is_refused(filter: str) -> None:
    world = World()  # [MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT-4.8.2-1], [MQTT-4.8.2-2]
    receiver = FakeReceiver()
    assert subscribe(world.broker, receiver, Asked(filter), world.now).code == 0x8F
    assert receiver.subscriptions == {}
    assert world.refused("subscribe:topic filter invalid") == 1
    assert world.watcher.lines == [f"service refused SUBSCRIBE {filter!r}: topic filter invalid"]


def test_a_receiver_of_any_kind_subscribes_and_unsubscribes() -> None:
    world = World()
    receiver = FakeReceiver()
    granted = subscribe(world.broker, receiver, Asked("a/+", 1), world.now)
    assert (granted.code, granted.existed, granted.sequence) == (1, False, 0)
    world.publish("a/b", b"x")
    assert [message.payload for message in receiver.messages] == [b"x"]
    assert unsubscribe(world.broker, receiver, "a/+", world.now) == 0
    assert unsubscribe(world.broker, receiver, "a/+", world.now) == 0x11
    world.publish("a/b", b"y")
    assert len(receiver.messages) == 1


def test_the_same_filter_replaces_the_subscription_without_gap_or_double() -> None:
    world = World()  # [MQTT-3.8.4-3]
    receiver = FakeReceiver()
    first = subscribe(world.broker, receiver, Asked("a/+", 1, identifiers=[7]), world.now)
    again = subscribe(world.broker, receiver, Asked("a/+", 2, True, True, 1), world.now)
    assert again.existed
    assert again.subscription is first.subscription
    held = receiver.subscriptions["a/+"]
    assert (held.qos, held.no_local, held.retain_as_published, held.retain_handling) == (2, True, True, 1)
    assert held.identifiers is None
    assert not held.plain
    world.publish("a/b", b"x")
    assert len(receiver.messages) == 1


def test_unsubscribing_compares_exactly() -> None:
    world = World()  # [MQTT-3.10.4-1]
    client = world.connected("c")
    for filter in ("a/#", "a/b", "$share/g/a/b"):
        client.subscribe(filter)
    assert client.unsubscribe("a/#") == 0
    assert client.unsubscribe("a/+") == 0x11
    assert client.unsubscribe("$share/h/a/b") == 0x11
    assert client.unsubscribe("$share/g/a/b") == 0
    world.publish("a/b", b"x")
    assert client.payloads() == [b"x"]


@pytest.mark.parametrize(
    ("bound", "filter", "code"),
    [
        ("shared_available", "$share/g/a", 0x9E),
        ("shared_available", "$oshare/g/a", 0x9E),
        ("wildcards_available", "a/+", 0xA2),
        ("wildcards_available", "#", 0xA2),
        ("identifiers_available", "a", 0xA1),
    ],
)
def test_what_a_tenant_does_not_offer_is_refused(bound: str, filter: str, code: int) -> None:
    limits = Limits()  # §3.2.2.3.11 to 13
    setattr(limits, bound, False)
    world = World(limits=limits)
    client = world.connected("c")
    assert client.subscribe(filter, identifier=5) == code
    assert client.subscribe("plain") == 0


def test_a_granted_qos_is_never_above_the_tenants_maximum() -> None:
    limits = Limits()  # [MQTT-3.2.2-9], [MQTT-3.2.2-10]
    limits.maximum_qos = 1
    world = World(limits=limits)
    client = world.connected("c")
    assert [client.subscribe("a", qos) for qos in (0, 1, 2)] == [0, 1, 1]


def test_a_filter_must_fit_the_tenants_sizes() -> None:
    limits = Limits()
    limits.topic_levels = 2
    world = World(limits=limits)
    client = world.connected("c")
    assert client.subscribe("a/b/c") == 0x8F
    assert client.subscribe("$share/g/a/b") == 0


def test_rules_judge_the_filter_without_its_group() -> None:
    world, gate, rules = World(), OpenGate(), FakeRules()
    gate.rules = rules
    rules.forbidden["a"] = 0x87
    client = world.client("c", gate=gate)
    client.expect_connack()
    assert client.subscribe("a", 1) == 0x87  # §3.9.3
    assert client.subscribe("$share/g/a", 1) == 0x87
    assert client.subscribe("b", 1) == 1
    older = world.client("d", 4, gate=gate)
    older.expect_connack()
    assert older.subscribe("a", 1) == 0x80


def test_a_session_may_hold_only_so_many() -> None:
    limits = Limits()
    limits.subscriptions_per_session = 2
    world = World(limits=limits)
    client = world.connected("c")
    assert [client.subscribe(filter) for filter in ("a", "b", "c", "b")] == [0, 0, 0x97, 0]
    client.unsubscribe("a")
    assert client.subscribe("c") == 0


def test_a_full_group_takes_nobody_else() -> None:
    limits = Limits()
    limits.group_members = 1
    world = World(limits=limits)
    one, other = world.connected("one"), world.connected("other")
    assert one.subscribe("$share/g/a", 1) == 1
    assert other.subscribe("$share/g/a", 1) == 0x97
    assert one.subscribe("$share/g/a", 2) == 2
    one.unsubscribe("$share/g/a")
    assert other.subscribe("$share/g/a", 1) == 1


# Guards


def guarded(*first_levels: str) -> tuple[World, list[FakeGuard]]:
    world = World()
    guards = [FakeGuard(level) for level in first_levels]
    for guard in guards:
        world.broker.guard(guard)
    return world, guards


def test_guards_are_asked_for_every_filter_that_could_reach_their_space() -> None:
    world, (dh, web) = guarded("dh", "web")
    client = world.connected("c")
    for filter in ("dh/a", "+/a", "#", "$share/g/dh/a", "other/#"):
        assert client.subscribe(filter) == 0
    assert dh.subscribed == ["dh/a", "+/a", "#", "$share/g/dh/a"]
    assert web.subscribed == ["+/a", "#"]
    for filter in ("dh/a", "#", "$share/g/dh/a"):
        client.unsubscribe(filter)
    assert dh.gone == ["dh/a", "#", "$share/g/dh/a"]
    client.drop()
    assert dh.gone[3:] == ["+/a"]


def test_a_guard_can_refuse() -> None:
    world, (guard,) = guarded("dh")
    client = world.connected("c")
    guard.subscribe_verdict = 0x87
    assert client.subscribe("dh/a") == 0x87
    assert client.unsubscribe("dh/a") == 0x11
    assert guard.gone == []


def test_a_guard_that_agreed_hears_that_another_refused() -> None:
    world, (dh, web) = guarded("dh", "web")
    client = world.connected("c")
    web.subscribe_verdict = 0x87
    assert client.subscribe("#") == 0x87
    assert dh.gone == ["#"]
    web.subscribe_verdict = 0
    assert client.subscribe("#") == 0
    web.subscribe_verdict = 0x87
    assert client.subscribe("#") == 0x87
    assert dh.gone == ["#"]  # the subscription of before lives on


def test_a_guard_that_agreed_hears_that_the_group_was_full() -> None:
    world, (guard,) = guarded("dh")
    world.tenant.limits.group_members = 1
    world.connected("a").subscribe("$share/g/dh/a")
    assert world.connected("b").subscribe("$share/g/dh/a") == 0x97
    assert guard.gone == ["$share/g/dh/a"]


def test_a_dormant_subscription_gets_nothing_until_its_guard_wakes_it() -> None:
    world, (guard,) = guarded("dh")
    world.publish("dh/a", b"retained", retain=True)
    guard.subscribe_verdict = DORMANT
    client = world.connected("c")
    assert client.subscribe("dh/a", 1) == 1
    world.publish("dh/a", b"early")
    assert client.messages() == []
    held = client.session.subscriptions["dh/a"]
    held.dormant = False
    world.tenant.router.touch(held)
    world.publish("dh/a", b"late")
    assert client.payloads() == [b"late"]


def test_the_end_of_a_dormant_subscription_is_told_as_well() -> None:
    world, (guard,) = guarded("dh")
    guard.subscribe_verdict = DORMANT
    client = world.connected("c")
    client.subscribe("dh/a")
    client.drop()
    assert guard.gone == ["dh/a"]


def test_a_dormant_subscription_may_be_woken_by_subscribing_again() -> None:
    world, (guard,) = guarded("dh")
    guard.subscribe_verdict = DORMANT
    client = world.connected("c")
    client.subscribe("dh/a")
    guard.subscribe_verdict = 0
    client.subscribe("dh/a")
    world.publish("dh/a", b"x")
    assert client.payloads() == [b"x"]


def test_a_guard_may_rewrite_a_filter() -> None:
    world, (guard,) = guarded("dh")
    guard.rewrite = "inner/7"
    client = world.connected("c")
    client.subscribe("dh/a")
    world.publish("dh/a", b"outer")
    world.publish("inner/7", b"inner")
    assert client.payloads() == [b"inner"]
    guard.rewrite = "inner/8"
    client.subscribe("dh/a")
    world.publish("inner/7", b"old")
    world.publish("inner/8", b"new")
    assert client.payloads() == [b"new"]
    assert guard.gone == []
    client.unsubscribe("dh/a")
    world.publish("inner/8", b"after")
    assert client.messages() == []
    assert guard.gone == ["dh/a"]


def test_a_rewritten_filter_whose_new_group_is_full_is_gone() -> None:
    world, (guard,) = guarded("dh")
    world.tenant.limits.group_members = 1
    guard.rewrite = "inner/7"
    one, other = world.connected("one"), world.connected("other")
    one.subscribe("$share/g/dh/a")
    guard.rewrite = "inner/8"
    other.subscribe("$share/g/dh/a")
    assert one.subscribe("$share/g/dh/a") == 0x97
    assert one.session.subscriptions == {}
    assert guard.gone == ["$share/g/dh/a"]
    world.publish("inner/7", b"x")
    world.publish("inner/8", b"y")
    assert one.messages() == []
    assert other.payloads() == [b"y"]


def test_retained_messages_of_a_guarded_topic_are_judged_one_by_one() -> None:
    world, (guard,) = guarded("dh")
    for topic in ("dh/a", "other"):
        world.publish(topic, b"kept", retain=True)
    guard.barred = {"barred"}
    barred, allowed = world.connected("barred"), world.connected("allowed")
    barred.subscribe("#")
    allowed.subscribe("#")
    assert [message.topic for message in barred.messages()] == ["other"]
    assert sorted(message.topic for message in allowed.messages()) == ["dh/a", "other"]


# Others who are told


def test_other_nodes_hear_of_each_subscription_once_and_of_its_end_once() -> None:
    peers = FakePeers(alone=False)
    world = World(peers=peers)
    client = world.connected("c", expiry=100)
    client.subscribe("a/+", 0)
    client.subscribe("a/+", 1)
    client.subscribe("$share/g/b")
    client.unsubscribe("a/+")
    client.session.end(0x98, world.now, discard=True)
    assert peers.announced == [
        ("tenant", "a/+", True),
        ("tenant", "b", True),
        ("tenant", "a/+", False),
        ("tenant", "b", False),
    ]


def test_the_store_learns_of_the_subscriptions_of_persistent_sessions() -> None:
    world = World(store=CommitsOnCommand())
    client = world.connected("c", expiry=100)
    transient = world.connected("t")
    world.records()
    transient.subscribe("a", 1)
    transient.unsubscribe("a")
    assert world.records() == []
    request = SubscriptionRequest("a", 1, no_local=True, retain_as_published=True, retain_handling=2)
    client.send(Subscribe(1, [request], properties(subscription_identifiers=[7])), Unsubscribe(2, ["a"]))
    subscribed, gone = world.records()
    assert isinstance(subscribed, Subscribed)
    assert (subscribed.text, subscribed.qos, subscribed.identifiers) == ("a", 1, [7])
    assert (subscribed.no_local, subscribed.retain_as_published, subscribed.retain_handling) == (True, True, 2)
    assert isinstance(gone, Unsubscribed)
    assert (gone.key, gone.text) == (("tenant", "", "c"), "a")


def test_what_a_store_remembers_is_put_back() -> None:
    peers = FakePeers(alone=False)
    world = World(peers=peers)
    one, other = FakeReceiver("one"), FakeReceiver("other")
    restore(world.broker, one, Subscription(one, "a/+", "a/+", 1), world.now)
    restore(world.broker, other, Subscription(other, "$share/g/a/b", "a/b", 1), world.now)
    world.publish("a/b", b"x")
    assert len(one.messages) == len(other.messages) == 1
    assert [said[1] for said in peers.announced] == ["a/+", "a/b"]
    assert unsubscribe(world.broker, other, "$share/g/a/b", world.now) == 0
    restore(world.broker, one, Subscription(one, "a#b", "a#b", 1), world.now)
    assert list(one.subscriptions) == ["a/+"]


def test_guards_say_anew_what_they_make_of_what_is_put_back() -> None:
    world, (guard,) = guarded("dh")
    receiver = FakeReceiver()
    guard.subscribe_verdict = DORMANT
    restore(world.broker, receiver, Subscription(receiver, "dh/a", "dh/a", 1), world.now)
    world.publish("dh/a", b"x")
    assert receiver.messages == []
    guard.subscribe_verdict = 0x87
    restore(world.broker, receiver, Subscription(receiver, "dh/b", "dh/b", 1), world.now)
    assert list(receiver.subscriptions) == ["dh/a"]


def test_ten_thousand_filters_and_very_long_ones_do_not_hurt() -> None:
    world = World()  # [MQTT-4.7.3-3]
    client = world.connected("c")
    for number in range(10_000):
        subscribe(world.broker, client.session, Asked(f"a/{number}/+"), world.now)
    assert client.subscribe("/" * 65_535) == 0
    assert client.subscribe("+/" * 32_767) == 0
    assert client.subscribe("a/" * 5_000 + "#") == 0
    client.publish("/" * 65_535, b"x")
    assert_received(client, Publish("/" * 65_535, b"x"))
    client.drop()
    assert world.tenant.sessions() == []


def test_rules_may_forbid_to_unsubscribe() -> None:
    class Sticky(FakeRules):
        def may_unsubscribe(self, identity: Identity, filter: str) -> int:
            return self.forbidden.get(filter, reasons.SUCCESS)

    gate = OpenGate()
    gate.rules = Sticky()
    world = World(gate=gate)
    client = world.connected("c")
    for filter in ("a", "$share/g/b", "c"):
        client.subscribe(filter)
    gate.rules.forbidden = {"a": reasons.NOT_AUTHORIZED, "b": reasons.NOT_AUTHORIZED}
    assert client.unsubscribe("a") == reasons.NOT_AUTHORIZED
    assert client.unsubscribe("$share/g/b") == reasons.NOT_AUTHORIZED
    assert client.unsubscribe("c") == reasons.SUCCESS
    assert sorted(client.session.subscriptions) == ["$share/g/b", "a"]
    assert world.refused("unsubscribe:not authorized") == 2


def test_watchers_hear_of_subscriptions_that_come_and_go() -> None:
    world = World()
    client = world.client("c")
    for _ in range(2):  # the second changes an option
        client.subscribe("a/+", 1)
    client.subscribe("b", 1)
    client.unsubscribe("a/+")
    client.drop()
    assert world.watcher.subscriptions == ["c + a/+", "c + b", "c - a/+", "c - b"]
