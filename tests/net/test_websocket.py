import asyncio
from dataclasses import replace
from typing import Any

import pytest

from myna.core.ports import AT_ONCE
from myna.net.endpoint import UpgradeRequest, WebSocketConnection, WebSocketEndpoint
from myna.net.frames import BINARY, CLOSE, PING, PONG, TEXT, encode_text_frame
from myna.net.listeners import HttpListener
from myna.net.websocket import WebSocketLimits
from tests.net.harness import Client, Served, on_our_loop
from tests.net.websocket_client import ACCEPT, handshake, mask_frame, read_frame


class Parrot(WebSocketEndpoint):
    """Says everything back; `quit` closes."""

    def __init__(self, request: UpgradeRequest) -> None:
        self.request = request
        self.socket: WebSocketConnection | None = None
        self.ends: list[tuple[int, str, bool]] = []
        self.changed = asyncio.Event()

    def opening(self, socket: WebSocketConnection) -> None:
        self.socket = socket
        self.changed.set()
        path = self.request.raw_path
        if path == b"/ws":
            socket.accept(self.request.subprotocols[0] if self.request.subprotocols else None, ((b"x-extra", b"1"),))
        elif path == b"/forbidden":
            socket.reject(401, ((b"www-authenticate", b"Bearer"),), b"no token\n")

    def on_text(self, text: str) -> None:
        assert self.socket is not None
        if text == "quit":
            self.socket.close(4001, "as you wish")
        elif text == "bug":
            raise RuntimeError("a bug for the test")
        else:
            self.socket.send_text(text)

    def on_bytes(self, data: bytes) -> None:
        assert self.socket is not None
        self.socket.send_bytes(data)

    def on_closed(self, code: int, reason: str, clean: bool) -> None:
        self.ends.append((code, reason, clean))
        self.changed.set()

    async def ended(self) -> tuple[int, str, bool]:
        while not self.ends:
            self.changed.clear()
            await self.changed.wait()
        return self.ends[0]


async def not_here(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


class Aviary(Served):
    def __init__(self, limits: WebSocketLimits | None = None) -> None:
        self.parrots: list[Parrot] = []
        limits = limits or WebSocketLimits(message=1000)
        super().__init__(HttpListener("http", not_here, self.find, host="127.0.0.1", port=0, websocket=limits))

    def find(self, request: UpgradeRequest) -> WebSocketEndpoint | None:
        if request.raw_path == b"/nothing":
            return None
        self.parrots.append(Parrot(request))
        return self.parrots[-1]

    async def open(self, *headers: bytes) -> Client:
        client = await self.client()
        await client.send(handshake(b"/ws", *headers))
        assert ACCEPT in await client.read_until(b"\r\n\r\n")
        return client


@on_our_loop
async def test_messages_go_both_ways() -> None:
    async with Aviary() as served:
        client = await served.open()
        await client.send(mask_frame(TEXT, "grüß Gott".encode()))
        assert await read_frame(client) == (TEXT, "grüß Gott".encode())
        await client.send(mask_frame(BINARY, b"\0\1\2"))
        assert await read_frame(client) == (BINARY, b"\0\1\2")
        client.close()
        assert await served.parrots[0].ended() == (1006, "", False)


@on_our_loop
async def test_the_answer_names_the_subprotocol_and_the_headers() -> None:
    async with Aviary() as served:
        client = await served.client()
        await client.send(handshake(b"/ws?access_token=t", b"Sec-WebSocket-Protocol: json.v1, other"))
        head = await client.read_until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"sec-websocket-protocol: json.v1\r\n" in head
        assert b"x-extra: 1\r\n" in head
        request = served.parrots[0].request
        assert (request.query_string, request.subprotocols) == (b"access_token=t", ("json.v1", "other"))
        assert request.address == "{}:{}".format(*client.socket.getsockname())
        client.close()


@on_our_loop
async def test_frames_behind_the_upgrade_in_the_same_segment_are_not_lost() -> None:
    async with Aviary() as served:
        client = await served.client()
        await client.send(handshake() + mask_frame(TEXT, b"early"))
        await client.read_until(b"\r\n\r\n")
        assert await read_frame(client) == (TEXT, b"early")
        client.close()


@on_our_loop
async def test_a_face_may_answer_later_and_nothing_is_lost_meanwhile() -> None:
    async with Aviary() as served:
        client = await served.client()
        await client.send(handshake(b"/later") + mask_frame(TEXT, b"one"))
        await client.send(mask_frame(TEXT, b"two"))
        while not served.parrots or served.parrots[0].socket is None:
            await asyncio.sleep(0)
        socket = served.parrots[0].socket
        socket.accept()
        socket.accept()
        socket.reject(500)
        await client.read_until(b"\r\n\r\n")
        assert await read_frame(client) == (TEXT, b"one")
        assert await read_frame(client) == (TEXT, b"two")
        client.close()


@on_our_loop
async def test_a_client_that_leaves_before_the_answer_is_reported() -> None:
    async with Aviary() as served:
        client = await served.client()
        await client.send(handshake(b"/later"))
        while not served.parrots:
            await asyncio.sleep(0)
        client.close()
        assert await served.parrots[0].ended() == (1006, "", False)
        socket = served.parrots[0].socket
        assert socket is not None
        socket.accept()
        socket.send_text("nobody hears")
        socket.close()


@on_our_loop
async def test_a_face_that_never_answers_is_answered_for() -> None:
    async with Aviary(WebSocketLimits(answer=0.05)) as served:
        client = await served.client()
        await client.send(handshake(b"/later"))
        assert (await client.read_all()).startswith(b"HTTP/1.1 503 ")
        client.close()


@on_our_loop
async def test_a_rejection_is_an_http_answer() -> None:
    async with Aviary() as served:
        client = await served.client()
        await client.send(handshake(b"/forbidden"))
        answer = await client.read_all()
        assert answer.startswith(b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer\r\n")
        assert answer.endswith(b"\r\n\r\nno token\n")
        client.close()


@on_our_loop
async def test_where_no_websocket_is_the_application_answers() -> None:
    async with Aviary() as served:
        client = await served.client()
        await client.send(handshake(b"/nothing"))
        assert (await client.read_all()).startswith(b"HTTP/1.1 404 ")
        client.close()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((b"Version: 13", b"Version: 12"), b"426"),
        ((b"GET ", b"POST "), b"405"),
        ((b"HTTP/1.1", b"HTTP/1.0"), b"505"),
        ((b"dGhl", b"!!!!"), b"400"),
    ],
)
@on_our_loop
async def test_a_bad_handshake_is_refused(change: tuple[bytes, bytes], status: bytes) -> None:
    async with Aviary() as served:
        client = await served.client()
        await client.send(handshake().replace(*change))
        assert (await client.read_all()).startswith(b"HTTP/1.1 " + status)
        client.close()


@on_our_loop
async def test_pings_are_answered_between_fragments() -> None:
    async with Aviary() as served:
        client = await served.open()
        await client.send(mask_frame(TEXT, b"half", final=False) + mask_frame(PING, b"?") + mask_frame(0, b" and half"))
        assert await read_frame(client) == (PONG, b"?")
        assert await read_frame(client) == (TEXT, b"half and half")
        client.close()


@on_our_loop
async def test_one_byte_per_segment_makes_a_message() -> None:
    async with Aviary() as served:
        client = await served.open()
        for byte in mask_frame(TEXT, b"slow"):
            await client.send(bytes((byte,)))
        assert await read_frame(client) == (TEXT, b"slow")
        client.close()


@on_our_loop
async def test_the_clients_close_is_echoed_and_reported() -> None:
    async with Aviary() as served:
        client = await served.open()
        await client.send(mask_frame(CLOSE, b"\x03\xe8done"))
        assert await read_frame(client) == (CLOSE, b"\x03\xe8done")
        assert await client.read_all() == b""
        assert await served.parrots[0].ended() == (1000, "done", True)
        client.close()


@on_our_loop
async def test_a_close_of_ours_comes_behind_what_was_sent() -> None:
    async with Aviary() as served:
        client = await served.open()
        await client.send(mask_frame(TEXT, b"last words") + mask_frame(TEXT, b"quit") + mask_frame(TEXT, b"ignored"))
        assert await read_frame(client) == (TEXT, b"last words")
        assert await read_frame(client) == (CLOSE, (4001).to_bytes(2, "big") + b"as you wish")
        assert await client.read_all() == b""
        assert await served.parrots[0].ended() == (4001, "as you wish", True)
        client.close()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (mask_frame(TEXT, b"\xff\xfe"), 1007),
        (mask_frame(BINARY, b"x" * 1001), 1009),
        (b"\x82\x05hello", 1002),
        (mask_frame(CLOSE, b"\x00"), 1002),
        (b"\r\nGET / HTTP/1.1\r\n\r\n", 1002),
    ],
)
@on_our_loop
async def test_a_mistake_is_answered_with_its_code(data: bytes, code: int) -> None:
    async with Aviary() as served:
        client = await served.open()
        await client.send(data)
        opcode, payload = await read_frame(client)
        assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, code)
        assert await client.read_all() == b""
        assert (await served.parrots[0].ended())[0] == code
        client.close()


@on_our_loop
async def test_a_prebuilt_frame_goes_out_as_it_is() -> None:
    async with Aviary() as served:
        clients = [await served.open() for _ in range(3)]
        frame = encode_text_frame(b"to all")
        for parrot in served.parrots:
            assert parrot.socket is not None
            assert parrot.socket.send_frame(frame) == len(frame), "it waits for the end of the turn"
        for client in clients:
            assert await read_frame(client) == (TEXT, b"to all")
            client.close()


LARGE = encode_text_frame(b"x" * AT_ONCE)
SMALL = encode_text_frame(b"small")


@on_our_loop
async def test_a_large_frame_is_with_the_kernel_at_once() -> None:
    async with Aviary() as served:
        client = await served.open()
        socket = served.parrots[0].socket
        assert socket is not None
        assert socket.send_frame(LARGE) == 0
        assert await read_frame(client) == (TEXT, b"x" * AT_ONCE)
        client.close()


@on_our_loop
async def test_a_large_frame_does_not_overtake_a_small_one_that_waits_for_the_end_of_the_turn() -> None:
    async with Aviary() as served:
        client = await served.open()
        socket = served.parrots[0].socket
        assert socket is not None
        assert socket.send_frame(SMALL) == len(SMALL)
        assert socket.send_frame(LARGE) == len(SMALL) + len(LARGE)
        for expected in (b"small", b"x" * AT_ONCE):
            assert await read_frame(client) == (TEXT, expected)
        client.close()


@on_our_loop
async def test_a_large_frame_does_not_overtake_the_answer_to_the_handshake() -> None:
    async with Aviary() as served:
        client = await served.client()
        await client.send(handshake(b"/later"))
        while not served.parrots or served.parrots[0].socket is None:
            await asyncio.sleep(0)
        socket = served.parrots[0].socket
        assert socket.send_frame(LARGE) == 0, "nothing is sent before the answer"
        socket.accept()
        assert socket.send_frame(LARGE) > len(LARGE)
        assert ACCEPT in await client.read_until(b"\r\n\r\n")
        assert await read_frame(client) == (TEXT, b"x" * AT_ONCE)
        client.close()


@on_our_loop
async def test_frames_arrive_whole_and_in_order_where_the_kernel_takes_a_part() -> None:
    async with Aviary() as served:
        client = await served.open()
        socket = served.parrots[0].socket
        assert socket is not None
        total = len(encode_text_frame(b"0" * 8_000_000))
        waiting = socket.send_frame(encode_text_frame(b"0" * 8_000_000))
        assert 0 < waiting < total
        assert socket.send_frame(LARGE) == waiting + len(LARGE)
        await asyncio.sleep(0)  # the turn ends: what is left over becomes a backlog
        await asyncio.sleep(0)
        waiting = socket.send_frame(LARGE)
        assert len(LARGE) < waiting < total
        assert socket.send_frame(SMALL) == waiting + len(SMALL)
        for expected in (b"0" * 8_000_000, b"x" * AT_ONCE, b"x" * AT_ONCE, b"small"):
            assert await read_frame(client) == (TEXT, expected)
        assert socket.send_frame(SMALL) == len(SMALL), "nothing waits any more"
        client.close()


@on_our_loop
async def test_a_large_frame_behind_our_close_is_dropped() -> None:
    async with Aviary() as served:
        client = await served.open()
        socket = served.parrots[0].socket
        assert socket is not None
        socket.close(4001)
        assert socket.send_frame(LARGE) == 0
        assert (await read_frame(client))[0] == CLOSE
        assert await client.read_all() == b""
        assert socket.send_frame(LARGE) == 0
        client.close()


@on_our_loop
async def test_a_large_frame_to_a_client_that_is_gone_ends_it_later_and_once() -> None:
    """Whoever sends to many must not see one of them leave meanwhile."""
    async with Aviary() as served:
        client = await served.open()
        parrot = served.parrots[0]
        assert parrot.socket is not None
        client.reset()
        parrot.socket.send_frame(LARGE)
        parrot.socket.send_frame(LARGE)
        assert parrot.ends == []
        assert await parrot.ended() == (1006, "", False)
        assert parrot.socket.send_frame(LARGE) == 0
        assert len(parrot.ends) == 1


@on_our_loop
async def test_a_silent_client_is_pinged_and_dropped() -> None:
    async with Aviary(WebSocketLimits(ping=0.05)) as served:
        client = await served.open()
        assert await read_frame(client) == (PING, b"")
        await client.send(mask_frame(PONG, b""))
        assert await read_frame(client) == (PING, b"")
        assert await served.parrots[0].ended() == (1011, "pings were not answered", False)
        client.close()


@on_our_loop
async def test_a_bug_in_a_face_ends_its_own_client_only(caplog: pytest.LogCaptureFixture) -> None:
    async with Aviary() as served:
        good, bad = await served.open(), await served.open()
        await bad.send(mask_frame(TEXT, b"bug"))
        assert await bad.read_all() == b""
        assert await served.parrots[1].ended() == (1006, "", False)
        await good.send(mask_frame(TEXT, b"fine"))
        assert await read_frame(good) == (TEXT, b"fine")
        assert "a bug for the test" in caplog.text
        good.close()
        bad.close()


@on_our_loop
async def test_the_http_connection_is_let_go_of_after_the_upgrade() -> None:
    async with Aviary() as served:
        client = await served.open()
        await client.send(mask_frame(TEXT, b"x"))
        await read_frame(client)
        assert not served.listeners._ports[0].state.connections
        client.close()


def test_limits_can_be_changed_one_by_one() -> None:
    assert replace(WebSocketLimits(), message=5).ping == WebSocketLimits().ping


class Pausing(Parrot):
    """Wants a pause after each message, until it is told to go on."""

    def on_text(self, text: str) -> None:
        super().on_text(text)
        assert self.socket is not None
        self.socket.pause()


class PausingAviary(Aviary):
    def find(self, request: UpgradeRequest) -> WebSocketEndpoint | None:
        self.parrots.append(Pausing(request))
        return self.parrots[-1]


@on_our_loop
async def test_a_pause_takes_effect_within_what_has_come_and_is_no_silence() -> None:
    async with PausingAviary(WebSocketLimits(ping=0.05)) as served:
        client = await served.open()
        await client.send(b"".join(mask_frame(TEXT, text) for text in (b"one", b"two", b"three")))
        assert await read_frame(client) == (TEXT, b"one")
        socket = served.parrots[0].socket
        assert socket is not None
        for _ in range(4):  # pings go unanswered: the answers are not read
            assert (await read_frame(client))[0] == PING
        for text in (b"two", b"three"):
            socket.resume()
            while (frame := await read_frame(client)) != (TEXT, text):
                assert frame[0] == PING
        await client.send(mask_frame(TEXT, b"four"))
        socket.resume()
        while (frame := await read_frame(client)) != (TEXT, b"four"):
            assert frame[0] == PING
        client.close()
