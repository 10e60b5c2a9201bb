import pytest

from myna.client.describe import describe
from myna.wire.packets import Connack, Disconnect, Packet, Pingreq, Puback, Publish, Suback
from myna.wire.properties import Properties


@pytest.mark.parametrize(
    ("packet", "line"),
    [
        (Publish("a/b", b"xyz", 1, True, True, 7), "PUBLISH (q1 retain dup, id 7, 'a/b', 3 bytes)"),
        (Connack(True, 0), "CONNACK (code 0, session present)"),
        (Puback(3, 0x10), "PUBACK (id 3, no matching subscribers)"),
        (Suback(1, [1, 0x87]), "SUBACK (id 1, granted QoS 1, not authorized)"),
        (Disconnect(), "DISCONNECT (normal disconnection)"),
        (Pingreq(), "PINGREQ"),
    ],
)
def test_a_packet_is_told_in_a_line(packet: Packet, line: str) -> None:
    assert describe(packet) == line


def test_the_brokers_own_words_are_shown() -> None:
    properties = Properties()
    properties.reason_string = "closing time"
    assert describe(Disconnect(0x8B, properties)) == "DISCONNECT (server shutting down (closing time))"
