"""What is begun and not finished is cut off: TLS, the head of a request, an upgrade; by real sockets."""

import asyncio
import contextlib

import pytest

from myna.core.ports import Outlet, Peer
from myna.net import listeners as module
from myna.net.endpoint import UpgradeRequest, WebSocketEndpoint
from myna.net.listeners import HttpListener, Listener, MqttListener
from myna.net.tls import TlsContexts, TlsSettings
from tests.net.certificates import folder
from tests.net.harness import Served, Talker, on_our_loop
from tests.net.test_websocket import not_here

SOON = 0.1
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # the beginning of one
UPGRADE = b"GET /mqtt HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"


def tls() -> TlsContexts:
    return TlsContexts(TlsSettings(str(folder() / "server.pem"), str(folder() / "server.key")))


def connect(outlet: Outlet, peer: Peer, now: float) -> Talker:
    raise AssertionError("nobody has finished")


def nowhere(request: UpgradeRequest) -> WebSocketEndpoint | None:
    raise AssertionError("nobody has finished")


def secure_mqtt() -> Listener:
    return MqttListener("mqtts", connect, host="127.0.0.1", port=0, tls=tls())


def secure_http() -> Listener:
    return HttpListener("https", not_here, nowhere, host="127.0.0.1", port=0, tls=tls())


def http() -> Listener:
    return HttpListener("http", not_here, nowhere, host="127.0.0.1", port=0)


@pytest.mark.parametrize(
    ("listener", "said", "heard"),
    [
        (secure_mqtt, b"", b""),
        (secure_mqtt, CLIENT_HELLO, b""),
        (secure_http, b"", b""),
        (secure_http, CLIENT_HELLO, b""),
        (http, b"", b""),
        (http, b"GET /x HTT", b"HTTP/1.1 408 "),
        (http, UPGRADE, b"HTTP/1.1 408 "),
    ],
)
def test_whoever_does_not_finish_is_cut_off(
    listener: object, said: bytes, heard: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANDSHAKE", SOON)
    assert callable(listener)

    @on_our_loop
    async def scenario() -> None:
        async with Served(listener()) as served:
            client = await served.client()
            await client.send(said)
            if listener is http:
                await served.overdue(lambda it: bool(said) == it._in_head)
            with contextlib.suppress(ConnectionResetError):
                assert (await client.read_all()).startswith(heard)
            client.close()
            while served.listeners._half_open():
                await asyncio.sleep(0)

    scenario()
