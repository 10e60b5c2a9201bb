import asyncio

from myna.net.endpoint import UpgradeRequest, WebSocketConnection, WebSocketEndpoint
from myna.net.http_port import HttpPort
from myna.net.listeners import HttpListener
from myna.sockets.stream import SocketStream
from tests.net.harness import Served, on_our_loop
from tests.net.test_http import serve
from tests.net.test_websocket import not_here
from tests.net.websocket_client import handshake


def port_of(served: Served) -> HttpPort:
    return served.listeners._ports[0]


@on_our_loop
async def test_the_date_is_made_once_a_second() -> None:
    async with serve() as served:
        port = port_of(served)
        second, line, again = 0, b"", b""
        while int(served.listeners.clock.now()) != second:  # not across the turn of a second
            second = int(served.listeners.clock.now())
            line, again = port.date_line(), port.date_line()
        assert line is again
        assert line.startswith(b"date: ")


@on_our_loop
async def test_a_request_without_tls_says_nothing_of_it() -> None:
    async with serve() as served:
        assert port_of(served).extensions(None, None) == {}


@on_our_loop
async def test_an_upgrade_takes_the_socket_out_of_the_loops_transport() -> None:
    class Quiet(WebSocketEndpoint):
        def opening(self, socket: WebSocketConnection) -> None:
            socket.accept()

    def find(request: UpgradeRequest) -> WebSocketEndpoint | None:
        return Quiet()

    async with Served(HttpListener("http", not_here, find, host="127.0.0.1", port=0)) as served:
        client = await served.client()
        await client.send(handshake())
        await client.read_until(b"\r\n\r\n")
        assert [type(stream) for stream in served.listeners.streams.open] == [SocketStream]
        client.close()
        await served.listeners.streams.wait_ended()


@on_our_loop
async def test_an_endpoint_that_fails_at_once_costs_its_client_only() -> None:
    class Broken(WebSocketEndpoint):
        def opening(self, socket: WebSocketConnection) -> None:
            raise RuntimeError("a bug for the test")

    def find(request: UpgradeRequest) -> WebSocketEndpoint | None:
        return Broken()

    async with Served(HttpListener("http", not_here, find, host="127.0.0.1", port=0)) as served:
        for _ in range(2):
            client = await served.client()
            await client.send(handshake())
            assert await client.read_all() == b""
            client.close()


@on_our_loop
async def test_while_draining_no_websocket_is_opened() -> None:
    async with Served(HttpListener("http", not_here, lambda request: None, host="127.0.0.1", port=0)) as served:
        client = await served.client()
        port = port_of(served)
        while not port.state.connections:
            await asyncio.sleep(0)
        port.draining = True
        await client.send(handshake())
        assert (await client.read_all()).startswith(b"HTTP/1.1 503 ")
        client.close()
