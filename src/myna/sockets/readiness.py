"""Which sockets can be read or written, and serving them in batches.

On the loop that the broker runs on, the loop's selector is ours and serves the sockets itself (`selector`). On any
other loop each socket is registered by itself: same streams, somewhat slower, and a reset is not noticed while nothing
is read.
"""

import asyncio
import logging
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, final

from myna.sockets.selector import SharedSelector

if TYPE_CHECKING:
    from myna.sockets.stream import SocketStream
    from myna.sockets.turn import Turn

log = logging.getLogger("myna.net")


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
    selector = getattr(loop, "_selector", None)
    return SharedReadiness(selector, turn) if isinstance(selector, SharedSelector) else LoopReadiness(loop, turn)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop that serves streams best."""
    if sys.platform != "linux":
        return asyncio.new_event_loop()
    selector = SharedSelector()
    loop = asyncio.SelectorEventLoop(selector)  # type: ignore[arg-type]  # it is all the loop needs of one
    selector.attach(loop)
    return loop


@final
class SharedReadiness(Readiness):
    """The loop's own selector serves them."""

    def __init__(self, selector: SharedSelector, turn: "Turn") -> None:
        self._selector = selector
        selector.serve(turn)

    def register(self, stream: "SocketStream") -> None:
        self._selector.add(stream)

    def interest(self, stream: "SocketStream", read: bool, write: bool) -> None:
        self._selector.change(stream, read, write)

    def forget(self, stream: "SocketStream") -> None:
        self._selector.remove(stream)

    def close(self) -> None:
        self._selector.serve(None)


@final
class LoopReadiness(Readiness):
    """Every socket registered with the loop; each wake-up is a turn of its own."""

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
        now = self._turn.begin()
        try:
            if writable:
                stream.write(now)
            else:
                stream.read(now)
        except Exception:
            log.exception("a connection failed by a bug of ours; closing it")
            stream.crashed(now)
        self._turn.end(now)
