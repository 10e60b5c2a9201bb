"""JSON Web Tokens: signing them, checking a signature, and checking the time. Knows no issuer, audience or user.

The signature is checked by PyJWT; the times here, against the caller's clock. What a newcomer gets wrong: the
algorithms are chosen by whoever holds the key, never by the token. A public RSA key must not pass as an HMAC secret.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import jwt
import msgspec

LEEWAY: Final = 30.0  # seconds two machines' clocks may differ

HMAC: Final = ("HS256", "HS384", "HS512")
PUBLIC: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
ALGORITHMS: Final = frozenset((*HMAC, *PUBLIC))  # `none` is none of them
_LONGEST: Final = 16 * 1024  # characters of a token
_LAST: Final = 2**53  # seconds: later times cannot be told apart, and much later ones are no floats

Claims = dict[str, Any]


class BadToken(Exception):
    """A token that proves nothing; says why, without showing any of it."""

    def __init__(self, text: str, *, expired: bool = False, unknown_key: bool = False) -> None:
        super().__init__(text)
        self.expired = expired
        self.unknown_key = unknown_key  # another set of keys might know it
        self.genuine = False  # its signature is right: whoever shows it is no stranger who guesses


@dataclass(frozen=True, slots=True)
class Key:
    """`key` is a secret in bytes, or one of cryptography's public keys. `algorithms` are those it may serve."""

    key: Any
    algorithms: tuple[str, ...]
    kid: str = ""


def looks_like_jwt(text: str | bytes) -> bool:
    """Three parts, the first of which begins as the base64 of `{"` does."""
    if isinstance(text, bytes):
        return text.startswith(b"eyJ") and text.count(b".") == 2
    return text.startswith("eyJ") and text.count(".") == 2


def read_unverified(token: str) -> tuple[dict[str, Any], Claims]:
    """Header and claims as the token gives them, to find out whose keys to try. They prove nothing."""
    if len(token) > _LONGEST:
        raise BadToken("the token is too long")
    try:
        parts = jwt.api_jws.decode_complete(token, options={"verify_signature": False})
        claims = msgspec.json.decode(parts["payload"])
    except (jwt.InvalidTokenError, msgspec.DecodeError, ValueError, RecursionError):
        raise BadToken("this is not a JWT") from None
    if not isinstance(claims, dict):
        raise BadToken("the token's claims are no object")
    if "crit" in parts["header"]:
        raise BadToken("the token has extensions that must be understood and are not")  # RFC 7515 §4.1.11
    return parts["header"], claims


def verify(token: str, keys: Iterable[Key], now: float, *, leeway: float = LEEWAY) -> Claims:
    """The claims of a token that one of these keys has signed and whose time it is. Raises BadToken."""
    return verify_by(token, keys, now, leeway=leeway)[0]


def verify_by(token: str, keys: Iterable[Key], now: float, *, leeway: float = LEEWAY) -> tuple[Claims, Key]:
    """The same, and the key that has signed it."""
    header, claims = read_unverified(token)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise BadToken("the token's algorithm is none that is accepted")
    unknown = True
    for key in keys:
        if algorithm not in key.algorithms or (key.kid and kid is not None and kid != key.kid):
            continue
        unknown = False
        try:
            jwt.api_jws.decode(token, key.key, algorithms=list(key.algorithms))
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        with genuine():
            check_times(claims, now, leeway)
        return claims, key
    if unknown:
        raise BadToken("no key here fits the token's algorithm and key id", unknown_key=True)
    raise BadToken("the signature is wrong", unknown_key=kid is None)  # without an id it may be that of a newer key


@contextmanager
def genuine() -> Iterator[None]:
    """Whatever is said here against a token is said of one with the right signature."""
    try:
        yield
    except BadToken as error:
        error.genuine = True
        raise


def check_times(claims: Mapping[str, Any], now: float, leeway: float = LEEWAY) -> None:
    """`exp` and `nbf`, where they are given, must be numbers and allow this moment."""
    expires = claims.get("exp")
    begins = claims.get("nbf")
    if not (_is_time(expires) and _is_time(begins)):
        raise BadToken("exp and nbf must be numbers")
    if expires is not None and now >= expires + leeway:
        raise BadToken("the token has expired", expired=True)
    if begins is not None and now < begins - leeway:
        raise BadToken("the token is not valid yet")


def has_audience(claims: Mapping[str, Any], accepted: Iterable[str]) -> bool:
    """`aud` is a string or a list of them; one that is accepted suffices, and a `/` at the end makes no difference."""
    given = claims.get("aud")
    wanted = {one.removesuffix("/") for one in accepted}
    audiences = given if isinstance(given, list) else [given]
    return any(isinstance(one, str) and one.removesuffix("/") in wanted for one in audiences)


def sign(claims: Claims, key: Any, algorithm: str = "HS256", kid: str = "") -> str:
    """`key` is a secret in bytes, or one of cryptography's private keys."""
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def _is_time(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LAST
