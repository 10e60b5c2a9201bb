"""Reconnection tokens: proof that whoever comes back is the client that was here.

    expiry (8 bytes) + HMAC-SHA256(key, expiry + tenant + connection id), in base64url

Good for a week and as often as wanted: the answer with a newer one may have been lost with the socket. The key is
made anew by each process, since no WebSocket client outlives it.
"""

import base64
import binascii
import hmac
import secrets
from typing import Final

VALIDITY: Final = 7 * 86_400


class ReconnectionTokens:
    def __init__(self, key: bytes | None = None) -> None:
        self._key = secrets.token_bytes(32) if key is None else key

    def issue(self, tenant: str, connection_id: str, now: float) -> str:
        expiry = (int(now) + VALIDITY).to_bytes(8, "big")
        token = expiry + self._sign(expiry, tenant, connection_id)
        return base64.urlsafe_b64encode(token).rstrip(b"=").decode("ascii")

    def is_good(self, token: str, tenant: str, connection_id: str, now: float) -> bool:
        try:
            held = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            return False
        expiry, signature = held[:8], held[8:]
        genuine = hmac.compare_digest(signature, self._sign(expiry, tenant, connection_id))
        return genuine and int.from_bytes(expiry, "big") > now

    def _sign(self, expiry: bytes, tenant: str, connection_id: str) -> bytes:
        text = f"{tenant}\0{connection_id}".encode(errors="replace")
        return hmac.digest(self._key, expiry + text, "sha256")
