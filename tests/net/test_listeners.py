import asyncio
import os
import socket
from pathlib import Path

import pytest

from myna.net.addresses import ListenError
from myna.net.listeners import HttpListener, MqttListener, Opened
from tests.net.harness import Client, Served, on_our_loop
from tests.net.test_websocket import not_here
from tests.ports import reserved_port


@on_our_loop
async def test_localhost_serves_both_addresses() -> None:
    async with Served() as served:
        for opened in served.listeners.open([MqttListener("both", served.connect, port=0)]):
            client = await Client.connect(opened.host, opened.port)
            await client.send(b"x")
            assert await client.read(1) == b"X"
            client.close()


@on_our_loop
async def test_what_was_opened_is_told_with_its_port() -> None:
    async with Served() as served:
        opened = served.listeners.open([HttpListener("http", not_here, host="127.0.0.1", port=0)])[0]
        assert opened == Opened("http", "http", "127.0.0.1", opened.port)
        assert opened.port > 0
        assert opened in served.listeners.opened
        assert opened.url == f"http://127.0.0.1:{opened.port}"
        assert Opened("x", "mqtt", "::1", 1).url == "mqtt://[::1]:1"


@on_our_loop
async def test_all_are_opened_or_none(tmp_path: Path) -> None:
    path = str(tmp_path / "myna.sock")
    with reserved_port() as port, socket.create_server(("127.0.0.1", 0)) as taken:
        async with Served() as served:
            wanted = [
                MqttListener("unix", served.connect, path=path),
                MqttListener("good", served.connect, host="127.0.0.1", port=port),
                MqttListener("bad", served.connect, host="127.0.0.1", port=taken.getsockname()[1]),
            ]
            with pytest.raises(ListenError, match="already in use"):
                served.listeners.open(wanted)
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(("127.0.0.1", port), 1)
            assert not os.path.exists(path)
            assert len(served.listeners.opened) == 1


@on_our_loop
async def test_unix_sockets_speak_mqtt_and_http(tmp_path: Path) -> None:
    async with Served() as served:
        mqtt, http = str(tmp_path / "mqtt.sock"), str(tmp_path / "http.sock")
        opened = served.listeners.open(
            [MqttListener("m", served.connect, path=mqtt), HttpListener("h", not_here, path=http)]
        )
        assert [it.url for it in opened] == [f"mqtt+unix://{mqtt}", f"http+unix://{http}"]
        for path, said, heard in ((mqtt, b"x", b"X"), (http, b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.1 404 ")):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(said)
            assert await reader.readexactly(len(heard)) == heard
            writer.close()
        assert served.talkers[0].peer.address == "unix"
        served.listeners.stop_accepting()
        assert not os.path.exists(mqtt)


@on_our_loop
async def test_who_comes_after_the_end_of_accepting_is_refused() -> None:
    async with Served() as served:
        client = await served.client()
        await client.send(b"x")
        assert await client.read(1) == b"X"
        served.listeners.stop_accepting()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", served.port), 1)
        await client.send(b"y")
        assert await client.read(1) == b"Y"
        client.close()


@on_our_loop
async def test_draining_waits_for_those_that_are_closing() -> None:
    async with Served() as served:
        client = await served.client()
        talker = await served.talker()
        talker.say(b"shutting down")
        talker.outlet.close()
        draining = asyncio.ensure_future(served.listeners.drain(10))
        assert await client.read_all() == b"shutting down"
        client.close()
        await draining
        assert talker.losses == 1


@on_our_loop
async def test_draining_cuts_those_that_do_not_go() -> None:
    async with Served() as served:
        client = await served.client()
        talker = await served.talker()
        await served.listeners.drain(0.05)
        assert talker.losses == 1
        served.listeners.close()
        client.close()


@on_our_loop
async def test_hundreds_of_clients_may_come_at_once() -> None:
    async with Served() as served:
        clients = await asyncio.gather(*(served.client() for _ in range(400)))
        for client in clients:
            await client.send(b"x")
        for client in clients:
            assert await client.read(1) == b"X"
            client.close()
