"""The one client for HTTP calls to others: connections are kept and shared, each destination gets its share, and one
that keeps failing is left alone for a while.

What a newcomer gets wrong: a destination is a scheme, host and port. That its answers are errors says nothing here;
held back is who cannot be reached or does not answer in time, so that its callers fail at once and wait for nothing.
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from multidict import CIMultiDictProxy

from myna.formats.outgoing import LARGEST_ANSWER, Answer, CallFailed, Cause
from myna.version import version

CONNECTIONS: Final = 256  # open at once
PER_DESTINATION: Final = 64
PATIENCE: Final = 5  # failures in a row, after which a destination is left alone
PAUSE: Final = 5.0  # seconds, doubled with each further failure
LONGEST_PAUSE: Final = 60.0
REMEMBERED: Final = 10_000  # destinations


class _Destination:
    """How often it has failed in a row, and when it may be tried again. One try at a time decides."""

    __slots__ = ("failures", "trying", "until")

    def __init__(self) -> None:
        self.failures = 0
        self.until = 0.0
        self.trying = False

    def is_held_back(self, now: float) -> bool:
        return self.failures >= PATIENCE and (self.trying or now < self.until)

    def failed(self, now: float) -> None:
        self.failures += 1
        excess = self.failures - PATIENCE
        if excess >= 0:
            self.until = now + min(LONGEST_PAUSE, PAUSE * 2.0 ** min(excess, 8))


class HttpClient:
    """Made at any time; opens what it needs with the first call."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
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
            async with asyncio.timeout(timeout):
                answer = await self._ask(method, url, headers, body, largest, redirects, trust)
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

    async def close(self) -> None:
        """Calls that are under way fail."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        largest: int,
        redirects: int,
        trust: str,
    ) -> Answer:
        origin = _origin(url)
        try:
            async with self._opened().request(
                method,
                url,
                headers=headers,
                data=body or None,
                allow_redirects=redirects > 0,
                max_redirects=max(redirects, 1),
                ssl=_trusting(trust, os.stat(trust).st_mtime_ns) if trust else True,
            ) as response:
                return Answer(response.status, _join(response.headers), await _read(response, largest, origin))
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
            raise CallFailed(Cause.TLS, f"{origin} is not trusted: {error}") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise CallFailed(Cause.NAME, f"the name in {origin} is not known: {error.os_error}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CallFailed(Cause.CONNECTION, f"{origin}: {_explain(error)}") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, limit_per_host=PER_DESTINATION),
                timeout=aiohttp.ClientTimeout(total=None),  # `call` has the one that counts
                headers={"user-agent": f"myna/{version}"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
                skip_auto_headers=("content-type",),
            )
        return self._session

    def _destination(self, origin: str) -> _Destination:
        found = self._destinations.get(origin)
        if found is None:
            if len(self._destinations) >= REMEMBERED:
                self._destinations = {name: one for name, one in self._destinations.items() if one.failures}
            found = self._destinations[origin] = _Destination()
        return found


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


async def _read(response: aiohttp.ClientResponse, largest: int, origin: str) -> bytes:
    """All of it, and never more than allowed."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > largest:
            response.close()
            raise CallFailed(Cause.TOO_LARGE, f"{origin} answered with more than {largest} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _join(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def _explain(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else type(error).__name__


@lru_cache(maxsize=64)
def _trusting(path: str, changed: int) -> ssl.SSLContext:
    """Read once, and again when the file has changed."""
    return ssl.create_default_context(cafile=path)
