import os

import pytest

from myna.net.frames import (
    BINARY,
    CLOSE,
    MESSAGE_TOO_BIG,
    NO_STATUS,
    PING,
    PROTOCOL_ERROR,
    TEXT,
    FrameReader,
    Mistake,
    encode_binary_frame,
    encode_close,
    encode_text_frame,
    read_close,
)
from tests.net.websocket_client import mask_frame

LIMIT = 100_000
CONVERSATION = b"".join(
    [
        mask_frame(TEXT, b"hello"),
        mask_frame(BINARY, b"a" * 200),
        mask_frame(BINARY, b"b" * 70_000),
        mask_frame(TEXT, b"one ", final=False),
        mask_frame(PING, b"are you there"),
        mask_frame(0, b"", final=False),
        mask_frame(0, b"message"),
        mask_frame(BINARY, b""),
    ]
)
HEARD = [
    (TEXT, b"hello"),
    (BINARY, b"a" * 200),
    (BINARY, b"b" * 70_000),
    (PING, b"are you there"),
    (TEXT, b"one message"),
    (BINARY, b""),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 4096, len(CONVERSATION)])
def test_splitting_never_changes_what_is_heard(size: int) -> None:
    reader = FrameReader(LIMIT)
    heard = []
    for start in range(0, len(CONVERSATION), size):
        heard += reader.feed(CONVERSATION[start : start + size])
    assert heard == HEARD
    assert reader.error is None


def test_a_streaming_reader_hands_fragments_on_as_they_come() -> None:
    reader = FrameReader(None)
    assert reader.feed(mask_frame(BINARY, b"12345678", final=False)) == [(BINARY, b"12345678")]
    assert reader.feed(mask_frame(0, b"90123456", final=False)) == [(BINARY, b"90123456")]
    assert reader.feed(mask_frame(0, b"end")) == [(BINARY, b"end")]
    assert reader.error is None


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100, 4096, len(CONVERSATION)])
def test_a_streaming_reader_hands_parts_of_frames_on(size: int) -> None:
    reader = FrameReader(None)
    heard: list[tuple[int, bytes]] = []
    for start in range(0, len(CONVERSATION), size):
        heard += reader.feed(CONVERSATION[start : start + size])
        assert len(reader._rest or b"") < 14 + 125  # a header, and what control frames may hold
    assert reader.error is None
    for opcode in (TEXT, BINARY, PING):
        expected = [payload for kind, payload in HEARD if kind == opcode]
        assert b"".join(payload for kind, payload in heard if kind == opcode) == b"".join(expected)


def test_a_streaming_reader_takes_frames_of_any_size_that_can_be() -> None:
    reader = FrameReader(None)
    assert reader.feed(b"\x82\xff" + (1 << 62).to_bytes(8, "big") + b"\0\0\0\0abc") == [(BINARY, b"abc")]
    assert reader.feed(b"def") == [(BINARY, b"def")]
    reader = FrameReader(None)
    assert reader.feed(b"\x82\xff" + (1 << 63).to_bytes(8, "big") + b"\0\0\0\0abc") == []
    assert reader.error is not None
    assert reader.error.code == PROTOCOL_ERROR


def test_fragments_and_parts_may_not_be_out_of_order() -> None:
    reader = FrameReader(None)
    frame = mask_frame(BINARY, b"123456", final=False)
    assert reader.feed(frame[:8]) + reader.feed(frame[8:]) == [(BINARY, b"12"), (BINARY, b"3456")]
    assert reader.feed(mask_frame(PING, b"") + mask_frame(0, b"7")[:-1]) == [(PING, b"")]
    reader.feed(mask_frame(0, b"7")[-1:])
    assert reader.feed(mask_frame(0, b"orphan")) == []
    assert reader.error is not None
    assert reader.error.code == PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x82\x01a" + b"...", PROTOCOL_ERROR),  # not masked
        (mask_frame(0x3, b""), PROTOCOL_ERROR),
        (mask_frame(0xB, b""), PROTOCOL_ERROR),
        (mask_frame(BINARY, b"", reserved=0x40), PROTOCOL_ERROR),
        (mask_frame(PING, b"x" * 126), PROTOCOL_ERROR),
        (mask_frame(PING, b"", final=False), PROTOCOL_ERROR),
        (mask_frame(0, b"orphan"), PROTOCOL_ERROR),
        (mask_frame(TEXT, b"a", final=False) + mask_frame(TEXT, b"b"), PROTOCOL_ERROR),
        (b"\x82\xff" + b"\xff" * 12, MESSAGE_TOO_BIG),
        (mask_frame(BINARY, b"a" * LIMIT, final=False) + mask_frame(0, b"b"), MESSAGE_TOO_BIG),
    ],
)
def test_mistakes_have_their_close_code(data: bytes, code: int) -> None:
    reader = FrameReader(LIMIT)
    assert reader.feed(mask_frame(TEXT, b"before") + data)[0] == (TEXT, b"before")
    assert reader.error is not None
    assert reader.error.code == code
    assert reader.feed(mask_frame(TEXT, b"after")) == []


def test_a_frame_that_is_too_large_is_refused_on_its_header() -> None:
    reader = FrameReader(LIMIT)
    reader.feed(mask_frame(BINARY, b"x" * (LIMIT + 1))[:14])
    assert reader.error is not None


def test_any_bytes_give_messages_or_a_mistake() -> None:
    for seed in range(300):
        reader = FrameReader(LIMIT)
        for _ in range(5):
            reader.feed(os.urandom(seed % 40 + 1))


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_frames_are_encoded_with_the_shortest_length(size: int) -> None:
    frame = encode_binary_frame(b"x" * size)
    header = 2 if size < 126 else 4 if size < 65536 else 10
    assert len(frame) == header + size
    assert frame[0] == 0x82
    assert encode_text_frame(b"x" * size)[0] == 0x81


def test_close_frames_are_read_and_written() -> None:
    assert read_close(encode_close(1000, "done")[2:]) == (1000, "done")
    assert read_close(encode_close(1008, "é" * 100)[2:]) == (1008, "é" * 61)
    assert encode_close(NO_STATUS) == bytes((0x80 | CLOSE, 0))
    assert read_close(b"") == (NO_STATUS, "")


@pytest.mark.parametrize(
    "payload", [b"\x03", b"\x03\xed", b"\x03\xee", b"\x00\x00", b"\x0b\xb7", b"\x13\x88", b"\x03\xe8\xff"]
)
def test_close_frames_with_a_mistake_are_refused(payload: bytes) -> None:
    assert isinstance(read_close(payload), Mistake)
