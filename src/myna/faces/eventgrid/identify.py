"""Who calls over HTTP: the Authorization header or the connection's certificate -> a Caller, or the Fault to answer.

What a newcomer gets wrong: the header's name of the scheme has no case, and what follows is compared nowhere in the
clear.
"""

from typing import Final

from myna.faces.contract import Scope
from myna.faces.eventgrid.answers import Fault
from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.certificates import Certificates
from myna.faces.eventgrid.tokens import Tokens
from myna.formats.issuers import NoKeys
from myna.formats.jwt import BadToken

BEARER: Final = b"bearer "


class Doorman:
    def __init__(self, tokens: Tokens, certificates: Certificates) -> None:
        self._tokens = tokens
        self._certificates = certificates

    def find(self, authorization: bytes | None, now: float) -> Caller | None:
        """Who has shown this header before; at once."""
        if authorization is None or authorization[:7].lower() != BEARER:
            return None
        caller = self._tokens.find(authorization[7:].strip(), now)
        return caller if caller is not None and caller.enabled else None

    async def identify(self, authorization: bytes | None, scope: Scope) -> Caller:
        """Raises Fault: 401 for who cannot be told, 403 for who must not."""
        caller = await self._by_token(authorization) if authorization is not None else self._by_certificate(scope)
        if not caller.enabled:
            raise Fault("ClientDisabled", "this client's registration is disabled")
        return caller

    async def _by_token(self, authorization: bytes) -> Caller:
        if authorization[:7].lower() != BEARER or not authorization[7:].strip():
            raise Fault("Unauthorized", "send `Authorization: Bearer <token>`", token=True)
        try:
            return await self._tokens.check(authorization[7:].strip())
        except NoKeys as error:
            raise Fault("ServerBusy", str(error), retry_after=1.0) from None
        except BadToken as error:
            raise Fault("TokenExpired" if error.expired else "Unauthorized", str(error), token=True) from None

    def _by_certificate(self, scope: Scope) -> Caller:
        tls = scope.get("extensions", {}).get("tls", {})
        caller = self._certificates.identify(tls.get("myna.certificate"), None)
        if caller is None:
            raise Fault("Unauthorized", "send `Authorization: Bearer <token>`")
        return caller
