"""TLS handshakes that do not come to an end: they are cut off in time, counted, and said why."""

import asyncio
import contextlib
import ssl
import time
from typing import Any

import pytest

from myna.core.ports import Outlet, Peer
from myna.net import listeners
from myna.net.doorstep import Doorstep
from myna.net.listeners import HttpListener, Listener, MqttListener
from myna.net.tls import TlsContexts, TlsSettings
from myna.testing import World
from tests.net.certificates import client_context, folder
from tests.net.harness import Served, Talker, on_our_loop

SHORT = 0.4  # seconds for a handshake, here
PAUSE = 0.05


async def answer_ok(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"OK"})


class Waiting(Served):
    """An MQTT or HTTPS listener, and what is said of those who do not get through."""

    def __init__(self, kind: str, **settings: Any) -> None:
        self.world = World()
        doorstep = Doorstep(self.world.broker)
        files = (str(folder() / "server.pem"), str(folder() / "server.key"))
        contexts = TlsContexts(TlsSettings(*files, **settings))
        listener: Listener
        if kind == "mqtt":
            listener = MqttListener("mqtt", self._connect, host="127.0.0.1", port=0, tls=contexts)
        else:
            listener = HttpListener("http", answer_ok, host="127.0.0.1", port=0, tls=contexts)
        super().__init__(listener, doorstep=doorstep)

    def _connect(self, outlet: Outlet, peer: Peer, now: float) -> Talker:
        return self.connect(outlet, peer, now)

    async def said(self) -> list[str]:
        while not self.world.refused("accept:tls"):
            await asyncio.sleep(0.01)
        return self.world.watcher.lines


class Halting:
    """A client whose handshake goes as far as it is driven."""

    def __init__(self, version: ssl.TLSVersion) -> None:
        context = client_context()
        context.maximum_version = version
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.done = False
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def step(self) -> bytes:
        """What it would send now."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
            self.done = True
        return self.outgoing.read()


VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
KINDS = pytest.mark.parametrize("kind", ["mqtt", "http"])


@KINDS
@VERSIONS
@pytest.mark.parametrize("stops", ["at once", "in the middle of its hello", "after the server's flight"])
@on_our_loop
async def test_a_client_that_stops_is_cut_off_in_time(
    kind: str, version: ssl.TLSVersion, stops: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "HANDSHAKE", SHORT)
    async with Waiting(kind) as served:
        hello = Halting(version).step()
        sent = {"at once": b"", "in the middle of its hello": hello[:100]}.get(stops, hello)
        started = time.monotonic()
        client = await served.client()
        client.socket.send(sent)  # it is there before anybody is accepted
        flight = await client.read_all()
        assert time.monotonic() - started > SHORT * 0.8
        assert bool(flight) == (sent == hello)
        assert await served.said() == ["somebody refused a connection: it did not end the handshake in time"]
        assert not served.talkers
        client.close()


@KINDS
@VERSIONS
@on_our_loop
async def test_a_client_that_pauses_and_goes_on_is_served(kind: str, version: ssl.TLSVersion) -> None:
    """Its last flight and its first bytes come in one piece, after a while."""
    async with Waiting(kind) as served:
        client = await served.client()
        halting = Halting(version)
        data = halting.step()
        while not halting.done:
            await client.send(data[:5])
            await asyncio.sleep(PAUSE)
            await client.send(data[5:])
            halting.incoming.write(await client.loop.sock_recv(client.socket, 65536))
            await asyncio.sleep(PAUSE)
            data = halting.step()
        halting.tls.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await client.send(data + halting.outgoing.read())
        heard = b""
        while not heard.endswith((b"OK", b"HOST: X\r\n\r\n")):
            halting.incoming.write(await client.loop.sock_recv(client.socket, 65536))
            with contextlib.suppress(ssl.SSLWantReadError):  # a session ticket, and nothing yet
                heard += halting.tls.read(65536)
        client.close()


@pytest.mark.parametrize(
    ("sent", "cause"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", "plain HTTP where TLS is spoken"),
        (b"\x10\x10\0\4MQTT\4\2\0\0\0\4test", "no TLS"),
    ],
)
@on_our_loop
async def test_who_speaks_no_tls_is_told_of(sent: bytes, cause: str) -> None:
    async with Waiting("mqtt") as served:
        client = await served.client()
        await client.send(sent)
        assert await served.said() == [f"somebody refused a connection: {cause}"]
        client.close()


@on_our_loop
async def test_who_only_knocks_is_counted_and_not_told_of() -> None:
    async with Waiting("http") as served:
        (await served.client()).close()
        assert await served.said() == []


@on_our_loop
async def test_a_missing_certificate_is_told_of() -> None:
    async with Waiting("mqtt", client_ca=str(folder() / "ca.pem"), client_certificate="required") as served:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", served.port, ssl=client_context(), server_hostname="localhost"
        )
        assert await served.said() == ["somebody refused a connection: it showed no certificate, and one is required"]
        writer.transport.abort()
