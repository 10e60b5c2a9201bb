"""An issuer's keys: those that were given, and those it publishes, fetched when they are needed.

    keys()          from memory, at once
    refresh(now)    fetch anew; whoever comes meanwhile waits for the same answer

A document may be a JWKS or, as OpenID Connect Discovery has it, one that says where the JWKS is. What a newcomer gets
wrong: a token with an unknown key id is a reason to look again, but not a reason to look each time, or anybody could
make us hammer the issuer. And an issuer that is down takes nothing away: the keys it gave stay in use.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from myna.formats.jwt import Key
from myna.formats.keys import BadKey, pin, read_jwks
from myna.formats.outgoing import CallFailed, HttpCaller, public_part

log = logging.getLogger("myna.keys")

NEVER: Final = float("-inf")
FRESH: Final = 3600.0  # seconds a fetched set is used before it is fetched again
PATIENCE: Final = 30.0  # seconds between two looks for an unknown key
TIMEOUT: Final = 5.0
LARGEST: Final = 1024 * 1024  # bytes of a fetched document
REDIRECTS: Final = 3
WELL_KNOWN: Final = "/.well-known/openid-configuration"


class KeySet:
    """`url` is where the issuer publishes: https:, or file: and plain paths. `algorithms`: pins the keys further than
    their kind does. `issuer`: what a discovery document must call itself, where that is known.
    """

    def __init__(
        self,
        http: HttpCaller,
        keys: Sequence[Key] = (),
        *,
        url: str = "",
        issuer: str = "",
        algorithms: Sequence[str] = (),
        trust: str = "",
        fresh: float = FRESH,
        patience: float = PATIENCE,
    ) -> None:
        self._http = http
        self._fixed = [pin(key, algorithms) for key in keys]
        self._url = url
        self._issuer = issuer
        self._algorithms = algorithms
        self._trust = trust
        self._fresh = fresh
        self._patience = patience
        self._fetched: list[Key] = []
        self.fetched_at = NEVER
        self._tried_at = NEVER
        self._under_way: asyncio.Task[None] | None = None
        self.generation = 0  # grows when what is fetched differs from what was there before

    def keys(self) -> list[Key]:
        return self._fixed + self._fetched

    def holds(self, key: Key) -> bool:
        """Is it one of these? Where none have been fetched yet, nobody can say that it is not."""
        return key in self._fixed or key in self._fetched or not self.are_known()

    def are_known(self) -> bool:
        return not self._url or self.fetched_at > NEVER

    def may_refresh(self, now: float) -> bool:
        """Is there anything to be gained from fetching, or from waiting for a fetch that is under way?"""
        return bool(self._url) and (self._under_way is not None or now - self._tried_at >= self._patience)

    def is_stale(self, now: float) -> bool:
        return bool(self._url) and now - self.fetched_at >= self._fresh and self.may_refresh(now)

    def keep_fresh(self, now: float) -> None:
        """Called now and then, so that nobody has to wait for keys that were fetched before and have grown old."""
        if self._fetched and self._under_way is None and self.is_stale(now):
            self._begin(now)

    async def refresh(self, now: float) -> None:
        """A failure is logged and keeps what is there."""
        await asyncio.shield(self._under_way or self._begin(now))

    def _begin(self, now: float) -> asyncio.Task[None]:
        self._tried_at = now
        self._under_way = asyncio.ensure_future(self._load(now))
        return self._under_way

    async def _load(self, now: float) -> None:
        try:
            found = [pin(key, self._algorithms) for key in await self._find()]
            self.fetched_at = now
            if self._fetched and found != self._fetched:
                self.generation += 1
            self._fetched = found
        except (CallFailed, OSError, ValueError) as error:
            log.warning("the keys at %s could not be fetched: %s", self._shown(), error)
        finally:
            self._under_way = None

    def _shown(self) -> str:
        return self._url if is_file(self._url) else public_part(self._url)

    async def _find(self) -> list[Key]:
        text = await self._fetch(self._url)
        location = self._location_in(text)
        if location:
            text = await self._fetch(location)
        found = read_jwks(text, secrets=is_file(location or self._url))
        if not found:  # a mistake, or all of its tokens would be worthless; whoever means that removes the issuer
            raise BadKey("there is no key in it that can be used")
        return found

    def _location_in(self, text: bytes) -> str:
        """Where a discovery document says that the keys are; empty for what is none."""
        try:
            document = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise BadKey(f"not JSON: {error}") from None
        if not isinstance(document, dict) or "keys" in document or "jwks_uri" not in document:
            return ""
        location, issuer = document["jwks_uri"], document.get("issuer")
        if self._issuer and issuer != self._issuer:
            raise BadKey("the discovery document is of another issuer than the settings name")
        if not isinstance(location, str) or is_file(location):
            raise BadKey("the discovery document names no URL for its keys")
        if self._url.startswith("https:") and not location.startswith("https:"):
            raise BadKey("the discovery document leads from https to http")
        return location

    async def _fetch(self, url: str) -> bytes:
        if is_file(url):
            return await asyncio.to_thread(Path(url.removeprefix("file://").removeprefix("file:")).read_bytes)
        answer = await self._http.call(
            "GET",
            url,
            headers=[("accept", "application/json")],
            timeout=TIMEOUT,
            largest=LARGEST,
            redirects=REDIRECTS,
            trust=self._trust,
        )
        if answer.status != 200:
            raise BadKey(f"the answer is {answer.status}")
        return answer.body


def is_file(url: str) -> bool:
    return not url.startswith(("https:", "http:"))
