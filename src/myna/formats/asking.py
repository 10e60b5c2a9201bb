"""Asking a webhook while a client waits: so many at once, so many in line, so much time for all of it.

    answer = await asking.post(url, body, now)

What a newcomer gets wrong: the time for waiting in line counts, and may be half of all there is: who is asked about
with hardly any time left makes the webhook look dead. Being in line for so long is to have found the server busy; that
the webhook itself did not answer is something else, and raises CallFailed.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import urlsplit

from myna.formats.credentials import Credentials
from myna.formats.credentials import Terms as CredentialTerms
from myna.formats.outgoing import Answer, CallFailed, Cause, HttpCaller

LARGEST: Final = 64 * 1024  # bytes of an answer


class Terms(Protocol):
    """What settings say; `config.outgoing.WebhookSettings` has the words for each."""

    @property
    def url(self) -> str: ...
    @property
    def timeout(self) -> float: ...
    @property
    def concurrent(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def trust(self) -> str: ...
    @property
    def credentials(self) -> CredentialTerms: ...


def is_exposed(url: str) -> bool:
    """Can what is sent there be read on the way? Only what stays on this machine needs no encryption."""
    parts = urlsplit(url)
    return parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1")


class Busy(Exception):
    """Too many are being asked about already."""


class Asking:
    """`redirects`: how many of them are followed."""

    def __init__(self, terms: Terms, http: HttpCaller, now: Callable[[], float], *, redirects: int = 0) -> None:
        self._terms = terms
        self._http = http
        self._now = now
        self._redirects = redirects
        self._credentials = Credentials(terms.credentials, http)
        self._turns = asyncio.Semaphore(terms.concurrent)
        self._present = 0

    async def post(self, url: str, body: bytes) -> Answer:
        """Whatever is answered, as long as it is. Raises Busy or CallFailed."""
        terms = self._terms
        if self._present >= terms.concurrent + terms.waiting:
            raise Busy("too many clients wait for the webhook")
        self._present += 1
        try:
            # In a task of its own: HTTP calls run without one up to their first wait, and time limits need one.
            return await asyncio.ensure_future(self._post(url, body))
        finally:
            self._present -= 1

    async def _post(self, url: str, body: bytes) -> Answer:
        now = asyncio.get_running_loop().time()
        ends_at = now + float(self._terms.timeout)
        await self._wait_for_turn((now + ends_at) / 2)
        try:
            return await self._call(url, body, ends_at)
        finally:
            self._turns.release()

    async def _wait_for_turn(self, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await self._turns.acquire()
        except TimeoutError:
            raise Busy("the webhook is too slow for all who wait for it") from None

    async def _call(self, url: str, body: bytes, ends_at: float) -> Answer:
        terms = self._terms
        try:
            async with asyncio.timeout_at(ends_at):
                shown = await self._credentials.headers(self._now())
        except TimeoutError:
            raise CallFailed(Cause.TIMEOUT, "there was no time left to get a token for the webhook") from None
        answer = await self._http.call(
            "POST",
            url,
            headers=[("content-type", "application/json"), ("accept", "application/json"), *shown],
            body=body,
            timeout=max(ends_at - asyncio.get_running_loop().time(), 0.0),
            largest=LARGEST,
            redirects=self._redirects,
            trust=terms.trust,
        )
        if answer.status == 401:
            self._credentials.were_refused()
        return answer
