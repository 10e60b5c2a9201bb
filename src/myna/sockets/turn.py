"""A turn of work and what ends it: every connection that has something to say writes it, once.

The first pending byte of a connection wakes its stream, which lands on the dirty list here. Where the sockets are
read in a batch (`readiness`) the batch opens and ends the turn itself. Work that starts anywhere else (an HTTP
handler, a timer, TLS) has no end of its own, so its first wake-up asks the loop for one flush behind everything that
is already runnable.
"""

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol

from myna.sockets.clock import Clock

if TYPE_CHECKING:
    from myna.sockets.stream import Stream

log = logging.getLogger("myna.net")

# A reader that keeps up lets the core refill it at once. So many times per turn, then others get theirs.
ROUNDS: Final = 4

BUG: Final = "writing to a connection failed by a bug of ours; closing it"


class Flushed(Protocol):
    """Something with bytes to write at the end of the turn."""

    def flush(self, now: float) -> None:
        """Write what is waiting."""

    def crashed(self, now: float) -> None:
        """A bug came up while it was served; the traceback has been logged. It ends, nobody else does."""


class Turn:
    __slots__ = ("_last", "_loop", "_others", "_scheduled", "batched", "clock", "dirty", "number")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._loop = loop
        self.clock = clock
        self.dirty: Stream | None = None  # the first of those that have something to say, each of which knows the next
        self._last: Stream | None = None
        self._others: list[Flushed] = []
        self.batched = False  # this turn has an end of its own, which is sure to come
        self.number = 0  # of such turns
        self._scheduled = False

    def wake(self, stream: "Stream") -> None:
        if stream.dirty:
            return
        stream.dirty = True
        last = self._last
        if last is None:
            self.dirty = stream
        else:
            last.next_dirty = stream
        self._last = stream
        if not self.batched:
            self._schedule()

    def wake_other(self, flushed: Flushed) -> None:
        """The same, for what is no stream."""
        if not self.batched:
            self._schedule()
        self._others.append(flushed)

    def begin(self) -> float:
        """A batch starts; whoever calls this calls `end`. Answers the time that holds for all of it."""
        self.batched = True
        self.number += 1
        return self.clock.now()

    def end(self, now: float) -> None:
        rounds = ROUNDS
        while rounds > 0:
            rounds -= 1
            self._flush(now)
            if len(self._others) > 0:
                self._flush_others(now)
            elif self.dirty is None:
                break
        self.batched = False
        if self.dirty is not None or len(self._others) > 0:
            self._schedule()
        self.clock.arm()

    def _flush(self, now: float) -> None:
        stream = self.dirty
        self.dirty = self._last = None
        while stream is not None:
            after = stream.next_dirty
            stream.next_dirty = None
            stream.dirty = False
            try:
                stream.flush(now)
            except Exception:
                log.exception(BUG)
                self._end_crashed(stream, now)
            stream = after

    def _end_crashed(self, stream: "Stream", now: float) -> None:
        """Whatever it does: those behind it in the chain count as woken, and nobody would flush them again."""
        try:
            stream.crashed(now)
        except Exception:
            log.exception(BUG)

    def _flush_others(self, now: float) -> None:
        others = self._others
        self._others = []
        for flushed in others:
            try:
                flushed.flush(now)
            except Exception:
                log.exception(BUG)
                flushed.crashed(now)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        self.end(self.begin())
