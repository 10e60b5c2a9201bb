"""Accepted publishes of MQTT clients, by QoS and RETAIN, for each version and way in."""

import pytest

from myna.core.published import Published, Sampler
from myna.testing import FakeRules, OpenGate, World
from myna.wire.encode import encode
from myna.wire.packets import Connect, Publish, Pubrel
from myna.wire.reasons import NOT_AUTHORIZED


def counts(world: World, *, is_5: bool = True, websocket: bool = False) -> list[tuple[int, bool, int]]:
    return world.tenant.published_by(is_5, websocket).counts()


@pytest.mark.parametrize("level", [4, 5])
def test_each_is_counted_once_whichever_way_it_takes(level: int) -> None:
    world = World()
    world.connected("reader").subscribe("read", 1)
    client = world.connected("c", level)
    for topic in ("read", "unread"):
        for qos in (0, 1, 2):
            run = [Publish(topic, b"x", qos, packet_id=at + 1 if qos else 0) for at in range(4)]
            for _ in range(
                2
            ):  # the general way, then a run on a known topic; at QoS 2 only repetitions the second time
                client.send_bytes(b"".join(encode(one, level) for one in run))
            for one in run if qos == 2 else ():
                client.send(Pubrel(one.packet_id))
    client.publish("read", b"x", 0, retain=True)
    client.publish("read", b"x", 1, retain=True)
    client.publish("read", b"x", 2, retain=True)
    expected = [(0, False, 16), (1, False, 16), (2, False, 8), (0, True, 1), (1, True, 1), (2, True, 1)]
    assert counts(world, is_5=level == 5) == expected


def test_versions_and_ways_in_are_told_apart_and_connections_are_not() -> None:
    world = World()
    for level, websocket in ((3, False), (4, False), (5, False), (4, True), (5, True)):
        client = world.stranger(level)
        client.connection.websocket = websocket
        client.send(Connect(level, "c", True, 0), Publish("a", b"x"))
        client.drop()
    assert counts(world, is_5=False) == [(0, False, 2)]
    for is_5, websocket in ((True, False), (False, True), (True, True)):
        assert counts(world, is_5=is_5, websocket=websocket) == [(0, False, 1)]


def test_what_is_refused_is_not_among_them() -> None:
    gate, rules = OpenGate(), FakeRules()
    gate.rules = rules
    rules.forbidden["a"] = NOT_AUTHORIZED
    world = World(gate=gate)
    client = world.connected("c")
    client.publish("a", b"x")
    client.publish("a", b"x", 1)
    assert counts(world) == []


def test_messages_of_others_are_not_among_them() -> None:
    world = World()
    world.publish("a", b"x", 1)
    assert world.tenant.published == {}


def test_only_what_there_was_is_shown() -> None:
    published = Published()
    published.add(2, True, 3)
    assert published.counts() == [(2, True, 3)]


def test_what_clients_are_sent_is_counted_by_the_packets_first_byte() -> None:
    world = World()
    reader, old = world.connected("reader"), world.connected("old", 4)
    reader.subscribe("a", 2, as_published=True)
    old.subscribe("a", 1)
    for qos in (0, 1, 2):
        world.publish("a", b"x", qos)
    world.publish("a", b"x", 1, retain=True)
    broker = world.broker
    by_5 = world.tenant.delivered_to(True, False, broker.counters).by_flags.counts()
    by_3 = world.tenant.delivered_to(False, False, broker.counters).by_flags.counts()
    assert by_5 == [(0, False, 1), (1, False, 1), (2, False, 1), (1, True, 1)]
    assert by_3 == [(0, False, 1), (1, False, 3)]
    assert broker.counters.messages_sent == 8


class Notes(Sampler):
    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[int, bool, float]] = []

    def sampled(self, published: Published, qos: int, retain: bool, sequence: int, now: float) -> None:
        self.taken.append((qos, retain, now))


def test_a_sample_is_taken_when_one_is_wanted_and_of_what_is_acknowledged_only() -> None:
    world = World()
    notes = world.tenant.sampler = Notes()
    client = world.connected("c")
    client.publish("a", b"x")
    assert notes.taken == []
    client.publish("a", b"x", 1)
    client.publish("a", b"x", 1)
    assert notes.taken == [(1, False, world.now)]
    published = world.tenant.published[(True, False)]
    published.sample_at = world.now + 5
    client.publish("a", b"x", 2)
    assert len(notes.taken) == 1
    world.pass_time(5)
    client.publish("a", b"x", 2, retain=True)
    assert notes.taken[1:] == [(2, True, world.now)]
    assert sum(count for _, _, count in published.counts()) == 5  # counted all the same


def test_a_run_is_one_sample() -> None:
    world = World()
    notes = world.tenant.sampler = Notes()
    client, reader = world.connected("c"), world.connected("r")
    reader.subscribe("a", 1)
    client.publish("a", b"0", 0)
    client.publish("a", b"0", 1)
    world.tenant.published[(True, False)].sample_at = 0.0
    run = [Publish("a", b"x", 1, packet_id=number) for number in range(100, 110)]
    client.send_bytes(b"".join(encode(one, 5) for one in run))
    assert len(notes.taken) == 2
