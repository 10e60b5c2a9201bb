"""A stream over a transport of the event loop: what TLS needs, since its records are the loop's business.

Writes in pieces and stops as soon as the transport says it is full: a transport takes any amount without complaint,
and the core must see what is unsent to know a slow reader. What a newcomer gets wrong: `pause_writing` may be called
from within `transport.write`.
"""

import asyncio
import contextlib
import logging
from typing import Final, final

from myna.core.ports import Conversation
from myna.sockets.backpressure import Backlog
from myna.sockets.stream import Stream, Streams

log = logging.getLogger("myna.net")

PIECE: Final = 64 * 1024


@final
class TransportStream(Stream, asyncio.Protocol):
    """A stream and the transport's protocol in one."""

    __slots__ = ("_backlog", "_closing", "_discarded", "_ended", "_full", "_paused", "_streams", "_transport")

    def __init__(self, streams: Streams, transport: asyncio.Transport) -> None:
        super().__init__()
        self._streams = streams
        self._transport = transport
        self._backlog: Backlog | None = None
        self._closing = False
        self._full = False
        self._paused = False
        self._ended = False
        self._discarded = -1

    def start(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self._streams.open.add(self)
        self._transport.set_write_buffer_limits(high=PIECE, low=0)
        self._transport.set_protocol(self)

    # What the conversation asks.

    def wake(self) -> None:
        self._streams.turn.wake(self)

    def close(self) -> None:
        if not self._closing and not self._ended:
            self._closing = True
            self.deadline = self._streams.clock.now() + self._streams.limits.closing
            self._streams.turn.wake(self)

    def pause(self) -> None:
        if not self._paused and not self._ended:
            self._paused = True
            with contextlib.suppress(RuntimeError):  # closing already
                self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused and not self._ended:
            self._paused = False
            with contextlib.suppress(RuntimeError):
                self._transport.resume_reading()

    # What the transport tells.

    def data_received(self, data: bytes) -> None:
        now = self._streams.clock.now()
        if self._discarded >= 0:
            self._discarded += len(data)
            if self._discarded > self._streams.limits.linger_bytes:
                self.abort(now)
            return
        try:
            self.conversation.feed(data, now)
        except Exception:
            log.exception("a connection failed by a bug of ours; closing it")
            self.abort(now)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget(self._streams.clock.now())

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if not self._ended:
            self._write(self._streams.clock.now())

    # What the turn and the clock ask.

    def flush(self, now: float) -> None:
        if self._ended or self._backlog is not None:
            return
        data = self.conversation.take()
        if data:
            self._backlog = Backlog(data, 0)
            self._write(now)
        elif self._closing:
            self._say_farewell(now)

    def expire(self, now: float) -> None:
        if not self._closing:
            log.info("slow reader cut off: it has taken nothing for %g s", self._streams.limits.slow_reader)
        self.abort(now)

    def abort(self, now: float) -> None:
        if not self._ended:
            self._transport.abort()
            self._forget(now)

    # Within.

    def _write(self, now: float) -> None:
        backlog = self._backlog
        while backlog is not None and not backlog.is_empty() and not self._full and not self._ended:
            piece = backlog.next_piece(PIECE)
            self._transport.write(piece)
            self.conversation.sent(len(piece), now)
        if self._ended:
            return
        if backlog is not None and backlog.is_empty():
            self._backlog = backlog = None
            if self._closing or self.conversation.has_pending():
                self._streams.turn.wake(self)
        if backlog is None and not self._full:
            self._streams.patience.remove(self)
            return
        if not self._closing:
            self.deadline = now + self._streams.limits.slow_reader
        self._streams.patience.add(self)
        if self._closing:
            self.end_conversation(now)

    def _say_farewell(self, now: float) -> None:
        if self._discarded >= 0:
            return
        self._discarded = 0
        self.resume()
        self.end_conversation(now)
        self.deadline = now + self._streams.limits.linger
        self._streams.patience.add(self)
        try:
            if self._transport.can_write_eof():
                self._transport.write_eof()  # the peer's own end, or the deadline, closes it
            else:
                self._transport.close()  # TLS: its own closing alert says that this is the end
        except OSError:  # the peer has reset the connection, and the loop does not know it yet
            self.abort(now)

    def _forget(self, now: float) -> None:
        if not self._ended:
            self._ended = True
            self._closing = True
            self._backlog = None
            self._streams.patience.remove(self)
            self._streams.remove(self)
            self.end_conversation(now)
