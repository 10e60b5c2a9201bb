import pytest

from myna.wire import packets
from myna.wire.errors import Malformed
from myna.wire.headers import check_header, is_client_packet


def allowed(level: int) -> set[int]:
    found = set()
    for header in range(256):
        try:
            check_header(header, level)
        except Malformed:
            continue
        found.add(header)
    return found


PLAIN = {0x10, 0x20, 0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xA2, 0xB0, 0xC0, 0xD0, 0xE0}
PUBLISHES = {0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3A, 0x3B, 0x3C, 0x3D}


def test_mqtt_3_1_1_allows_one_byte_per_type_and_ten_for_publish() -> None:
    assert allowed(4) == PLAIN | PUBLISHES


def test_mqtt_5_adds_auth() -> None:
    assert allowed(5) == PLAIN | PUBLISHES | {0xF0}


def test_before_connect_the_flags_of_connect_wait_for_its_level() -> None:
    assert allowed(0) == PLAIN | PUBLISHES | {0xF0} | set(range(0x10, 0x20))


def test_mqtt_3_1_leaves_flags_unused_but_knows_no_qos_3_and_no_auth() -> None:
    assert allowed(3) == set(range(0x10, 0xF0)) - {0x36, 0x37, 0x3E, 0x3F}


@pytest.mark.parametrize("packet_type", [packets.CONNACK, packets.SUBACK, packets.UNSUBACK, packets.PINGRESP, 0])
def test_what_only_a_server_sends_is_no_client_packet(packet_type: int) -> None:
    assert not is_client_packet(packet_type)


@pytest.mark.parametrize("packet_type", [1, 3, 4, 5, 6, 7, 8, 10, 12, 14, 15])
def test_the_rest_is(packet_type: int) -> None:
    assert is_client_packet(packet_type)
