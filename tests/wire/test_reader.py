import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.wire.errors import Malformed, ProtocolViolation
from myna.wire.packets import Connect, Pingreq
from myna.wire.reader import FrameReader
from tests.wire.vectors import ID, LEGAL, connect, frame, text

PING = b"\xc0\x00"


def reader_with(*chunks: bytes, maximum: int = 1 << 20, level: int = 4) -> FrameReader:
    reader = FrameReader(maximum, level)
    for chunk in chunks:
        reader.feed(chunk)
    return reader


def frames(reader: FrameReader) -> list[bytes]:
    found = []
    while reader.next_frame():
        assert reader.buffer[reader.start] == reader.header
        assert reader.start + 2 <= reader.body <= reader.end
        found.append(reader.buffer[reader.start : reader.end])
    return found


def test_whole_packets_are_left_where_they_lie() -> None:
    chunk = PING + frame(0x30, text("a"), b"x")
    reader = reader_with(chunk)
    assert reader.next_frame()
    assert (reader.header, reader.start, reader.body, reader.end) == (0xC0, 0, 2, 2)
    assert reader.next_frame()
    assert (reader.header, reader.start, reader.body, reader.end) == (0x30, 2, 4, 8)
    assert reader.buffer is chunk
    assert not reader.next_frame()


def test_nothing_is_kept_once_all_is_read() -> None:
    reader = reader_with(PING * 1000)
    assert len(frames(reader)) == 1000
    assert reader.buffer == b""
    assert reader.pending == 0


def test_a_chunk_is_let_go_while_the_rest_of_a_packet_is_awaited() -> None:
    reader = reader_with(PING * 1000 + b"\x30\x05\0")
    assert len(frames(reader)) == 1000
    assert reader.buffer == b"\x30\x05\0"
    assert reader.pending == 3


def test_pending_counts_what_is_gathered() -> None:
    reader = reader_with(b"\x30\x64")
    assert reader.pending == 2
    assert not reader.next_frame()
    for count in range(10):
        assert reader.pending == 2 + count
        reader.feed(b"x")
        assert not reader.next_frame()


def test_chunks_fed_without_a_look_in_between_are_joined() -> None:
    reader = reader_with(PING, PING[:1], PING[1:], PING)
    assert frames(reader) == [PING] * 3


def test_an_empty_chunk_changes_nothing() -> None:
    reader = reader_with(b"", PING[:1], b"", PING[1:], b"")
    assert frames(reader) == [PING]


def test_a_large_packet_in_small_chunks_arrives_whole() -> None:
    packet = frame(0x30, text("t"), bytes(range(256)) * 4000)
    reader = FrameReader(1 << 21, 4)
    found = []
    for start in range(0, len(packet), 1000):
        reader.feed(packet[start : start + 1000])
        found += frames(reader)
    assert found == [packet]


@pytest.mark.parametrize("size", [0, 127, 128, 16383, 16384, 2097151, 2097152])
def test_every_form_of_the_length_is_read_at_every_split(size: int) -> None:
    packet = frame(0x30, b"x" * size)
    for cut in range(1, 7):
        reader = FrameReader(1 << 22, 4)
        reader.feed(packet[:cut])
        found = frames(reader)
        reader.feed(packet[cut:])
        assert found + frames(reader) == [packet]


def test_size_is_refused_by_the_fixed_header_alone() -> None:
    reader = reader_with(b"\x30\xff\xff\xff\x7f", maximum=1000)
    with pytest.raises(ProtocolViolation) as caught:
        reader.next_frame()
    assert caught.value.reason == 0x95
    assert reader.pending == 5


def test_size_counts_the_fixed_header() -> None:
    packet = frame(0x30, text("t"), b"x" * 200)
    assert frames(reader_with(packet, maximum=len(packet))) == [packet]
    with pytest.raises(ProtocolViolation):
        frames(reader_with(packet, maximum=len(packet) - 1))


def test_a_length_of_five_bytes_is_refused_at_its_fourth() -> None:
    reader = reader_with(b"\x30\xff\xff\xff")
    assert not reader.next_frame()
    reader.feed(b"\xff")
    with pytest.raises(Malformed):
        reader.next_frame()


def test_a_forbidden_first_byte_is_refused_before_its_length() -> None:
    for header in (b"\x00", b"\x0f", b"\x36", b"\xc1", b"\x60"):
        with pytest.raises(Malformed):
            reader_with(header).next_frame()


def test_an_error_is_raised_again_when_asked_again() -> None:
    reader = reader_with(b"\x00")
    for _ in range(2):
        with pytest.raises(Malformed):
            reader.next_frame()


def test_packets_before_an_error_are_still_given() -> None:
    reader = reader_with(PING + b"\x00")
    assert reader.next_frame()
    with pytest.raises(Malformed):
        reader.next_frame()


def test_first_bytes_are_judged_by_the_level_set_meanwhile() -> None:
    reader = FrameReader(1000)
    reader.feed(b"\x14" + connect(3, 2, ID)[1:] + b"\x6a\x02\0\1")
    assert reader.next_frame()
    reader.level = 3
    assert reader.next_frame()
    assert reader.header == 0x6A


def test_the_owner_can_skip_what_it_has_read_itself() -> None:
    one = frame(0x30, text("a"), b"x")
    reader = reader_with(one * 5 + PING)
    assert reader.next_frame()
    reader.skip_to(len(one) * 4)
    assert frames(reader) == [one, PING]


def test_the_rest_can_be_taken_away() -> None:
    reader = reader_with(PING + b"GET / HTTP/1.1")
    assert reader.next_frame()
    assert reader.take_rest() == b"GET / HTTP/1.1"
    assert reader.take_rest() == b""
    reader.feed(PING)
    assert frames(reader) == [PING]


def test_the_rest_includes_what_is_gathered() -> None:
    reader = reader_with(b"\x30\x64", b"ab", b"cd")
    assert reader.take_rest() == b"\x30\x64abcd"
    assert reader.pending == 0


def test_next_packet_gives_values_until_there_are_none() -> None:
    reader = FrameReader(1000)
    assert reader.next_packet(0) is None
    reader.feed(connect(5, 2, ID) + PING)
    assert isinstance(reader.next_packet(0), Connect)
    assert isinstance(reader.next_packet(5), Pingreq)
    assert reader.next_packet(5) is None


@given(st.lists(st.sampled_from([row[2] for row in LEGAL if row[1] == 5]), max_size=8), st.data())
def test_splitting_never_changes_the_result(packets: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader = FrameReader(1 << 20, 5)
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        reader.feed(stream[start:end])
        if data.draw(st.booleans()):
            found += frames(reader)
    assert found + frames(reader) == packets


@given(st.binary(max_size=40))
def test_any_bytes_give_frames_or_one_of_two_errors(stream: bytes) -> None:
    reader = reader_with(stream, maximum=30)
    try:
        taken = sum(len(one) for one in frames(reader))
    except (Malformed, ProtocolViolation):
        return
    assert taken + reader.pending == len(stream)


def test_what_is_held_comes_when_it_may_and_in_order() -> None:
    reader = FrameReader(1024, 4)
    reader.feed(b"\xc0\x00\xd0\x00\xe0")
    assert reader.next_frame()
    reader.hold()
    assert not reader.next_frame()
    reader.feed(b"\x00")
    reader.hold()
    reader.feed(b"\xc0\x00")
    assert not reader.next_frame()
    assert reader.pending == 6
    reader.go_on()
    headers = []
    while reader.next_frame():
        headers.append(reader.header)
    assert headers == [0xD0, 0xE0, 0xC0]


def test_nothing_that_was_held_is_nothing_to_read() -> None:
    reader = FrameReader(1024, 4)
    reader.hold()
    reader.go_on()
    assert not reader.next_frame()
