"""Who may call, where the configuration asks for it. BifroMQ's own API asks nobody.

A caller shows a bearer token or a client certificate, or is known to one of the broker's own authenticators; one from
this machine needs none of it where nothing is asked for, or where the configuration says so. Tokens and certificates of
this API are for every tenant, a user of the broker's for their own. A wrong token counts as a login that has failed.
What a newcomer gets wrong: behind a proxy on this machine everybody comes from this machine; `trust_loopback = true`
would let them all in.
"""

import hashlib
import hmac
import inspect
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

from myna.core.broker import Broker
from myna.core.logins import login_name
from myna.core.outcome import Refusal
from myna.faces.bifromq import answers
from myna.faces.bifromq.answers import Answer
from myna.faces.bifromq.naming import TENANT_ID, decode_value
from myna.faces.contract import EVERY_TENANT, Callers, Scope, caller_status

AUTHORIZATION = b"authorization"
ANY = "*"  # any certificate that the listener's client_ca has signed


class Protection:
    def __init__(
        self,
        broker: Broker,
        tokens: Sequence[str],
        certificates: Sequence[str],
        trust_loopback: bool,
        callers: Callers | None = None,
        now: Callable[[], float] = float,
    ) -> None:
        self.is_on = bool(tokens or certificates or callers is not None)
        self.takes_tokens = bool(tokens)
        self._broker = broker
        self._callers = callers
        self._now = now
        self._digests = [_digest(token.encode()) for token in tokens]
        self._certificates = frozenset(certificates)
        self.trusts_loopback = trust_loopback

    def wait(self, scope: Scope, headers: dict[bytes, bytes]) -> Answer | None:
        """What is answered to somebody who has shown too many wrong tokens, before this one is looked at."""
        token = bearer(headers.get(AUTHORIZATION))
        if not (self.takes_tokens and token) or (self.trusts_loopback and _is_local(scope.get("client"))):
            return None
        wait = self._broker.logins.wait(address_of(scope), login_name(None, token), self._now())
        return answers.come_again(wait) if wait > 0.0 else None

    def admits(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        if self.trusts_loopback and _is_local(scope.get("client")):
            return True
        shown = headers.get(AUTHORIZATION)
        if self._knows_token(shown):  # and need not wait because of what others do at its address
            self._broker.logins.succeeded(address_of(scope), login_name(None, bearer(shown)))
            return True
        return self._knows_certificate(scope)

    async def judge(self, scope: Scope, headers: dict[bytes, bytes]) -> Answer | None:
        """What is answered to somebody this API does not know itself; None where they may go on."""
        if self._callers is None:
            self._refuse(scope, headers.get(AUTHORIZATION))
            return answers.STRANGER
        judged = self._callers.call(scope, self._now())
        if inspect.isawaitable(judged):
            judged = await judged
        if isinstance(judged, Refusal):
            return answers.CALLERS.get(caller_status(judged), answers.STRANGER)
        tenant = headers.get(TENANT_ID)
        if tenant and judged.tenant not in (EVERY_TENANT, decode_value(tenant)):
            return answers.FOREIGN_TENANT
        return None

    def _refuse(self, scope: Scope, shown: bytes | None) -> None:
        address, now = address_of(scope), self._now()
        token = bearer(shown)
        if self.takes_tokens and token:
            self._broker.logins.failed(address, login_name(None, token), now)
        self._broker.counters.refuse("bifromq:stranger")
        cause = "no token or certificate" if shown is None else "a token that is none of `tokens`"
        self._broker.watcher.refused("a call", "", "", address, cause, now)

    def _knows_token(self, shown: bytes | None) -> bool:
        token = bearer(shown)
        if not token:
            return False
        given = _digest(token)
        found = False
        for digest in self._digests:  # all of them, so that the time says nothing
            found |= hmac.compare_digest(digest, given)
        return found

    def _knows_certificate(self, scope: Scope) -> bool:
        """Only one that the listener's TLS has verified gets here. Named by common name or SHA-256 fingerprint."""
        certificate: Any = scope.get("extensions", {}).get("tls", {}).get("myna.certificate")
        if certificate is None:
            return False
        return not self._certificates.isdisjoint((ANY, certificate.common_name, certificate.sha256))


def address_of(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unix"


def bearer(shown: bytes | None) -> bytes:
    """The token of an Authorization header; empty if it holds none."""
    return b"" if shown is None or shown[:7].lower() != b"bearer " else shown[7:].strip()


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _is_local(client: tuple[str, int] | None) -> bool:
    """A unix socket has no address, and is on this machine."""
    if client is None:
        return True
    address = ipaddress.ip_address(client[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
