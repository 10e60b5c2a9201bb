"""Keys of every kind, tokens signed with them, and the JWKS that publishes them."""

import json
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

SECRET = b"a-shared-secret-of-64-bytes-which-is-enough-for-HS512-as-well-ok"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE: dict[str, Any] = {
    **{f"{family}{size}": RSA for family in ("RS", "PS") for size in (256, 384, 512)},
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def pem(private: Any) -> bytes:
    """Its public half."""
    public: bytes = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public


def private_pem(private: Any) -> bytes:
    text: bytes = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return text


def jwk(private: Any, kid: str) -> dict[str, Any]:
    if isinstance(private, bytes):
        made = jwt.algorithms.HMACAlgorithm.to_jwk(private, as_dict=True)
        return {**made, "kid": kid}
    public = private.public_key()
    kinds = (
        (rsa.RSAPublicKey, jwt.algorithms.RSAAlgorithm),
        (ec.EllipticCurvePublicKey, jwt.algorithms.ECAlgorithm),
        (ed25519.Ed25519PublicKey, jwt.algorithms.OKPAlgorithm),
    )
    algorithm: Any = next(algorithm for kind, algorithm in kinds if isinstance(public, kind))
    return {**json.loads(algorithm.to_jwk(public)), "kid": kid, "use": "sig"}


def jwks(**keys: Any) -> bytes:
    """Of private keys by id, beside some of which nothing is known here."""
    listed = [jwk(private, kid) for kid, private in keys.items()]
    return json.dumps({"keys": [*listed, {"kty": "unheard-of"}, {"kty": "RSA", "use": "enc"}]}).encode()


def algorithm_of(key: Any) -> str:
    if isinstance(key, bytes):
        return "HS256"
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256"
    return next(name for name, private in PRIVATE.items() if private is key)


def token(claims: dict[str, Any], key: Any = SECRET, *, kid: str = "", algorithm: str = "") -> str:
    """Claims that are None are left out."""
    held = {name: value for name, value in claims.items() if value is not None}
    headers = {"kid": kid} if kid else None
    return jwt.api_jws.encode(json.dumps(held).encode(), key, algorithm=algorithm or algorithm_of(key), headers=headers)


def unsigned(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, "", algorithm="none")


def confused(claims: dict[str, Any], private: Any) -> str:
    """An HMAC whose secret is the text of a public key, made by hand since no library would."""
    head = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT"}')
    body = jwt.utils.base64url_encode(json.dumps(claims).encode())
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = jwt.utils.base64url_encode(algorithm.sign(head + b"." + body, pem(private)))
    return b".".join((head, body, signature)).decode()
