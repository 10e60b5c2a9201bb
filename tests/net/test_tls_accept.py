import asyncio

import pytest

from myna.core.ports import Outlet, Peer
from myna.net.listeners import MqttListener
from myna.net.tls import TlsContexts, TlsSettings
from tests.net.certificates import client_context, folder
from tests.net.harness import Talker, on_our_loop
from tests.net.test_transport_stream import Secured


@on_our_loop
async def test_the_peer_is_known_before_its_first_byte() -> None:
    async with Secured() as served:
        _, writer = await served.dial()
        peer = (await served.talker()).peer
        assert peer.address == "{}:{}".format(*writer.get_extra_info("sockname"))
        assert peer.listener == "mqtts"
        assert peer.certificate is None
        writer.close()


@on_our_loop
async def test_a_connection_that_cannot_be_made_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    def connect(outlet: Outlet, peer: Peer, now: float) -> Talker:
        raise RuntimeError("a bug for the test")

    async with Secured() as served:
        contexts = TlsContexts(TlsSettings(str(folder() / "server.pem"), str(folder() / "server.key")))
        opened = served.listeners.open([MqttListener("broken", connect, host="127.0.0.1", port=0, tls=contexts)])
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", opened[0].port, ssl=client_context(), server_hostname="localhost"
        )
        try:
            assert await reader.read() == b""
        except ConnectionError:
            pass
        assert "a bug for the test" in caplog.text
        writer.transport.abort()
