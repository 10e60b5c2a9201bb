"""The face on a broker in memory: requests go in as ASGI, MQTT clients are those of `myna.testing`.

`desk.call` makes one whole request; `desk.open` leaves it open, for event streams. Nothing here listens on a socket.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from myna.access.chain import Chain
from myna.access.gates import Gates
from myna.core.ports import Gate
from myna.faces.async_broker import AsyncBroker
from myna.faces.contract import FaceContext
from myna.faces.eventgrid.face import EventGridFace
from myna.faces.eventgrid.settings import ApiKeySettings, Settings
from myna.faces.routes import HttpRoutes
from myna.formats.jwt import Claims, sign
from myna.formats.outgoing import HttpCaller
from myna.testing import TENANT, World
from myna.testing.outgoing import ScriptedHttp
from myna.wire.packets import Publish
from tests.access.contexts import access_context

KEY = "an-api-key-that-is-long-enough"
SECRET = "a-shared-secret-of-at-least-32-bytes"
BEARER = (b"authorization", b"Bearer " + KEY.encode())

Pairs = Sequence[tuple[bytes, bytes]]


class Answer:
    def __init__(self, status: int, headers: Pairs, body: bytes) -> None:
        self.status = status
        self.headers = {name.decode(): value.decode() for name, value in headers}
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json()["error"]["code"])


class OpenCall:
    """A request whose answer goes on."""

    def __init__(self, desk: "Desk", method: str, target: str, headers: Pairs) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.ended = False
        self._text = b""
        self._news = asyncio.Event()
        self._gone = asyncio.Event()
        self._asked = False
        self.task = asyncio.ensure_future(desk.app(scope_of(method, target, headers), self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self._text += message.get("body", b"")
            self.ended = not message.get("more_body", False)
        self._news.set()

    async def block(self) -> dict[str, str]:
        """The next event, or comment, as its fields."""
        async with asyncio.timeout(60):
            while b"\n\n" not in self._text:
                self._news.clear()
                await self._news.wait()
        block, _, self._text = self._text.partition(b"\n\n")
        return dict(line.split(": ", 1) for line in block.decode().split("\n"))

    async def event(self) -> tuple[str, dict[str, Any]]:
        """The next event that is one, with its id."""
        while True:
            block = await self.block()
            if "data" in block:
                return block.get("id", ""), json.loads(block["data"])

    async def end(self) -> None:
        async with asyncio.timeout(60):
            await self.task

    async def leave(self) -> None:
        """The client closes its connection."""
        self._gone.set()
        await self.end()


class ChainOfOne(Chain):
    """The face's authenticator as the gate of an endpoint."""

    def __init__(self, world: World, face: EventGridFace, name: str = "eventgrid-jwt") -> None:
        super().__init__([face.claims().authenticators[name]], lambda: world.now)

    async def settle(self) -> None:
        await asyncio.gather(*self._pending)


class Desk:
    """By default one API key may publish and subscribe to everything: development's namespace, a key's name."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        world: World | None = None,
        development: bool = True,
        callers: Gates | None = None,
        http: HttpCaller | None = None,
    ) -> None:
        self.world = World() if world is None else world
        if settings is None:
            settings = Settings(api_keys=(ApiKeySettings(KEY, "backend"),))
        broker = AsyncBroker(self.world.broker, lambda: self.world.now, lambda: None)
        context = FaceContext(
            broker=broker,
            now=lambda: self.world.now,
            arm=lambda: None,
            development=development,
            default_tenant=TENANT,
            data=None,
            secret=lambda name: name,
            http=ScriptedHttp() if http is None else http,
            gate=_no_gate,
            connect_mqtt=_no_mqtt,
            text_frame=lambda data: data,
            binary_frame=lambda data: data,
            urls={},
            callers=lambda names: (callers or Gates(access_context(self.world))).callers(("faces", "eventgrid"), names),
        )
        self.face = EventGridFace(context, settings)
        claims = self.face.claims()
        for tenant, guard in claims.guards:
            self.world.broker.guard(guard, tenant)
        self.app = HttpRoutes(claims.hot, claims.routes)
        self.gate = ChainOfOne(self.world, self.face)

    async def call(
        self,
        method: str,
        target: str,
        *headers: tuple[bytes, bytes],
        body: bytes = b"",
        chunks: Sequence[bytes] | None = None,
        token: bytes | None = KEY.encode(),
        scheme: str = "http",
    ) -> Answer:
        sent: list[Mapping[str, Any]] = []
        waiting = [body] if chunks is None else list(chunks)
        gone = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if not waiting:
                await gone.wait()
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        given = list(headers) if token is None else [(b"authorization", b"Bearer " + token), *headers]
        await self.app(scope_of(method, target, given, scheme), receive, send)
        return Answer(sent[0]["status"], sent[0]["headers"], b"".join(part.get("body", b"") for part in sent[1:]))

    async def publish(self, query: str, *headers: tuple[bytes, bytes], body: bytes = b"", **more: Any) -> Answer:
        return await self.call("POST", f"/mqtt/messages?{query}", *headers, body=body, **more)

    def open(self, target: str, *headers: tuple[bytes, bytes]) -> OpenCall:
        return OpenCall(self, "GET", target, [BEARER, *headers])


def scope_of(method: str, target: str, headers: Pairs, scheme: str = "http") -> dict[str, Any]:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "method": method,
        "scheme": scheme,
        "raw_path": path.encode(),
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.lower(), value) for name, value in headers],
        "client": ("192.0.2.7", 4711),
        "extensions": {},
    }


def token(world: World, **claims: object) -> str:
    """A token as `SECRET`'s owner makes them. A claim of None is left out."""
    made: Claims = {
        "iss": "https://issuer.example",
        "sub": "device-17",
        "aud": "https://eventgrid.azure.net/",
        "exp": int(world.now) + 3600,
        "nbf": int(world.now) - 10,
        **claims,
    }
    return sign({name: value for name, value in made.items() if value is not None}, SECRET.encode())


def only(messages: list[Publish]) -> Publish:
    assert len(messages) == 1
    return messages[0]


def _no_gate(names: Sequence[str]) -> Gate:
    raise AssertionError("this face makes no gates")


def _no_mqtt(*arguments: object) -> Any:
    raise AssertionError("this face carries no MQTT")
