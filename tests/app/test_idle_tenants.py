"""Tenants that hold nothing are forgotten, but not those that an API lives in: it would speak into the void then."""

import asyncio

from myna.app import App
from myna.config import load_text

CONFIGURATION = b"""
[server]
memory = true
sys_topics = 0
[[http]]
listen = "127.0.0.1:0"
[administration]
token = "0123456789abcdef0123456789abcdef"
[faces.devicehive]
tenant = "devices"
[faces.eventgrid]
tenant = "grid"
[faces.webpubsub]
[log]
level = "error"
"""


def test_the_tenant_that_an_api_lives_in_is_never_forgotten() -> None:
    async def scenario() -> None:
        app = App(load_text(CONFIGURATION, "myna.toml", {}))
        await app.start()
        try:
            broker = app.broker
            before = {name: broker.tenants[name] for name in ("devices", "grid")}
            broker.tenant("passing")
            for later in (0.0, 1000.0, 2000.0):
                broker.forget_idle_tenants(app.now() + later)
            assert {name: broker.tenants.get(name) for name in before} == before
            assert "passing" not in broker.tenants
        finally:
            await app.drain()

    asyncio.run(asyncio.wait_for(scenario(), 60))
