import pytest

from myna.commands.load.stream import Acks, Shape, Stream, acks_for, cycle_for
from myna.wire.packets import Puback, Publish
from myna.wire.reader import FrameReader

TOPIC = "bench/abc/00007"


def packets(data: bytes, level: int) -> list[Publish]:
    reader = FrameReader(1 << 20, level)
    reader.feed(data)
    found = []
    while (packet := reader.next_packet(level)) is not None:
        assert isinstance(packet, Publish)
        found.append(packet)
    return found


@pytest.mark.parametrize("level", [3, 4, 5])
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("size", [4, 64, 200])
def test_a_stream_is_numbered_packets(level: int, qos: int, size: int) -> None:
    stream = Stream(Shape(TOPIC, size, qos, level), TOPIC, 7, 300)
    found = packets(bytes(stream.slice(0, 300)), level)
    assert [int.from_bytes(packet.payload[2:4], "big") for packet in found] == list(range(300))
    assert {(packet.topic, packet.payload[:2], len(packet.payload)) for packet in found} == {(TOPIC, b"\0\7", size)}
    assert [packet.packet_id for packet in found] == ([number + 1 for number in range(300)] if qos else [0] * 300)


def test_a_slice_may_run_over_the_end_of_the_cycle() -> None:
    stream = Stream(Shape(TOPIC, 10, 1, 4), TOPIC, 0, 8)
    found = packets(bytes(stream.slice(14, 4)), 4)
    assert [packet.packet_id for packet in found] == [7, 8, 1, 2]


def test_two_undelivered_messages_never_look_alike() -> None:
    assert cycle_for(500, 80) == 1000
    assert cycle_for(1_000_000, 80) == 32_768
    assert cycle_for(1, 80) == 2
    assert cycle_for(500, 1 << 24) == 2


def test_acknowledgements_are_those_of_the_wire() -> None:
    acks = Acks(0x40, 4)
    reader = FrameReader(100, 4)
    reader.feed(acks.slice(2, 4))
    ids = []
    while (packet := reader.next_packet(4)) is not None:
        assert isinstance(packet, Puback)
        ids.append(packet.packet_id)
    assert ids == [3, 4, 1, 2]


def test_acknowledgements_are_recognised_from_where_they_stand() -> None:
    acks = Acks(0x40, 4)
    assert acks.are_next(acks.slice(6, 3), 6)
    assert not acks.are_next(acks.slice(6, 3), 7)
    assert not acks.are_next(bytes(100), 0)


def test_many_are_acknowledged_as_one_is() -> None:
    one = acks_for(0x40, b"\x01", b"\x02")
    assert one == b"\x40\x02\x01\x02"
    assert acks_for(0x40, b"\x01\x01", b"\x02\x03") == one + b"\x40\x02\x01\x03"


def test_what_does_not_fit_a_run_is_refused() -> None:
    with pytest.raises(ValueError, match="4 bytes"):
        Shape(TOPIC, 3, 0, 4)
    with pytest.raises(ValueError, match="same length"):
        Stream(Shape(TOPIC, 64, 0, 4), "short", 0, 4)
