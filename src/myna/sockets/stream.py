"""One connection's socket: bytes read go to its conversation, what that wants written goes out once per turn.

The one exception is `send_now`, for pieces that are large enough to be worth a system call of their own.

Knows nothing of MQTT: a conversation is the core's Connection, or a WebSocket around one. asyncio's transports are
not used, they cost several times as much per wake-up and per idle connection; `readiness` says when to read or
write.

    OPEN --close()--> last flush --> FAREWELL (write side shut; reads and discards) --EOF, 1 s or 1 MiB--> gone
      '------- EOF, error, slow reader, bug ----------------------------------------------------------------^

The conversation hears `lost` once, on leaving OPEN, and nothing after it. What a newcomer gets wrong: closing a
socket that still has unread input makes TCP send a reset, and that can destroy the DISCONNECT that says why. Hence
the farewell.
"""

import asyncio
import contextlib
import logging
import socket
from abc import abstractmethod
from os import read, write
from typing import TYPE_CHECKING, Any, Final, final

from mypy_extensions import mypyc_attr

from myna.core.ports import Conversation, Outlet
from myna.sockets.backpressure import Backlog, StreamLimits

if TYPE_CHECKING:
    from myna.sockets.patience import Patience
    from myna.sockets.readiness import Readiness
    from myna.sockets.turn import Turn

log = logging.getLogger("myna.net")

# malloc serves this from its heap; from 128 KiB up every read would map and unmap pages: 9 us instead of 3.
CHUNK: Final = 64 * 1024
FIRST: Final = 479  # with a bytes object's header 512, which Python serves from its own pools; most packets fit

READ: Final = read  # called as what they are, not looked up by their names each time
WRITE: Final = write


@final
class Silence(Conversation):
    """The conversation of a stream whose real one has ended: takes everything, says nothing."""

    def feed(self, data: bytes, now: float) -> None:
        return

    def has_pending(self) -> bool:
        return False

    def take(self) -> bytes:
        return b""

    def sent(self, count: int, now: float) -> None:
        return

    def lost(self, now: float) -> None:
        return


SILENCE: Final = Silence()


@mypyc_attr(allow_interpreted_subclasses=True)
class Place:
    """What a connection takes up where connections are counted; this one takes up nothing."""

    def leave(self) -> None:
        """The connection has ended. Leaving twice is leaving once."""
        return


@mypyc_attr(allow_interpreted_subclasses=True)
class Stream(Outlet):
    """What a conversation can ask of its stream, whatever the stream is made of.

    `dirty` and `next_dirty` are the turn's: it has been woken since the last flush, and who was woken next.
    """

    __slots__ = ("conversation", "deadline", "dirty", "next_dirty", "place")

    def __init__(self) -> None:
        super().__init__()
        self.conversation: Conversation = SILENCE
        self.deadline = 0.0
        self.dirty = False
        self.next_dirty: Stream | None = None
        self.place: Place | None = None

    @abstractmethod
    def start(self, conversation: Conversation) -> None:
        """Begin to read. The conversation was made with this stream as its outlet."""

    @abstractmethod
    def abort(self, now: float) -> None:
        """End at once, whatever is waiting."""

    @abstractmethod
    def flush(self, now: float) -> None:
        """Write what is waiting: the end of a turn."""

    def crashed(self, now: float) -> None:
        self.abort(now)

    def end_conversation(self, now: float) -> None:
        """Tell the conversation that it is over. What it wanted to say has been taken, or cannot be said any more."""
        conversation = self.conversation
        if conversation is SILENCE:
            return
        self.conversation = SILENCE
        try:
            conversation.lost(now)
        except Exception:
            log.exception("a connection's end was not handled, by a bug of ours")


class Streams:
    """What all streams share, and the list of those that are open."""

    def __init__(self, turn: "Turn", readiness: "Readiness", patience: "Patience", limits: StreamLimits) -> None:
        self.turn = turn
        self.readiness = readiness
        self.patience = patience
        self.limits = limits
        self.clock = turn.clock
        self.open: set[Stream] = set()
        self._emptied: asyncio.Future[None] | None = None

    def remove(self, stream: "Stream") -> None:
        self.open.discard(stream)
        if stream.place is not None:
            stream.place.leave()
        if not self.open and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    async def wait_ended(self) -> None:
        """Until no stream is open."""
        while self.open:
            self._emptied = asyncio.get_running_loop().create_future()
            await self._emptied

    def abort_all(self) -> None:
        now = self.clock.now()
        for stream in list(self.open):
            stream.abort(now)


@final
class SocketStream(Stream):
    """A stream on a plain non-blocking socket: TCP or unix."""

    __slots__ = (
        "_backlog",
        "_busy",
        "_closing",
        "_descriptor",
        "_discarded",
        "_paused",
        "_sent_in",
        "_socket",
        "_streams",
        "fileno",
    )

    def __init__(self, streams: Streams, sock: socket.socket) -> None:
        super().__init__()
        self._streams = streams
        self._socket = sock
        self.fileno = sock.fileno()
        self._backlog: Backlog | None = None
        self._descriptor: Any = self.fileno  # as an object: not made anew for each call
        self._busy = False  # its last chunk was as long as it could be
        self._closing = False
        self._paused = False
        self._discarded = -1  # bytes read in the farewell, -1 before it
        self._sent_in = 0  # number of the turn of the last `send_now`

    def start(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self._streams.open.add(self)
        self._streams.readiness.register(self)

    # What the conversation asks.

    def wake(self) -> None:
        self._streams.turn.wake(self)

    def close(self) -> None:
        if not self._closing and self.fileno >= 0:
            self._closing = True
            self.deadline = self._streams.clock.now() + self._streams.limits.closing  # counts while bytes are left over
            self._streams.turn.wake(self)

    def pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._show_interest()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._show_interest()

    def send_now(self, data: bytes) -> int:
        if self.dirty or self._backlog is not None or self._closing:
            return 0
        turn = self._streams.turn
        if turn.batched:
            if self._sent_in == turn.number:
                return 0  # one of many: a burst is still written at once, behind its first piece
            self._sent_in = turn.number
        try:
            return WRITE(self._descriptor, data)
        except OSError:
            return 0  # full or broken: the flush will be told the same, and there is the place to act on it

    # What readiness and the turn ask.

    def read(self, now: float) -> int:
        """Read one chunk and hand it on; answers its size."""
        try:
            data = READ(self._descriptor, CHUNK) if self._busy else READ(self._descriptor, FIRST)
        except BlockingIOError:
            return 0
        except OSError:
            self.abort(now)
            return 0
        size = len(data)
        if size == 0:
            self.abort(now)  # an orderly end: there is nobody left to talk to
            return 0
        self._busy = size >= FIRST
        self.conversation.feed(data, now)
        if self._discarded >= 0:
            self._discard(size, now)
        return size

    def flush(self, now: float) -> None:
        if self._backlog is not None:
            return  # what was taken before goes first
        conversation = self.conversation
        data = conversation.take()
        size = len(data)
        if size > 0:
            try:
                count = WRITE(self._descriptor, data)
            except BlockingIOError:
                count = 0
            except OSError:
                self.abort(now)
                return
            conversation.sent(count, now)
            if count < size:
                self._keep(Backlog(data, count), now)
                if self._closing:
                    self.end_conversation(now)
                return
        if self._closing:
            self._say_farewell(now)

    def write(self, now: float) -> None:
        """The kernel takes more."""
        backlog = self._backlog
        if backlog is None:
            self._show_interest()
            return
        try:
            count = backlog.send(self._socket)
        except BlockingIOError:
            return
        except OSError:
            self.abort(now)
            return
        if not self._closing:
            self.deadline = now + self._streams.limits.slow_reader
        self.conversation.sent(count, now)
        if backlog.is_empty() and self._backlog is backlog:
            self._backlog = None
            self._streams.patience.remove(self)
            self._show_interest()
            if self._closing or self.conversation.has_pending():
                self.wake()

    def broken(self, now: float) -> None:
        """The kernel reports an error or a hang-up, also while reading is paused."""
        self.abort(now)

    def expire(self, now: float) -> None:
        if not self._closing:
            log.info("slow reader cut off: it has taken nothing for %g s", self._streams.limits.slow_reader)
        self.abort(now)

    def abort(self, now: float) -> None:
        if self.fileno < 0:
            return
        self._streams.readiness.forget(self)
        self._streams.patience.remove(self)
        self._streams.remove(self)
        self._descriptor = self.fileno = -1
        self._closing = True
        self._backlog = None
        self._socket.close()
        self.end_conversation(now)

    # Within.

    def _keep(self, backlog: Backlog, now: float) -> None:
        self._backlog = backlog
        if not self._closing:
            self.deadline = now + self._streams.limits.slow_reader
        self._streams.patience.add(self)
        self._show_interest()

    def _show_interest(self) -> None:
        if self.fileno >= 0:
            self._streams.readiness.interest(self, not self._paused, self._backlog is not None)

    def _say_farewell(self, now: float) -> None:
        """All is written: shut the write side, then hear the peer out for a moment."""
        if self._discarded >= 0 or self.fileno < 0:
            return
        self._discarded = 0
        self.end_conversation(now)
        with contextlib.suppress(OSError):  # the peer may have gone already; reading will tell
            self._socket.shutdown(socket.SHUT_WR)
        self.deadline = now + self._streams.limits.linger
        self._streams.patience.add(self)
        self.resume()

    def _discard(self, count: int, now: float) -> None:
        self._discarded += count
        if self._discarded > self._streams.limits.linger_bytes:
            self.abort(now)
