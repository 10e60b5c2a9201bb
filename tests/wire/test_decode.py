"""Every vector: whole, split at every byte, with a packet behind it, and encoded back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.wire.decode import decode
from myna.wire.encode import encode
from myna.wire.errors import Malformed, ProtocolViolation, WireError
from myna.wire.packets import Auth, Connect, Disconnect, Packet, Pingreq, Pingresp
from myna.wire.reader import FrameReader
from tests.wire.vectors import ILLEGAL, LEGAL, LEGAL_OTHERWISE, Illegal, frame, props, text

Legal = tuple[str, int, bytes]
PING = b"\xc0\x00"


def name_of(row: Legal | Illegal) -> str:
    return row[0]


def read_all(chunks: list[bytes], level: int) -> list[Packet]:
    """What a connection sees: a CONNECT sets the level for what follows."""
    reader = FrameReader(1 << 20)
    packets = []
    for chunk in chunks:
        reader.feed(chunk)
        while (packet := reader.next_packet(level)) is not None:
            if isinstance(packet, Connect):
                level = packet.level
            packets.append(packet)
    assert reader.pending == 0
    return packets


def forms(packets: list[Packet], level: int) -> list[bytes]:
    return [encode(packet, level or 4) for packet in packets]


@pytest.mark.parametrize("vector", LEGAL, ids=name_of)
def test_a_legal_packet_is_encoded_back_to_the_same_bytes(vector: Legal) -> None:
    _, level, data = vector
    assert forms(read_all([data], level), level) == [data]


@pytest.mark.parametrize("vector", LEGAL_OTHERWISE, ids=name_of)
def test_another_form_of_a_packet_becomes_the_usual_one_and_stays_it(vector: Legal) -> None:
    _, level, data = vector
    once = forms(read_all([data], level), level)
    assert once != [data]
    assert forms(read_all(once, level), level) == once


@pytest.mark.parametrize("vector", LEGAL + LEGAL_OTHERWISE, ids=name_of)
def test_a_split_between_any_two_bytes_changes_nothing(vector: Legal) -> None:
    _, level, data = vector
    whole = forms(read_all([data, PING], level), level)
    cuts = range(1, len(data)) if len(data) < 300 else (1, 2, 3, 4, 5, len(data) // 2, len(data) - 1)
    for cut in cuts:
        assert forms(read_all([data[:cut], data[cut:] + PING], level), level) == whole


@pytest.mark.parametrize("vector", LEGAL + LEGAL_OTHERWISE, ids=name_of)
def test_byte_by_byte_changes_nothing(vector: Legal) -> None:
    _, level, data = vector
    if len(data) < 300:
        assert forms(read_all([bytes((byte,)) for byte in data], level), level) == forms(read_all([data], level), level)


@pytest.mark.parametrize("vector", LEGAL + LEGAL_OTHERWISE, ids=name_of)
def test_what_follows_a_packet_is_not_touched(vector: Legal) -> None:
    _, level, data = vector
    packets = read_all([data + PING + PING], level)
    assert len(packets) == 3
    assert isinstance(packets[2], Pingreq)


@pytest.mark.parametrize("vector", LEGAL + LEGAL_OTHERWISE, ids=name_of)
def test_no_shortened_body_reads_past_its_end(vector: Legal) -> None:
    _, level, data = vector
    reader = FrameReader(1 << 20, level)
    reader.feed(data)
    assert reader.next_frame()
    for end in range(reader.body, min(reader.end, reader.body + 200)):
        try:
            short = decode(data[0], data, reader.body, end, level)
            alone = decode(data[0], data[:end], reader.body, end, level)
        except WireError:
            continue
        assert forms([short], level) == forms([alone], level)


@pytest.mark.parametrize("vector", ILLEGAL, ids=name_of)
@pytest.mark.parametrize("is_split", [False, True], ids=["whole", "byte by byte"])
def test_an_illegal_packet_is_refused_with_its_reason(vector: Illegal, is_split: bool) -> None:
    _, level, data, kind, reason = vector
    chunks = [bytes((byte,)) for byte in data] if is_split else [data + PING]
    with pytest.raises(kind) as caught:
        read_all(chunks, level)
    assert caught.value.reason == reason
    assert type(caught.value) is kind


def test_first_byte_is_judged_without_a_reader_too() -> None:
    with pytest.raises(Malformed):
        decode(0xC1, b"", 0, 0, 4)


def test_small_packets_are_what_they_say() -> None:
    assert isinstance(decode(0xC0, b"", 0, 0, 4), Pingreq)
    assert isinstance(decode(0xD0, b"", 0, 0, 4), Pingresp)
    disconnect = decode(0xE0, b"\x04", 0, 1, 5)
    assert isinstance(disconnect, Disconnect)
    assert disconnect.code == 4
    auth = decode(0xF0, b"", 0, 0, 5)
    assert isinstance(auth, Auth)
    assert auth.code == 0


def test_disconnect_keeps_its_properties() -> None:
    data = frame(0xE0, b"\0", props(b"\x11\0\0\0\x09", b"\x1f" + text("tired")))
    (packet,) = read_all([data], 5)
    assert isinstance(packet, Disconnect)
    assert packet.properties is not None
    assert packet.properties.session_expiry == 9
    assert packet.properties.reason_string == "tired"


LEVELS = st.sampled_from([3, 4, 5])
BODIES = st.one_of(st.binary(max_size=60), st.sampled_from([row[2][2:] for row in LEGAL if len(row[2]) < 129]))


@given(st.integers(0, 255), BODIES, LEVELS)
def test_any_body_gives_a_packet_or_one_of_two_errors(header: int, body: bytes, level: int) -> None:
    try:
        packet = decode(header, body, 0, len(body), level)
    except (Malformed, ProtocolViolation):
        return
    if isinstance(packet, Connect):
        level = packet.level
    once = encode(packet, level)
    again = FrameReader(1 << 20)
    again.feed(once)
    second = again.next_packet(level)
    assert second is not None
    assert encode(second, level) == once


@given(st.sampled_from(LEGAL + LEGAL_OTHERWISE), st.data())
def test_a_damaged_packet_gives_a_packet_nothing_or_one_of_two_errors(vector: Legal, data: st.DataObject) -> None:
    _, level, good = vector
    position = data.draw(st.integers(0, min(len(good), 120) - 1))
    bad = good[:position] + bytes((data.draw(st.integers(0, 255)),)) + good[position + 1 :]
    reader = FrameReader(1 << 20, level)
    reader.feed(bad)
    try:
        assert isinstance(reader.next_packet(level), Packet | None)
    except (Malformed, ProtocolViolation):
        pass
