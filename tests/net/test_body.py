import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from myna.net.body import BodyTooLarge, ClientGone, read_body


class Arriving:
    def __init__(self, *chunks: bytes, complete: bool = True) -> None:
        self.read = 0
        self._events = self._make(chunks, complete)

    def _make(self, chunks: tuple[bytes, ...], complete: bool) -> Iterator[dict[str, Any]]:
        for number, chunk in enumerate(chunks):
            yield {"type": "http.request", "body": chunk, "more_body": not complete or number < len(chunks) - 1}
        yield {"type": "http.disconnect"}

    async def __call__(self) -> dict[str, Any]:
        self.read += 1
        return next(self._events)


def test_a_body_is_joined_from_its_chunks() -> None:
    assert asyncio.run(read_body([], Arriving(b"a", b"", b"bc"), 3)) == b"abc"
    assert asyncio.run(read_body([(b"content-length", b"3")], Arriving(b"abc"), 3)) == b"abc"


def test_what_is_announced_too_large_is_not_read() -> None:
    arriving = Arriving(b"abcd")
    with pytest.raises(BodyTooLarge):
        asyncio.run(read_body([(b"content-length", b"4")], arriving, 3))
    assert arriving.read == 0


def test_what_grows_too_large_is_not_read_further() -> None:
    arriving = Arriving(b"ab", b"cd", b"ef")
    with pytest.raises(BodyTooLarge):
        asyncio.run(read_body([], arriving, 3))
    assert arriving.read == 2


def test_a_client_that_left_is_not_an_empty_body() -> None:
    with pytest.raises(ClientGone):
        asyncio.run(read_body([], Arriving(b"ab", complete=False), 3))
