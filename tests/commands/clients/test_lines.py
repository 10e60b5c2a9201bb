import asyncio
import os

import pytest

from myna.commands.clients.lines import read_lines


def lines_of(*chunks: bytes) -> list[bytes]:
    read, write = os.pipe()

    async def run() -> list[bytes]:
        for chunk in chunks:
            os.write(write, chunk)
        os.close(write)
        return [line async for line in read_lines(read)]

    try:
        return asyncio.run(run())
    finally:
        os.close(read)


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a\r\nb"], [b"a", b"b"]),
        ([b"a", b"b\nc", b"\n"], [b"ab", b"c"]),
        ([b"\n\n"], [b"", b""]),
        ([], []),
    ],
)
def test_lines_are_cut_at_their_ends(chunks: list[bytes], lines: list[bytes]) -> None:
    assert lines_of(*chunks) == lines


def test_a_line_is_there_as_soon_as_it_ends() -> None:
    read, write = os.pipe()

    async def run() -> None:
        lines = read_lines(read)
        os.write(write, b"first\nsec")
        assert await anext(lines) == b"first"
        os.write(write, b"ond\n")
        assert await anext(lines) == b"second"
        os.close(write)
        assert [line async for line in lines] == []

    asyncio.run(run())
    os.close(read)
