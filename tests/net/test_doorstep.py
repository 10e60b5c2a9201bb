"""Requests and upgrades from banned addresses."""

from myna.core.bans import ADDRESS
from myna.net.doorstep import Doorstep
from myna.net.listeners import HttpListener
from myna.testing import World
from tests.net.harness import Served, on_our_loop
from tests.net.test_websocket import not_here
from tests.net.websocket_client import handshake

REQUEST = b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n"
ADMIN = b"GET /api/admin/bans HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


@on_our_loop
async def test_a_banned_address_gets_403_from_http_and_for_upgrades_except_where_it_is_always_open() -> None:
    world = World()
    broker = world.broker
    doorstep = Doorstep(broker.bans, broker.counters, world.watcher, always=(b"/api/admin/",))
    listener = HttpListener("http", not_here, lambda request: None, host="127.0.0.1", port=0)
    async with Served(listener, doorstep=doorstep) as served:
        before = await served.client()
        await before.send(REQUEST)
        assert (await before.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
        broker.bans.ban(None, ADDRESS, "127.0.0.0/8", 0.0, reason="spam")
        for client, request, status in (
            (before, REQUEST, b"403"),
            (await served.client(), REQUEST, b"403"),
            (await served.client(), handshake(), b"403"),
            (await served.client(), ADMIN, b"404"),
        ):
            await client.send(request)
            assert status in (await client.read_all()).split(b"HTTP/1.1 ")[-1][:3]
            client.close()
        assert world.refused("http:banned") == 3
        assert world.watcher.lines == ["somebody refused a request: banned: spam"] * 3
        broker.bans.unban(None, ADDRESS, "127.0.0.0/8")
        client = await served.client()
        await client.send(ADMIN)
        assert (await client.read_all()).startswith(b"HTTP/1.1 404 ")
        client.close()
