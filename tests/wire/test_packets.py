from myna.wire import packets
from myna.wire.packets import Connect, Packet, Puback, Publish, Will


def test_types_are_numbered_from_connect_to_auth() -> None:
    assert (packets.CONNECT, packets.PUBLISH, packets.PUBREL, packets.AUTH) == (1, 3, 6, 15)


def test_a_packet_bears_nothing_it_was_not_given() -> None:
    publish = Publish("a", b"x")
    assert (publish.qos, publish.retain, publish.dup, publish.packet_id) == (0, False, False, 0)
    assert publish.properties is None
    connect = Connect(4, "c", True, 60)
    assert connect.will is None
    assert connect.user_name is None


def test_packets_compare_by_identity() -> None:
    assert Puback(1) != Puback(1)
    assert isinstance(Will("a", b"", 0, False), Packet)
