"""One HTTP exchange with an ASGI application, without a network."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from myna.faces.contract import Asgi, Message


@dataclass
class Reply:
    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


async def ask(
    app: Asgi, method: str, path: str, body: Sequence[bytes] = (b"",), headers: Sequence[tuple[bytes, bytes]] = ()
) -> Reply:
    reply = Reply()
    pieces = list(body)
    scope: dict[str, Any] = {"type": "http", "method": method, "raw_path": path.encode(), "headers": list(headers)}

    async def receive() -> Message:
        if not pieces:
            return {"type": "http.disconnect"}
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            reply.status = message["status"]
            reply.headers = dict(message["headers"])
        else:
            reply.body += message["body"]

    await app(scope, receive, send)
    return reply
