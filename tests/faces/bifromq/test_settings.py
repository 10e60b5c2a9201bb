"""BifroMQ's settings of a tenant, as a client of one with the profile `bifromq` meets them: by its result codes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from myna.testing import describe, properties
from myna.wire.encode import encode
from myna.wire.packets import (
    Connack,
    Connect,
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
from myna.wire.reader import FrameReader
from tests.commands.processes import Serving
from tests.faces.bifromq.talk import Api, new_tenant

CLOSED = None


class Line:
    """One MQTT connection, packet by packet."""

    def __init__(self, broker: Serving, level: int) -> None:
        self.level = level
        self.socket = broker.connect()
        self._reader = FrameReader(0x0FFF_FFFF, level)

    def send(self, *packets: Packet) -> None:
        self.socket.sendall(b"".join([encode(packet, self.level) for packet in packets]))

    def next(self) -> Packet | None:
        """The next packet, or CLOSED."""
        while True:
            packet = self._reader.next_packet(self.level)
            if packet is not None:
                return packet
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return CLOSED
            if not data:
                return CLOSED
            self._reader.feed(data)

    def connect(self, tenant: str, *, keep_alive: int = 0, will: Will | None = None, **fields: object) -> Packet | None:
        asked = properties(**fields) if fields else None
        self.send(Connect(self.level, "c" + new_tenant(), True, keep_alive, f"{tenant}/alice", None, will, asked))
        return self.next()


@contextmanager
def line(broker: Serving, level: int, tenant: str) -> Iterator[Line]:
    made = Line(broker, level)
    try:
        answer = made.connect(tenant)
        assert isinstance(answer, Connack)
        assert answer.code == 0
        yield made
    finally:
        made.socket.close()


def publish(topic: str, qos: int = 0, payload: bytes = b"x", *, retain: bool = False, **fields: object) -> Publish:
    return Publish(topic, payload, qos, retain, False, 7 if qos else 0, properties(**fields) if fields else None)


def subscribe(*filters: str) -> Subscribe:
    return Subscribe(7, [SubscriptionRequest(filter, 1) for filter in filters])


def shown(packet: Packet | None) -> str:
    return "closed" if packet is CLOSED else describe(packet)


def same(got: Packet | None, expected: Packet | None, level: int) -> bool:
    """Codes decide; reason strings are for people."""
    if isinstance(got, Disconnect) and isinstance(expected, Disconnect):
        return got.code == expected.code
    if got is CLOSED or expected is CLOSED:
        return got is expected
    return encode(got, level) == encode(expected, level)


LONG = "x" * 41

# Tenant, what is sent, what MQTT 3.1.1 gets and what MQTT 5 gets.
ROWS: list[tuple[str, list[Packet], Packet | None, Packet | None]] = [
    ("vendor", [publish(LONG)], CLOSED, Disconnect(0x90)),
    ("vendor", [publish(LONG, 1)], CLOSED, Puback(7, 0x90)),
    ("vendor", [publish(LONG, 2)], CLOSED, Pubrec(7, 0x90)),
    ("vendor", [publish("nobody/there", 1)], Puback(7), Puback(7, 0x10)),
    ("vendor", [publish("nobody/there", 2)], Pubrec(7), Pubrec(7, 0x10)),
    ("vendor", [publish("a", 0, b"x" * 262_144)], CLOSED, Disconnect(0x95)),
    ("forgetful", [publish("a", retain=True)], CLOSED, Disconnect(0x9A)),
    ("vendor", [subscribe(*"abcdefghijk")], CLOSED, Disconnect(0x98)),
    ("vendor", [Unsubscribe(7, list("abcdefghijk"))], CLOSED, Disconnect(0x98)),
    ("vendor", [subscribe("a/#/b")], Suback(7, [0x80]), Suback(7, [0x8F])),
    ("vendor", [subscribe(LONG)], Suback(7, [0x80]), Suback(7, [0x8F])),
    ("vendor", [subscribe("/".join("x" * 17))], Suback(7, [0x80]), Suback(7, [0x8F])),
    ("vendor", [subscribe("x/" * 130)], Suback(7, [0x80]), Suback(7, [0x8F])),
    ("vendor", [subscribe("$share/" + "g" * 300 + "/a")], Suback(7, [1]), Suback(7, [1])),
    ("narrow", [subscribe("+")], Suback(7, [0x80]), Suback(7, [0xA2])),
    ("narrow", [subscribe("$share/g/a")], Suback(7, [0x80]), Suback(7, [0x9E])),
    ("narrow", [subscribe("a", "b")], Suback(7, [1, 0x80]), Suback(7, [1, 0x97])),
    ("vendor", [Unsubscribe(7, ["absent"])], Unsuback(7, []), Unsuback(7, [0x11])),
    ("vendor", [Connect(4, "c", True, 0)], CLOSED, Disconnect(0x82)),
    ("vendor", [Publish("a", b"", 0, False, True)], CLOSED, Disconnect(0x81)),  # BifroMQ: 0x82
    ("vendor", [Subscribe(7, [])], CLOSED, Disconnect(0x82)),
]


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize(("tenant", "sent", "old", "new"), ROWS)
def test_result_codes(
    broker: Serving, tenant: str, sent: list[Packet], old: Packet | None, new: Packet | None, level: int
) -> None:
    with line(broker, level, tenant) as client:
        if isinstance(sent[0], Connect):
            sent = [Connect(level, "c", True, 0)]
        client.send(*sent)
        got, expected = client.next(), old if level == 4 else new
        assert same(got, expected, level), shown(got)
        if isinstance(expected, Disconnect):
            assert client.next() is CLOSED


ROWS_OF_5: list[tuple[list[Packet], Packet]] = [
    ([publish("a", topic_alias=11)], Disconnect(0x94)),
    ([publish("a", topic_alias=0)], Disconnect(0x94)),
    ([publish("a", 0, b"\xff", payload_format=1)], Disconnect(0x99)),
    ([publish("a", 1, b"\xff", payload_format=1)], Puback(7, 0x99)),
    ([publish("a", 2, b"\xff", payload_format=1)], Pubrec(7, 0x99)),
    ([Publish("a", b"", 2, False, False, number) for number in range(1, 202)], Disconnect(0x93)),
]


@pytest.mark.parametrize(("sent", "expected"), ROWS_OF_5)
def test_result_codes_only_mqtt_5_has(broker: Serving, sent: list[Packet], expected: Packet) -> None:
    with line(broker, 5, "vendor") as client:
        client.send(*sent)
        got = client.next()
        while isinstance(got, Pubrec) and isinstance(expected, Disconnect):
            got = client.next()
        assert same(got, expected, 5), shown(got)


def test_too_many_publishes_a_second(broker: Serving) -> None:
    """MQTT 5 is told; before, what is too much is dropped and not acknowledged."""
    burst = [Publish("a", b"x", 0) for _ in range(250)]
    with line(broker, 5, "vendor") as client:
        client.send(*burst)
        assert same(client.next(), Disconnect(0x96), 5)
    with line(broker, 4, "vendor") as client:
        client.send(*[Publish("a", b"x", 1, False, False, number) for number in range(1, 251)], Pingreq())
        count = 0
        while not isinstance(client.next(), Pingresp):
            count += 1
        assert 200 <= count < 250


WILLS: list[tuple[str, Will, int]] = [
    ("vendor", Will("w", b"x" * 129, 0, False), 0x95),
    ("vendor", Will(LONG, b"x", 0, False), 0x90),
    ("vendor", Will("w", b"\xff", 0, False, properties(payload_format=1)), 0x99),
    ("forgetful", Will("w", b"x", 0, True), 0x9A),
    ("vendor", Will("w", b"x" * 128, 0, True), 0),
]


@pytest.mark.parametrize(("tenant", "will", "code"), WILLS)
def test_wills_that_are_not_accepted(broker: Serving, tenant: str, will: Will, code: int) -> None:
    client = Line(broker, 5)
    answer = client.connect(tenant, will=will)
    assert isinstance(answer, Connack)
    assert answer.code == code
    client.socket.close()


def test_connack_says_what_the_tenant_settled(broker: Serving) -> None:
    client = Line(broker, 5)
    answer = client.connect("vendor", keep_alive=10, session_expiry=1_000_000)
    assert isinstance(answer, Connack)
    told = answer.properties
    assert told is not None
    assert (told.maximum_packet_size, told.topic_alias_maximum, told.receive_maximum) == (262_144, 10, 200)
    assert (told.server_keep_alive, told.session_expiry) == (60, 86_400)
    client.socket.close()


@pytest.mark.parametrize(("asked", "granted"), [(1, 60), (600, -1), (100_000, 86_400)])
def test_session_expiry_is_kept_within_bounds(broker: Serving, asked: int, granted: int) -> None:
    client = Line(broker, 5)
    answer = client.connect("vendor", session_expiry=asked)
    assert isinstance(answer, Connack)
    assert answer.properties is not None
    assert answer.properties.session_expiry == granted
    client.socket.close()


def test_only_so_many_retained_messages_are_sent(broker: Serving, api: Api) -> None:
    for number in range(12):
        assert api.retain("vendor", f"many/{number}", b"x").status == 200
    with line(broker, 4, "vendor") as client:
        client.send(subscribe("many/#"), Pingreq())
        got = list(iter(lambda: type(client.next()), Pingresp))
        assert got.count(Publish) == 10


def test_writing_is_held_to_the_bandwidth(broker: Serving, api: Api) -> None:
    """Half a mebibyte a second, and as much in advance: what has been borrowed beyond that has to come in first."""
    with line(broker, 4, "vendor") as client:
        client.send(subscribe("wide"))
        assert isinstance(client.next(), Suback)
        began = time.monotonic()
        for _ in range(3):
            assert api.publish("vendor", "wide", b"x" * 260_000).told() == (200, "OK")
            assert isinstance(client.next(), Publish)
        client.send(Pingreq())
        assert isinstance(client.next(), Pingresp)
        assert time.monotonic() - began > 0.4
