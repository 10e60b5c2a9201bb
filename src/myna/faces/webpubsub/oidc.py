"""REST callers that hold no access key: back ends whose tokens an identity provider has issued. Off unless configured.

    opens(authorization, …)       None where that token is good for the whole REST API, else what to answer

Whoever shows tokens that this issuer has not signed counts as somebody who guesses, and waits.

What a newcomer gets wrong: such a token names no hub and no path. Its audience is the service, so whoever has one may
do everything, unless settings ask for a role. And tokens signed with an access key never get here.
"""

import logging
from collections.abc import Callable
from typing import Final

from myna.config import ConfigError
from myna.config.tokens import IssuerSettings
from myna.core.broker import Broker
from myna.core.logins import login_name
from myna.faces.webpubsub.answers import UNAUTHORIZED, UNAVAILABLE, Answer, too_many_guesses
from myna.faces.webpubsub.tokens import bearer
from myna.formats.claims import find_claim, values_of
from myna.formats.issuers import ANY, Issuer, NoKeys
from myna.formats.jwt import BadToken, Claims, check_times, genuine, has_audience, looks_like_jwt, read_unverified
from myna.formats.keys import BadKey
from myna.formats.outgoing import HttpCaller
from myna.formats.remembered import Remembered

log = logging.getLogger("myna.webpubsub")

AUDIENCE: Final = "https://webpubsub.azure.com"


class OidcSettings(IssuerSettings, frozen=True):
    """[faces.webpubsub.oidc]"""

    audiences: tuple[str, ...] = (AUDIENCE,)
    role: str = ""  # must be in one of `role_claims`; empty: any token of the issuer will do
    role_claims: tuple[str, ...] = ("roles",)
    accept_unvalidated: bool = False  # for development: believe tokens without looking at who has signed them

    def __post_init__(self) -> None:
        if self.accept_unvalidated and (self.issuer or self.keys or self.jwks or self.secret):
            raise ValueError("`accept_unvalidated` looks at no keys: choose it or an issuer")


class Unvalidated:
    """Believes whatever has the right audience and has not expired."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings

    async def check(self, token: str, now: Callable[[], float]) -> Claims:
        _, claims = read_unverified(token)
        check_times(claims, now(), float(self._settings.leeway))
        if claims.get("exp") is None:
            raise BadToken("the token never expires: exp is missing")
        if ANY not in self._settings.audiences and not has_audience(claims, self._settings.audiences):
            raise BadToken("the token is meant for another audience")
        return claims

    def ends(self, claims: Claims) -> float:
        return float(claims["exp"]) + self._settings.leeway


class OidcTokens:
    """`use` takes settings over; None switches this off. Raises ConfigError."""

    def __init__(self, http: HttpCaller, broker: Broker, now: Callable[[], float]) -> None:
        self._http = http
        self._broker = broker
        self._now = now
        self._settings = OidcSettings()
        self._issuer: Issuer | Unvalidated | None = None
        self._known: Remembered[bool] = Remembered()
        self._generation = 0  # of the keys that it was found good with

    def use(self, settings: OidcSettings | None) -> None:
        issuer: Issuer | Unvalidated | None = None
        if settings is not None and settings.accept_unvalidated:
            log.warning("REST calls are believed without a look at who has signed their tokens: for development only")
            issuer = Unvalidated(settings)
        elif settings is not None:
            try:
                issuer = Issuer(settings, self._http)
            except (BadKey, OSError) as error:
                raise ConfigError([f"faces.webpubsub.oidc: {error}"]) from None
        self._settings = settings or OidcSettings()
        self._issuer = issuer
        self._generation = 0
        self._known.clear()

    def is_known(self, authorization: bytes, now: float) -> bool:
        """Has this been found good before, with the keys that the provider has now?"""
        issuer = self._issuer
        if issuer is None:
            return False
        if isinstance(issuer, Issuer):
            issuer.keys.keep_fresh(now)
            if issuer.keys.generation != self._generation:
                self._generation = issuer.keys.generation
                self._known.clear()
        return self._known.find(authorization, now) is not None

    async def opens(self, authorization: bytes, address: str, objection: str, *, is_own: bool) -> Answer | None:
        """`objection`: why it is no token of an access key, or `is_own` and no good."""
        token, issuer = bearer(authorization), self._issuer
        if is_own or issuer is None or not looks_like_jwt(token):
            self._refuse("access_token", objection, address)
            return UNAUTHORIZED
        logins, name = self._broker.logins, login_name(None, authorization)
        wait = logins.wait(address, name, self._now())
        if wait > 0.0:
            return too_many_guesses(wait)
        try:
            claims = await issuer.check(token, self._now)
            if issuer is not self._issuer:
                raise NoKeys("the settings of the provider have just changed: come again")
            with genuine():
                self._check_role(claims)
        except NoKeys as error:
            self._refuse("oidc_token", str(error), address)
            return UNAVAILABLE
        except BadToken as error:
            if not error.genuine:
                logins.failed(address, name, self._now())
            self._refuse("oidc_token", str(error), address)
            return UNAUTHORIZED
        self._known.keep(authorization, True, issuer.ends(claims))
        return None

    def _check_role(self, claims: Claims) -> None:
        role = self._settings.role
        if role and not any(role in values_of(find_claim(claims, name)) for name in self._settings.role_claims):
            raise BadToken(f"the token lacks the role {role}")

    def _refuse(self, counted: str, cause: str, address: str) -> None:
        self._broker.counters.refuse(f"call:{counted}")
        self._broker.watcher.refused("a REST call", "", "", address, cause, self._now())
