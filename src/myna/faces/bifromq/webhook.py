"""Questions to a webhook of BifroMQ's: a GET whose headers are the question and whose text is the answer.

A few at a time; the others wait, and beyond a bound are not asked. What a newcomer gets wrong: no answer at all is an
answer, None, for each kind of question has its own idea of what that means.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from myna.core.counters import Counters
from myna.formats.outgoing import CallFailed, HttpCaller

log = logging.getLogger("myna.faces.bifromq")

AT_ONCE: Final = 16
WAITING: Final = 10_000
TIMEOUT: Final = 5.0
REDIRECTS: Final = 5
LONGEST_ANSWER: Final = 1024
COMPLAINTS_EVERY: Final = 60.0  # seconds between two lines about one webhook

Told = Callable[[str | None], None]


class Webhook:
    """`name` is for logs and counters."""

    def __init__(self, name: str, url: str, http: HttpCaller, counters: Counters, now: Callable[[], float]) -> None:
        self._name = name
        self._url = url
        self._http = http
        self._counters = counters
        self._now = now
        self._waiting: deque[tuple[Mapping[str, str], Told]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._complained_at = float("-inf")
        self._closed = False

    def ask(self, headers: Mapping[str, str], told: Told) -> bool:
        """`told` gets the answer, later. False if it is not asked, because too many wait."""
        if self._closed or len(self._waiting) >= WAITING:
            self._counters.refuse(f"{self._name}:not_asked")
            return False
        self._waiting.append((headers, told))
        if len(self._tasks) < AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return True

    async def close(self) -> None:
        self._closed = True
        self._waiting.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self) -> None:
        while self._waiting:
            headers, told = self._waiting.popleft()
            told(await self._call(headers))

    async def _call(self, headers: Mapping[str, str]) -> str | None:
        try:
            answer = await self._http.call(
                "GET",
                self._url,
                headers=[(name, _as_header(value)) for name, value in headers.items()],
                timeout=TIMEOUT,
                largest=LONGEST_ANSWER,
                redirects=REDIRECTS,
            )
        except CallFailed as failure:
            self._complain(str(failure))
            self._counters.refuse(f"{self._name}:no_answer")
            return None
        if answer.status != 200:
            if answer.status >= 500:
                self._complain(f"it answered {answer.status}")
            self._counters.refuse(f"{self._name}:no_answer")
            return None
        return answer.body.decode("utf-8", "replace").strip()

    def _complain(self, why: str) -> None:
        now = self._now()
        if now - self._complained_at >= COMPLAINTS_EVERY:
            self._complained_at = now
            log.warning("the webhook %s gives no answers: %s. What was known holds, and else no bound", self._name, why)


def _as_header(value: str) -> str:
    """A tenant's name may hold what a header must not; there it is no name that anybody could have meant."""
    return "".join(character if " " <= character != "\x7f" else "?" for character in value)
