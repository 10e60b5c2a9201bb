"""Calls we make of others: webhooks, key sets, event delivery. What they look like from where they are needed; the
client itself is the broker's (`net.http_client`).

    answer = await http.call("POST", url, body=b"{}", headers=[("content-type", "application/json")], timeout=5.0)

What a newcomer gets wrong: any status is an answer; only what kept us from getting one raises. Nothing is repeated
here, for only the caller knows whether a second call would do harm.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol
from urllib.parse import urlsplit

LARGEST_ANSWER: Final = 1024 * 1024


def public_part(url: str) -> str:
    """What logs may show of an address: queries and user names may be secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class Cause(StrEnum):
    """Why there is no answer, in words that logs and metrics share."""

    TIMEOUT = "timeout"
    NAME = "name_resolution"
    CONNECTION = "connection"
    TLS = "tls"
    TOO_LARGE = "answer_too_large"
    HELD_BACK = "held_back"  # it has failed so often of late that it was not even tried
    CLOSED = "closing_down"


class CallFailed(Exception):
    """There is no answer. The text names the destination without its query, which may hold a secret."""

    def __init__(self, cause: Cause, text: str) -> None:
        super().__init__(text)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` by lower-case name; of a repeated one the values are joined by commas."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class HttpCaller(Protocol):
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
        """`timeout` is for all of it. `trust` is a PEM file of authorities to believe instead of the usual ones.

        Raises CallFailed.
        """


def backoff(attempt: int, *, first: float, longest: float) -> float:
    """Seconds to wait before a call is repeated: doubling, and spread so that not all come back at once."""
    return random.uniform(0.5, 1.0) * min(longest, first * 2.0 ** min(attempt, 32))
