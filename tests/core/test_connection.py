"""One connection without its network: any bytes in, the right bytes out, and a clean end."""

import pytest

from myna.core.connection import CLOSED, OPEN
from myna.core.identity import Identity
from myna.core.limits import Limits
from myna.core.output import OutputMemory
from myna.core.receiver import Receiver
from myna.testing import (
    TENANT,
    ClosedGate,
    FakeWatcher,
    OpenGate,
    SlowGate,
    World,
    assert_closed,
    assert_received,
    properties,
)
from myna.wire.encode import encode
from myna.wire.packets import (
    Connack,
    Connect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Will,
)

LEVELS = (3, 4, 5)
CONNECT_5 = encode(Connect(5, "c", True, 0), 5)


def _kind(data: bytes) -> bool:
    return data[0] >> 4 == 3


# Before CONNACK


@pytest.mark.parametrize("data", [b"\xc0\x00", b"\x30\x03\x00\x01a", b"\xe0\x00", b"\xf0\x00"])
def test_the_first_packet_must_be_connect_or_nothing_is_said(data: bytes) -> None:
    world = World()  # [MQTT-3.1.0-1], [MQTT-3.14.0-1]
    client = world.stranger()
    client.send_bytes(data)
    assert_closed(client)
    assert world.refused("first_packet_not_connect") == 1


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"\x10\x0d\x00\x04MQTT\x06\x02\x00\x00\x00\x00\x01c", b"\x20\x03\x00\x84\x00"),  # [MQTT-3.1.2-2]
        (b"\x10\x0d\x00\x04MQTT\x02\x02\x00\x00\x00\x01c", b"\x20\x02\x00\x01"),
        (b"\x10\x0f\x00\x06MQIsdp\x04\x02\x00\x00\x00\x01c", b"\x20\x02\x00\x01"),
        (b"\x10\x0e\x00\x05MQTTX\x04\x02\x00\x00\x00\x01c", b""),  # [MQTT-3.1.2-1]
        (b"\x10\x0d\x00\x04mqtt\x04\x02\x00\x00\x00\x01c", b""),
        (b"\x10\x0e\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x01c", b"\x20\x03\x00\x81\x00"),  # [MQTT-3.1.2-3]
        (b"\x10\x0d\x00\x04MQTT\x04\x03\x00\x00\x00\x01c", b""),  # 311: [MQTT-3.1.4-1]
        (b"\x10\x0d\x00\x04MQTT\x04\x42\x00\x00\x00\x01c", b""),  # 311: [MQTT-3.1.2-22]
        (b"\x10\x11\x00\x04MQTT\x05\x02\x00\x00\x03\x21\x00\x00\x00\x01c", b"\x20\x03\x00\x82\x00"),
    ],
)
def test_a_broken_connect_is_answered_in_its_version_or_not_at_all(data: bytes, answer: bytes) -> None:
    world = World()
    client = world.stranger()
    client.send_bytes(bytes((data[0], len(data) - 2)) + data[2:])
    assert client.received_bytes() == answer
    assert client.is_closed()


def test_a_password_without_a_user_name_is_fine_in_mqtt_5() -> None:
    world = World()  # §3.1.2.9
    client = world.stranger()
    client.send(Connect(5, "c", True, 0, None, b"secret"))
    client.expect_connack()


def test_a_packet_larger_than_allowed_is_refused_by_its_header() -> None:
    world = World()  # [MQTT-3.2.2-15]
    stranger = world.stranger()
    stranger.send_bytes(b"\x10\xff\xff\xff\x7f")
    assert_closed(stranger)
    client = world.connected("c")
    client.send_bytes(b"\x30\xff\xff\xff\x7f")
    assert_closed(client, 0x95)


def test_a_tenant_has_a_packet_size_of_its_own() -> None:
    limits = Limits()
    limits.packet_size = 100
    world = World(limits=limits)
    client = world.connected("c")
    fits = len(encode(Publish("a", b""), 5))
    client.publish("a", b"x" * (100 - fits))
    assert not client.is_closed()
    client.publish("a", b"x" * (101 - fits))
    assert_closed(client, 0x95)
    limits.packet_size = 0
    client = world.connected("d")
    client.publish("a", b"x" * 500_000)
    assert not client.is_closed()


@pytest.mark.parametrize("level", LEVELS)
def test_what_lies_behind_connect_is_handled_in_order(level: int) -> None:
    world = World()  # §3.1.4
    client = world.stranger(level)
    client.send(
        Connect(level, "c", True, 0), Subscribe(1, [SubscriptionRequest("a", 0)]), Publish("a", b"x"), Pingreq()
    )
    client.expect_connack()
    assert_received(client, Suback(1, [0]), Publish("a", b"x"), Pingresp())


@pytest.mark.parametrize("level", LEVELS)
def test_what_lies_behind_a_refused_connect_is_not(level: int) -> None:
    world = World()  # [MQTT-3.1.4-6]; 311: [MQTT-3.1.4-5]
    seen = world.connected("seen")
    seen.subscribe("a")
    client = world.stranger(level, gate=ClosedGate())
    client.send(Connect(level, "c", True, 0), Publish("a", b"x"), Pingreq())
    client.send(Publish("a", b"x"))
    client.expect_connack(0x87 if level == 5 else 5)
    assert client.received() == []
    assert client.is_closed()
    assert seen.messages() == []


def test_a_connection_shut_down_before_it_is_open_is_refused() -> None:
    world = World()
    stranger = world.stranger()
    stranger.connection.disconnect(0x8B, world.now)
    assert_closed(stranger)


def test_broken_bytes_behind_a_connect_are_judged_when_the_gate_has_answered() -> None:
    world, gate = World(), SlowGate()
    client = world.stranger(gate=gate)
    client.send_bytes(CONNECT_5 + b"\x00\x00")
    client.send_bytes(b"\xff\xff")
    assert not client.is_closed()
    gate.asked[0].admit(Identity(TENANT, "alice"), world.now)
    client.expect_connack()
    assert_closed(client, 0x81)


# While open


@pytest.mark.parametrize("level", LEVELS)
def test_a_second_connect_ends_the_connection(level: int) -> None:
    world = World()  # [MQTT-3.1.0-2]
    client = world.connected("c", level)
    client.send(Connect(level, "c", True, 0))
    assert_closed(client, 0x82)


@pytest.mark.parametrize(
    "packet",
    [Connack(False, 0), Suback(1, [0]), Unsuback(1, [0]), Pingresp()],
    ids=lambda packet: type(packet).__name__,
)
@pytest.mark.parametrize("level", LEVELS)
def test_what_only_a_server_sends_ends_the_connection(packet: Packet, level: int) -> None:
    world = World()  # §2.1.2, §4.13
    client = world.connected("c", level)
    client.send(packet)
    assert_closed(client, 0x82)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x00\x00", 0x81),  # §2.1.2
        (b"\x36\x05\x00\x01a\x00\x01", 0x81),  # [MQTT-3.3.1-4]
        (b"\x38\x03\x00\x01a", 0x81),  # [MQTT-3.3.1-2]
        (b"\xc1\x00", 0x81),  # [MQTT-2.1.3-1]
        (b"\x60\x02\x00\x01", 0x81),  # [MQTT-3.6.1-1]
        (b"\x80\x07\x00\x01\x00\x00\x01a\x00", 0x81),  # [MQTT-3.8.1-1]
        (b"\xa0\x06\x00\x01\x00\x00\x01a", 0x81),  # [MQTT-3.10.1-1]
        (b"\xc0\x80\x00", 0x81),  # [MQTT-1.5.5-1]
        (b"\x30\xff\xff\xff\xff\x01", 0x81),  # §1.5.5
        (b"\xc0\x01\x00", 0x81),
        (b"\x82\x03\x00\x01\x00", 0x82),  # [MQTT-3.8.3-2]
        (b"\xa2\x03\x00\x01\x00", 0x82),  # [MQTT-3.10.3-2]
        (b"\x82\x07\x00\x00\x00\x00\x01a\x00", 0x82),  # [MQTT-2.2.1-3]
        (b"\xa2\x06\x00\x00\x00\x00\x01a", 0x82),
        (b"\x40\x02\x00\x00", 0x82),
        (b"\x50\x02\x00\x00", 0x82),
        (b"\x62\x02\x00\x00", 0x82),
        (b"\x70\x02\x00\x00", 0x82),
        (b"\x40\x03\x00\x01\x05", 0x82),  # [MQTT-3.4.2-1]
        (b"\x82\x07\x00\x01\x00\x00\x01a\x03", 0x82),
        (b"\x82\x07\x00\x01\x00\x00\x01a\x30", 0x82),
        (b"\x82\x07\x00\x01\x00\x00\x01a\x40", 0x81),  # [MQTT-3.8.3-5]
        (b"\x30\x06\x00\x03a\xff\xfe\x00", 0x81),  # [MQTT-1.5.4-1]
        (b"\x30\x06\x00\x02a\x00\x00x", 0x81),  # [MQTT-1.5.4-2]
    ],
)
def test_a_broken_rule_ends_the_connection_and_says_why(data: bytes, reason: int) -> None:
    world = World()  # [MQTT-4.13.1-1], [MQTT-4.13.2-1]
    other = world.connected("other")
    client = world.connected("c")
    client.send_bytes(data)
    assert_closed(client, reason)
    older = world.connected("older", 4)
    older.send_bytes(data.replace(b"\x00\x01\x00\x00\x01a", b"\x00\x01\x00\x01a"))
    other.send(Pingreq())
    assert_received(other, Pingresp())


def test_auth_is_no_packet_before_mqtt_5() -> None:
    world = World()
    client = world.connected("c", 4)
    client.send_bytes(b"\xf0\x00")
    assert_closed(client)


@pytest.mark.parametrize("level", LEVELS)
def test_a_ping_is_always_answered(level: int) -> None:
    world = World()  # [MQTT-3.12.4-1]
    client = world.connected("c", level)
    client.send(Pingreq(), Pingreq())
    assert_received(client, Pingresp(), Pingresp())


def test_acks_in_every_form_are_understood() -> None:
    world = World()  # §3.4.2.1, §3.4.2.2.1
    client = world.connected("c")
    client.subscribe("a", 2)
    for qos in (1, 1, 1, 2, 2):
        world.publish("a", b"", qos)
    client.received()
    client.send_bytes(b"\x40\x02\0\1\x40\x03\0\2\0\x40\x04\0\3\0\0")
    client.send_bytes(b"\x50\x03\0\4\0\x50\x04\0\5\0\0")
    assert_received(client, Pubrel(4), Pubrel(5))
    client.send_bytes(b"\x70\x03\0\4\0\x70\x04\0\5\0\0")
    assert client.session.outbound.waiting() == 0
    client.publish("a", b"", 2)
    client.received()
    client.send_bytes(b"\x62\x03\0\2\0")
    assert_received(client, Pubcomp(2))
    client.send_bytes(b"\x62\x04\0\x09\x92\0")
    assert_received(client, Pubcomp(9, 0x92))


def test_acks_of_all_kinds_may_lie_together() -> None:
    world = World()
    client = world.connected("c")
    client.subscribe("a", 2)
    for qos in (1, 2, 1, 2):
        world.publish("a", b"", qos)
    client.received()
    client.send(Puback(1), Puback(3), Pubrec(2), Pubrec(4), Pubcomp(2), Pubcomp(4), Pubrel(9), Pubrel(8))
    assert_received(client, Pubrel(2), Pubrel(4), Pubcomp(9, 0x92), Pubcomp(8, 0x92))
    assert client.session.outbound.waiting() == 0


def test_a_thousand_packets_in_one_segment_are_all_handled() -> None:
    world = World()  # [MQTT-4.2-1]
    client = world.connected("c")
    client.send(*[Pingreq()] * 1000)
    assert len(client.received()) == 1000


def test_a_conversation_in_single_bytes_is_the_same_conversation() -> None:
    packets: list[Packet] = [
        Connect(5, "c", True, 0),
        Subscribe(1, [SubscriptionRequest("a", 2)]),
        Publish("a", b"0"),
        Publish("a", b"1", 1, packet_id=2),
        Publish("a", b"2", 2, packet_id=3),
        Publish("a", b"2", 2, packet_id=4),
        Pubrel(3),
        Puback(1),
        Pingreq(),
    ]
    data = b"".join(encode(packet, 5) for packet in packets)
    whole, split = World().stranger(), World().stranger()
    whole.send_bytes(data)
    for at in range(len(data)):
        split.send_bytes(data[at : at + 1])
    said = [[encode(packet, 5) for packet in client.received()] for client in (whole, split)]
    # A run is answered when all of it has been delivered, so only the order of each kind is the same.
    assert sorted(said[0], key=_kind) == sorted(said[1], key=_kind)


def test_request_problem_information_is_heeded_since_acks_never_bear_a_reason_string() -> None:
    world = World()  # [MQTT-3.1.2-29]
    client = world.connected("c", request_problem_information=0)
    client.publish("nobody", b"", 1)
    client.send(Subscribe(2, [SubscriptionRequest("a#", 0)]))
    assert_received(client, Puback(1, 0x10), Suback(2, [0x8F]))


def test_who_asks_and_never_listens_is_not_read_from_until_it_does() -> None:
    world = World(memory=OutputMemory(high_water=1000))
    client = world.client("c", keep_alive=10)
    client.expect_connack()
    client.send(*[Pingreq()] * 1000)
    assert not client.is_paused()
    client.send(Pingreq())
    assert client.is_paused()
    for _ in range(5):
        world.pass_time(10)
        client.take()
        client.connection.sent(10, world.now)
        assert client.is_paused()
    assert not client.is_closed()  # we do not read, so its silence says nothing
    client.connection.sent(1000, world.now)
    assert not client.is_paused()
    world.pass_time(16)
    assert client.is_closed()


# Ends


def test_nothing_is_read_after_the_end() -> None:
    world = World()
    client = world.connected("c")
    client.connection.disconnect(0x98, world.now)
    client.connection.disconnect(0x98, world.now)
    client.send(Pingreq())
    assert_closed(client, 0x98)
    client.connection.settled(1)
    client.connection.admitted(Identity(TENANT, "alice"), None, world.now)
    assert client.connection.state == CLOSED


def test_a_commit_is_no_affair_of_a_connection_that_is_not_open() -> None:
    client = World().stranger()
    client.connection.settled(1)
    assert client.received() == []


def test_a_disconnect_fits_the_packets_the_client_accepts() -> None:
    world = World()  # [MQTT-3.14.2-3]
    client = world.connected("c", maximum_packet_size=50)
    client.connection.disconnect(0x98, world.now, text="x" * 100)
    assert_closed(client, 0x98)


def test_the_end_is_told_to_the_watcher_once() -> None:
    world = World()
    client = world.connected("c", expiry=5)
    client.drop()
    assert world.watcher.lines == ["c connected", "c lost"]
    world.pass_time(10)
    assert world.watcher.lines[2:] == ["c ended 0x00"]


def test_what_happens_is_counted() -> None:
    world = World()
    client = world.connected("c")
    client.publish("a", b"x")
    world.client("d", gate=ClosedGate()).drop()
    world.stranger().drop()
    client.send_bytes(b"\x00\x00")
    client.received()
    client.drop()
    counters = world.broker.counters
    assert (counters.connections_opened, counters.connections_closed, counters.connects_accepted) == (3, 3, 1)
    assert counters.bytes_received == len(CONNECT_5) * 2 + len(encode(Publish("a", b"x"), 5)) + 2
    assert counters.bytes_sent > 20
    assert counters.refused == {"connect:not authorized": 1, "protocol:malformed packet": 1}
    assert world.tenant.connections == 0
    assert "c refused a packet: first byte 0x00 is not allowed" in world.watcher.lines


def test_a_closed_connection_gives_back_what_it_held() -> None:
    world = World()
    client = world.connected("c")
    client.subscribe("a")
    world.publish("a", b"x" * 1000)
    client.take()
    assert world.broker.memory.held > 1000
    client.drop()
    assert world.broker.memory.held == 0
    assert world.broker.next_deadline() == 0.0


class Bouncer(FakeWatcher):
    """Ends each session as soon as it hears of it."""

    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        receiver.end(0x98, now, discard=True)


def test_a_connection_may_be_ended_by_whoever_hears_of_it_first() -> None:
    world = World()
    world.broker.watcher = Bouncer()
    seen = world.client("seen")
    client = world.stranger()
    client.send(Connect(5, "c", True, 0, will=Will("a", b"", 0, False)), Publish("a", b"x"))
    client.expect_connack()
    assert_closed(client, 0x98)
    assert seen.connection.state == CLOSED
    assert world.tenant.sessions() == []
    assert world.tenant.connections == 0


def test_an_open_connection_says_so() -> None:
    world = World(gate=OpenGate())
    client = world.connected("c", request_response_information=1)
    assert client.connection.state == OPEN
    assert client.connection.address == "192.0.2.1:4711"
    assert client.connection.connected_at == world.now
    assert properties(topic_alias=3).topic_alias == 3


def test_what_a_client_says_last_is_there_for_watchers() -> None:
    world = World()
    client = world.connected("c")
    client.disconnect(4, user_properties=[("a", "b")])
    goodbye = client.connection.goodbye
    assert goodbye is not None
    assert (goodbye.code, goodbye.properties and goodbye.properties.user_properties) == (4, [("a", "b")])
    lost = world.connected("d")
    lost.drop()
    assert lost.connection.goodbye is None
