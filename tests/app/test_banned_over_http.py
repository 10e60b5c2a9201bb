"""An address that is banned in one tenant and calls over HTTP: every API keeps it out of that one and of no other."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from myna.app import App
from myna.config import load_text
from myna.core.bans import ADDRESS, USER
from myna.core.outcome import Refusal
from myna.faces.webpubsub.tokens import Tokens

KEY = "k" * 40
CONFIGURATION = f"""
[server]
memory = true
[[http]]
listen = "127.0.0.1:0"
[[bifromq]]
listen = "127.0.0.1:0"
[administration]
token = "{"t" * 32}"
[faces.admin]
[faces.bifromq]
[faces.webpubsub]
access_key = "{KEY}"
[faces.eventgrid]
api_keys = [{{key = "0123456789abcdef", client = "meter", roles = ["Publisher"]}}]
[routing.destinations.later]
kind = "pull"
topic = "orders"
keys = ["fedcba9876543210fedcba9876543210"]
[routing.rules.all]
destination = "later"
topic_filters = ["#"]
[log]
level = "error"
"""


class Caller:
    def __init__(self, app: App) -> None:
        self.app = app

    async def ask(self, listener: str, method: str, path: str, *headers: tuple[str, str], body: bytes = b"") -> int:
        port = int(self.app.urls[listener][0].rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = "".join(f"{name}: {value}\r\n" for name, value in (("host", "x"), ("connection", "close"), *headers))
        writer.write(f"{method} {path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body)
        status = int((await reader.readline()).split(b" ")[1])
        writer.transport.abort()
        return status

    async def bifromq(self, tenant: str) -> int:
        given = (("tenant_id", tenant), ("topic", "t"), ("qos", "1"), ("client_type", "x"))
        return await self.ask("bifromq", "POST", "/pub", *given, body=b"x")

    async def webpubsub(self, hub: str) -> int:
        path = f"/api/hubs/{hub}/:send"
        claims: dict[str, Any] = {"aud": f"http://x{path}", "exp": self.app.now() + 600}
        token = Tokens([KEY]).issue("x", hub, "", claims, 600, self.app.now())
        given = ("authorization", f"Bearer {token}"), ("content-type", "text/plain")
        return await self.ask("http", "POST", f"{path}?api-version=2024-12-01", *given, body=b"x")

    async def eventgrid(self) -> int:
        given = "authorization", "Bearer 0123456789abcdef"
        status = await self.ask("http", "POST", "/mqtt/messages", given, body=b"x")
        return 200 if status == 400 else status  # the topic is missing, and that is said to nobody who is refused

    async def pull(self) -> int:
        given = "authorization", "SharedAccessKey fedcba9876543210fedcba9876543210"
        body = json.dumps({"lockTokens": [base64.b64encode(b"none").decode()]}).encode()
        return await self.ask("http", "POST", "/topics/orders/eventsubscriptions/later:acknowledge", given, body=body)

    async def administration(self) -> int:
        return await self.ask("http", "GET", "/api/admin/bans", ("authorization", f"Bearer {'t' * 32}"))

    async def all(self) -> list[int]:
        """In the default tenant."""
        return [
            await self.bifromq("DevOnly"),
            await self.webpubsub("devonly"),
            await self.eventgrid(),
            await self.pull(),
        ]


def run(scenario: Callable[[App, Caller], Any]) -> None:
    async def inner() -> None:
        app = App(load_text(CONFIGURATION.encode(), "myna.toml", {}))
        await app.start()
        try:
            await scenario(app, Caller(app))
        finally:
            await app.drain()

    asyncio.run(asyncio.wait_for(inner(), 60))


@pytest.mark.parametrize("what", ["127.0.0.1", "127.0.0.0/8"])
def test_every_api_keeps_it_out_of_that_tenant_alone(what: str, tmp_path: Path) -> None:
    async def scenario(app: App, caller: Caller) -> None:
        assert all(status < 300 for status in await caller.all())
        assert not isinstance(app.broker.bans.ban("acme", ADDRESS, what, app.now()), Refusal)
        assert all(status < 300 for status in await caller.all())
        assert (await caller.bifromq("acme"), await caller.webpubsub("acme")) == (403, 403)
        app.broker.bans.ban("DevOnly", ADDRESS, what, app.now())
        assert await caller.all() == [403] * 4
        assert await caller.bifromq("other") == 200
        assert await caller.administration() == 200
        refused = app.broker.counters.refused
        assert (refused["bifromq:banned"], refused["webpubsub_rest:banned"]) == (2, 2)
        assert (refused["eventgrid:banned"], refused["topic_banned"]) == (1, 1)
        app.broker.bans.unban("DevOnly", ADDRESS, what)
        assert all(status < 300 for status in await caller.all())

    run(scenario)


def test_a_user_who_is_banned_is_kept_out_whom_event_grid_knows_by_a_token(tmp_path: Path) -> None:
    async def scenario(app: App, caller: Caller) -> None:
        assert await caller.eventgrid() < 300
        app.broker.bans.ban("DevOnly", USER, "meter", app.now())
        assert await caller.eventgrid() == 403

    run(scenario)
