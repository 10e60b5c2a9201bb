import asyncio
import logging
import socket
import ssl

import pytest

from myna.net.listeners import MqttListener
from myna.net.tls import TlsContexts, TlsSettings
from myna.sockets.backpressure import StreamLimits
from myna.sockets.stream import Stream
from tests.net.certificates import client_context, folder
from tests.net.harness import Served, bound_buffers, on_our_loop


class Secured(Served):
    """MQTT over TLS."""

    def __init__(self, limits: StreamLimits | None = None) -> None:
        contexts = TlsContexts(TlsSettings(str(folder() / "server.pem"), str(folder() / "server.key")))
        super().__init__(MqttListener("mqtts", self.connect, host="127.0.0.1", port=0, tls=contexts), limits=limits)

    async def dial(self, limit: int = 65536) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        sock = socket.socket()
        bound_buffers(sock)
        sock.connect(("127.0.0.1", self.port))
        return await asyncio.open_connection(sock=sock, ssl=client_context(), server_hostname="localhost", limit=limit)


@on_our_loop
async def test_what_is_said_is_answered() -> None:
    async with Secured() as served:
        reader, writer = await served.dial()
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"HELLO"
        writer.close()
        talker = await served.talker()
        await talker.until(lambda it: it.losses == 1)
        assert not served.listeners.streams.open


@on_our_loop
async def test_megabytes_arrive_and_are_accounted_to_the_byte() -> None:
    async with Secured() as served:
        reader, writer = await served.dial()
        talker = await served.talker()
        payload = bytes(range(256)) * 20_000
        talker.say(payload)
        talker.say(b"end")
        assert await reader.readexactly(len(payload) + 3) == payload + b"end"
        await talker.until(lambda it: it.unsent == 0)
        writer.close()


@on_our_loop
async def test_large_pieces_go_the_ordinary_way_behind_what_waits() -> None:
    async with Secured() as served:
        reader, writer = await served.dial()
        talker = await served.talker()
        talker.say(b"first, ")
        assert isinstance(talker.outlet, Stream)
        assert talker.outlet.send_now(b"x" * 4096) == 0
        talker.say(b"x" * 4096)
        assert await reader.readexactly(7 + 4096) == b"first, " + b"x" * 4096
        writer.close()


@on_our_loop
async def test_the_last_words_arrive_before_the_end() -> None:
    async with Secured() as served:
        reader, writer = await served.dial()
        writer.write(b"x" * 100_000)
        talker = await served.talker()
        await talker.until(lambda it: len(it.heard) == 100_000)  # TLS hears nobody out: a reset would overtake
        writer.write(b"bye")
        assert (await reader.read()).endswith(b"BYE")
        writer.close()
        await talker.until(lambda it: it.losses == 1)
        await served.listeners.streams.wait_ended()


@on_our_loop
async def test_a_slow_reader_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "myna.net")
    async with Secured(StreamLimits(slow_reader=0.1)) as served:
        _, writer = await served.dial()
        talker = await served.talker()
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport as well
        talker.say(b"a" * 3_000_000)
        await talker.until(lambda it: it.losses == 1)
        assert "slow reader" in caplog.text
        writer.transport.abort()


@on_our_loop
async def test_a_bug_ends_its_own_connection_only(caplog: pytest.LogCaptureFixture) -> None:
    async with Secured() as served:
        reader, writer = await served.dial()
        bad_reader, bad = await served.dial()
        bad.write(b"bug")
        try:
            assert await bad_reader.read() == b""
        except ConnectionError:
            pass  # cut in the middle of a conversation
        writer.write(b"fine")
        assert await reader.readexactly(4) == b"FINE"
        assert "a bug for the test" in caplog.text
        writer.close()
        bad.transport.abort()


@on_our_loop
async def test_pausing_stops_the_reading_until_it_is_resumed() -> None:
    async with Secured() as served:
        reader, writer = await served.dial()
        other_reader, other = await served.dial()
        talker = await served.talker()
        talker.outlet.pause()
        talker.outlet.pause()
        for it in (writer, other):
            it.write(b"x")
        talker.outlet.resume()
        talker.outlet.resume()
        assert await reader.readexactly(1) == b"X"
        assert await other_reader.readexactly(1) == b"X"
        writer.close()
        other.close()


@on_our_loop
async def test_what_is_no_tls_is_closed_and_nobody_else_notices() -> None:
    async with Secured() as served:
        bad = await served.client()
        await bad.send(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00" * 10)
        try:
            await bad.read_all()
        except ConnectionError:
            pass
        reader, writer = await served.dial()
        writer.write(b"ok")
        assert await reader.readexactly(2) == b"OK"
        writer.close()
        bad.close()


@on_our_loop
async def test_old_tls_is_refused() -> None:
    async with Secured() as served:
        context = client_context()
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", served.port, ssl=context, server_hostname="localhost")
