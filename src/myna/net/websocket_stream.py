"""MQTT over WebSocket: the payloads of binary frames are one stream of bytes, both ways.

Stands between a stream and the core's Connection and is the one's conversation and the other's outlet. Packets and
frames need not align [MQTT-6.0.0-2]: fragments are handed on as they come, and one frame carries all that a turn has
to say. What a newcomer gets wrong: frame headers count as unsent bytes of the stream, but the core must not hear of
them.
"""

from collections.abc import Callable
from typing import Final, final

from myna.core.ports import Conversation, Outlet, Peer
from myna.net.endpoint import ByteConversation, UpgradeRequest, WebSocketConnection, WebSocketEndpoint
from myna.net.frames import (
    BINARY,
    CLOSE,
    NORMAL,
    PING,
    PONG,
    TEXT,
    UNSUPPORTED_DATA,
    FrameReader,
    Mistake,
    encode_close,
    encode_frame,
    frame_header,
    read_close,
)
from myna.sockets.stream import SILENCE, Stream

SUBPROTOCOLS: Final = ("mqtt", "mqttv3.1")


@final
class FramedOutlet(Outlet):
    """What the core asks of the connection within the frames."""

    __slots__ = ("_frames",)

    def __init__(self, frames: "WebSocketStream") -> None:
        super().__init__()
        self._frames = frames

    def wake(self) -> None:
        self._frames.wake()

    def close(self) -> None:
        self._frames.close()

    def pause(self) -> None:
        self._frames.pause()

    def resume(self) -> None:
        self._frames.resume()


@final
class WebSocketStream(Conversation):
    """The conversation that the frames are, with another one inside."""

    __slots__ = ("_chunks", "_closed", "_conversation", "_reader", "_stream", "_unsent", "_woken", "outlet")

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._stream = stream
        self.outlet = FramedOutlet(self)
        self._reader = FrameReader(None)  # the core bounds packets, whose sizes are not those of frames
        self._conversation: ByteConversation = SILENCE
        self._chunks: list[bytes] = []  # handshake and control frames, which go before the packets
        self._unsent = 0  # of the conversation's bytes
        self._woken = False
        self._closed: bytes | None = None  # the close frame, which goes behind them

    def start(self, conversation: ByteConversation, response: bytes) -> None:
        self._conversation = conversation
        self._write(response)

    # What the core asks.

    def wake(self) -> None:
        if not self._woken:
            self._woken = True
            self._stream.wake()

    def close(self) -> None:
        self._close(NORMAL, "")

    def pause(self) -> None:
        self._stream.pause()

    def resume(self) -> None:
        self._stream.resume()

    # What the stream asks.

    def feed(self, data: bytes, now: float) -> None:
        if self._closed is not None:
            return
        packets: list[bytes] = []
        closing: tuple[int, str] | None = None
        for opcode, payload in self._reader.feed(data):
            if opcode == BINARY:
                packets.append(payload)
                continue
            closing = self._control(opcode, payload)
            if closing is not None:
                break
        if packets:
            self._conversation.feed(packets[0] if len(packets) == 1 else b"".join(packets), now)
        error = self._reader.error
        if closing is None and error is not None:
            closing = (error.code, error.reason)
        if closing is not None:
            self._close(*closing)

    def has_pending(self) -> bool:
        return bool(self._chunks) or self._conversation.has_pending()

    def take(self) -> bytes:
        self._woken = False
        chunks = self._chunks
        if self._conversation.has_pending():
            data = self._conversation.take()
            self._unsent += len(data)
            chunks.append(frame_header(BINARY, len(data)))  # [MQTT-6.0.0-1]
            chunks.append(data)
        if self._closed:
            chunks.append(self._closed)
            self._closed = b""
        if not chunks:
            return b""
        self._chunks = []
        return b"".join(chunks)

    def sent(self, count: int, now: float) -> None:
        share = min(count, self._unsent)
        if share:
            self._unsent -= share
            self._conversation.sent(share, now)

    def lost(self, now: float) -> None:
        if self._closed is None:
            self._closed = b""
        self._conversation.lost(now)

    # Within.

    def _control(self, opcode: int, payload: bytes) -> tuple[int, str] | None:
        """A close code and reason where this frame ends the connection."""
        if opcode == PING:
            self._write(encode_frame(PONG, payload))
        elif opcode == TEXT:
            return UNSUPPORTED_DATA, "MQTT is carried in binary frames"  # [MQTT-6.0.0-1]
        elif opcode == CLOSE:
            said = read_close(payload)
            return (said.code, said.reason) if isinstance(said, Mistake) else said
        return None

    def _close(self, code: int, reason: str) -> None:
        if self._closed is None:
            self._closed = encode_close(code, reason)
            self._stream.close()

    def _write(self, data: bytes) -> None:
        self._chunks.append(data)
        self.wake()


@final
class MqttEndpoint(WebSocketEndpoint):
    """The plain MQTT endpoint: chooses a subprotocol and carries on. Faces with tokens call `carry` themselves.

    `origins` are the values of Origin that a browser may come from, None for any: MQTT has credentials of its own, so
    that a page of another site gains nothing but a connection it must still authenticate.
    """

    def __init__(
        self,
        request: UpgradeRequest,
        connect: Callable[[Outlet, Peer, float], ByteConversation],
        *,
        needs_subprotocol: bool = False,
        origins: frozenset[str] | None = None,
        claims: object = None,
    ) -> None:
        self._request = request
        self._connect = connect
        self._needs_subprotocol = needs_subprotocol
        self._origins = origins
        self._claims = claims

    def opening(self, socket: WebSocketConnection) -> None:
        request = self._request
        origin = request.header(b"origin")
        if self._origins is not None and origin is not None and origin.decode("latin-1") not in self._origins:
            socket.reject(403, (), b"this origin is not allowed\n")
            return
        # [MQTT-6.0.0-3], [MQTT-6.0.0-4]
        chosen = next((name for name in request.subprotocols if name in SUBPROTOCOLS), None)
        if chosen is None and (request.subprotocols or self._needs_subprotocol):
            socket.reject(400, (), b"offer the subprotocol mqtt\n")
            return
        peer = Peer(
            request.address,
            listener=request.listener,
            path=request.raw_path.decode("latin-1"),
            certificate=request.certificate,
            claims=self._claims,
            websocket=True,
        )
        socket.carry(lambda outlet, now: self._connect(outlet, peer, now), chosen)
