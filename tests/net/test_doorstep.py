"""Requests and upgrades from banned addresses."""

import asyncio
import contextlib

from myna.core.bans import ADDRESS
from myna.core.ports import Outlet, Peer
from myna.net.doorstep import Doorstep, DoorstepLimits
from myna.net.endpoint import WebSocketConnection, WebSocketEndpoint
from myna.net.listeners import HttpListener, MqttListener
from myna.net.tls import TlsContexts, TlsSettings
from myna.testing import World
from tests.net.certificates import folder
from tests.net.harness import Client, Served, Talker, on_our_loop
from tests.net.test_websocket import not_here
from tests.net.websocket_client import handshake

REQUEST = b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n"
ADMIN = b"GET /api/admin/bans HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


@on_our_loop
async def test_a_banned_address_gets_403_from_http_and_for_upgrades_except_where_it_is_always_open() -> None:
    world = World()
    broker = world.broker
    doorstep = Doorstep(broker, always=(b"/api/admin/",))
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


def everybody(served: Served) -> int:
    return served.listeners._half_open()


@on_our_loop
async def test_beyond_so_many_that_have_not_said_who_they_are_newcomers_are_closed() -> None:
    world = World()
    listener = HttpListener("http", not_here, lambda request: None, host="127.0.0.1", port=0)
    async with Served(listener, doorstep=Doorstep(world.broker)) as served:
        served.listeners.protect(DoorstepLimits(half_open=2), [])
        silent = [await served.client() for _ in range(2)]
        while everybody(served) < 2:
            await asyncio.sleep(0)
        refused = await served.client()
        assert await refused.read_all() == b""
        assert world.refused("accept:half_open") == 1
        await silent[0].send(REQUEST)
        await silent[0].read_until(b"\r\n\r\n")
        assert everybody(served) == 1, "who has asked for something is no stranger"
        silent[1].close()
        while everybody(served):
            await asyncio.sleep(0)
        world.stranger()  # one of MQTT counts as well
        assert everybody(served) == 1
        for client in (silent[0], refused):
            client.close()


@on_our_loop
async def test_a_websocket_keeps_the_place_of_its_address_until_it_ends() -> None:
    class Quiet(WebSocketEndpoint):
        def opening(self, socket: WebSocketConnection) -> None:
            socket.accept()

    world = World()
    listener = HttpListener("http", not_here, lambda request: Quiet(), host="127.0.0.1", port=0)
    async with Served(listener, doorstep=Doorstep(world.broker)) as served:
        served.listeners.protect(DoorstepLimits(connections_per_address=1), [])
        client = await served.client()
        await client.send(handshake())
        await client.read_until(b"\r\n\r\n")
        assert everybody(served) == 0
        refused = await served.client()
        assert await refused.read_all() == b""
        assert world.refused("accept:address_connections") == 1
        client.close()
        await served.listeners.streams.wait_ended()
        again = await served.client()
        await again.send(REQUEST)
        assert (await again.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
        again.close()
        refused.close()


@on_our_loop
async def test_accepting_keeps_to_its_rate_and_nobody_is_lost() -> None:
    async with Served() as served:
        began = served.listeners.clock.now()
        served.listeners.protect(DoorstepLimits(accepts_per_second=20.0), [])
        clients = [await served.client() for _ in range(25)]
        await served.talker(24)
        assert served.listeners.clock.now() - began > 0.2
        for client in clients:
            client.close()


@on_our_loop
async def test_places_of_those_who_never_finish_tls_are_given_back() -> None:
    world = World()
    contexts = TlsContexts(TlsSettings(str(folder() / "server.pem"), str(folder() / "server.key")))
    secured = MqttListener("mqtt", served_by, host="127.0.0.1", port=0, tls=contexts)
    async with Served(secured, doorstep=Doorstep(world.broker)) as served:
        served.listeners.protect(DoorstepLimits(connections_per_address=1), [])
        for _ in range(2):
            client = await served.client()
            await client.send(b"this is not TLS")
            with contextlib.suppress(ConnectionResetError):
                await client.read_all()
            client.close()
            while everybody(served):
                await asyncio.sleep(0)
        assert world.refused("accept:address_connections") == 0


def served_by(outlet: Outlet, peer: Peer, now: float) -> Talker:
    return Talker(outlet, peer, now)


@on_our_loop
async def test_connections_of_all_kinds_have_a_bound_together_and_whoever_is_inside_stays() -> None:
    world = World()
    http = HttpListener("http", not_here, lambda request: None, host="127.0.0.1", port=0)
    async with Served(http, doorstep=Doorstep(world.broker)) as served:
        opened = served.listeners.open([MqttListener("mqtt", served.connect, host="127.0.0.1", port=0)])
        served.listeners.protect(DoorstepLimits(sockets=2), [])
        idle = await served.client()
        await idle.send(REQUEST)
        await idle.read_until(b"\r\n\r\n")
        talking = await Client.connect("127.0.0.1", opened[0].port)
        talker = await served.talker()
        for port in (served.port, opened[0].port):
            refused = await Client.connect("127.0.0.1", port)
            assert await refused.read_all() == b""
            refused.close()
        assert world.refused("accept:sockets") == 2
        await talking.send(b"hello")
        await talker.until(lambda one: one.heard == b"hello")
        idle.close()
        while served.listeners._sockets() == 2:
            await asyncio.sleep(0)
        again = await served.client()
        await again.send(REQUEST)
        await again.read_until(b"\r\n\r\n")
        for client in (talking, again):
            client.close()
