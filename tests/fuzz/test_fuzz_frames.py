"""WebSocket frames as any client may send them: whole, in fragments, with control frames between, split at any byte,
and broken.
"""

import random
import time

from myna.net.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, FrameReader
from tests.fuzz.mutate import SECONDS, SEED, mutate, pieces

Heard = list[tuple[int, bytes]]


def frame(chance: random.Random, opcode: int, payload: bytes, final: bool) -> bytes:
    """Masked, with its length in any of the three forms that has room for it."""
    size = len(payload)
    form = chance.choice([bits for bits, most in ((7, 125), (16, 65_535), (64, 1 << 63)) if size <= most])
    length = (
        bytes((0x80 | size,)) if form == 7 else bytes((0x80 | 126 + (form == 64),)) + size.to_bytes(form // 8, "big")
    )
    mask = chance.randbytes(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes((opcode | (0x80 if final else 0),)) + length + mask + masked


def conversation(chance: random.Random) -> tuple[bytes, Heard]:
    """Frames, and the messages they are, control frames among them in their place."""
    data, heard = b"", Heard()
    for _ in range(chance.randrange(1, 5)):
        opcode = chance.choice((TEXT, BINARY))
        parts = [chance.randbytes(chance.choice((0, 1, 5, 125, 126, 300))) for _ in range(chance.randrange(1, 5))]
        for index, part in enumerate(parts):
            if chance.random() < 0.4:
                control, said = chance.choice((PING, PONG)), chance.randbytes(chance.randrange(126))
                data += frame(chance, control, said, True)
                heard.append((control, said))
            data += frame(chance, CONTINUATION if index else opcode, part, index == len(parts) - 1)
        heard.append((opcode, b"".join(parts)))
    return data, heard


def hear(reader: FrameReader, chance: random.Random, data: bytes) -> Heard:
    return [one for piece in pieces(chance, data) for one in reader.feed(piece)]


def joined(heard: Heard, kinds: tuple[int, ...]) -> bytes:
    return b"".join(payload for kind, payload in heard if kind in kinds)


def meet(chance: random.Random) -> None:
    data, expected = conversation(chance)
    whole, streaming = FrameReader(100_000), FrameReader(None)
    assert hear(whole, chance, data) == expected
    parts = hear(streaming, chance, data)
    for kinds in ((TEXT, BINARY), (PING, PONG)):
        assert joined(parts, kinds) == joined(expected, kinds)
    assert whole.error is None
    assert streaming.error is None
    broken = mutate(chance, data, conversation(chance)[0])
    one, other = FrameReader(1000), FrameReader(1000)
    assert hear(one, chance, broken) == other.feed(broken), "splitting changes what is heard"
    assert (one.error is None) == (other.error is None)
    one, other = FrameReader(None), FrameReader(None)
    split, at_once = hear(one, chance, broken), other.feed(broken)
    for kinds in ((TEXT, BINARY), (PING, PONG), (CLOSE, CLOSE)):
        assert joined(split, kinds) == joined(at_once, kinds), "splitting changes what is heard"
    assert (one.error is None) == (other.error is None)


def test_any_frames_are_messages_or_a_mistake_however_they_are_split() -> None:
    end = time.monotonic() + SECONDS
    seed = SEED
    while time.monotonic() < end:
        try:
            meet(random.Random(seed))
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
        seed += 1
