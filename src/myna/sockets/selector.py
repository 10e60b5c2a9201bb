"""One epoll for everything: the event loop's own descriptors and every plain socket of ours.

The loop asks `select` what is ready. Sockets of ours are served right there, turn after turn, and the loop is gone
back to only when there is something for it: one of its own descriptors, a callback, a timer that is due. So a message
that comes alone costs one wait, one read and one write, and none of the loop's bookkeeping.

A wait with a limit costs more than one without, so a loop that is left alone for many turns sets an `Alarm` instead.

Fairness: one chunk per socket per turn, and a turn ends early once it has read enough; the kernel reports the sockets
it reported last behind all others next time.

What a newcomer gets wrong: asyncio has no way to ask whether it has callbacks to run, so this looks at two of its
attributes, which have had their names since 3.4; a test fails where they have not.
"""

import asyncio
import logging
import select
from collections.abc import Mapping
from selectors import EVENT_READ, EVENT_WRITE, SelectorKey
from typing import TYPE_CHECKING, Any, Final, final

from mypy_extensions import i64

from myna.sockets.alarm import Alarm

if TYPE_CHECKING:
    from myna.sockets.stream import SocketStream
    from myna.sockets.turn import Turn

log = logging.getLogger("myna.net")

# As the kernel numbers them; the `select` module has the names only where there is an epoll.
READ: Final = 0x001
WRITE: Final = 0x004
BROKEN: Final = 0x008 | 0x010

# Descriptors reported at once. The kernel's answer goes into memory made for so many, so few are asked for until it
# turns out that there are more.
FEW: Final = 32
MANY: Final = 256
ENOUGH: Final = 2 * 1024 * 1024  # bytes read in one turn: some ten milliseconds of work
MANY_TURNS: Final = 16  # within one call of the loop: from here on it pays to set the alarm
FOREVER: Final = -1.0


@final
class SharedSelector:
    """What asyncio's selector loops want of a selector, and a place for streams."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._poll = self._epoll.poll  # looked up once
        self._alarm = Alarm()
        if self._alarm.fileno >= 0:
            self._epoll.register(self._alarm.fileno, READ)
        self._keys: dict[int, SelectorKey] = {}
        self._streams: list[SocketStream | None] = []  # by descriptor: the kernel hands out the lowest that is free
        self._batch = FEW
        self._now = 0.0  # the turn's clock, at the last turn
        self._turn: Turn | None = None
        self._loop: Any = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop this is the selector of."""
        self._loop = loop

    # Streams.

    def serve(self, turn: "Turn | None") -> None:
        """Whose turns they are from now on."""
        self._turn = turn

    def add(self, stream: "SocketStream") -> None:
        self._epoll.register(stream.fileno, READ)
        streams = self._streams
        while len(streams) <= stream.fileno:
            streams.append(None)
        streams[stream.fileno] = stream

    def change(self, stream: "SocketStream", read: bool, write: bool) -> None:
        self._epoll.modify(stream.fileno, (READ if read else 0) | (WRITE if write else 0))

    def remove(self, stream: "SocketStream") -> None:
        if stream.fileno < len(self._streams) and self._streams[stream.fileno] is stream:
            self._streams[stream.fileno] = None
            self._epoll.unregister(stream.fileno)

    # For the loop.

    def register(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:
        fd = _number(fileobj)
        if fd in self._keys:
            raise KeyError(f"{fileobj!r} is registered already")
        key = SelectorKey(fileobj, fd, events, data)
        self._epoll.register(fd, _translate(events))
        self._keys[fd] = key
        return key

    def unregister(self, fileobj: Any) -> SelectorKey:
        key = self._keys.pop(_number(fileobj))
        try:
            self._epoll.unregister(key.fd)
        except OSError:
            log.debug("a descriptor was closed before it was unregistered")
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:
        fd = _number(fileobj)
        key = self._keys[fd]
        if key.events != events:
            self._epoll.modify(fd, _translate(events))
        key = self._keys[fd] = SelectorKey(key.fileobj, fd, events, data)
        return key

    def get_key(self, fileobj: Any) -> SelectorKey:
        return self._keys[_number(fileobj)]

    def get_map(self) -> Mapping[int, SelectorKey]:
        return self._keys

    def close(self) -> None:
        self._epoll.close()
        self._alarm.close()
        self._keys.clear()
        self._streams.clear()

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        ready: list[tuple[SelectorKey, int]] = []
        if timeout is not None and timeout <= 0.0:
            self._wait(0.0, ready)
            return ready
        turn = self._turn
        until = 0.0 if timeout is None or turn is None else turn.clock.now() + timeout
        wait = FOREVER if timeout is None else timeout
        turns = 0
        callbacks = self._loop._ready
        timers: list[asyncio.TimerHandle] = self._loop._scheduled  # replaced only by the loop, which waits for us
        first = timers[0] if timers else None
        while self._wait(wait, ready):
            if len(ready) > 0 or callbacks:
                break
            if len(timers) > 0 and timers[0] is not first:
                break  # one that is due before all others
            if until != 0.0:
                left = until - self._now
                if left <= 0.0:
                    break
                turns += 1
                if turns == MANY_TURNS:
                    wait = FOREVER if self._alarm.set(left) else left
                elif wait != FOREVER:
                    wait = left
        return ready

    def _wait(self, wait: float, ready: list[tuple[SelectorKey, int]]) -> bool:
        """Serve our own, collect the loop's: were there any of ours?"""
        turn = self._turn
        streams = self._streams
        room: i64 = ENOUGH
        fileno: i64
        events: i64
        served = False
        now = 0.0
        batch = self._poll(None, self._batch) if wait == FOREVER else self._poll(wait, self._batch)
        self._batch = MANY if len(batch) == self._batch else FEW
        for fileno, events in batch:
            stream = streams[fileno] if fileno < len(streams) else None
            if stream is None:
                self._report(fileno, events, ready)
                continue
            if turn is None or room < 0:
                continue
            if not served:
                served = True
                now = self._now = turn.begin()
            try:
                if events & READ:
                    room -= stream.read(now)
                elif events & BROKEN:
                    stream.broken(now)
                if events & WRITE and stream.fileno == fileno:
                    stream.write(now)
            except Exception:
                log.exception("a connection failed by a bug of ours; closing it")
                stream.crashed(now)
        if served and turn is not None:
            turn.end(now)
        return served

    def _report(self, fileno: int, events: int, ready: list[tuple[SelectorKey, int]]) -> None:
        """One of the loop's own; the alarm, whose work is done; or nobody's, ended by another one of this batch."""
        key = self._keys.get(fileno)
        if fileno == self._alarm.fileno:
            self._alarm.silence()
        elif key is not None:
            mask = ((EVENT_WRITE if events & ~READ else 0) | (EVENT_READ if events & ~WRITE else 0)) & key.events
            if mask:
                ready.append((key, mask))


def _number(fileobj: Any) -> int:
    fd: int = fileobj if isinstance(fileobj, int) else fileobj.fileno()
    if fd < 0:
        raise ValueError(f"invalid file descriptor: {fd}")
    return fd


def _translate(events: int) -> int:
    return (READ if events & EVENT_READ else 0) | (WRITE if events & EVENT_WRITE else 0)
