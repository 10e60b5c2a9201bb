"""Reading a request's body within a limit. Imports nothing of ours; for any ASGI application."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any


class BodyTooLarge(Exception):
    """Answer 413. What is left of the body need not be read: the connection sees to it."""


class ClientGone(Exception):
    """The client left before its body was complete; nobody waits for an answer."""


async def read_body(
    headers: Sequence[tuple[bytes, bytes]], receive: Callable[[], Awaitable[MutableMapping[str, Any]]], limit: int
) -> bytes:
    """The whole body, never holding more than `limit` and one chunk. A content-length too large is refused unread."""
    for name, value in headers:
        if name == b"content-length" and int(value) > limit:
            raise BodyTooLarge
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
