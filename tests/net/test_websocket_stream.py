import pytest

from myna.net.endpoint import UpgradeRequest, WebSocketEndpoint
from myna.net.frames import BINARY, CLOSE, PING, PONG, TEXT
from myna.net.listeners import HttpListener
from myna.net.websocket_stream import MqttEndpoint
from tests.net.harness import Client, Served, on_our_loop
from tests.net.test_websocket import not_here
from tests.net.websocket_client import ACCEPT, handshake, mask_frame, read_frame

MQTT = b"Sec-WebSocket-Protocol: mqtt"


class MqttServed(Served):
    def __init__(self, *, needs_subprotocol: bool = False, origins: frozenset[str] | None = None) -> None:
        def find(request: UpgradeRequest) -> WebSocketEndpoint | None:
            return MqttEndpoint(request, self.connect, needs_subprotocol=needs_subprotocol, origins=origins)

        super().__init__(HttpListener("http", not_here, find, host="127.0.0.1", port=0))

    async def open(self, *headers: bytes) -> Client:
        client = await self.client()
        await client.send(handshake(b"/mqtt", *(headers or (MQTT,))))
        assert ACCEPT in await client.read_until(b"\r\n\r\n")
        return client


@on_our_loop
async def test_bytes_go_both_ways_in_binary_frames() -> None:
    async with MqttServed() as served:
        client = await served.open()
        await client.send(mask_frame(BINARY, b"hello"))
        assert await read_frame(client) == (BINARY, b"HELLO")
        talker = await served.talker()
        assert talker.unsent == 0
        assert talker.peer.path == "/mqtt"
        assert talker.peer.websocket
        client.close()
        await talker.until(lambda it: it.losses == 1)


@on_our_loop
async def test_packets_and_frames_need_not_align() -> None:
    async with MqttServed() as served:
        client = await served.open()
        await client.send(
            mask_frame(BINARY, b"a", final=False)
            + mask_frame(PING, b"now?")
            + mask_frame(0, b"", final=False)
            + mask_frame(0, b"bc")
            + mask_frame(BINARY, b"")
            + mask_frame(BINARY, b"def")
        )
        assert await read_frame(client) == (PONG, b"now?")
        assert await read_frame(client) == (BINARY, b"ABCDEF")
        client.close()


@on_our_loop
async def test_one_byte_per_segment_is_heard() -> None:
    async with MqttServed() as served:
        client = await served.client()
        for byte in handshake(b"/mqtt", MQTT) + mask_frame(BINARY, b"x"):
            await client.send(bytes((byte,)))
        await client.read_until(b"\r\n\r\n")
        assert await read_frame(client) == (BINARY, b"X")
        client.close()


@on_our_loop
async def test_a_packet_behind_the_upgrade_in_the_same_segment_is_not_lost() -> None:
    async with MqttServed() as served:
        client = await served.client()
        await client.send(handshake(b"/mqtt", MQTT) + mask_frame(BINARY, b"connect"))
        assert b"101" in await client.read_until(b"\r\n\r\n")
        assert await read_frame(client) == (BINARY, b"CONNECT")
        client.close()


@on_our_loop
async def test_a_text_frame_is_1003() -> None:
    async with MqttServed() as served:
        client = await served.open()
        await client.send(mask_frame(BINARY, b"a") + mask_frame(TEXT, b"b"))
        assert await read_frame(client) == (BINARY, b"A")
        opcode, payload = await read_frame(client)
        assert (opcode, payload[:2]) == (CLOSE, (1003).to_bytes(2, "big"))
        assert await client.read_all() == b""
        assert (await served.talker()).losses == 1
        client.close()


@on_our_loop
async def test_the_last_packet_comes_before_the_close_frame() -> None:
    async with MqttServed() as served:
        client = await served.open()
        await client.send(mask_frame(BINARY, b"bye") + mask_frame(BINARY, b"x" * 100_000))
        opcode, payload = await read_frame(client)
        assert opcode == BINARY
        assert payload.startswith(b"BYE")
        assert (await read_frame(client)) == (CLOSE, b"\x03\xe8")
        assert await client.read_all() == b""
        client.close()


@on_our_loop
async def test_the_clients_close_is_echoed() -> None:
    async with MqttServed() as served:
        client = await served.open()
        await client.send(mask_frame(CLOSE, b"\x03\xe9"))
        assert await read_frame(client) == (CLOSE, b"\x03\xe9")
        await (await served.talker()).until(lambda it: it.losses == 1)
        client.close()


@on_our_loop
async def test_megabytes_are_accounted_to_the_byte() -> None:
    async with MqttServed() as served:
        client = await served.open()
        talker = await served.talker()
        payload = b"x" * 6_000_000
        talker.say(payload)
        assert await read_frame(client) == (BINARY, payload)
        await talker.until(lambda it: it.unsent == 0)
        client.close()


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ((MQTT,), b"sec-websocket-protocol: mqtt\r\n"),
        ((b"Sec-WebSocket-Protocol: mqttv3.1",), b"sec-websocket-protocol: mqttv3.1\r\n"),
        ((b"Sec-WebSocket-Protocol: chat", b"Sec-WebSocket-Protocol: x, mqtt"), b"sec-websocket-protocol: mqtt\r\n"),
        ((), b""),
    ],
)
@on_our_loop
async def test_the_subprotocol_is_echoed(offered: tuple[bytes, ...], answered: bytes) -> None:
    async with MqttServed() as served:
        client = await served.client()
        await client.send(handshake(b"/mqtt", *offered))
        head = await client.read_until(b"\r\n\r\n")
        assert b" 101 " in head
        assert answered in head
        assert bool(answered) == (b"sec-websocket-protocol" in head)
        client.close()


@pytest.mark.parametrize("offered", [(b"Sec-WebSocket-Protocol: chat",), ()])
@on_our_loop
async def test_no_usable_subprotocol_is_refused(offered: tuple[bytes, ...]) -> None:
    async with MqttServed(needs_subprotocol=True) as served:
        client = await served.client()
        await client.send(handshake(b"/mqtt", *offered))
        assert b" 400 " in await client.read_all()
        client.close()


@on_our_loop
async def test_origins_are_judged_where_the_setting_says_so() -> None:
    async with MqttServed(origins=frozenset({"https://good.example"})) as served:
        for headers in ((MQTT, b"Origin: https://good.example"), (MQTT,)):
            (await served.open(*headers)).close()
        client = await served.client()
        await client.send(handshake(b"/mqtt", MQTT, b"Origin: https://evil.example"))
        assert b" 403 " in await client.read_all()
        client.close()
