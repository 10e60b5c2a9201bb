"""Whoever the broker's own authenticators know (`access` of the settings), as a caller of this API.

    Identity of user `device-17`      -> Caller `device-17`: its registration, groups and topic spaces decide

What a newcomer gets wrong: the identity's own rules do not come along. Whatever proved somebody, what they may do
here is said by the namespace and by nothing else. And a user of another tenant is nobody here.
"""

import inspect
from collections.abc import Awaitable
from typing import Final

from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.faces.contract import EVERY_TENANT, Callers, Scope
from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.clients import KEY, MAXIMUM_NAME, Client
from myna.faces.eventgrid.rules import Directory
from myna.wire import reasons

REMEMBERED: Final = 10_000  # callers


class Visitors:
    def __init__(self, tenant: str, directory: Directory, callers: Callers) -> None:
        self.callers = callers
        self._tenant = tenant
        self._directory = directory
        self._known: dict[str, tuple[Identity, Caller]] = {}
        self._version = directory.version

    def call(self, scope: Scope, now: float) -> Caller | Refusal | Awaitable[Caller | Refusal]:
        """Who makes this request."""
        judged = self.callers.call(scope, now)
        return self._later(judged) if inspect.isawaitable(judged) else self.receive(judged)

    async def claim(self, scope: Scope, now: float) -> Caller | Refusal | None:
        """The same; None where nobody knows them."""
        judged = self.callers.claim(scope, now)
        if inspect.isawaitable(judged):
            judged = await judged
        return None if judged is None else self.receive(judged)

    def receive(self, judged: Identity | Refusal) -> Caller | Refusal:
        if isinstance(judged, Refusal):
            return judged
        name = judged.user
        if judged.tenant not in (self._tenant, EVERY_TENANT):
            return Refusal(reasons.NOT_AUTHORIZED, "this user belongs to another tenant")
        if not name or len(name) > MAXIMUM_NAME:
            return Refusal(reasons.NOT_AUTHORIZED, f"an authentication name has 1 to {MAXIMUM_NAME} characters")
        if self._version != self._directory.version:  # a registration may have been disabled
            self._known.clear()
            self._version = self._directory.version
        held = self._known.get(name)
        if held is not None and _is_same(held[0], judged):
            return held[1]
        caller = self._make(name, judged)
        if len(self._known) >= REMEMBERED and name not in self._known:
            del self._known[next(iter(self._known))]
        self._known[name] = (judged, caller)
        return caller

    async def _later(self, judged: Awaitable[Identity | Refusal]) -> Caller | Refusal:
        return self.receive(await judged)

    def _make(self, name: str, identity: Identity) -> Caller:
        attributes = {key: value for key, value in identity.attributes.items() if KEY.fullmatch(key)}
        return Caller(
            self._tenant,
            self._directory,
            Client(name, attributes),
            name,
            authentication="Custom",
            source="UserName",
            expires_at=identity.expires_at,
            warrant=identity.warrant,
        )


def _is_same(held: Identity, other: Identity) -> bool:
    return held.expires_at == other.expires_at and held.warrant == other.warrant and held.attributes == other.attributes
