"""The keys that tokens are checked with: from PEM files, inline PEM, a JWKS file or URL, or a shared secret.

A key set is asked at once and answers from memory; `refresh` fetches anew what comes from a URL. What a newcomer gets
wrong: a token with an unknown key id is a reason to look at the URL again, but not a reason to look each time, or
anybody could make us hammer the issuer.
"""

import asyncio
import logging
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import jwt
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from myna.formats.jwt import HMAC, Key

log = logging.getLogger("myna.eventgrid")

Fetch = Callable[[str], Awaitable[bytes]]

RSA_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}

FRESH: Final = 3600.0  # seconds a fetched set is used before it is fetched again
PATIENCE: Final = 30.0  # seconds between two looks for an unknown key
_TIMEOUT: Final = 5.0
_LARGEST: Final = 1024 * 1024  # bytes of a fetched set


class BadKey(ValueError):
    """Not a key we can use; says which."""


class KeySet:
    """Keys of one issuer. `algorithms`: pins them further than the kind of each key does."""

    def __init__(
        self, keys: Sequence[Key] = (), url: str = "", algorithms: Sequence[str] = (), fetch: Fetch | None = None
    ):
        self._fixed = [_pin(key, algorithms) for key in keys]
        self._url = url
        self._algorithms = algorithms
        self._fetch = fetch_url if fetch is None else fetch
        self._fetched: list[Key] = []
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._under_way: asyncio.Task[None] | None = None

    def keys(self) -> list[Key]:
        return self._fixed + self._fetched

    def may_refresh(self, now: float) -> bool:
        """Is there anything to be gained from fetching, or from waiting for a fetch that is under way?"""
        return bool(self._url) and (self._under_way is not None or now - self._tried_at >= PATIENCE)

    def is_stale(self, now: float) -> bool:
        return bool(self._url) and now - self._fetched_at >= FRESH and self.may_refresh(now)

    async def refresh(self, now: float) -> None:
        """Fetch; whoever comes meanwhile waits for the same answer. A failure keeps what is there."""
        if self._under_way is None:
            self._tried_at = now
            self._under_way = asyncio.ensure_future(self._load(now))
        await asyncio.shield(self._under_way)

    async def _load(self, now: float) -> None:
        try:
            text = await self._fetch(self._url)
            self._fetched = [_pin(key, self._algorithms) for key in read_jwks(text)]
            self._fetched_at = now
        except (TimeoutError, OSError, ValueError) as error:
            log.warning("fetching keys from %s failed: %s", self._url, error)
        finally:
            self._under_way = None


def secret_key(secret: bytes) -> Key:
    if len(secret) < 16:
        raise BadKey("a shared secret has at least 16 bytes")
    return Key(secret, HMAC)


def read_keys(text: bytes) -> list[Key]:
    """PEM keys or certificates, or a JWKS."""
    return read_jwks(text) if text.lstrip().startswith(b"{") else [read_pem(text)]


def read_pem(text: bytes, kid: str = "") -> Key:
    """A public key or a certificate."""
    try:
        if b"BEGIN CERTIFICATE" in text:
            public = x509.load_pem_x509_certificate(text).public_key()
        else:
            public = serialization.load_pem_public_key(text)  # type: ignore[assignment]  # a narrower union
    except ValueError as error:
        raise BadKey(f"not a PEM public key or certificate: {error}") from None
    return _public_key(public, kid)


def read_jwks(text: bytes) -> list[Key]:
    """Keys of kinds unknown here are left out, as RFC 7517 says."""
    try:
        listed = msgspec.json.decode(text)["keys"]
        entries = [entry for entry in listed if isinstance(entry, dict) and entry.get("use", "sig") == "sig"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise BadKey(f"not a JWKS: {error}") from None
    found = []
    for entry in entries:
        try:
            found.append(_read_jwk(entry))
        except (jwt.PyJWTError, BadKey, ValueError, TypeError, KeyError) as error:
            log.info("a key of a JWKS is left out: %s", error)
    return found


def _read_jwk(entry: dict[str, Any]) -> Key:
    kid = str(entry.get("kid", ""))
    parsed = jwt.PyJWK(entry)
    key = Key(parsed.key, HMAC, kid) if isinstance(parsed.key, bytes) else _public_key(parsed.key, kid)
    named = entry.get("alg")
    return key if named is None else _pin(key, (str(named),))


def _public_key(public: object, kid: str) -> Key:
    if isinstance(public, rsa.RSAPublicKey):
        return Key(public, RSA_ALGORITHMS, kid)
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in CURVES:
        return Key(public, (CURVES[public.curve.name],), kid)
    if isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return Key(public, ("EdDSA",), kid)
    raise BadKey("neither RSA, nor P-256, P-384 or P-521, nor Ed25519")


def _pin(key: Key, algorithms: Sequence[str]) -> Key:
    if not algorithms:
        return key
    return Key(key.key, tuple(name for name in key.algorithms if name in algorithms), key.kid)


async def fetch_url(url: str) -> bytes:
    """On a thread: once an hour and issuer, so it needs no client of its own."""
    return await asyncio.to_thread(_fetch_url, url)


def _fetch_url(url: str) -> bytes:
    if url.startswith("file:"):
        return Path(url.removeprefix("file:").removeprefix("//")).read_bytes()
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
        text: bytes = response.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise BadKey("the answer is too long")
    return text
