"""Asking a handler whether it wants our calls, before it gets any: the handshake against abuse of webhooks.

    OPTIONS url   WebHook-Request-Origin: our host          404: the same by GET
    2xx           WebHook-Allowed-Origin: * or our host     remembered for a minute, then asked again while it is used

What a newcomer gets wrong: a handler that said yes is not waited for when it is asked again; one that said no, or
nothing, is asked again soon, since it may just have been started.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from myna.faces.webpubsub.events.cloud_event import VERSION
from myna.formats.outgoing import Answer, CallFailed, HttpCaller

VALID_FOR: Final = 60.0  # seconds
INVALID_FOR: Final = 5.0
TIMEOUT: Final = 10.0
REMEMBERED: Final = 10_000  # URLs
LARGEST: Final = 64 * 1024


class Validation:
    """What one URL has said. `wrong` is empty where it wants to be called; `text` tells people why not."""

    __slots__ = ("task", "until", "wrong")

    def __init__(self) -> None:
        self.wrong = "it has not been asked yet"
        self.until = 0.0
        self.task: asyncio.Task[None] | None = None


class Protection:
    def __init__(self, http: HttpCaller, origin: Callable[[], str], clock: Callable[[], float]) -> None:
        self._http = http
        self._origin = origin
        self._clock = clock
        self._validations: dict[str, Validation] = {}

    async def objection(self, url: str) -> str:
        """Why this URL must not be called; empty if it may be."""
        validation = self._validations.get(url)
        if validation is None:
            if len(self._validations) >= REMEMBERED:
                self._forget()
            validation = self._validations[url] = Validation()
        if validation.until <= self._clock():
            if validation.task is None:
                validation.task = asyncio.create_task(self._validate(validation, url))
            if validation.wrong:
                await asyncio.shield(validation.task)
        return validation.wrong

    def forget(self) -> None:
        """Whoever has been asked is asked anew."""
        self._validations = {url: one for url, one in self._validations.items() if one.task is not None}
        for validation in self._validations.values():
            validation.until = 0.0

    async def _validate(self, validation: Validation, url: str) -> None:
        try:
            validation.wrong = await self._ask(url)
        finally:
            validation.until = self._clock() + (INVALID_FOR if validation.wrong else VALID_FOR)
            validation.task = None

    async def _ask(self, url: str) -> str:
        origin = self._origin()
        headers = (("WebHook-Request-Origin", origin), VERSION)
        try:
            answer = await self._http.call("OPTIONS", url, headers=headers, timeout=TIMEOUT, largest=LARGEST)
            if answer.status == 404:
                answer = await self._http.call("GET", url, headers=headers, timeout=TIMEOUT, largest=LARGEST)
        except CallFailed as error:
            return str(error)
        return _objection(answer, origin)

    def _forget(self) -> None:
        self._validations = {url: one for url, one in self._validations.items() if one.task is not None}


def _objection(answer: Answer, origin: str) -> str:
    if not answer.is_success:
        return f"asked whether it may be called, it answered {answer.status}"
    allowed = {part.strip().lower() for part in answer.headers.get("webhook-allowed-origin", "").split(",")}
    if "*" in allowed or origin.lower() in allowed:
        return ""
    return f"it does not allow calls from {origin} (WebHook-Allowed-Origin)"
