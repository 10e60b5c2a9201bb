"""Who may call, where the configuration asks for it. BifroMQ's own API asks nobody.

A caller shows a bearer token or a client certificate; one from this machine needs neither unless the configuration
says otherwise. What a newcomer gets wrong: behind a proxy on this machine everybody comes from this machine; set
`trust_loopback = false` there.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from typing import Any

from myna.faces.contract import Scope

AUTHORIZATION = b"authorization"
ANY = "*"  # any certificate that the listener's client_ca has signed


class Protection:
    def __init__(self, tokens: Sequence[str], certificates: Sequence[str], trust_loopback: bool) -> None:
        self.is_on = bool(tokens or certificates)
        self._digests = [_digest(token.encode()) for token in tokens]
        self._certificates = frozenset(certificates)
        self._trust_loopback = trust_loopback

    def admits(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        if self._trust_loopback and _is_local(scope.get("client")):
            return True
        return self._knows_token(headers.get(AUTHORIZATION)) or self._knows_certificate(scope)

    def _knows_token(self, shown: bytes | None) -> bool:
        if shown is None or shown[:7].lower() != b"bearer ":
            return False
        given = _digest(shown[7:].strip())
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


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _is_local(client: tuple[str, int] | None) -> bool:
    """A unix socket has no address, and is on this machine."""
    if client is None:
        return True
    address = ipaddress.ip_address(client[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
