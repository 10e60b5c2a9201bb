"""While the rules ask elsewhere one step waits, what came behind it is not read, and nothing overtakes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.core.limits import Limits
from myna.testing import Client, SlowGate, SlowRules, World, assert_closed, assert_received
from myna.testing.fakes import OpenGate
from myna.wire import reasons
from myna.wire.encode import encode
from myna.wire.packets import (
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Pubrec,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
    Will,
)


class Asking(World):
    """A world whose rules take their time, except about connecting."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]  # as World has them
        self.rules = SlowRules()
        self.broker.rules = self.rules

    def enter(self, name: str, level: int = 5, **options: object) -> Client:
        self.rules.answers[f"connect {name}"] = reasons.SUCCESS
        return self.connected(name, level, **options)  # type: ignore[arg-type]

    def allow(self, question: str) -> None:
        self.rules.allow(question, self.now)

    def forbid(self, question: str) -> None:
        self.rules.forbid(question, self.now)


def test_a_client_waits_for_its_connack_while_others_are_asked() -> None:
    world = Asking()
    client = world.client("alice")
    assert client.is_paused()
    assert client.received() == []
    assert world.rules.asked == ["connect alice"]
    world.allow("connect alice")
    client.expect_connack()
    assert not client.is_paused()


def test_a_client_that_may_not_connect_is_told_so() -> None:
    world = Asking()
    client = world.client("alice")
    world.forbid("connect alice")
    client.expect_connack(reasons.NOT_AUTHORIZED)
    assert client.is_closed()


def test_what_came_behind_connect_is_read_after_it() -> None:
    world = Asking()
    client = world.client("alice")
    client.send(Pingreq())
    world.allow("connect alice")
    client.expect_connack()
    assert_received(client, Pingresp())


def test_a_client_that_has_gone_meanwhile_is_not_opened() -> None:
    world = Asking()
    client = world.client("alice")
    client.drop()
    world.allow("connect alice")
    assert world.broker.counters.connects_accepted == 0


def test_a_client_whose_gate_was_slow_is_asked_about_as_well() -> None:
    gate = SlowGate()
    world = Asking(gate=gate)
    client = world.client("alice")
    assert world.rules.asked == []
    gate.asked[0].admit(OpenGate().identity("alice"), world.now)
    assert world.rules.asked == ["connect alice"]
    world.allow("connect alice")
    client.expect_connack()


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_publish_waits_and_what_is_behind_it_too(qos: int) -> None:
    world = Asking()
    world.rules.answers["subscribe #"] = 0
    watcher, client = world.enter("watcher"), world.enter("alice")
    watcher.subscribe("#", 2)
    client.publish("a", b"1", qos)
    assert client.is_paused()
    client.publish("a", b"2", qos)
    client.send(Pingreq())
    assert client.received() == []
    assert watcher.received() == []
    world.allow("publish a")
    assert not client.is_paused()
    assert watcher.payloads() == [b"1", b"2"]
    acks: dict[int, list[type]] = {0: [], 1: [Puback, Puback], 2: [Pubrec, Pubrec]}
    assert [type(packet) for packet in client.received()] == [*acks[qos], Pingresp]


def test_a_chunk_is_cut_at_the_publish_that_waits() -> None:
    world = Asking()
    world.rules.answers.update({"subscribe #": 0, "publish known": 0})
    watcher, client = world.enter("watcher"), world.enter("alice")
    watcher.subscribe("#")
    client.publish("known", b"0")
    client.send(Publish("known", b"1"), Publish("new", b"2"), Publish("known", b"3"), Publish("new", b"4"))
    assert watcher.payloads() == [b"0", b"1"]
    world.allow("publish new")
    assert watcher.payloads() == [b"2", b"3", b"4"]


def test_a_packet_may_lie_in_several_chunks_while_nothing_is_read() -> None:
    world = Asking()
    world.rules.answers["subscribe #"] = 0
    watcher, client = world.enter("watcher"), world.enter("alice")
    watcher.subscribe("#")
    client.publish("a", b"1")
    for byte in b"\x30\x05\x00\x01a\x002":
        client.send_bytes(bytes((byte,)))
    world.allow("publish a")
    assert watcher.payloads() == [b"1", b"2"]


def test_a_refusal_comes_in_its_turn() -> None:
    world = Asking()
    client = world.enter("alice")
    first = client.publish("a", b"1", 1)
    client.send(Pingreq())
    world.forbid("publish a")
    assert_received(client, Puback(first, reasons.NOT_AUTHORIZED), Pingresp())
    assert world.refused("publish:not authorized") == 1


def test_an_answer_to_something_else_lets_it_wait_on() -> None:
    world = Asking()
    client = world.enter("alice")
    packet_id = client.publish("a", b"1", 1)
    world.allow("publish b")
    assert client.is_paused()
    assert client.received() == []
    world.forbid("publish a")
    assert_received(client, Puback(packet_id, reasons.NOT_AUTHORIZED))


def test_rate_and_alias_are_looked_at_once() -> None:
    world = Asking(limits=limited())
    world.rules.answers["subscribe #"] = 0
    watcher, client = world.enter("watcher"), world.enter("alice")
    watcher.subscribe("#")
    client.publish("a", b"1", topic_alias=3)
    world.allow("publish a")
    client.publish("", b"2", topic_alias=3)
    assert watcher.payloads() == [b"1", b"2"]
    assert world.refused("publish_rate") == 0


def limited() -> Limits:
    limits = Limits()
    limits.publishes_per_second = 2.0
    return limits


def test_a_client_that_leaves_while_its_publish_waits_has_not_published() -> None:
    world = Asking()
    world.rules.answers["subscribe #"] = 0
    watcher, client = world.enter("watcher"), world.enter("alice")
    watcher.subscribe("#")
    client.publish("a", b"1", 1)
    client.drop()
    world.allow("publish a")
    assert watcher.payloads() == []


def test_a_broken_packet_behind_it_ends_the_connection_then() -> None:
    world = Asking()
    client = world.enter("alice")
    client.publish("a", b"1", 0)
    client.send_bytes(b"\xff\x00")
    assert not client.is_closed()
    world.allow("publish a")
    assert_closed(client, reasons.MALFORMED_PACKET)


def test_a_goodbye_behind_it_keeps_the_will_from_being_published() -> None:
    world = Asking()
    world.rules.answers.update({"subscribe #": 0, "publish will": 0})
    watcher = world.enter("watcher")
    watcher.subscribe("#")
    client = world.enter("alice", will=Will("will", b"gone", 0, False, None))
    client.publish("a", b"1")
    client.send(Disconnect())
    world.allow("publish a")
    assert watcher.payloads() == [b"1"]
    assert client.is_closed()


def test_keep_alive_does_not_blame_a_client_that_was_not_read() -> None:
    world = Asking()
    client = world.enter("alice", keep_alive=10)
    client.publish("a", b"1")
    world.pass_time(14)
    world.allow("publish a")
    world.pass_time(14)
    assert not client.is_closed()


def test_filters_are_asked_about_together_and_answered_in_order() -> None:
    world = Asking()
    client = world.enter("alice")
    client.send(Subscribe(1, [SubscriptionRequest(filter, 1) for filter in ("a", "b", "c")]), Pingreq())
    assert world.rules.asked == ["subscribe a", "subscribe b", "subscribe c"]
    world.allow("subscribe c")
    world.forbid("subscribe b")
    assert client.received() == []
    world.allow("subscribe a")
    assert_received(client, Suback(1, [1, reasons.NOT_AUTHORIZED, 1]), Pingresp())
    assert sorted(client.session.subscriptions) == ["a", "c"]


def test_a_filter_that_is_none_is_not_asked_about() -> None:
    world = Asking()
    client = world.enter("alice")
    client.send(Subscribe(1, [SubscriptionRequest("a", 0), SubscriptionRequest("b/#/c", 0)]))
    world.allow("subscribe a")
    assert_received(client, Suback(1, [0, reasons.TOPIC_FILTER_INVALID]))


def test_unsubscribing_may_have_to_wait_as_well() -> None:
    world = Asking()
    world.rules.answers.update({"subscribe a": 0, "subscribe b": 0})
    client = world.enter("alice")
    client.subscribe("a")
    client.subscribe("b")
    client.send(Unsubscribe(9, ["a", "b"]), Pingreq())
    assert client.received() == []
    world.forbid("unsubscribe a")
    world.allow("unsubscribe b")
    assert_received(client, Unsuback(9, [reasons.NOT_AUTHORIZED, reasons.SUCCESS]), Pingresp())


def test_a_will_waits_for_its_answer() -> None:
    world = Asking()
    world.rules.answers["subscribe #"] = 0
    watcher = world.enter("watcher")
    watcher.subscribe("#")
    world.enter("alice", will=Will("will", b"gone", 0, False, None)).drop()
    world.enter("bob", will=Will("other", b"gone", 0, False, None)).drop()
    assert watcher.payloads() == []
    world.allow("publish will")
    assert watcher.payloads() == [b"gone"]
    world.forbid("publish other")
    assert watcher.payloads() == []
    assert world.dropped("not_permitted") == 1


def test_a_session_taken_over_forgets_what_it_waited_for() -> None:
    world = Asking()
    first = world.enter("alice")
    first.publish("a", b"1", 1)
    second = world.enter("alice")
    world.allow("publish a")
    assert second.received() == []
    assert_closed(first, reasons.SESSION_TAKEN_OVER)


# However late the answers come: what a client gets, and what it brings about, is the same.

NAMES = ("a", "b", "c/d")
ASKED = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from(NAMES), st.integers(0, 2)),
        st.tuples(st.just("retain"), st.sampled_from(NAMES), st.integers(0, 2)),
        st.tuples(st.just("subscribe"), st.lists(st.sampled_from((*NAMES, "#", "c/+")), min_size=1, max_size=3)),
        st.tuples(st.just("unsubscribe"), st.lists(st.sampled_from((*NAMES, "#")), min_size=1, max_size=3)),
        st.tuples(st.just("ping")),
    ),
    min_size=1,
    max_size=12,
)


def packet_of(asked: tuple[Any, ...], number: int) -> Packet:
    if asked[0] in ("publish", "retain"):
        return Publish(asked[1], b"%d" % number, asked[2], asked[0] == "retain", packet_id=number if asked[2] else 0)
    if asked[0] == "subscribe":
        return Subscribe(number, [SubscriptionRequest(filter, 0) for filter in asked[1]])
    return Unsubscribe(number, asked[1]) if asked[0] == "unsubscribe" else Pingreq()


class Answering(SlowRules):
    """Gives each answer at once, or when it is told to."""

    def __init__(self, forbidden: set[str], at_once: bool) -> None:
        super().__init__()
        self.forbidden = forbidden
        self.at_once = at_once

    def verdict(self, question: str) -> int:
        return reasons.NOT_AUTHORIZED if question in self.forbidden else reasons.SUCCESS

    def _ask(self, question: str) -> int:
        return self.verdict(question) if self.at_once else super()._ask(question)

    def answer_oldest(self, now: float) -> None:
        if self.asked:
            self.answer(self.asked[0], self.verdict(self.asked[0]), now)


def play(data: bytes, cuts: list[int], forbidden: set[str], at_once: bool) -> tuple[list[Packet], list[bytes]]:
    world = World()
    watcher, client = world.connected("watcher"), world.connected("alice")
    watcher.subscribe("#")
    rules = Answering(forbidden, at_once)
    world.broker.rules = rules
    start = 0
    for cut in [*sorted(cuts), len(data)]:
        client.send_bytes(data[start:cut])
        start = max(start, cut)
        rules.answer_oldest(world.now)
    while rules.asked:
        rules.answer_oldest(world.now)
    assert not client.is_paused()
    return client.received(), watcher.payloads()


@settings(max_examples=200, deadline=None)
@given(ASKED, st.data())
def test_a_late_answer_changes_nothing_but_the_time(asked: list[tuple[Any, ...]], choices: st.DataObject) -> None:
    packets = [packet_of(one, number) for number, one in enumerate(asked, 1)]
    data = b"".join(encode(packet, 5) for packet in packets)
    cuts = choices.draw(st.lists(st.integers(0, len(data)), max_size=5))
    questions = [f"{verb} {name}" for verb in ("publish", "subscribe", "unsubscribe") for name in (*NAMES, "#", "c/+")]
    forbidden = choices.draw(st.sets(st.sampled_from(questions)))
    got, seen = play(data, cuts, forbidden, at_once=False)
    expected, brought = play(data, cuts, forbidden, at_once=True)
    assert [encode(packet, 5) for packet in got] == [encode(packet, 5) for packet in expected]
    assert seen == brought
