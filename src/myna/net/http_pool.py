"""Connections to others, kept and shared: aiohttp's client, and its errors in our words.

What a newcomer gets wrong: this is imported with the first call, for it brings a library larger than the broker.
"""

import os
import ssl
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import aiohttp
from multidict import CIMultiDictProxy

from myna.formats.outgoing import Answer, CallFailed, Cause
from myna.version import version

CONNECTIONS: Final = 256  # open at once
PER_DESTINATION: Final = 64


class Pool:
    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, limit_per_host=PER_DESTINATION),
            timeout=aiohttp.ClientTimeout(total=None),  # whoever calls has the one that counts
            headers={"user-agent": f"myna/{version}"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            skip_auto_headers=("content-type",),
        )

    async def ask(
        self,
        method: str,
        url: str,
        origin: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        largest: int,
        trust: str,
    ) -> Answer:
        """Whatever is answered: redirects are for `redirects` to judge."""
        try:
            async with self._session.request(
                method,
                url,
                headers=headers,
                data=body or None,
                allow_redirects=False,
                ssl=_trusting(trust, os.stat(trust).st_mtime_ns) if trust else True,
            ) as response:
                return Answer(response.status, _join(response.headers), await _read(response, largest, origin))
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
            raise CallFailed(Cause.TLS, f"{origin} is not trusted: {error}") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise CallFailed(Cause.NAME, f"the name in {origin} is not known: {error.os_error}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CallFailed(Cause.CONNECTION, f"{origin}: {_explain(error)}") from error

    async def close(self) -> None:
        await self._session.close()


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
