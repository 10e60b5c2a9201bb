"""Which sockets can be read or written, and serving them in batches.

One epoll of our own holds every plain socket; its descriptor is registered once with the event loop, whichever that
is. So a wake-up costs one callback for all ready sockets instead of one each, and an idle connection costs the loop
nothing. Where there is no epoll each socket is registered with the loop itself: same streams, a little slower.

Fairness: one chunk per socket per turn, and a turn ends early once it has read enough; the kernel reports the
sockets it reported last behind all others next time.
"""

import asyncio
import logging
import select
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from myna.sockets.stream import SocketStream
    from myna.sockets.turn import Turn

log = logging.getLogger("myna.net")

# As the kernel numbers them; the `select` module has the names only where there is an epoll.
READ: Final = 0x001
WRITE: Final = 0x004
BROKEN: Final = 0x008 | 0x010

BATCH: Final = 256
ENOUGH: Final = 2 * 1024 * 1024  # bytes read in one turn: some ten milliseconds of work


class Readiness(ABC):
    @abstractmethod
    def register(self, stream: "SocketStream") -> None: ...

    @abstractmethod
    def interest(self, stream: "SocketStream", read: bool, write: bool) -> None: ...

    @abstractmethod
    def forget(self, stream: "SocketStream") -> None: ...

    @abstractmethod
    def close(self) -> None: ...


def make_readiness(loop: asyncio.AbstractEventLoop, turn: "Turn") -> Readiness:
    return EpollReadiness(loop, turn) if sys.platform == "linux" else LoopReadiness(loop, turn)


@final
class EpollReadiness(Readiness):
    def __init__(self, loop: asyncio.AbstractEventLoop, turn: "Turn") -> None:
        self._loop = loop
        self._turn = turn
        self._epoll = select.epoll()
        self._streams: dict[int, SocketStream] = {}
        loop.add_reader(self._epoll.fileno(), self._serve)

    def register(self, stream: "SocketStream") -> None:
        self._epoll.register(stream.fileno, READ)
        self._streams[stream.fileno] = stream

    def interest(self, stream: "SocketStream", read: bool, write: bool) -> None:
        self._epoll.modify(stream.fileno, (READ if read else 0) | (WRITE if write else 0))

    def forget(self, stream: "SocketStream") -> None:
        if self._streams.pop(stream.fileno, None) is not None:
            self._epoll.unregister(stream.fileno)

    def close(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _serve(self) -> None:
        turn = self._turn
        now = turn.begin()
        streams = self._streams
        room = ENOUGH
        for fileno, events in self._epoll.poll(0, BATCH):
            stream = streams.get(fileno)
            if stream is None:
                continue  # ended by another one of this batch
            try:
                if events & READ:
                    room -= stream.read(now)
                    if room < 0:
                        break
                elif events & BROKEN:
                    stream.broken(now)
                if events & WRITE and stream.fileno == fileno:
                    stream.write(now)
            except Exception:
                log.exception("a connection failed by a bug of ours; closing it")
                stream.crashed(now)
        turn.end(now)


@final
class LoopReadiness(Readiness):
    """Every socket registered with the loop. The turn's end is asked for by the first wake-up."""

    def __init__(self, loop: asyncio.AbstractEventLoop, turn: "Turn") -> None:
        self._loop = loop
        self._turn = turn
        self._filenos: set[int] = set()

    def register(self, stream: "SocketStream") -> None:
        self._filenos.add(stream.fileno)
        self._loop.add_reader(stream.fileno, self._serve, stream, False)

    def interest(self, stream: "SocketStream", read: bool, write: bool) -> None:
        if read:
            self._loop.add_reader(stream.fileno, self._serve, stream, False)
        else:
            self._loop.remove_reader(stream.fileno)
        if write:
            self._loop.add_writer(stream.fileno, self._serve, stream, True)
        else:
            self._loop.remove_writer(stream.fileno)

    def forget(self, stream: "SocketStream") -> None:
        self._filenos.discard(stream.fileno)
        self._loop.remove_reader(stream.fileno)
        self._loop.remove_writer(stream.fileno)

    def close(self) -> None:
        for fileno in self._filenos:
            self._loop.remove_reader(fileno)
            self._loop.remove_writer(fileno)

    def _serve(self, stream: "SocketStream", writable: bool) -> None:
        now = self._turn.clock.now()
        try:
            if writable:
                stream.write(now)
            else:
                stream.read(now)
        except Exception:
            log.exception("a connection failed by a bug of ours; closing it")
            stream.crashed(now)
