"""A bearer token -> the Caller it belongs to; checked once and remembered until it expires.

    Tokens.find(token)          what has been checked before, at once: the common case
    Tokens.check(token)         by API key, else by the keys of the issuer that the token names; may have to fetch them

What a newcomer gets wrong: checking a signature costs more than all else that a publish does. The digest of the token
is what is remembered, so that secrets are neither kept nor compared character by character.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.clients import MAXIMUM_NAME, Client, attributes_of_claims
from myna.faces.eventgrid.namespace import Role
from myna.faces.eventgrid.rules import Directory
from myna.faces.eventgrid.settings import ApiKeySettings, IssuerSettings
from myna.formats import issuers
from myna.formats.claims import values_of
from myna.formats.issuers import NoKeys, UnknownIssuer
from myna.formats.jwt import BadToken, Claims, Key, genuine, looks_like_jwt
from myna.formats.outgoing import HttpCaller
from myna.formats.remembered import Remembered


class Issuer(issuers.Issuer):
    """One issuer of tokens, and what its claims mean here."""

    def __init__(
        self, settings: IssuerSettings, http: HttpCaller, audiences: Sequence[str], keys: Sequence[Key] = ()
    ) -> None:
        super().__init__(settings, http, audiences=audiences, keys=keys)
        self.settings = settings

    def serves(self, method: str) -> bool:
        return not method or method in self.settings.methods

    def client_id(self, claims: Mapping[str, Any]) -> str:
        return _first_text(claims, self.settings.client_id_claims)

    def identify(self, claims: Mapping[str, Any]) -> str:
        return _first_text(claims, self.settings.naming_claims()) or self.client_id(claims)

    def roles(self, claims: Mapping[str, Any]) -> tuple[Role, ...]:
        return tuple(
            Role(rule.permission, space)
            for rule in self.settings.roles
            if any(rule.value in values_of(claims.get(name)) for name in rule.claims)
            for space in rule.topic_spaces or ("",)
        )


class Tokens:
    def __init__(
        self,
        tenant: str,
        directory: Directory,
        issuers: Sequence[Issuer],
        api_keys: Sequence[ApiKeySettings],
        now: Callable[[], float],
    ) -> None:
        self.tenant = tenant
        self._directory = directory
        self._issuers = issuers
        self._now = now
        self._api_keys = {_digest(entry.key.encode()): entry for entry in api_keys}
        self._known: Remembered[Caller] = Remembered()
        self._keys = self._state_of_keys()
        self._version = directory.version

    def find(self, token: bytes, now: float) -> Caller | None:
        """Somebody who has shown this token before."""
        if self._version != self._directory.version:
            self._follow_directory()
        return self._known.find(token, now)

    async def check(self, token: bytes, method: str = "") -> Caller:
        """Raises BadToken. Fetches the issuer's keys where that may help."""
        entry = self._api_keys.get(_digest(token)) if not method else None
        if entry is not None:
            return self._remember(token, self._of_api_key(entry))
        try:
            text = token.decode("ascii")
        except UnicodeDecodeError:
            raise UnknownIssuer("this is not a JWT") from None
        if not looks_like_jwt(text):
            raise UnknownIssuer("this is not a JWT")
        issuer = issuers.choose((one for one in self._issuers if one.serves(method)), text)
        claims, key = await issuer.check_by(text, self._now)
        if issuer not in self._issuers:
            raise NoKeys("the issuers of tokens have just changed: come again")
        with genuine():
            caller = self._of_claims(issuer, claims)
        caller.key, caller.issuer = key, issuer.settings
        return self._remember(token, caller)

    def keep(self, token: bytes, caller: Caller) -> None:
        """Somebody else has said whose this is, and until when."""
        self._remember(token, caller)

    def use(self, issuers: Sequence[Issuer]) -> None:
        """Others from now on."""
        self._issuers = issuers
        self._keys = self._state_of_keys()

    def look(self, now: float) -> bool:
        """Keys that were fetched are kept fresh. Are they others than before? Then nobody is remembered."""
        for issuer in self._issuers:
            issuer.keys.keep_fresh(now)
        keys = self._state_of_keys()
        if keys == self._keys:
            return False
        self._keys = keys
        self._known.clear()
        return True

    def stand(self, caller: Caller) -> bool:
        """Is what has signed a caller's token still a key of somebody who is believed here?"""
        key = caller.key
        mine = (issuer for issuer in self._issuers if issuer.settings == caller.issuer)
        return key is None or any(issuer.keys.holds(key) for issuer in mine)

    def _state_of_keys(self) -> list[tuple[int, bool]]:
        return [(issuer.keys.generation, issuer.keys.are_known()) for issuer in self._issuers]

    def _follow_directory(self) -> None:
        """With another namespace everybody is looked at anew: a registration may have been disabled."""
        if self._version != self._directory.version:
            self._known.clear()
            self._version = self._directory.version

    def _of_api_key(self, entry: ApiKeySettings) -> Caller:
        return Caller(
            self.tenant,
            self._directory,
            Client(entry.client),
            entry.client,
            authentication="SharedAccessKey",
            source="SharedAccessKey",
            roles=tuple(Role(permission) for permission in entry.roles),
        )

    def _of_claims(self, issuer: Issuer, claims: Claims) -> Caller:
        client_id = issuer.client_id(claims)
        name = issuer.identify(claims)
        if not client_id or len(name) > MAXIMUM_NAME:
            raise BadToken(f"no usable object id in {' or '.join(issuer.settings.client_id_claims)}")
        return Caller(
            self.tenant,
            self._directory,
            Client(name, attributes_of_claims(claims)),
            client_id,
            roles=issuer.roles(claims),
            expires_at=issuer.ends(claims),
            claims=claims,
        )

    def _remember(self, token: bytes, caller: Caller) -> Caller:
        self._follow_directory()
        self._known.keep(token, caller, caller.expires_at)
        return caller


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _first_text(claims: Mapping[str, Any], names: Sequence[str]) -> str:
    for name in names:
        value = claims.get(name)
        if isinstance(value, str) and value:
            return value
    return ""
