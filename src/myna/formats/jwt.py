"""JSON Web Tokens signed with a shared key (HS256): reading, checking, making them.

Knows no issuer, no audience and no clock: what a claim means is for whoever asks. What a newcomer gets wrong: `read`
proves nothing. A token counts only after `is_signed_by`, and `alg` must say HS256, or a token could choose its own
check.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

_HEADER = {"alg": "HS256", "typ": "JWT"}
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Jwt:
    """A token taken apart, not yet believed."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes  # header and claims as sent: what the signature is over
    signature: bytes


def read(token: str) -> Jwt | None:
    """Take a token apart; None if it is none."""
    signed, _, signature = token.rpartition(".")
    header, dot, claims = signed.partition(".")
    if not dot or "." in claims:
        return None
    try:
        return Jwt(
            _decode_object(_from_base64url(header)),
            _decode_object(_from_base64url(claims)),
            signed.encode("ascii"),
            _from_base64url(signature),
        )
    except (msgspec.DecodeError, binascii.Error, ValueError):
        return None


def is_signed_by(token: Jwt, key: bytes) -> bool:
    """Is it an HS256 token made with this key? In constant time."""
    if token.header.get("alg") != "HS256":
        return False
    return hmac.compare_digest(hmac.digest(key, token.signed, "sha256"), token.signature)


def is_current(claims: Mapping[str, Any], now: float, leeway: float) -> bool:
    """Within its time, give or take clocks that differ. A token without an end is never current."""
    span = times(claims)
    return span is not None and span[0] - leeway <= now < span[1] + leeway


def times(claims: Mapping[str, Any]) -> tuple[float, float] | None:
    """From when and until when it holds; None without an end."""
    ends = _number(claims.get("exp"))
    begins = _number(claims.get("nbf", 0))
    return None if ends is None or begins is None else (begins, ends)


def sign(claims: Mapping[str, object], key: bytes, header: Mapping[str, object] | None = None) -> str:
    """A token with these claims."""
    head = _to_base64url(msgspec.json.encode(_HEADER if header is None else {**_HEADER, **header}))
    signed = head + b"." + _to_base64url(msgspec.json.encode(claims))
    return (signed + b"." + _to_base64url(hmac.digest(key, signed, "sha256"))).decode("ascii")


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _to_base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _from_base64url(text: str) -> bytes:
    data = text.encode("ascii")
    if b"+" in data or b"/" in data:
        raise ValueError("the other alphabet")
    return base64.b64decode(data + b"=" * (-len(data) % 4), b"-_", validate=True)
