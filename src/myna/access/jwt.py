"""The authenticator `jwt`: who shows a token of an issuer that is believed here is who it says.

    method OAUTH2-JWT, CUSTOM-JWT     MQTT 5: the token in the authentication data, renewed by AUTH 0x19
    a JWT as password                 any version; the user name is looked at only if settings say so
    Authorization: Bearer             HTTP callers, whose tickets carry the token as password

What a newcomer gets wrong: a token of an issuer that is not known here is not a wrong one. Somebody else in the row
may know it, and only where nobody does is its bearer refused. A token that was good once is looked up, not verified
again, until it expires or its issuer's keys change.
"""

import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from msgspec import Struct
from msgspec.structs import replace

from myna.access.authenticator import AccessContext, Answer, Authenticator, Verdict
from myna.access.claims import JwtIssuer, check_required, find_name, read_attributes
from myna.access.open import EVERY_TENANT, TENANT
from myna.access.revocation import let_in
from myna.config import ConfigError, NotUsableHere
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.core.verdict import Unclaimed
from myna.formats.issuers import Issuer, NoKeys, UnknownIssuer, choose, key_files
from myna.formats.jwt import BadToken, Key, genuine, looks_like_jwt
from myna.formats.keys import BadKey
from myna.formats.remembered import Remembered
from myna.wire import reasons
from myna.wire.packets import MQTT_3_1

log = logging.getLogger("myna.access")

NAME: Final = "jwt"
OTHER_TERMS: Final = Refusal(reasons.NOT_AUTHORIZED, "the settings of the token's issuer have changed: connect again")
NO_KEY: Final = Refusal(reasons.NOT_AUTHORIZED, "the key that signed the token is no longer among its issuer's")
METHODS: Final = ("OAUTH2-JWT", "CUSTOM-JWT")


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    issuers: tuple[JwtIssuer, ...] = ()
    methods: tuple[str, ...] = METHODS  # of MQTT 5's enhanced authentication
    password: bool = True  # a password that is a JWT is judged


@dataclass(frozen=True, slots=True)
class Signed:
    """What a good token's goodness rests on. `terms`: all that its issuer's settings say but for where the keys are."""

    terms: JwtIssuer
    key: Key


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a good token says, ready for the next time it is shown."""

    tenant: str
    user: str
    per_user: bool
    attributes: dict[str, str]
    client_id: str | None  # the only one it is good for
    user_name: str | None
    expires_at: float
    signed: "Signed"

    def identify(self, ticket: Ticket) -> Identity | Refusal:
        """HTTP callers have no client id; whoever renews a token does not repeat its user name.

        A token that is genuine is no guess, and proves the user name beside it only where it holds one.
        """
        ticket.counts = False
        if self.client_id is not None and ticket.level >= MQTT_3_1 and ticket.client_id != self.client_id:
            return Refusal(reasons.NOT_AUTHORIZED, "the token is for another client id")
        if self.user_name is not None and ticket.user_name is not None and ticket.user_name != self.user_name:
            return Refusal(reasons.NOT_AUTHORIZED, "the token is for another user name")
        ticket.counts = self.user_name is not None or not ticket.user_name
        identity = Identity(
            self.tenant,
            self.user,
            client_ids_per_user=self.per_user,
            attributes=dict(self.attributes),
            expires_at=self.expires_at,
        )
        return let_in(identity, NAME, self.signed)


class MappedIssuer(Issuer):
    """An issuer, and what its tokens mean here."""

    def __init__(self, settings: JwtIssuer, context: AccessContext) -> None:
        super().__init__(settings, context.http)
        self.settings = settings
        self.terms = replace(settings, keys=(), jwks="", secret="", trust="")

    def read(self, claims: dict[str, Any], key: Key) -> Bearer:
        """Raises BadToken for a token that is good and does not say enough."""
        settings = self.settings
        check_required(claims, settings.required_claims)
        tenant = settings.tenant or TENANT
        if settings.tenant_claim:
            tenant = find_name(claims, (settings.tenant_claim,), "tenant")
            if tenant == EVERY_TENANT:
                raise BadToken(f"the token's claim {settings.tenant_claim} is no name for a tenant")
        return Bearer(
            tenant,
            find_name(claims, settings.user_claims, "user"),
            settings.client_ids_per_user,
            read_attributes(claims, settings.attributes),
            _bound(claims, settings.client_id_claim),
            _bound(claims, settings.user_name_claim),
            self.ends(claims),
            Signed(self.terms, key),
        )


class Jwt(Authenticator):
    SETTINGS: ClassVar[type[Struct]] = Settings

    def __init__(self, settings: Struct, context: AccessContext) -> None:
        assert isinstance(settings, Settings)
        self._settings = settings
        self._context = context
        self._known: Remembered[Bearer] = Remembered()
        self._files = [path for issuer in settings.issuers for path in key_files(issuer)]
        if not settings.issuers:
            raise ConfigError(
                [
                    "no issuers, so no token is ever good: add [[access.jwt.issuers]]; the issuers of"
                    " [faces.eventgrid] belong to the authenticator eventgrid-jwt"
                ]
            )
        try:
            self._issuers = self._make()
        except (BadKey, OSError) as error:
            raise (NotUsableHere if isinstance(error, OSError) else ConfigError)([str(error)]) from None
        self._seen = self._fingerprint()
        self._generation = 0
        self._unknown = self._has_unknown()

    @classmethod
    def describe(cls, settings: Struct) -> str:
        assert isinstance(settings, Settings)  # that is what it is decoded to
        names = ", ".join(one.issuer or "any issuer with the right key" for one in settings.issuers)
        ways = [*(["as password"] if settings.password else []), *(f"by {name}" for name in settings.methods)]
        return f"bearers of tokens of {names or 'nobody'}, shown {', '.join(ways) or 'in no way'}"

    def judge(self, ticket: Ticket, now: float) -> Answer:
        token = self._token_of(ticket)
        if token is None:
            return None
        known = self._known.find(token, now)
        return self._check(token, ticket) if known is None else known.identify(ticket)

    def again(self, shown: object) -> Refusal | None:
        """A token is not kept: nobody can be judged by other settings than those it was read by."""
        assert isinstance(shown, Signed)  # that is what it lets in by
        issuers = [issuer for issuer in self._issuers if issuer.terms == shown.terms]
        if not issuers:
            return OTHER_TERMS
        return None if any(issuer.keys.holds(shown.key) for issuer in issuers) else NO_KEY

    def tick(self, now: float) -> None:
        """Keys that have changed hold at once, for tokens that were good before as well."""
        if self._files and (seen := self._fingerprint()) != self._seen:
            self._seen = seen
            self._read_files_again()
        for issuer in self._issuers:
            issuer.keys.keep_fresh(now)
        generation = sum(issuer.keys.generation for issuer in self._issuers)
        if generation != self._generation:
            self._generation = generation
            self._known.clear()
            self._context.review()
        elif self._unknown and not self._has_unknown():  # who came by earlier settings can be judged from now on
            self._unknown = False
            self._context.review()

    def _has_unknown(self) -> bool:
        return not all(issuer.keys.are_known() for issuer in self._issuers)

    def _token_of(self, ticket: Ticket) -> bytes | None:
        """None where it is not for us to judge."""
        if ticket.method is not None:
            return ticket.data or b"" if ticket.method in self._settings.methods else None
        password = ticket.password
        if password is None or not self._settings.password or not looks_like_jwt(password):
            return None
        return password

    def _check(self, token: bytes, ticket: Ticket) -> Verdict | Awaitable[Verdict]:
        try:
            text = token.decode("ascii")
            issuer = choose(self._issuers, text)
        except UnicodeDecodeError:
            return Refusal(reasons.NOT_AUTHORIZED, "this is not a JWT")
        except UnknownIssuer as error:
            words = str(error)
            return Unclaimed(lambda: Refusal(reasons.NOT_AUTHORIZED, words))
        except BadToken as error:
            return Refusal(reasons.NOT_AUTHORIZED, str(error))
        return self._verify(issuer, text, ticket)

    async def _verify(self, issuer: MappedIssuer, token: str, ticket: Ticket) -> Verdict:
        try:
            claims, key = await issuer.check_by(token, self._context.now)
            with genuine():
                bearer = issuer.read(claims, key)
        except NoKeys as error:
            return Refusal(reasons.SERVER_UNAVAILABLE, str(error))
        except BadToken as error:
            ticket.counts = not error.genuine
            return Refusal(reasons.NOT_AUTHORIZED, str(error))
        self._known.keep(token.encode(), bearer, bearer.expires_at)
        return bearer.identify(ticket)

    def _make(self) -> list[MappedIssuer]:
        return [MappedIssuer(settings, self._context) for settings in self._settings.issuers]

    def _fingerprint(self) -> list[tuple[int, ...]]:
        return [_stamp(path) for path in self._files]

    def _read_files_again(self) -> None:
        try:
            self._issuers = self._make()
        except (BadKey, OSError) as error:
            log.error("the keys of access.jwt are left as they were: %s", error)
            return
        self._known.clear()
        self._generation = 0
        self._unknown = self._has_unknown()
        self._context.review()
        log.info("the keys of access.jwt have been read again")


def _bound(claims: Mapping[str, Any], name: str) -> str | None:
    """What the client must be called, where settings say so; a token that does not say is good for nobody."""
    return find_name(claims, (name,), "client") if name else None


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
