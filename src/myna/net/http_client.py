"""The one client for HTTP calls to others: a time for each call, and a destination that keeps failing is left alone for
a while. The connections are `http_pool`'s.

What a newcomer gets wrong: a destination is a scheme, host and port. That its answers are errors says nothing here;
held back is who cannot be reached or does not answer in time, so that its callers fail at once and wait for nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from myna.formats.outgoing import LARGEST_ANSWER, Answer, CallFailed, Cause, public_part
from myna.net.redirects import Call, follow, is_moved

if TYPE_CHECKING:
    from myna.net.http_pool import Pool

log = logging.getLogger("myna.net")

PATIENCE: Final = 5  # failures in a row, after which a destination is left alone
PAUSE: Final = 5.0  # seconds, doubled with each further failure
LONGEST_PAUSE: Final = 60.0
REMEMBERED: Final = 10_000  # destinations
QUIET: Final = 60.0  # seconds between two warnings about one destination


class _Destination:
    """How often it has failed in a row, and when it may be tried again. One try at a time decides."""

    __slots__ = ("failures", "quiet_until", "trying", "until")

    def __init__(self) -> None:
        self.failures = 0
        self.quiet_until = float("-inf")
        self.until = 0.0
        self.trying = False

    def is_held_back(self, now: float) -> bool:
        return self.failures >= PATIENCE and (self.trying or now < self.until)

    def failed(self, now: float) -> None:
        """Calls that were under way when it was decided to leave it alone say nothing new."""
        if now < self.until:
            return
        self.failures += 1
        excess = self.failures - PATIENCE
        if excess >= 0:
            self.until = now + min(LONGEST_PAUSE, PAUSE * 2.0 ** min(excess, 8))


class HttpClient:
    """Made at any time; opens what it needs with the first call."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pool: Pool | None = None
        self._closed = False
        self._destinations: dict[str, _Destination] = {}

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        timeout: float = 30.0,
        largest: int = LARGEST_ANSWER,
        redirects: int = 0,
        trust: str = "",
    ) -> Answer:
        origin = _origin(url)
        if self._closed:
            raise CallFailed(Cause.CLOSED, f"{origin} was not called: the broker is stopping")
        destination = self._destination(origin)
        if destination.is_held_back(self._clock()):
            raise CallFailed(Cause.HELD_BACK, f"{origin} has not answered of late and is left alone for a while")
        destination.trying = True
        try:
            pool = await self._opened()  # before the clock starts: the destination is not to blame for what we import
            async with asyncio.timeout(timeout):
                call = Call(method, url, tuple(headers), body)
                answer = await self._ask(pool, call, origin, largest, redirects, trust)
        except TimeoutError:
            destination.failed(self._clock())
            raise CallFailed(Cause.TIMEOUT, f"{origin} did not answer within {timeout:g} s") from None
        except CallFailed as failure:
            if failure.cause is not Cause.TOO_LARGE:
                destination.failed(self._clock())
            raise
        finally:
            destination.trying = False
        destination.failures = 0
        return answer

    async def _ask(self, pool: "Pool", call: Call, origin: str, largest: int, redirects: int, trust: str) -> Answer:
        """`origin` is who was asked in the first place, whoever else it sends us to."""
        while True:
            answer = await pool.ask(call.method, call.url, origin, call.headers, call.body, largest, trust)
            if redirects <= 0 or not is_moved(answer):
                return answer
            redirects -= 1
            further = follow(call, answer)
            if further is None:
                self._warn(origin, answer)
                return answer
            call = further

    def _warn(self, origin: str, answer: Answer) -> None:
        destination, now = self._destination(origin), self._clock()
        if now >= destination.quiet_until:
            destination.quiet_until = now + QUIET
            where = public_part(answer.headers["location"])
            log.warning(
                "%s redirects to %s, which is not followed: what was sent is for nobody else, and never goes"
                " from https to http. Name the address where it is",
                origin,
                where,
            )

    async def close(self) -> None:
        """Calls that are under way fail."""
        self._closed = True
        if self._pool is not None:
            await self._pool.close()

    async def _opened(self) -> "Pool":
        """Imported when first needed, for most brokers never do, and beside the loop, for it takes a moment."""
        if self._pool is None:
            module = await asyncio.to_thread(import_module, "myna.net.http_pool")
            if self._pool is None:
                self._pool = module.Pool()
        return self._pool

    def _destination(self, origin: str) -> _Destination:
        found = self._destinations.get(origin)
        if found is None:
            if len(self._destinations) >= REMEMBERED:
                self._destinations = {name: one for name, one in self._destinations.items() if one.failures}
            found = self._destinations[origin] = _Destination()
        return found


@lru_cache(maxsize=1024)
def _origin(url: str) -> str:
    """Scheme, host and port. User names, paths and queries are nobody's business: they may hold secrets."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        raise CallFailed(Cause.CONNECTION, "the address to call is no URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CallFailed(Cause.CONNECTION, "the address to call is no http or https URL")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}"
