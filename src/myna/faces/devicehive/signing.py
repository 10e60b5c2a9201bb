"""JSON Web Tokens signed with a shared secret: bytes to text and back. PyJWT does the work.

Knows no claims: what a payload means, when it expires and whose it is, is for whoever asked. What a newcomer gets
wrong: a secret shorter than its digest is somebody's real configuration, burned into devices; whoever accepts one
says so when it is configured, not at every token.
"""

from typing import Final

import jwt
from jwt.algorithms import HMACAlgorithm


class BadToken(Exception):
    """Not a token, or not signed with this key."""


class _AnyLength(HMACAlgorithm):
    def check_key_length(self, key: bytes) -> str | None:
        return None


def _hs256() -> jwt.PyJWS:
    """The one algorithm: it is ours to say, never the token's, or a forger would choose it."""
    signer = jwt.PyJWS()
    signer.unregister_algorithm("HS256")
    signer.register_algorithm("HS256", _AnyLength(HMACAlgorithm.SHA256))
    return signer


_JWS: Final = _hs256()


def sign(payload: bytes, key: bytes, *, typ: str | None = None) -> str:
    """A compact token. Without `typ` the header holds the algorithm alone."""
    return _JWS.encode(payload, key, algorithm="HS256", headers={"typ": typ or ""})


def verify(token: str, key: bytes) -> bytes:
    """The payload of a token signed with this key; BadToken for anything else."""
    try:
        payload = _JWS.decode(token, key, algorithms=["HS256"])
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise BadToken(str(error)) from error
    assert isinstance(payload, bytes)
    return payload
