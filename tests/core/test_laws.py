"""What must hold for any sequence of events, tried with many: routing, delivery, hostile bytes, chunks, quick ways.

The models here are plain and slow on purpose; they share no code with what they check.
"""

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from myna.core.connection import CLOSED
from myna.core.limits import Limits
from myna.core.receiver import Subscription
from myna.core.router import Route, Router
from myna.testing import Client, CommitsOnCommand, FakeReceiver, World
from myna.wire.encode import encode
from myna.wire.packets import (
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
    Will,
)
from myna.wire.topics import matches

QUICK = settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
LEVELS = st.sampled_from([3, 4, 5])

# Routing against comparing every filter with every topic

LEVEL = st.sampled_from(["a", "b", "", "$x"])
TOPIC = st.lists(LEVEL, min_size=1, max_size=3).map("/".join).filter(bool)
FILTER = st.one_of(
    TOPIC,
    st.lists(st.sampled_from(["a", "b", "", "$x", "+"]), min_size=1, max_size=3).map("/".join).filter(bool),
    st.lists(st.sampled_from(["a", "b", "", "+"]), max_size=2).map(lambda levels: "/".join([*levels, "#"])),
)
STEP = st.one_of(
    st.tuples(st.just("add"), FILTER, st.integers(0, 2)),
    st.tuples(st.just("remove"), st.just(""), st.integers(0, 20)),
    st.tuples(st.just("wake or sleep"), st.just(""), st.integers(0, 20)),
    st.tuples(st.just("publish"), TOPIC, st.just(0)),
    st.tuples(st.just("retire"), st.just(""), st.just(0)),
)


@QUICK
@given(st.lists(STEP, max_size=40))
def test_a_topic_reaches_whoever_holds_a_filter_that_matches_it(steps: list[tuple[str, str, int]]) -> None:
    router = Router(Limits())
    receivers = [FakeReceiver(str(number)) for number in range(3)]
    held: list[Subscription] = []
    kept: dict[str, Route] = {}
    for what, text, number in steps:
        if what == "add":
            held.append(Subscription(receivers[number], text, text, number))
            router.add(held[-1])
        elif what == "remove" and number < len(held):
            router.remove(held.pop(number))
        elif what == "wake or sleep" and number < len(held):
            held[number].dormant = not held[number].dormant
            router.touch(held[number])
        elif what == "retire":
            router.retire()
        elif what == "publish":
            kept.setdefault(text, _route(router, text))
        for topic, route in list(kept.items()):
            if route.retired:
                kept[topic] = _route(router, topic)
            router.refresh(kept[topic])
            assert _found(kept[topic]) == _expected(held, topic), (topic, what)
            assert _route(router, topic) is kept[topic]


def _route(router: Router, topic: str) -> Route:
    route = router.route(topic.encode())
    assert route is not None
    return route


def _found(route: Route) -> dict[str, int]:
    found = {subscription.receiver.key[2]: subscription.qos for subscription in route.subscriptions}
    assert len(found) == len(route.subscriptions)
    return found


def _expected(held: list[Subscription], topic: str) -> dict[str, int]:
    expected: dict[str, int] = {}
    for subscription in held:
        if matches(subscription.filter, topic) and not subscription.dormant:
            name = subscription.receiver.key[2]
            expected[name] = max(expected.get(name, 0), subscription.qos)
    return expected


# Two clients that come and go, and what must arrive all the same


@dataclass
class Sender:
    """A correct publisher: repeats what was not answered when it is back."""

    unanswered: dict[int, Publish] = field(default_factory=dict)
    released: dict[int, None] = field(default_factory=dict)
    last_id: int = 0

    def next_id(self) -> int:
        while True:
            self.last_id = self.last_id % 50 + 1
            if self.last_id not in self.unanswered and self.last_id not in self.released:
                return self.last_id

    def hear(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, Puback):
            self.unanswered.pop(packet.packet_id)
        elif isinstance(packet, Pubrec):
            self.unanswered.pop(packet.packet_id, None)
            self.released[packet.packet_id] = None
            return [Pubrel(packet.packet_id)]
        elif isinstance(packet, Pubcomp):
            self.released.pop(packet.packet_id, None)
        return []

    def repeat(self) -> list[Packet]:
        again: list[Packet] = [Pubrel(packet_id) for packet_id in self.released]
        for packet in self.unanswered.values():
            again.append(Publish(packet.topic, packet.payload, packet.qos, dup=True, packet_id=packet.packet_id))
        return again


@dataclass
class Taker:
    """A correct subscriber: knows a QoS 2 message by its id until PUBREL."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    known: set[int] = field(default_factory=set)

    def hear(self, packet: Packet) -> list[Packet]:
        if isinstance(packet, Publish):
            if packet.qos == 1:
                self.taken.append((packet.topic, packet.payload))
                return [Puback(packet.packet_id)]
            if packet.packet_id not in self.known:
                self.known.add(packet.packet_id)
                self.taken.append((packet.topic, packet.payload))
            return [Pubrec(packet.packet_id)]
        if isinstance(packet, Pubrel):
            self.known.discard(packet.packet_id)
            return [Pubcomp(packet.packet_id)]
        return []


class TwoClients(RuleBasedStateMachine):
    """A publisher and a persistent subscriber; topics `1` and `2` have messages of that QoS."""

    @initialize(durable=st.booleans())
    def begin(self, durable: bool) -> None:
        self.world = World(store=CommitsOnCommand() if durable else None)
        self.sender, self.taker = Sender(), Taker()
        self.published: dict[str, list[bytes]] = {"1": [], "2": []}
        self.count = 0
        self.source: Client | None = None
        self.sink: Client | None = None
        self.answers: list[Packet] = []
        self.sink_connects(65_535, 5)
        self.sink_subscribes()
        self.source_connects()

    def sink_subscribes(self) -> None:
        assert self.sink is not None
        self.sink.send_subscribe("#", qos=2)

    @rule()
    def source_connects(self) -> None:
        self.source = self.world.connected("source", clean=False, expiry=1000)
        self.source.send(*self.sender.repeat())

    @rule()
    def source_drops(self) -> None:
        if self.source is not None:
            self.source.drop()
            self.source = None

    @rule(quota=st.sampled_from([1, 2, 5, 65_535]), level=st.sampled_from([4, 5]))
    def sink_connects(self, quota: int, level: int) -> None:
        if level == 5:
            self.sink = self.world.connected("sink", clean=False, expiry=1000, receive_maximum=quota)
        else:
            self.sink = self.world.connected("sink", 4, clean=False)
        self.answers = []

    @rule()
    def sink_drops(self) -> None:
        if self.sink is not None:
            self.sink.drop()
            self.sink = None

    @rule(qos=st.sampled_from([1, 2]), run=st.integers(1, 4))
    def publish(self, qos: int, run: int) -> None:
        if self.source is None or len(self.sender.unanswered) + len(self.sender.released) > 40:
            return
        packets: list[Packet] = []
        for _ in range(run):
            self.count += 1
            packet = Publish(str(qos), b"%06d" % self.count, qos, packet_id=self.sender.next_id())
            self.sender.unanswered[packet.packet_id] = packet
            self.published[packet.topic].append(packet.payload)
            packets.append(packet)
        self.source.send(*packets)

    @rule()
    def commit(self) -> None:
        self.world.commit()

    @rule()
    def source_listens(self) -> None:
        if self.source is not None:
            for packet in self.source.received():
                self.source.send(*self.sender.hear(packet))

    @rule()
    def sink_listens(self) -> None:
        if self.sink is not None:
            for packet in self.sink.received():
                self.answers += self.taker.hear(packet)

    @rule(count=st.integers(1, 4))
    def sink_answers(self, count: int) -> None:
        if self.sink is not None:
            said, self.answers = self.answers[:count], self.answers[count:]
            self.sink.send(*said)

    @invariant()
    def nobody_was_cut_off(self) -> None:
        for client in (self.source, self.sink):
            assert client is None or not client.is_closed() or client.connection.state == CLOSED

    def waiting(self) -> int:
        return 0 if self.sink is None else self.sink.session.outbound.waiting()

    def teardown(self) -> None:
        self.sink_connects(3, 5)
        self.source_connects()
        for _ in range(10_000):
            self.source_listens()
            self.sink_listens()
            self.sink_answers(100)
            self.commit()
            if not (self.sender.unanswered or self.sender.released or self.waiting()):
                break
        assert not self.sender.unanswered
        assert not self.sender.released
        for topic, payloads in self.published.items():
            taken = [payload for seen, payload in self.taker.taken if seen == topic]
            if topic == "2":
                assert taken == payloads  # each once, in order
            assert list(dict.fromkeys(taken)) == payloads
        assert self.waiting() == 0


TestTwoClients = TwoClients.TestCase
TestTwoClients.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


# Whatever bytes come


def conversation(level: int) -> list[Packet]:
    """A bit of everything a client may say."""
    return [
        Subscribe(1, [SubscriptionRequest("a/+", 2), SubscriptionRequest("$share/g/b", 1)]),
        Publish("a/b", b"0"),
        Publish("a/b", b"1"),
        Publish("a/b", b"2", 1, packet_id=2),
        Publish("a/b", b"3", 1, packet_id=3),
        Publish("a/b", b"4", 2, packet_id=4),
        Publish("a/b", b"4", 2, True, packet_id=5),
        Pubrel(4),
        Puback(1),
        Pubrec(3),
        Pubcomp(3),
        Pingreq(),
        Unsubscribe(6, ["a/+"]),
        Publish("b", b"x" * 200, 1, packet_id=7),
        Disconnect(4 if level == 5 else 0),
    ]


@QUICK
@given(
    LEVELS,
    st.lists(st.integers(0, 14), max_size=12),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
    st.binary(max_size=60),
    st.integers(1, 50),
)
def test_any_bytes_end_in_order(
    level: int, chosen: list[int], errors: list[tuple[int, int]], tail: bytes, size: int
) -> None:
    world = World()
    watcher = world.connected("watcher")
    watcher.subscribe("will", 0)
    client = world.client("c", level, clean=False, will=Will("will", b"", 0, False))
    packets = conversation(level)
    data = bytearray(b"".join(encode(packets[number], level) for number in chosen))
    for at, value in errors:
        if data:
            data[at % len(data)] = value
    data += tail
    for start in range(0, len(data), size):
        client.send_bytes(bytes(data[start : start + size]))
    closed = client.is_closed()
    assert closed == (client.connection.state == CLOSED)
    before = client.received_bytes()
    client.send(Pingreq())
    assert not closed or client.received_bytes() == b""
    assert before[:1] == b"\x20"
    client.drop()
    assert len(watcher.messages()) <= 1
    assert world.broker.memory.held == 0
    assert world.tenant.connections == 1


@QUICK
@given(st.binary(max_size=80), st.integers(1, 20))
def test_any_bytes_before_connect_end_in_order(data: bytes, size: int) -> None:
    world = World()
    client = world.stranger()
    for start in range(0, len(data), size):
        client.send_bytes(data[start : start + size])
    client.received_bytes()
    client.drop()
    assert world.broker.next_deadline() == 0.0
    assert world.tenant.connections == 0


# However it is cut


@QUICK
@given(LEVELS, st.lists(st.integers(0, 14), max_size=25), st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_how_the_bytes_are_cut_changes_nothing(level: int, chosen: list[int], sizes: list[int]) -> None:
    packets = conversation(level)
    data = encode(Connect(level, "c", True, 0), level) + b"".join(encode(packets[n], level) for n in chosen)
    said: list[tuple[list[bytes], list[bytes], list[bytes]]] = []
    for cut in (False, True):
        world = World()
        watcher = world.connected("watcher")
        watcher.subscribe("#", 2)
        client = world.stranger(level)
        position = 0
        for size in sizes * (len(data) if cut else 0):
            client.send_bytes(data[position : position + size])
            position += size
            if position >= len(data):
                break
        client.send_bytes(data[position:])
        got = [(packet, encode(packet, level)) for packet in client.received()]
        messages = [encoded for packet, encoded in got if isinstance(packet, Publish)]
        answers = [encoded for packet, encoded in got if not isinstance(packet, Publish)]
        said.append((messages, answers, [encode(packet, 5) for packet in watcher.received()]))
    assert said[0] == said[1]


# The quick way and the general one


@QUICK
@given(
    LEVELS,
    st.lists(
        st.tuples(st.sampled_from(["a", "b/c"]), st.integers(0, 2), st.booleans(), st.sampled_from([b"", b"x", b"yy"])),
        max_size=20,
    ),
)
def test_the_quick_way_and_the_general_one_give_the_same_bytes(
    level: int, published: list[tuple[str, int, bool, bytes]]
) -> None:
    packets: list[Packet] = []
    for number, (topic, qos, retain, payload) in enumerate(published, 1):
        packets.append(Publish(topic, payload, qos, retain and number % 5 == 0, packet_id=number if qos else 0))
    said: list[list[object]] = []
    for general in (False, True):
        limits = Limits()
        limits.publishes_per_second = 1e9 if general else 0.0  # with a rate, every message is looked at by itself
        world = World(limits=limits)
        receivers = [world.connected(str(receiver), receiver) for receiver in (3, 4, 5)]
        receivers.append(world.connected("alias", 5, topic_alias_maximum=1))
        receivers.append(world.connected("small", 5, maximum_packet_size=13))
        for receiver in receivers:
            receiver.subscribe("a", 1)
            receiver.subscribe("b/#", 2)
        client = world.connected("c", level)
        client.send(*packets)
        client.send(*packets)
        answers = [encode(packet, level) for packet in client.received()]
        said.append([answers, *[receiver.received_bytes() for receiver in receivers]])
        counters = world.broker.counters
        said[-1].append((counters.messages_received, counters.messages_sent, counters.unmatched, counters.dropped))
    assert said[0] == said[1]
