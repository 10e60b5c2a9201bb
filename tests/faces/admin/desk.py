"""The administration on a broker in memory: requests go in as ASGI, clients are those of `myna.testing`."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from myna.core.limits import Limits
from myna.faces.admin.face import AdminFace, Settings
from myna.faces.async_broker import AsyncBroker
from myna.faces.contract import FaceContext, Reloaded
from myna.faces.routes import HttpRoutes
from myna.testing import World
from myna.testing.outgoing import ScriptedHttp

URLS = {"http": ["http://127.0.0.1:8080"]}


class FakeProcess:
    def __init__(self) -> None:
        self.reloaded = Reloaded(in_force=["limits"], waiting=["mqtt"])
        self.healthy = True

    def reread(self) -> Reloaded:
        return self.reloaded

    def health(self) -> tuple[bool, dict[str, object]]:
        return self.healthy, {"status": "ok" if self.healthy else "draining"}


class Answer:
    def __init__(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


class Desk:
    def __init__(self, limits: Limits | None = None) -> None:
        self.world = World(limits=limits)
        self.process = FakeProcess()
        broker = AsyncBroker(self.world.broker, lambda: self.world.now, lambda: None)
        self.context = FaceContext(
            broker=broker,
            now=broker.now,
            arm=lambda: None,
            development=False,
            default_tenant="t",
            data=None,
            secret=str,
            http=ScriptedHttp(),
            gate=lambda names: self.world.gate,
            connect_mqtt=lambda gate, outlet, peer, now: speaks_no_mqtt(),
            text_frame=bytes,
            binary_frame=bytes,
            urls=URLS,
            process=self.process,
        )
        self.claims = AdminFace(self.context, Settings()).claims()
        self._app = HttpRoutes({}, self.claims.administration)

    def call(self, method: str, target: str, body: object = None) -> Answer:
        """One whole request; a body that is no bytes is sent as JSON."""
        return asyncio.run(self._call(method, target, body))

    def get(self, target: str) -> Any:
        answer = self.call("GET", target)
        assert answer.status == 200, answer.body
        return answer.json()

    def problem(self, method: str, target: str, body: object = None) -> tuple[int, str]:
        """The status of a refusal, and the parameter it names."""
        answer = self.call(method, target, body)
        assert answer.headers[b"content-type"] == b"application/problem+json"
        details = answer.json()
        assert details["status"] == answer.status
        assert details["title"]
        assert details["detail"]
        return answer.status, details.get("parameter", "")

    async def _call(self, method: str, target: str, body: object) -> Answer:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        path, _, query = f"/api/admin{target}".partition("?")
        scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(b"content-length", str(len(raw)).encode())],
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        return Answer(sent[0]["status"], dict(sent[0]["headers"]), b"".join(one["body"] for one in sent[1:]))


def speaks_no_mqtt() -> Any:
    raise AssertionError("the administration speaks no MQTT")
