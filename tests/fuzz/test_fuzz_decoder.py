"""Any bytes give packets, nothing yet, or one of the two errors of `wire`; and how they are split changes nothing."""

import pytest

from myna.wire.encode import encode
from myna.wire.errors import WireError
from myna.wire.packets import Connect
from myna.wire.reader import FrameReader
from tests.fuzz.mutate import SEED, inputs, pieces

LIMIT = 1 << 20


def read(chunks: list[bytes], level: int) -> tuple[list[bytes], str]:
    """The packets, encoded again, and the error that ended them."""
    reader = FrameReader(LIMIT, level)
    found: list[bytes] = []
    try:
        for chunk in chunks:
            reader.feed(chunk)
            while (packet := reader.next_packet(level)) is not None:
                found.append(encode(packet, packet.level if isinstance(packet, Connect) else level))
    except WireError as error:
        return found, f"{type(error).__name__} 0x{error.reason:02x}"
    return found, ""


@pytest.mark.parametrize("level", [3, 4, 5])
def test_any_bytes_give_packets_or_a_clean_error(level: int) -> None:
    for data, chance in inputs("packets"):
        try:
            whole = read([data], level)
            split = read(list(pieces(chance, data)), level)
        except Exception as error:
            raise AssertionError(f"seed {SEED}: {data.hex()}") from error
        assert whole == split, f"seed {SEED}: {data.hex()}"
