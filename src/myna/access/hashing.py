"""Slow checks on threads of their own: so many at once, so many waiting, and no more than half of those for one host.

    is there room?  no -> Busy, at once: whoever comes now is told to come again
                    yes -> a thread does it; the loop goes on

What a newcomer gets wrong: work whose client has gone meanwhile cannot be called back once it runs, and counts until
it is done. So a flood of wrong passwords costs its threads and this queue, whatever it does, and nothing else.
"""

import asyncio
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

# Of the threads. On 2 busy cores a flood of wrong passwords made others wait 40 ms to get in (99th percentile), and
# makes them wait 5 ms like this.
NICENESS: Final = 10


class Busy(Exception):
    """Too much is waiting."""


class Hashing:
    def __init__(self, threads: int, waiting: int) -> None:
        self._threads = ThreadPoolExecutor(threads, "hashing", _step_back)
        self._most = threads + waiting
        self._closed = False
        self._count = 0
        self._of_host: Counter[str] = Counter()

    async def run(self, host: str, check: Callable[[], bool]) -> bool:
        """Raises Busy."""
        if self._closed or self._count >= self._most or self._of_host[host] >= max(1, self._most // 2):
            raise Busy
        self._count += 1
        self._of_host[host] += 1
        work = asyncio.get_running_loop().run_in_executor(self._threads, check)
        work.add_done_callback(lambda _: self._done(host))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if work.cancelled():  # by `close`, before it began; nobody has cancelled whoever waits for it
                raise Busy from None
            raise

    def close(self) -> None:
        """What has not begun is given up: who waits for it is told to come again."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _done(self, host: str) -> None:
        self._count -= 1
        self._of_host[host] -= 1
        if not self._of_host[host]:
            del self._of_host[host]


def _step_back() -> None:
    """The loop goes first where there is not enough processor for all. On Linux each thread has its own niceness."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
