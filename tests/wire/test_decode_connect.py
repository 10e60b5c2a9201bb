import pytest

from myna.wire.decode_connect import decode_connack, decode_connect
from myna.wire.encode import encode
from myna.wire.errors import Malformed, ProtocolViolation, WireError
from tests.wire.vectors import ID, binary, connect, props, text


def body_of(packet: bytes) -> bytes:
    return packet[2:]


def failure(packet: bytes, header: int = 0x10) -> WireError:
    body = body_of(packet)
    with pytest.raises(WireError) as caught:
        decode_connect(body, 0, len(body), header)
    return caught.value


def test_every_field_of_a_connect_arrives() -> None:
    block = props(b"\x21\0\x07")
    body = body_of(
        connect(5, 0xF6, ID, props(b"\x18\0\0\0\2"), text("w"), binary(b"x"), text("u"), binary(b"p"), properties=block)
    )
    packet = decode_connect(body, 0, len(body))
    assert (packet.level, packet.client_id, packet.clean_start, packet.keep_alive) == (5, "client", True, 10)
    assert (packet.user_name, packet.password) == ("u", b"p")
    assert packet.properties is not None
    assert packet.properties.receive_maximum == 7
    will = packet.will
    assert will is not None
    assert (will.topic, will.payload, will.qos, will.retain) == ("w", b"x", 2, True)
    assert will.properties is not None
    assert will.properties.will_delay == 2


def test_absent_fields_of_a_connect_are_none() -> None:
    body = body_of(connect(4, 0, ID))
    packet = decode_connect(body, 0, len(body))
    assert not packet.clean_start
    assert packet.will is None
    assert packet.user_name is None
    assert packet.password is None
    assert packet.properties is None


@pytest.mark.parametrize("level", [4, 5])
def test_an_error_behind_the_level_tells_the_level(level: int) -> None:
    error = failure(connect(level, 0x03, ID))
    assert (error.level, error.reason) == (level, 0x81)


def test_an_error_in_the_first_byte_tells_the_level() -> None:
    assert failure(connect(5, 0x02, ID), header=0x11).level == 5


@pytest.mark.parametrize(
    ("name", "level", "answered"),
    [
        ("MQTT", 0, 4),
        ("MQTT", 2, 4),
        ("MQTT", 3, 4),
        ("MQTT", 6, 5),
        ("MQTT", 0x7F, 5),
        ("MQTT", 0x85, 5),
        ("MQIsdp", 4, 4),
        ("MQIsdp", 5, 5),
        ("MQIsdp", 6, 5),
    ],
)
def test_an_unsupported_level_tells_the_version_it_is_answered_in(name: str, level: int, answered: int) -> None:
    error = failure(connect(level, 0x02, ID, name=name))
    assert isinstance(error, ProtocolViolation)
    assert (error.level, error.reason) == (answered, 0x84)


@pytest.mark.parametrize("level", [3, 4])
def test_a_bridge_says_so_by_bit_7_of_the_level(level: int) -> None:
    body = body_of(connect(level | 0x80, 0x02, ID, name="MQIsdp" if level == 3 else "MQTT"))
    packet = decode_connect(body, 0, len(body))
    assert (packet.level, packet.is_bridge) == (level, True)
    assert encode(packet, level).endswith(body)


def test_a_wrong_name_tells_no_level() -> None:
    error = failure(connect(4, 0x02, ID, name="HTTP"))
    assert (error.level, error.reason) == (0, 0x84)


def test_a_connect_that_ends_before_its_level_tells_none() -> None:
    with pytest.raises(Malformed) as caught:
        decode_connect(text("MQTT"), 0, 6)
    assert caught.value.level == 0


def test_connack_fields_arrive() -> None:
    packet = decode_connack(b"\1\0", 0, 2, 4)
    assert packet.session_present
    assert packet.code == 0
    assert packet.properties is None


def test_connack_of_3_1_never_announces_a_session() -> None:
    assert not decode_connack(b"\1\0", 0, 2, 3).session_present
