import pytest

from myna.commands.load.stream import Shape, Stream
from myna.commands.load.tally import ManyStreams, OneStream

CYCLE = 8


def stream(index: int = 0, qos: int = 0) -> Stream:
    topic = f"t/{index:03}"
    return Stream(Shape(topic, 10, qos, 4), topic, index, CYCLE)


def taken(source: Stream, first: int, count: int) -> bytes:
    return bytes(source.slice(first, count))


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_the_stream_itself_is_counted(qos: int) -> None:
    source = stream(3, qos)
    tally = OneStream(source)
    for first in range(0, 24, 4):
        assert tally.take(taken(source, first, 4), 4)
    assert (tally.received, tally.reached, tally.lost, tally.misplaced) == (24, [24], 0, 0)


def test_packet_ids_are_the_brokers_choice() -> None:
    source = stream(0, 1)
    tally = OneStream(source)
    packets = bytearray(taken(source, 0, 3))
    packets[source.shape.packet_id_at :: source.size] = b"\x77\x77\x77"
    assert tally.take(bytes(packets), 3)


@pytest.mark.parametrize("qos", [0, 1])
def test_anything_else_is_not_counted(qos: int) -> None:
    source = stream(0, qos)
    tally = OneStream(source)
    changed = bytearray(taken(source, 0, 2))
    changed[-1] ^= 1
    assert not tally.take(bytes(changed), 2)
    assert not tally.take(taken(source, 1, 2), 2)
    assert not tally.take(taken(source, 0, CYCLE) * 2, 2 * CYCLE)
    assert tally.received == 0


def test_bytes_are_compared_wherever_a_chunk_is_cut() -> None:
    source = stream()
    tally = OneStream(source)
    data = taken(source, 0, CYCLE) * 3
    position = 0
    while position < len(data):
        chunk = data[position : position + 7]
        assert tally.take_bytes(chunk, position)
        position += len(chunk)
        tally.reach(position // source.size)
    assert (tally.received, tally.reached) == (3 * CYCLE, [3 * CYCLE])
    assert not tally.take_bytes(b"x", position)


def test_a_gap_is_a_loss_and_a_step_back_is_misplaced() -> None:
    source = stream()
    tally = OneStream(source)
    for number in (0, 1, 4, 3, 5):
        tally.take_payload(taken(source, number, 1)[-10:])
    assert (tally.received, tally.lost, tally.misplaced, tally.reached) == (5, 2, 1, [6])


def test_what_nobody_sent_is_foreign() -> None:
    tally = OneStream(stream(3))
    tally.take_payload(taken(stream(4), 0, 1)[-10:])
    tally.take_payload(b"hello")
    assert (tally.received, tally.foreign) == (0, 2)


def test_many_publishers_may_be_mixed() -> None:
    sources = [stream(index) for index in range(3)]
    tally = ManyStreams(sources[0].shape, CYCLE, 3)
    data = taken(sources[0], 0, 2) + taken(sources[2], 0, 1) + taken(sources[0], 2, 3) + taken(sources[1], 0, 1)
    assert tally.take(data, 7)
    assert tally.reached == [5, 1, 1]
    assert tally.moved == {0, 1, 2}


def test_of_many_publishers_each_must_be_in_order() -> None:
    sources = [stream(index) for index in range(2)]
    tally = ManyStreams(sources[0].shape, CYCLE, 2)
    assert not tally.take(taken(sources[0], 0, 1) + taken(sources[1], 1, 1), 2)
    assert not tally.take(taken(stream(7), 0, 1), 1)
    assert tally.reached == [0, 0]
    tally.take_payload(taken(sources[1], 1, 1)[-10:])
    assert (tally.lost, tally.reached) == (1, [0, 2])


def test_numbers_of_publishers_past_a_byte_are_told_apart() -> None:
    source = stream(258)
    tally = ManyStreams(source.shape, CYCLE, 300)
    assert tally.take(taken(source, 0, 2), 2)
    assert (tally.reached[258], tally.reached[2]) == (2, 0)
