"""The verbs every API shares."""

import pytest

from myna.core.broker import Broker
from myna.core.limits import Limits
from myna.core.message import Message, Origin
from myna.core.outcome import Outcome, Refusal
from myna.core.ports import CARRIED, LEFT
from myna.core.receiver import MISSED
from myna.core.records import Enqueued
from myna.core.subscribing import Asked, subscribe
from myna.testing import (
    TENANT,
    CommitsOnCommand,
    FakeGuard,
    FakePeers,
    FakeReceiver,
    FakeTap,
    FakeWatcher,
    KeepsNothing,
    OpenGate,
    World,
    assert_closed,
    assert_received,
)
from myna.wire.packets import Puback, Publish

ORIGIN = Origin("api", TENANT)


def message(topic: str, payload: bytes = b"x", qos: int = 0, retain: bool = False, expires_at: float = 0.0) -> Message:
    return Message(topic, payload, qos, retain, ORIGIN, 1000.0, expires_at)


def matched(outcome: object) -> bool:
    assert isinstance(outcome, Outcome)
    return outcome.matched


# Publishing


def test_publish_says_whether_anybody_wanted_it() -> None:
    world = World()
    assert not matched(world.publish("a"))
    subscribe(world.broker, FakeReceiver(), Asked("a"), world.now)
    assert matched(world.publish("a"))
    assert (world.broker.counters.messages_received, world.broker.counters.unmatched) == (2, 1)
    assert world.tenant.messages_received == 2


def test_a_run_that_nobody_takes_is_unmatched() -> None:
    world = World()
    receiver = FakeReceiver()
    receiver.verdict = MISSED
    subscribe(world.broker, receiver, Asked("a"), world.now)
    client = world.connected("c")
    client.publish("a", b"", 1)
    client.send(*[Publish("a", b"", 1, packet_id=number) for number in (2, 3)])
    assert_received(client, *[Puback(number, 0x10) for number in (1, 2, 3)])
    assert len(receiver.messages) == 3


def test_publish_refuses_what_is_no_topic() -> None:
    world = World()
    refusal = world.publish("a/+")
    assert isinstance(refusal, Refusal)
    assert refusal.reason == 0x90
    assert world.refused("topic_invalid") == 1


def test_a_message_goes_to_its_own_tenant_alone() -> None:
    world = World()
    here, there = FakeReceiver("here"), FakeReceiver("there", "elsewhere")
    for receiver in (here, there):
        subscribe(world.broker, receiver, Asked("#"), world.now)
    world.publish("a", retain=True)
    assert (len(here.messages), len(there.messages)) == (1, 0)
    assert world.broker.tenant("elsewhere").retained.count == 0
    assert sorted(world.broker.tenants) == ["elsewhere", TENANT]


def test_a_tenant_may_have_limits_of_its_own() -> None:
    small = Limits()
    small.maximum_qos = 0
    broker = Broker(KeepsNothing(), FakePeers(), tenant_limits={"small": small})
    assert broker.tenant("small").limits is small
    assert broker.tenant("other").limits.maximum_qos == 2
    tiny = Limits()
    broker.set_limits(tiny, {"other": small})
    assert broker.tenant("small").limits is tiny
    assert broker.tenant("other").limits is small
    assert broker.tenant("new").router.limits is tiny


def test_new_limits_hold_for_topics_that_were_known_already() -> None:
    world = World()
    client = world.connected("c")
    client.publish("a/b", b"xx", 1)
    tight = Limits()
    tight.topic_levels = 1
    world.broker.set_limits(tight, {})
    client.received()
    client.publish("a/b", b"xx", 1)
    assert world.refused("publish:topic name invalid") == 1


def test_a_leading_wildcard_reaches_no_dollar_topic() -> None:
    world = World()  # [MQTT-4.7.2-1]
    client = world.connected("c")
    for filter in ("#", "+/a", "+/+", "$SYS/#", "$SYS/+"):
        client.subscribe(filter)
    world.publish("$SYS/a", b"x", retain=True)
    assert len(client.messages()) == 1
    client.unsubscribe("$SYS/#")
    client.unsubscribe("$SYS/+")
    assert matched(world.publish("$TopicA/B")) is False
    late = world.connected("late")
    late.subscribe("#")
    assert late.messages() == []


@pytest.mark.parametrize("topic", ["a//b", "/", "A", "a", "ä", "a\u0308", "\ufeffa", "\U0002a6d4"])
def test_a_topic_arrives_as_it_was_sent_byte_for_byte(topic: str) -> None:
    world = World()  # [MQTT-3.3.2-3], [MQTT-4.7.3-4], [MQTT-1.5.4-3]
    client, literal = world.connected("c"), world.connected("l", 4)
    client.subscribe("#")
    literal.subscribe(topic)
    for other in ("a//b", "/", "A", "a", "ä", "a\u0308", "\ufeffa", "\U0002a6d4"):
        world.publish(other)
    assert topic in [seen.topic for seen in client.messages()]
    assert [seen.topic for seen in literal.messages()] == [topic]


def test_taps_and_other_nodes_may_want_what_nobody_here_does() -> None:
    peers, tap = FakePeers(alone=False), FakeTap()
    world = World(peers=peers)
    world.broker.carry(tap)
    peers.wanted = {"there"}
    tap.wanted = {"outside"}
    assert [matched(world.publish(topic)) for topic in ("there", "outside", "nowhere")] == [True, True, False]
    assert [seen.topic for seen in tap.offers] == ["there", "outside", "nowhere"]
    assert [seen.topic for seen in peers.forwarded] == ["there", "outside", "nowhere"]


class Picky(FakeTap):
    """Wants the topics of one tenant that begin with a letter."""

    def __init__(self) -> None:
        super().__init__()
        self.letter = "a"
        self.asked = 0

    def wants(self, tenant: str, topic: str) -> bool:
        self.asked += 1
        return tenant == TENANT and topic.startswith(self.letter)


def test_a_tap_is_asked_once_for_each_topic_and_again_when_it_wants_something_else() -> None:
    world, tap = World(), Picky()
    assert matched(world.publish("a")) is False  # the tenant is there before the tap
    world.broker.carry(tap)
    for topic in ("a", "b") * 3:
        world.publish(topic)
    assert ([seen.topic for seen in tap.offers], tap.asked) == (["a"] * 3, 2)
    tap.letter = "b"
    world.broker.tap_changed()
    for topic in ("a", "b"):
        world.publish(topic)
    assert [seen.topic for seen in tap.offers[3:]] == ["b"]
    elsewhere = world.broker.tenant("elsewhere")
    world.broker.publish(elsewhere, message("b"), world.now)
    assert len(tap.offers) == 4


def test_topics_the_tap_does_not_want_stay_direct() -> None:
    world, tap = World(), Picky()
    world.broker.carry(tap)
    found = [world.tenant.router.route(topic) for topic in (b"a", b"b")]
    assert [route is not None and (world.broker.is_direct(route), route.plain) for route in found] == [
        (False, False),
        (True, True),
    ]


def test_what_a_guard_delivers_by_itself_may_be_offered_to_the_tap_alone() -> None:
    world, tap = World(), Picky()
    assert world.broker.offer(TENANT, message("a"), world.now) == LEFT
    tap.wanted = {"a"}
    world.broker.carry(tap)
    assert [world.broker.offer(TENANT, message(topic), world.now) for topic in ("a", "b")] == [CARRIED, LEFT]
    assert [seen.topic for seen in tap.offers] == ["a"]


def test_what_arrives_from_another_node_goes_no_further() -> None:
    peers, tap = FakePeers(alone=False), FakeTap()
    world = World(peers=peers)
    world.broker.carry(tap)
    guard = FakeGuard("dh")
    guard.barred = {"barred"}
    world.broker.guard(guard)
    receiver, barred = FakeReceiver(), FakeReceiver("barred")
    for each in (receiver, barred):
        subscribe(world.broker, each, Asked("#"), world.now)
    for topic in ("a", "dh/a", "a/+"):
        world.broker.arrived(world.tenant, message(topic, retain=True), world.now)
    assert [seen.topic for seen in receiver.messages] == ["a", "dh/a"]
    assert [seen.topic for seen in barred.messages] == ["a"]
    assert world.tenant.retained.topics() == ["a", "dh/a"]
    assert tap.offers == []
    assert peers.forwarded == []
    assert guard.published == []


def test_what_arrives_from_another_node_is_told_to_the_store() -> None:
    world = World(store=CommitsOnCommand())
    client = world.connected("c", expiry=100)
    client.send_subscribe("a", qos=1)
    world.records()
    world.broker.arrived(world.tenant, message("a", qos=1), world.now)
    assert [type(record) for record in world.records()] == [Enqueued]


def test_one_record_names_all_sessions_a_message_is_queued_for() -> None:
    world = World(store=CommitsOnCommand())
    for name in "abc":
        client = world.connected(name, expiry=100)
        client.send_subscribe("t", qos=1)
        if name == "b":
            client.drop()
    world.connected("transient").subscribe("t", 1)
    world.records()
    outcome = world.publish("t", b"x", 1)
    assert isinstance(outcome, Outcome)
    assert outcome.sequence == world.store.sequence
    (record,) = world.records()
    assert isinstance(record, Enqueued)
    assert [part.key[2] for part in record.receivers] == ["a", "b", "c"]
    outcome = world.publish("t", b"x", 0)
    assert isinstance(outcome, Outcome)
    assert outcome.sequence == 0


# Guards


@pytest.mark.parametrize(("verdict", "reaches"), [(0, True), (1, False), (0x87, False), (0x99, False)])
def test_a_guard_passes_takes_or_refuses_a_message(verdict: int, reaches: bool) -> None:
    world = World()
    guard = FakeGuard("dh")
    guard.publish_verdict = verdict
    world.broker.guard(guard)
    receiver = FakeReceiver()
    subscribe(world.broker, receiver, Asked("#"), world.now)
    answer = world.publish("dh/a", retain=True)
    assert (len(receiver.messages) == 1) == reaches
    assert (world.tenant.retained.count == 1) == reaches
    if verdict >= 0x80:
        assert isinstance(answer, Refusal)
        assert answer.reason == verdict
    else:
        assert matched(answer)


def test_a_guard_judges_every_delivery_by_every_filter() -> None:
    world = World()
    guard = FakeGuard("dh")
    guard.barred = {"barred"}
    world.broker.guard(guard)
    for filter in ("dh/a", "dh/+", "#", "+/a", "$share/one/dh/a", "$oshare/two/dh/#"):
        barred, allowed = FakeReceiver("barred"), FakeReceiver("allowed")
        for receiver in (barred, allowed):
            subscribe(world.broker, receiver, Asked(filter), world.now)
        for _ in range(5):
            world.publish("dh/a")
        assert barred.messages == []
        assert len(allowed.messages) == 5


def test_a_message_nobody_may_have_is_unmatched() -> None:
    world = World()
    guard = FakeGuard("dh")
    guard.barred = {"barred"}
    world.broker.guard(guard)
    for filter in ("dh/a", "$share/g/dh/a"):
        subscribe(world.broker, FakeReceiver("barred"), Asked(filter), world.now)
    assert not matched(world.publish("dh/a"))


def test_a_guard_may_be_for_one_tenant() -> None:
    world = World()
    known = world.broker.tenant("known")
    everywhere, somewhere = FakeGuard("dh"), FakeGuard("web")
    world.broker.guard(everywhere)
    world.broker.guard(somewhere, "known")
    world.broker.guard(FakeGuard("x"), "later")
    assert list(known.router.guards) == ["dh", "web"]
    assert list(world.tenant.router.guards) == ["dh"]
    assert list(world.broker.tenant("later").router.guards) == ["dh", "x"]


# Sessions


def test_sessions_are_found_by_name_by_user_and_by_client_id() -> None:
    world = World(gate=OpenGate(client_ids_per_user=True))
    sessions = [world.connected(name, user=user).session for user in ("alice", "bob") for name in ("x", "y")]
    find = world.broker.sessions
    assert find(TENANT) == sessions
    assert find(TENANT, user="alice") == sessions[:2]
    assert find(TENANT, client_id="x") == [sessions[0], sessions[2]]
    assert find(TENANT, user="bob", client_id="x") == [sessions[2]]
    assert find("nowhere") == []
    assert world.broker.session(TENANT, "bob", "y") is sessions[3]
    assert world.broker.session("nowhere", "bob", "y") is None


def test_disconnect_says_how_many_were_connected() -> None:
    world = World()
    online = world.connected("online", expiry=100)
    world.connected("offline", expiry=100).drop()
    sessions = world.broker.sessions(TENANT)
    assert world.broker.disconnect(sessions, 0x98, world.now, text="enough") == 1
    assert_closed(online, 0x98)
    assert world.broker.disconnect(sessions, 0x98, world.now, discard=True) == 0
    assert world.broker.sessions(TENANT) == []


def test_names_that_are_given_never_repeat() -> None:
    broker = Broker(KeepsNothing(), FakePeers(), name_seed="seed")
    assert [broker.new_client_id() for _ in range(3)] == ["seed-1", "seed-2", "seed-3"]


def test_a_commit_is_told_to_those_who_wait_and_only_once() -> None:
    world = World(store=CommitsOnCommand())

    class Waiter(FakeReceiver):
        def __init__(self) -> None:
            super().__init__()
            self.told: list[int] = []

        def settled(self, sequence: int) -> None:
            self.told.append(sequence)
            if len(self.told) < 2:
                world.broker.await_sequence(self, sequence + 1)

    waiter = Waiter()
    world.commit(1)
    world.broker.await_sequence(waiter, 2)
    for sequence in (2, 3, 4):
        world.commit(sequence)
    assert waiter.told == [2, 3]
    assert world.store.committed == 4


# What a tenant may settle


def test_messages_are_reported_where_a_tenant_asks_for_it() -> None:
    class Reads(FakeWatcher):
        def __init__(self) -> None:
            super().__init__()
            self.published_topics: list[tuple[str, bool]] = []

        def published(self, tenant: str, message: Message, matched: bool, now: float) -> None:
            self.published_topics.append((message.topic, matched))

    world = World()
    watcher = Reads()
    world.broker.watcher = watcher
    subscriber = world.connected("s")
    subscriber.subscribe("a", 1)
    publisher = world.connected("p")
    publisher.publish("a")
    assert watcher.published_topics == []
    limits = Limits()
    limits.messages_logged = True
    world.broker.set_limits(limits, {})
    publisher.send(Publish("a", b"1"), Publish("a", b"2"), Publish("b", b"3"))
    publisher.send(Publish("a", b"1", 1, packet_id=9), Publish("a", b"2", 1, packet_id=10))
    assert watcher.published_topics == [("a", True), ("a", True), ("b", False), ("a", True), ("a", True)]
