"""Connections through a proxy, by real sockets: plain, TLS and HTTP see the client's own address."""

import asyncio
import contextlib
import socket

import pytest

from myna.core.bans import ADDRESS
from myna.core.ports import Outlet, Peer
from myna.net.doorstep import Doorstep, DoorstepLimits
from myna.net.listeners import HttpListener, MqttListener
from myna.net.tls import TlsContexts, TlsSettings
from myna.testing import World
from tests.net.certificates import client_context, folder
from tests.net.harness import Client, Served, Talker, on_our_loop
from tests.net.test_proxy import V4, version_2
from tests.net.test_websocket import not_here

LINE = b"PROXY TCP4 192.0.2.1 203.0.113.9 4711 1883\r\n"
BLOCK = version_2(0x21, 0x11, V4, b"\x20\x00\x05hello")
REQUEST = b"GET /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


class Proxied(Served):
    """Listeners behind a proxy on this machine, of whose clients the broker of a world counts the refusals."""

    def __init__(self, *listeners: MqttListener | HttpListener, trusted: str = "127.0.0.0/8") -> None:
        self.world = World()
        super().__init__(*listeners, doorstep=Doorstep(self.world.broker))
        if not listeners:
            self._wanted = (MqttListener("mqtt", self.connect, host="127.0.0.1", port=0, proxied=True),)
        self._trusted = trusted

    async def __aenter__(self) -> "Proxied":
        await super().__aenter__()
        self.listeners.protect(DoorstepLimits(), [self._trusted])
        return self

    @property
    def refused(self) -> int:
        return self.world.refused("accept:proxy")


async def is_closed(client: Client) -> None:
    """It has been ended without a word; what it had said and nobody read makes that a reset."""
    with contextlib.suppress(ConnectionResetError):
        assert await client.read_all() == b""
    client.close()


@pytest.mark.parametrize("header", [LINE, BLOCK])
@on_our_loop
async def test_the_client_is_where_the_header_says_and_nothing_behind_it_is_lost(header: bytes) -> None:
    async with Proxied() as served:
        client = await served.client()
        await client.send(header + b"hello")
        talker = await served.talker()
        await talker.until(lambda one: one.heard == b"hello")
        assert talker.peer.address == "192.0.2.1:4711"
        assert await client.read_until(b"HELLO") == b"HELLO"
        client.close()


@pytest.mark.parametrize("header", [LINE, BLOCK])
@on_our_loop
async def test_a_header_may_come_byte_by_byte(header: bytes) -> None:
    async with Proxied() as served:
        client = await served.client()
        for byte in header:
            await client.send(bytes([byte]))
            await asyncio.sleep(0)
        await client.send(b"hello")
        talker = await served.talker()
        await talker.until(lambda one: one.heard == b"hello")
        assert talker.peer.address == "192.0.2.1:4711"
        client.close()


@pytest.mark.parametrize("header", [LINE, BLOCK])
@on_our_loop
async def test_tls_begins_behind_the_header(header: bytes) -> None:
    contexts = TlsContexts(TlsSettings(str(folder() / "server.pem"), str(folder() / "server.key")))
    async with Proxied() as served:
        listener = MqttListener("mqtts", served.connect, host="127.0.0.1", port=0, tls=contexts, proxied=True)
        opened = served.listeners.open([listener])
        sock = socket.socket()
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", opened[0].port))
        for piece in (header[:7], header[7:]):
            await loop.sock_sendall(sock, piece)
        _, writer = await asyncio.open_connection(sock=sock, ssl=client_context(), server_hostname="localhost")
        writer.write(b"hello")
        talker = await served.talker()
        await talker.until(lambda one: one.heard == b"hello")
        assert (talker.peer.address, talker.peer.listener) == ("192.0.2.1:4711", "mqtts")
        writer.transport.abort()


@on_our_loop
async def test_a_connection_that_cannot_be_made_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    def connect(outlet: Outlet, peer: Peer, now: float) -> Talker:
        raise RuntimeError("a bug for the test")

    async with Proxied(MqttListener("mqtt", connect, host="127.0.0.1", port=0, proxied=True)) as served:
        client = await served.client()
        await client.send(LINE)
        await is_closed(client)
        assert "a bug for the test" in caplog.text


@on_our_loop
async def test_a_proxy_that_speaks_for_itself_is_itself() -> None:
    async with Proxied() as served:
        client = await served.client()
        await client.send(b"PROXY UNKNOWN\r\nhello")
        talker = await served.talker()
        assert talker.peer.address.startswith("127.0.0.1:")
        client.close()


@pytest.mark.parametrize("data", [b"\x10\x0c\0\4MQTT", b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 nonsense\r\n"])
@on_our_loop
async def test_without_a_header_it_is_closed_and_counted(data: bytes) -> None:
    async with Proxied() as served:
        client = await served.client()
        await client.send(data)
        await is_closed(client)
        client.close()
        assert served.refused == 1
        assert served.talkers == []


@on_our_loop
async def test_half_a_header_and_silence_or_an_end_are_closed_and_nothing_said_is_no_refusal() -> None:
    async with Proxied() as served:
        half, gone, silent = [await served.client() for _ in range(3)]
        await half.send(LINE[:20])
        await gone.send(LINE[:20])
        while sum(bool(one._read) for one in served.listeners.proxies.waiting) < 2:
            await asyncio.sleep(0)
        gone.close()
        silent.close()
        while len(served.listeners.proxies.waiting) > 1:
            await asyncio.sleep(0)
        assert served.refused == 1
        for waiting in served.listeners.proxies.waiting:
            waiting.deadline = served.listeners.clock.now()  # its time has passed
        await is_closed(half)
        half.close()
        assert served.refused == 2


@on_our_loop
async def test_who_is_not_a_trusted_proxy_is_closed_whatever_he_says() -> None:
    async with Proxied(trusted="198.51.100.0/24") as served:
        client = await served.client()
        await client.send(LINE)
        await is_closed(client)
        client.close()
        assert served.refused == 1
        assert "not a trusted proxy" in served.world.watcher.lines[0]


@on_our_loop
async def test_bans_are_of_the_client_s_own_address_over_http() -> None:
    async with Proxied(HttpListener("http", not_here, host="127.0.0.1", port=0, proxied=True)) as served:
        served.world.broker.bans.ban(None, ADDRESS, "192.0.2.1", 0.0)
        for line, status in ((LINE, b" 403 "), (LINE.replace(b".1 ", b".2 ", 1), b" 404 ")):
            client = await served.client()
            await client.send(line + REQUEST)
            assert status in (await client.read_all())[:20]
            client.close()


@on_our_loop
async def test_places_are_of_the_client_s_own_address_and_given_back() -> None:
    async with Proxied() as served:
        served.listeners.protect(DoorstepLimits(connections_per_address=1), ["127.0.0.0/8"])
        first = await served.client()
        await first.send(LINE + b"one")
        await served.talker()
        second = await served.client()
        await second.send(LINE + b"two")
        await is_closed(second)
        other = await served.client()
        await other.send(LINE.replace(b".1 ", b".2 ", 1) + b"three")
        await served.talker(1)
        first.close()
        await served.talkers[0].until(lambda one: one.losses == 1)
        again = await served.client()
        await again.send(LINE + b"four")
        await served.talker(2)
        assert served.world.refused("accept:address_connections") == 1
        for client in (second, other, again):
            client.close()
