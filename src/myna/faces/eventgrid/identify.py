"""Who calls over HTTP: the Authorization header or the connection's certificate -> a Caller, or the Fault to answer.

    Bearer            a token or key of this API's; else, and for Basic and x-api-key, whoever the others know
    a certificate     that of a registered client; else, again, whoever they know

The others are users of the broker, then the webhook where there is one: about whom nobody knows it has the last word.

Whoever shows what is no good counts as a login that has failed, and waits like one; a token that has only run out does
not. What a newcomer gets wrong: the header's name of the scheme has no case, and what follows is compared nowhere in
the clear. A token that one of our issuers should have signed, and has not, is shown to nobody else.
"""

import inspect
from typing import Final

from myna.core.authentication import FAILED
from myna.core.bans import Ban, words_of
from myna.core.broker import Broker
from myna.core.logins import login_name, must_wait
from myna.core.outcome import Refusal
from myna.faces.contract import Scope, caller_status
from myna.faces.eventgrid.answers import Fault
from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.certificates import Certificates
from myna.faces.eventgrid.tokens import Tokens
from myna.faces.eventgrid.visitors import Visitors
from myna.faces.eventgrid.webhook import Webhook, read_call
from myna.formats.issuers import NoKeys, UnknownIssuer
from myna.formats.jwt import BadToken

BEARER: Final = b"bearer "
BASIC: Final = b"basic "
API_KEY: Final = b"x-api-key"

BUSY_FOR: Final = 2.0  # seconds after which a caller may try again who could not be checked, if nothing else is known

_CODES: Final = {401: "Unauthorized", 403: "ClientDisabled", 429: "QuotaExceeded", 503: "ServerBusy"}


class Doorman:
    def __init__(
        self,
        broker: Broker,
        tokens: Tokens,
        certificates: Certificates,
        webhook: Webhook,
        visitors: Visitors | None = None,
    ) -> None:
        self._broker = broker
        self._tokens = tokens
        self._certificates = certificates
        self._webhook = webhook
        self._visitors = visitors

    def find(self, authorization: bytes | None, now: float) -> Caller | None:
        """Who has shown this header before; at once. Where anybody is banned, everybody is looked at."""
        if authorization is None or authorization[:7].lower() != BEARER or self._broker.bans:
            return None
        caller = self._tokens.find(authorization[7:].strip(), now)
        return caller if caller is not None and caller.enabled else None

    async def identify(self, authorization: bytes | None, scope: Scope, now: float) -> Caller:
        """Raises Fault: 401 for who cannot be told, 403 for who must not."""
        if authorization is None:
            caller = await self._by_connection(scope, now)
        elif authorization[:7].lower() == BEARER and authorization[7:].strip():
            caller = await self._by_token(authorization[7:].strip(), scope, now)
        elif self._has_others() and authorization[:6].lower() == BASIC:
            caller = await self._other(scope, now)
        else:
            raise Fault("Unauthorized", "send `Authorization: Bearer <token>`", token=True)
        if not caller.enabled:
            raise Fault("ClientDisabled", "this client's registration is disabled")
        ban = self.ban_of(caller, scope, now)
        if ban is not None:
            self._refuse("eventgrid:banned", scope, words_of(ban), now)
            raise Fault("ClientDisabled", words_of(ban))
        return caller

    def ban_of(self, caller: Caller, scope: Scope, now: float) -> Ban | None:
        return self._broker.bans.banned(caller.identity.tenant, caller.name, "", address_of(scope), now)

    async def _by_token(self, token: bytes, scope: Scope, now: float) -> Caller:
        known = self._tokens.find(token, now)
        if known is not None:
            return known
        name = login_name(None, token)
        self._wait(scope, name, now)
        try:
            caller = await self._tokens.check(token)
        except NoKeys as error:
            raise Fault("ServerBusy", str(error), retry_after=1.0) from None
        except BadToken as error:
            if self._has_others() and isinstance(error, UnknownIssuer):
                return await self._other(scope, now)
            if not error.genuine:
                self._broker.logins.failed(address_of(scope), name, now)
            self._refuse("eventgrid:token", scope, str(error), now)
            raise Fault("TokenExpired" if error.expired else "Unauthorized", str(error), token=True) from None
        self._broker.logins.succeeded(address_of(scope), name)
        return caller

    def _wait(self, scope: Scope, name: str, now: float) -> None:
        wait = self._broker.logins.wait(address_of(scope), name, now)
        if wait > 0.0:
            raise Fault("QuotaExceeded", must_wait(wait), retry_after=wait)

    def _refuse(self, cause: str, scope: Scope, text: str, now: float) -> None:
        self._broker.counters.refuse(cause)
        self._broker.watcher.refused("an HTTP call", self._tokens.tenant, "", address_of(scope), text, now)

    async def _by_connection(self, scope: Scope, now: float) -> Caller:
        certificate = scope.get("extensions", {}).get("tls", {}).get("myna.certificate")
        caller = self._certificates.identify(certificate, None)
        if caller is not None:
            return caller
        shows_key = any(name == API_KEY for name, _ in scope["headers"])
        if self._has_others() and (certificate is not None or shows_key):
            return await self._other(scope, now)
        raise Fault("Unauthorized", "send `Authorization: Bearer <token>`")

    def _has_others(self) -> bool:
        return self._webhook.is_there() or self._visitors is not None

    async def _other(self, scope: Scope, now: float) -> Caller:
        found = await self._ask_others(scope, now)
        if isinstance(found, Refusal):
            code = _CODES.get(caller_status(found), "InternalError")
            raise Fault(code, found.text, retry_after=found.wait or BUSY_FOR, token=True)
        return found

    async def _ask_others(self, scope: Scope, now: float) -> Caller | Refusal:
        """Users of the broker first; then the webhook, about whom none of them is."""
        visitors = self._visitors
        if visitors is not None and self._webhook.is_there():
            claimed = await visitors.claim(scope, now)
            if claimed is not None:
                return claimed
        elif visitors is not None:
            called = visitors.call(scope, now)
            return await called if inspect.isawaitable(called) else called
        shown = read_call(scope)
        name = login_name(shown.user_name, shown.password or shown.data)
        if name:  # else there is nothing to guess by
            self._wait(scope, name, now)
        found = await self._webhook.identify(shown, now)
        if isinstance(found, Refusal) and name and found.reason in FAILED:
            self._broker.logins.failed(address_of(scope), name, now)
        if isinstance(found, Caller) and shown.data and found.expires_at:
            self._tokens.keep(shown.data, found)
        return found


def address_of(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""
