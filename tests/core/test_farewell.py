from typing import Any

import pytest

from myna.core.farewell import disconnect, refusal, refusal_of_broken
from myna.testing import properties
from myna.wire.encode import encode
from myna.wire.errors import Malformed, ProtocolViolation
from myna.wire.packets import Connack, Connect, Disconnect

MAXIMUM = 0x0FFF_FFFF


def connect(level: int, **fields: Any) -> Connect:
    return Connect(level, "c", True, 0, properties=properties(**fields) if fields else None)


def test_a_refusal_says_why_in_the_words_of_the_version() -> None:
    because = properties(reason_string="because")
    assert refusal(connect(5), 0x87, "because", MAXIMUM) == encode(Connack(False, 0x87, because), 5)
    assert refusal(connect(5), 0x87, "", MAXIMUM) == encode(Connack(False, 0x87), 5)
    assert refusal(connect(4), 0x87, "because", MAXIMUM) == b"\x20\x02\x00\x05"  # 311: [MQTT-3.2.2-6]
    assert refusal(connect(3), 0x86, "because", MAXIMUM) == b"\x20\x02\x00\x04"
    assert refusal(connect(4), 0x97, "", MAXIMUM) == b"\x20\x02\x00\x03"
    assert refusal(None, 0x87, "because", MAXIMUM) == b""


def test_a_refusal_fits_the_packets_the_client_accepts() -> None:
    small = connect(5, maximum_packet_size=10)  # [MQTT-3.2.2-19]
    assert refusal(small, 0x87, "because of this and that", MAXIMUM) == encode(Connack(False, 0x87), 5)
    roomy = connect(5, receive_maximum=10)
    assert len(refusal(roomy, 0x87, "because of this and that", MAXIMUM)) > 10


@pytest.mark.parametrize(("reason", "said"), [(0x8B, 0x88), (0x8E, 0x80), (0x87, 0x87), (0x9F, 0x9F)])
def test_connack_bears_only_codes_of_its_own(reason: int, said: int) -> None:
    assert refusal(connect(5), reason, "", MAXIMUM) == encode(Connack(False, said), 5)  # [MQTT-3.2.2-8]


@pytest.mark.parametrize(("reason", "said"), [(0x86, 0x87), (0x8C, 0x87), (0x8E, 0x8E), (0x00, 0x00), (0x9C, 0x9C)])
def test_disconnect_bears_only_codes_of_its_own(reason: int, said: int) -> None:
    assert disconnect(5, reason, "", "", MAXIMUM) == encode(Disconnect(said), 5)  # [MQTT-3.14.2-1]


def test_disconnect_brings_a_text_and_another_server() -> None:
    both = properties(reason_string="moved", server_reference="other:1883")
    assert disconnect(5, 0x9C, "other:1883", "moved", MAXIMUM) == encode(Disconnect(0x9C, both), 5)
    one = properties(server_reference="other:1883")
    assert disconnect(5, 0x9C, "other:1883", "", MAXIMUM) == encode(Disconnect(0x9C, one), 5)
    assert disconnect(5, 0x98, "", "a long story", 8) == encode(Disconnect(0x98), 5)


def test_before_mqtt_5_nobody_is_sent_a_disconnect() -> None:
    assert disconnect(4, 0x98, "", "", MAXIMUM) == b""  # 311: [MQTT-3.14.4-1]
    assert disconnect(3, 0x98, "", "", MAXIMUM) == b""


def test_a_broken_connect_is_answered_as_far_as_its_version_is_known() -> None:
    assert refusal_of_broken(Malformed("flags", level=5)) == encode(Connack(False, 0x81), 5)
    assert refusal_of_broken(ProtocolViolation("level", 0x84, 6)) == encode(Connack(False, 0x84), 5)  # [MQTT-3.1.2-2]
    assert refusal_of_broken(ProtocolViolation("level", 0x84, 2)) == b"\x20\x02\x00\x01"
    assert refusal_of_broken(Malformed("flags", level=4)) == b""  # 311: [MQTT-3.1.4-1]
    assert refusal_of_broken(ProtocolViolation("name", 0x84)) == b""  # [MQTT-3.1.2-1]
