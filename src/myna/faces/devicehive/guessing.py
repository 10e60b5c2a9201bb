"""Logins and passwords that are tried inside a connection count as those of CONNECT do: whoever guesses has to wait.

What a newcomer gets wrong: an account that locks itself does not help against somebody who tries one password with many
logins, from a connection that needs none.
"""

import asyncio
from collections.abc import Callable

from myna.core.logins import Logins
from myna.faces.devicehive import texts
from myna.faces.devicehive.answers import Refused


class Guessing:
    def __init__(self, logins: Logins, now: Callable[[], float]) -> None:
        self._logins = logins
        self._now = now

    async def wait(self, address: str, login: str) -> None:
        """Before anybody is asked about a login. Raises Refused for those who have to come back later."""
        now = self._now()
        seconds = self._logins.wait(address, login, now)
        if seconds > 0.0:
            raise Refused(429, texts.TOO_MANY_LOGINS % seconds)
        late = self._logins.delay(address, login, now)
        if late > 0.0:
            await asyncio.sleep(late)

    def failed(self, address: str, login: str) -> None:
        self._logins.failed(address, login, self._now())

    def succeeded(self, address: str, login: str) -> None:
        self._logins.succeeded(address, login)
