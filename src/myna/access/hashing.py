"""Slow checks on threads of their own: so many at once, so many waiting, and no more than half of those for one host.

    is there room?  no -> Busy, at once: whoever comes now is told to come again
                    yes -> a thread does it; the loop goes on

What a newcomer gets wrong: work whose client has gone meanwhile cannot be called back once it runs, and counts until
it is done. So a flood of wrong passwords costs its threads and this queue, whatever it does, and nothing else.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Busy(Exception):
    """Too much is waiting."""


class Hashing:
    def __init__(self, threads: int, waiting: int) -> None:
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="hashing")
        self._most = threads + waiting
        self._count = 0
        self._of_host: Counter[str] = Counter()

    async def run(self, host: str, check: Callable[[], bool]) -> bool:
        """Raises Busy."""
        if self._count >= self._most or self._of_host[host] >= max(1, self._most // 2):
            raise Busy
        self._count += 1
        self._of_host[host] += 1
        work = asyncio.get_running_loop().run_in_executor(self._threads, check)
        work.add_done_callback(lambda _: self._done(host))
        return await asyncio.shield(work)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _done(self, host: str) -> None:
        self._count -= 1
        self._of_host[host] -= 1
        if not self._of_host[host]:
            del self._of_host[host]
