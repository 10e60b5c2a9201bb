"""A bearer token -> the Caller it belongs to; checked once and remembered until it expires.

    Tokens.find(token)          what has been checked before, at once: the common case
    Tokens.check(token)         by API key, else by the keys of the issuer that the token names; may have to fetch them

What a newcomer gets wrong: checking a signature costs more than all else that a publish does. The digest of the token
is what is remembered, so that secrets are neither kept nor compared character by character.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.clients import MAXIMUM_NAME, Client, attributes_of_claims
from myna.faces.eventgrid.keys import BadKey, Fetch, KeySet, read_keys, secret_key
from myna.faces.eventgrid.namespace import Role
from myna.faces.eventgrid.rules import Directory
from myna.faces.eventgrid.settings import ApiKeySettings, IssuerSettings, RoleSettings
from myna.formats.jwt import BadToken, Key, has_audience, read_unverified, verify

log = logging.getLogger("myna.eventgrid")

REMEMBERED: Final = 10_000  # tokens


class NotOurs(BadToken):
    """Of an issuer that is not configured here; somebody else may know it."""


class Issuer:
    """One issuer of tokens, its keys read."""

    def __init__(
        self,
        settings: IssuerSettings,
        audiences: Sequence[str],
        keys: Sequence[Key] = (),
        fetch: Fetch | None = None,
    ) -> None:
        self.settings = settings
        self._audiences = settings.audiences or audiences
        self.keys = KeySet([*keys, *_read_all(settings, bool(keys))], settings.jwks, settings.algorithms, fetch)

    def serves(self, method: str) -> bool:
        return not method or method in self.settings.methods

    def verify(self, token: str, now: float) -> Mapping[str, Any]:
        claims = verify(token, self.keys.keys(), now)
        if self.settings.issuer and claims.get("iss") != self.settings.issuer:
            raise NotOurs("the token is of another issuer")
        if not has_audience(claims, self._audiences):
            raise BadToken("the token is meant for another audience")
        if claims.get("exp") is None:
            raise BadToken("the token never expires: exp is missing")
        return claims

    def client_id(self, claims: Mapping[str, Any]) -> str:
        return _first_text(claims, self.settings.client_id_claims)

    def name(self, claims: Mapping[str, Any]) -> str:
        return _first_text(claims, self.settings.name_claims) or self.client_id(claims)

    def roles(self, claims: Mapping[str, Any]) -> tuple[Role, ...]:
        return tuple(
            Role(rule.permission, space)
            for rule in self.settings.roles
            if _has_value(claims, rule)
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
        self._tenant = tenant
        self._directory = directory
        self._issuers = issuers
        self._now = now
        self._api_keys = {_digest(entry.key.encode()): entry for entry in api_keys}
        self._known: dict[bytes, Caller] = {}
        self._version = directory.version

    def find(self, token: bytes, now: float) -> Caller | None:
        """Somebody who has shown this token before."""
        self._follow_directory()
        caller = self._known.get(_digest(token))
        if caller is None or (caller.expires_at and now >= caller.expires_at):
            return None
        return caller

    async def check(self, token: bytes, method: str = "") -> Caller:
        """Raises BadToken. Fetches the issuer's keys where that may help."""
        now = self._now()
        entry = self._api_keys.get(_digest(token)) if not method else None
        if entry is not None:
            return self._remember(token, self._of_api_key(entry))
        try:
            text = token.decode("ascii")
        except UnicodeDecodeError:
            raise BadToken("this is not a JWT") from None
        issuer = self._issuer_of(text, method)
        if issuer.keys.is_stale(now):
            await issuer.keys.refresh(now)
        try:
            claims = issuer.verify(text, now)
        except BadToken as error:
            if not error.unknown_key or not issuer.keys.may_refresh(now):
                raise
            await issuer.keys.refresh(now)
            claims = issuer.verify(text, self._now())
        return self._remember(token, self._of_claims(issuer, claims))

    def use(self, issuers: Sequence[Issuer]) -> None:
        """Others from now on."""
        self._issuers = issuers

    def _follow_directory(self) -> None:
        """With another namespace everybody is looked at anew: a registration may have been disabled."""
        if self._version != self._directory.version:
            self._known.clear()
            self._version = self._directory.version

    def _issuer_of(self, token: str, method: str) -> Issuer:
        _, claims = read_unverified(token)
        named = claims.get("iss")
        fallback: Issuer | None = None
        for issuer in self._issuers:
            if not issuer.serves(method):
                continue
            if issuer.settings.issuer and issuer.settings.issuer == named:
                return issuer
            if not issuer.settings.issuer and fallback is None:
                fallback = issuer
        if fallback is None:
            raise NotOurs("the token's issuer is not known here")
        return fallback

    def _of_api_key(self, entry: ApiKeySettings) -> Caller:
        return Caller(
            self._tenant,
            self._directory,
            Client(entry.client),
            entry.client,
            authentication="SharedAccessKey",
            roles=tuple(Role(permission) for permission in entry.roles),
        )

    def _of_claims(self, issuer: Issuer, claims: Mapping[str, Any]) -> Caller:
        client_id = issuer.client_id(claims)
        name = issuer.name(claims)
        if not client_id or len(name) > MAXIMUM_NAME:
            raise BadToken(f"no usable object id in {' or '.join(issuer.settings.client_id_claims)}")
        return Caller(
            self._tenant,
            self._directory,
            Client(name, attributes_of_claims(claims)),
            client_id,
            roles=issuer.roles(claims),
            expires_at=float(claims["exp"]),
            claims=claims,
        )

    def _remember(self, token: bytes, caller: Caller) -> Caller:
        self._follow_directory()
        known = self._known
        if len(known) >= REMEMBERED:
            now = self._now()
            for digest, held in list(known.items()):
                if held.expires_at and held.expires_at <= now:
                    del known[digest]
            while len(known) >= REMEMBERED:
                del known[next(iter(known))]
        known[_digest(token)] = caller
        return caller


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _read_all(settings: IssuerSettings, has_others: bool) -> list[Key]:
    keys: list[Key] = []
    for source in settings.keys:
        text = source.encode() if source.lstrip().startswith(("-----BEGIN", "{")) else Path(source).read_bytes()
        found = read_keys(text)
        if not found:
            raise BadKey("a JWKS without a usable key")
        keys += found
    if settings.secret:
        keys.append(secret_key(settings.secret.encode()))
    if not (keys or has_others or settings.jwks):
        raise BadKey("an issuer needs `keys`, `jwks` or `secret`")
    return keys


def _first_text(claims: Mapping[str, Any], names: Sequence[str]) -> str:
    for name in names:
        value = claims.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _has_value(claims: Mapping[str, Any], rule: RoleSettings) -> bool:
    """The value may be the claim, one of its elements, or one of the words in it, as scopes are written."""
    for name in rule.claims:
        held = claims.get(name)
        if isinstance(held, str) and (held == rule.value or rule.value in held.split()):
            return True
        if isinstance(held, list) and rule.value in held:
            return True
    return False
