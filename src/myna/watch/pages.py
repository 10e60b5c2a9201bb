"""/health and /metrics, as plain ASGI callables.

Health is 200 while every listener is open and 503 from the moment the broker begins to stop, so that a load balancer
looks elsewhere before connections end. What a newcomer gets wrong: it is open to everybody, so it says nothing but
that; why a broker is not well is told to administrators, at /api/admin/health.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from myna.watch.metrics import Metrics

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

OK: Final = b'{"status":"ok"}'
UNAVAILABLE: Final = b'{"status":"unavailable"}'
PROMETHEUS: Final = b"text/plain; version=0.0.4; charset=utf-8"


class HealthPage:
    """`state` answers (healthy, what administrators are told)."""

    def __init__(self, state: Callable[[], tuple[bool, dict[str, object]]]) -> None:
        self._state = state

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        healthy, _ = self._state()
        await _answer(send, 200 if healthy else 503, b"application/json", OK if healthy else UNAVAILABLE)


class MetricsPage:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await _answer(send, 200, PROMETHEUS, (await self._metrics.render()).encode())


async def _answer(send: Send, status: int, content_type: bytes, body: bytes) -> None:
    headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
