"""Acknowledgements in their short form; what they mean is tested with the session and its queues."""

from myna.testing import World, assert_closed
from myna.wire import reasons
from myna.wire.packets import Pubcomp, Publish, Pubrec, Pubrel


def test_acks_that_lie_together_are_all_taken() -> None:
    world = World()
    client = world.connected("alice")
    client.subscribe("a", 1)
    for number in range(3):
        world.publish("a", b"%d" % number, 1)
    ids = [message.packet_id for message in client.messages()]
    client.send_bytes(b"".join(b"\x40\x02" + packet_id.to_bytes(2, "big") for packet_id in ids))
    assert not client.session.outbound.window


def test_each_kind_of_qos_2_gets_its_answer() -> None:
    world = World()
    client = world.connected("alice")
    client.subscribe("a", 2)
    world.publish("a", b"x", 2)
    (message,) = client.messages()
    client.send(Pubrec(message.packet_id))
    assert [type(packet) for packet in client.received()] == [Pubrel]
    client.send(Pubcomp(message.packet_id))
    client.send(Publish("b", b"y", 2, packet_id=7), Pubrel(7))
    assert [type(packet) for packet in client.received()] == [Pubrec, Pubcomp]


def test_a_packet_id_of_0_ends_the_connection() -> None:
    world = World()
    client = world.connected("alice")
    client.send_bytes(b"\x40\x02\x00\x00")
    assert_closed(client, reasons.PROTOCOL_ERROR)
