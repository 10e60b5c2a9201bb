"""Taking new connections from a listening socket, many per wake-up.

Knows nothing of what is spoken on them. What a newcomer gets wrong: when the process has no descriptor left the
listening socket stays readable, and a loop that keeps trying burns the processor. So accepting rests for a moment
and says so.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Any, Final

log = logging.getLogger("myna.net")

BATCH: Final = 16  # between two looks at those who are connected
REST: Final = 0.5
EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

Accepted = Callable[[socket.socket, Any], None]  # gets a non-blocking socket and the peer's address; may raise


class Acceptor:
    """`pace` answers the seconds to wait before the next one may be taken."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        accepted: Accepted,
        *,
        batch: int = BATCH,
        pace: Callable[[], float] | None = None,
    ) -> None:
        self.batch = batch
        self._pace = pace
        self._loop = loop
        self._listening = listening
        self._accepted = accepted
        self._rest: asyncio.TimerHandle | None = None
        self._open = False

    def start(self) -> None:
        self._open = True
        self._loop.add_reader(self._listening.fileno(), self._accept)

    def stop(self) -> None:
        """Accept no more, and close the listening socket: whoever tries now is refused."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._listening.fileno())
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        self._listening.close()

    def _accept(self) -> None:
        for _ in range(self.batch):
            if self._pace is not None and (wait := self._pace()) > 0.0:
                self._pause(wait)
                return
            try:
                sock, address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._take_rest(error)
                return
            sock.setblocking(False)
            try:
                self._accepted(sock, address)
            except Exception:
                log.exception("a new connection failed by a bug of ours; closing it")
                sock.close()

    def _take_rest(self, error: OSError) -> None:
        if error.errno in EXHAUSTED:
            log.error(
                "cannot accept connections: %s. Trying again in %g s; raise the limit of open files (ulimit -n)",
                error.strerror,
                REST,
            )
        else:
            log.error("cannot accept connections: %s. Trying again in %g s", error, REST)
        self._pause(REST)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listening.fileno())
        self._rest = self._loop.call_later(seconds, self._wake_up)

    def _wake_up(self) -> None:
        self._rest = None
        if self._open:
            self._loop.add_reader(self._listening.fileno(), self._accept)
            self._accept()
