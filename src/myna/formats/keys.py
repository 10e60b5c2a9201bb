"""The keys that tokens are checked with, out of PEM files, certificates, JWKS documents and shared secrets.

Bytes in, keys out; nothing is read or fetched here. What a newcomer gets wrong: which algorithms a key may serve
follows from the kind of key and never from a token, or a public RSA key could be used as the secret of an HMAC.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import jwt
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from myna.formats.jwt import HMAC, Key

log = logging.getLogger("myna.keys")

RSA_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}

SHORTEST_SECRET: Final = 16  # bytes
SMALLEST_RSA: Final = 2048  # bits: RFC 7518 §3.3
MOST_KEYS: Final = 64  # of one JWKS: a token without a key id is tried with each of them


class BadKey(ValueError):
    """Not a key we can use; says which."""


def secret_key(secret: bytes) -> Key:
    if len(secret) < SHORTEST_SECRET:
        raise BadKey(f"a shared secret has at least {SHORTEST_SECRET} bytes")
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


def read_jwks(text: bytes, *, secrets: bool = True) -> list[Key]:
    """Keys of kinds unknown here are left out, as RFC 7517 says; without `secrets` so are those for HMAC."""
    try:
        listed = msgspec.json.decode(text)["keys"]
        entries = [entry for entry in listed if isinstance(entry, dict) and entry.get("use", "sig") == "sig"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise BadKey(f"not a JWKS: {error}") from None
    found: list[Key] = []
    for entry in entries[:MOST_KEYS]:
        try:
            if not secrets and entry.get("kty") == "oct":
                raise BadKey("a secret that everybody can fetch is none")
            found.append(_read_jwk(entry))
        except (jwt.PyJWTError, BadKey, ValueError, TypeError, KeyError, AttributeError) as error:
            log.info("a key of a JWKS is left out: %s", error)
    if len(entries) > MOST_KEYS:
        log.warning("a JWKS holds %d keys; only the first %d are used", len(entries), MOST_KEYS)
    return found


def pin(key: Key, algorithms: Sequence[str]) -> Key:
    """The key for these algorithms only, of those its kind can do; for all of them where none are named."""
    if not algorithms:
        return key
    return Key(key.key, tuple(name for name in key.algorithms if name in algorithms), key.kid)


def _read_jwk(entry: Mapping[str, Any]) -> Key:
    kid = str(entry.get("kid", ""))
    parsed = jwt.PyJWK(dict(entry))
    key = Key(parsed.key, HMAC, kid) if isinstance(parsed.key, bytes) else _public_key(parsed.key, kid)
    named = entry.get("alg")
    return key if named is None else pin(key, (str(named),))


def _public_key(public: object, kid: str) -> Key:
    if isinstance(public, rsa.RSAPublicKey):
        if public.key_size < SMALLEST_RSA:
            raise BadKey(f"an RSA key has at least {SMALLEST_RSA} bits")
        return Key(public, RSA_ALGORITHMS, kid)
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in CURVES:
        return Key(public, (CURVES[public.curve.name],), kid)
    if isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return Key(public, ("EdDSA",), kid)
    raise BadKey("neither RSA, nor P-256, P-384 or P-521, nor Ed25519")
