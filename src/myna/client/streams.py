"""A stream of bytes to a broker, over whatever the address names: TCP, TLS, a unix socket, WebSocket.

Knows nothing of MQTT but the name of its WebSocket subprotocol. Errors of the system become CannotConnect, with a hint.
"""

import asyncio
import os
import ssl
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from myna.client.address import Address
from myna.client.errors import CannotConnect, ConnectionLost, no_answer_hint

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_CHUNK: Final = 1 << 18
_SUBPROTOCOLS: Final = {3: "mqttv3.1", 4: "mqtt", 5: "mqtt"}


class ByteStream(ABC):
    @abstractmethod
    async def receive(self) -> bytes:
        """What has come; empty once the other side has closed."""

    @abstractmethod
    async def send(self, data: bytes) -> None:
        """Returns when there is room for more."""

    @abstractmethod
    async def close(self) -> None: ...


class SocketStream(ByteStream):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> bytes:
        try:
            return await self._reader.read(_CHUNK)
        except OSError:
            return b""

    async def send(self, data: bytes) -> None:
        if self._writer.is_closing():  # TLS has heard of the end before us; asyncio's transport fails on a write then
            raise ConnectionLost("the connection broke")
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise ConnectionLost(f"the connection broke: {_plain(error)}") from None

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except (OSError, ssl.SSLError):
            pass  # it is closed all the same


class WebSocketStream(ByteStream):
    """One binary frame per send; what frames the other side makes of its bytes is of no matter.  [MQTT-6.0.0-2]"""

    def __init__(self, connection: "ClientConnection") -> None:
        self._connection = connection

    async def receive(self) -> bytes:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  only who uses WebSocket pays for it

        try:
            data = await self._connection.recv()
        except ConnectionClosed:
            return b""
        if isinstance(data, str):
            raise ConnectionLost("the broker sent a text frame: MQTT is binary")  # [MQTT-6.0.0-1]
        return data

    async def send(self, data: bytes) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  likewise

        try:
            await self._connection.send(data)
        except ConnectionClosed as error:
            raise ConnectionLost(f"the WebSocket closed: {error}") from None

    async def close(self) -> None:
        await self._connection.close()


async def open_stream(address: Address, level: int, timeout: float) -> ByteStream:
    context = None
    if address.tls is not None:
        try:
            context = address.tls.context()
        except OSError as error:
            raise CannotConnect(f"{address.tls.files()}: {_plain(error)}") from None
    try:
        async with asyncio.timeout(timeout):
            if address.scheme in ("ws", "wss"):
                return await _open_websocket(address, level, context, timeout)
            if address.scheme == "unix":
                return SocketStream(*await asyncio.open_unix_connection(address.path, limit=_CHUNK))
            return SocketStream(*await asyncio.open_connection(address.host, address.port, ssl=context, limit=_CHUNK))
    except TimeoutError:
        raise CannotConnect(f"{address}: no connection within {timeout:.0f} seconds") from None
    except ssl.SSLCertVerificationError as error:
        hint = "Name its authority with --cafile, or for a test use --insecure"
        raise CannotConnect(f"{address}: its certificate is not trusted: {error.verify_message}. {hint}") from None
    except ssl.SSLError as error:
        raise CannotConnect(f"{address}: TLS failed: {error.reason or error}. Is this a TLS port?") from None
    except OSError as error:
        raise CannotConnect(f"{address}: {_plain(error)}{_hint(address, error)}") from None


async def _open_websocket(
    address: Address, level: int, context: ssl.SSLContext | None, timeout: float
) -> WebSocketStream:
    from websockets.asyncio.client import connect  # noqa: PLC0415  only who uses WebSocket pays for it
    from websockets.exceptions import InvalidStatus, WebSocketException  # noqa: PLC0415  likewise
    from websockets.typing import Subprotocol  # noqa: PLC0415  likewise

    offered = Subprotocol(_SUBPROTOCOLS[level])
    try:
        connection = await connect(
            f"{address.scheme}://{address}",
            subprotocols=[offered],
            ssl=context,
            max_size=None,
            open_timeout=timeout,
            compression=None,
            proxy=None,
            ping_interval=None,  # MQTT has its own
        )
    except InvalidStatus as error:
        status = error.response.status_code
        raise CannotConnect(f"{address}: the server answered {status} instead of opening a WebSocket") from None
    except WebSocketException as error:
        tls = address.tls
        hint = "" if tls is None else f". {no_answer_hint(True, tls.certificate is not None)}"
        raise CannotConnect(f"{address}: no WebSocket: {error}{hint}") from None
    if connection.subprotocol != offered:
        await connection.close()
        raise CannotConnect(f"{address}: the server speaks WebSocket, but not its subprotocol {offered!r}")
    return WebSocketStream(connection)


def _hint(address: Address, error: OSError) -> str:
    if isinstance(error, (ConnectionRefusedError, FileNotFoundError)):
        return ". Is the broker running? Start one with: myna serve"
    if isinstance(error, ConnectionResetError):
        return ". Is this a TLS port?" if address.tls is None else ". Does this port speak TLS?"
    return ""


def _plain(error: OSError) -> str:
    """The system's own words. asyncio wraps them in its own, with addresses and numbers."""
    if isinstance(error, ssl.SSLError):
        return f"not what TLS expects ({error.reason or error})"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionResetError):
        return "the connection was reset"
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return error.strerror or str(error) or type(error).__name__
