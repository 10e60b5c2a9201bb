import asyncio
import io
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from myna.client.address import Address, Tls
from myna.client.errors import CannotConnect, ConnectionLost
from myna.client.streams import open_stream
from tests.net.certificates import folder


def test_a_unix_socket_is_spoken_to(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")

    async def run() -> bytes:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.read(100)).upper())
            writer.close()

        async with await asyncio.start_unix_server(echo, path):
            stream = await open_stream(Address("unix", path=path), 5, 5)
            await stream.send(b"hello")
            answer = await stream.receive()
            assert await stream.receive() == b""
            await stream.close()
            return answer

    assert asyncio.run(run()) == b"HELLO"


def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "nothing")
    with pytest.raises(CannotConnect, match=f"{path}: no such file.*myna serve"):
        asyncio.run(open_stream(Address("unix", path=path), 5, 5))


@pytest.mark.parametrize(("level", "name"), [(5, "mqtt"), (4, "mqtt"), (3, "mqttv3.1")])
def test_a_websocket_carries_bytes_under_its_subprotocol(level: int, name: str) -> None:
    async def echo(connection: ServerConnection) -> None:
        async for frame in connection:
            assert isinstance(frame, bytes)
            await connection.send(frame.upper())

    async def run() -> None:
        async with serve(echo, "127.0.0.1", 0, subprotocols=[Subprotocol(name)]) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            stream = await open_stream(Address("ws", "127.0.0.1", port, "/mqtt"), level, 5)
            await stream.send(b"hello")
            assert await stream.receive() == b"HELLO"
            await stream.close()
            assert await stream.receive() == b""

    asyncio.run(run())


def test_a_server_without_the_subprotocol_is_refused() -> None:
    async def wait(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async def run() -> None:
        async with serve(wait, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            with pytest.raises(CannotConnect, match="not its subprotocol"):
                await open_stream(Address("ws", "127.0.0.1", port, "/mqtt"), 5, 5)

    asyncio.run(run())


def test_tls_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(CannotConnect, match=f"{missing}: no such file"):
        asyncio.run(open_stream(Address("mqtts", tls=Tls(str(missing))), 5, 5))
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    with pytest.raises(CannotConnect, match=f"{empty}: not what TLS expects"):
        asyncio.run(open_stream(Address("mqtts", tls=Tls(str(empty))), 5, 5))


def test_tls_trusts_whom_it_is_told_to() -> None:
    certificates = folder()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")

    async def run() -> None:
        async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello")
            writer.close()

        async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            for trusting in (Tls(str(certificates / "ca.pem")), Tls(insecure=True)):
                stream = await open_stream(Address("mqtts", "127.0.0.1", port, tls=trusting), 5, 5)
                assert await stream.receive() == b"hello"
                await stream.close()
            for wary in (Tls(), Tls(str(certificates / "another.pem"))):
                with pytest.raises(CannotConnect, match=r"not trusted.*--cafile"):
                    await open_stream(Address("mqtts", "127.0.0.1", port, tls=wary), 5, 5)

    asyncio.run(run())


def test_a_write_after_the_end_of_tls_is_a_lost_connection() -> None:
    certificates = folder()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")

    async def run() -> None:
        async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        async with await asyncio.start_server(hear, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            stream = await open_stream(Address("mqtts", "127.0.0.1", port, tls=Tls(insecure=True)), 5, 5)
            await stream.close()
            await stream.close()  # asyncio's transport is nobody's now, and knows no better than AttributeError
            with pytest.raises(ConnectionLost):
                await stream.send(b"hello")

    asyncio.run(run())


def test_an_encrypted_key_without_anybody_to_ask_is_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = folder()
    key = load_pem_private_key((certificates / "server.key").read_bytes(), None)
    encrypted = tmp_path / "encrypted.key"
    form = (Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    encrypted.write_bytes(key.private_bytes(*form))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    mine = Tls(certificate=str(certificates / "server.pem"), key=str(encrypted))
    with pytest.raises(CannotConnect, match="the key is encrypted"):
        asyncio.run(open_stream(Address("mqtts", tls=mine), 5, 5))


def test_a_port_that_speaks_no_tls_is_suspected() -> None:
    async def run() -> None:
        async def mumble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"\x20\x02\x00\x00 this is no TLS")
            writer.close()

        async with await asyncio.start_server(mumble, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(CannotConnect, match="TLS"):
                await open_stream(Address("mqtts", "127.0.0.1", port, tls=Tls(insecure=True)), 5, 5)

    asyncio.run(run())


def test_ssl_errors_are_errors_of_the_system() -> None:
    assert issubclass(ssl.SSLError, OSError)  # what streams.py relies on for files that are none
