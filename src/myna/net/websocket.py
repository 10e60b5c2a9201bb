"""One WebSocket of a face: the handshake's answer, then whole messages both ways.

It is the conversation of a stream, so its output coalesces per turn and its reader may be slow like anybody's. MQTT
takes the other way out, `carry`, after which this object is gone. What a newcomer gets wrong: a close frame of ours
ends the conversation at once; the stream's farewell still hears the client's own close, so that no reset destroys
ours.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from myna.core.ports import AT_ONCE, Conversation, Outlet
from myna.net.endpoint import ByteConversation, Headers, UpgradeRequest, WebSocketConnection, WebSocketEndpoint
from myna.net.frames import (
    ABNORMAL,
    BINARY,
    CLOSE,
    INVALID_DATA,
    PING,
    PONG,
    TEXT,
    FrameReader,
    Mistake,
    encode_binary_frame,
    encode_close,
    encode_frame,
    encode_text_frame,
    read_close,
)
from myna.net.upgrade import accept_response, plain_response
from myna.net.websocket_stream import WebSocketStream
from myna.sockets.stream import Stream, Streams

log = logging.getLogger("myna.net")

PINGS_UNANSWERED: Final = 1011  # what endpoints are told of a client that was given up; no frame says it
EARLY: Final = 64 * 1024  # bytes a client may send before it has been answered


@dataclass(frozen=True, slots=True)
class WebSocketLimits:
    """`ping`: seconds between pings to a silent client, which is dropped when it misses two; 0 sends none."""

    message: int = 1024 * 1024
    ping: float = 20.0
    answer: float = 60.0  # seconds a face may take to accept or reject


@final
class WebSocket(WebSocketConnection, Conversation):
    __slots__ = (
        "_chunks",
        "_early",
        "_ended",
        "_endpoint",
        "_gathered",
        "_heard",
        "_held",
        "_is_paused",
        "_limits",
        "_outcome",
        "_reader",
        "_request",
        "_stream",
        "_streams",
        "_unsent",
        "deadline",
    )

    def __init__(
        self,
        streams: Streams,
        stream: Stream,
        request: UpgradeRequest,
        endpoint: WebSocketEndpoint,
        limits: WebSocketLimits,
    ) -> None:
        self._streams = streams
        self._stream = stream
        self._request: UpgradeRequest | None = request  # until answered
        self._endpoint: WebSocketEndpoint | None = endpoint  # until told of the end
        self._limits = limits
        self._reader: FrameReader | None = None  # from accept on
        self._early: bytearray | None = None
        self._chunks: list[bytes] = []
        self._gathered = 0
        self._unsent = 0
        self._heard = True  # since the last ping
        self._is_paused = False
        self._held: list[tuple[int, bytes]] | None = None  # messages that have come before the pause took effect
        self._ended = False  # nothing more is read or sent
        self._outcome = (ABNORMAL, "", False)
        self.deadline = streams.clock.now() + limits.answer
        streams.patience.add(self)

    # What the face asks.

    def accept(self, subprotocol: str | None = None, headers: Headers = ()) -> None:
        request = self._request
        if request is None or self._ended:
            return
        self._request = None
        self._reader = FrameReader(self._limits.message)
        self._start_pings()
        self._write(accept_response(request, subprotocol, headers))
        self._read_early()

    def carry(
        self,
        start: Callable[[Outlet, float], ByteConversation],
        subprotocol: str | None = None,
        headers: Headers = (),
    ) -> None:
        request = self._request
        if request is None or self._ended:
            return
        self._request = self._endpoint = None
        self._ended = True
        self._streams.patience.remove(self)
        now = self._streams.clock.now()
        carried = WebSocketStream(self._stream)
        self._stream.conversation = carried
        carried.start(start(carried.outlet, now), accept_response(request, subprotocol, headers))
        self._stream.resume()
        if self._early:
            carried.feed(bytes(self._early), now)

    def reject(self, status: int, headers: Headers = (), body: bytes = b"") -> None:
        if self._request is None or self._ended:
            return
        self._request = self._endpoint = None
        self._write(plain_response(status, headers, body))
        self._end()

    def send_text(self, text: str) -> None:
        self.send_frame(encode_text_frame(text.encode(errors="replace")))

    def send_bytes(self, data: bytes) -> None:
        self.send_frame(encode_binary_frame(data))

    def send_frame(self, frame: bytes) -> int:
        if self._reader is None or self._ended:
            return 0
        if len(frame) >= AT_ONCE:
            count = self._stream.send_now(frame)
            if count == len(frame):
                return 0
            frame = frame[count:]
        self._write(frame)
        return self._gathered + self._unsent

    def direct(self) -> Outlet:
        return self._stream

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self._request is not None:
            self.reject(503)
        elif not self._ended:
            self._close(code, reason)

    def pause(self) -> None:
        self._is_paused = True
        self._stream.pause()

    def resume(self) -> None:
        self._is_paused = False
        messages, self._held = self._held, None
        if messages and not self._ended:
            self._receive_all(messages)
        if not self._is_paused:
            self._stream.resume()

    # What the stream asks.

    def feed(self, data: bytes, now: float) -> None:
        reader = self._reader
        if self._ended:
            return
        self._heard = True
        if reader is None:
            self._keep_early(data)
            return
        messages = reader.feed(data)
        if self._held is not None:  # read already when the stream was paused
            self._held += messages
        else:
            self._receive_all(messages)

    def has_pending(self) -> bool:
        return bool(self._chunks)

    def take(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks = []
        self._unsent += self._gathered
        self._gathered = 0
        return data

    def sent(self, count: int, now: float) -> None:
        self._unsent -= count

    def lost(self, now: float) -> None:
        self._ended = True
        self._streams.patience.remove(self)
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            endpoint.on_closed(*self._outcome)

    def expire(self, now: float) -> None:
        if self._request is not None:
            log.warning("a WebSocket was not answered within %g s; rejecting it", self._limits.answer)
            self.reject(503)
        elif not self._heard and not self._is_paused:
            self._outcome = (PINGS_UNANSWERED, "pings were not answered", False)
            self._stream.abort(now)
        else:
            self._heard = self._is_paused  # it cannot be heard while it is not read from
            self.deadline = now + self._limits.ping
            self._write(encode_frame(PING, b""))

    # Within.

    def _receive_all(self, messages: list[tuple[int, bytes]]) -> None:
        """Up to where the face wants a pause: what had come with that stays for later."""
        for index, (opcode, payload) in enumerate(messages):
            if self._is_paused:
                self._held = messages[index:]
                return
            if not self._receive(opcode, payload):
                return
        reader = self._reader
        if reader is not None and reader.error is not None and not self._ended:
            self._close(reader.error.code, reader.error.reason, clean=False)

    def _receive(self, opcode: int, payload: bytes) -> bool:
        """Answers whether there is more to hear."""
        endpoint = self._endpoint
        if endpoint is None:
            return False
        if opcode == TEXT:
            try:
                text = payload.decode()
            except UnicodeDecodeError:
                self._close(INVALID_DATA, "not UTF-8", clean=False)
                return False
            endpoint.on_text(text)
        elif opcode == BINARY:
            endpoint.on_bytes(payload)
        elif opcode == PING:
            self._write(encode_frame(PONG, payload))
        elif opcode == CLOSE:
            said = read_close(payload)
            if isinstance(said, Mistake):
                self._close(said.code, said.reason, clean=False)
            else:
                self._close(*said)
        return not self._ended

    def _close(self, code: int, reason: str, *, clean: bool = True) -> None:
        """Send a close frame and end: ours, or the echo of the client's."""
        self._outcome = (code, reason, clean)
        self._write(encode_close(code, reason))
        self._end()

    def _end(self) -> None:
        self._ended = True
        self._streams.patience.remove(self)
        self._stream.close()

    def _write(self, data: bytes) -> None:
        if not self._chunks:
            self._stream.wake()
        self._chunks.append(data)
        self._gathered += len(data)

    def _start_pings(self) -> None:
        if self._limits.ping:
            self.deadline = self._streams.clock.now() + self._limits.ping
        else:
            self._streams.patience.remove(self)

    def _keep_early(self, data: bytes) -> None:
        """A client may send before it was answered; that is not lost, but it is not given much room either."""
        early = self._early
        if early is None:
            early = self._early = bytearray()
        early += data
        if len(early) > EARLY:
            self._stream.pause()

    def _read_early(self) -> None:
        early, self._early = self._early, None
        if early:
            self._stream.resume()
            self.feed(bytes(early), self._streams.clock.now())
