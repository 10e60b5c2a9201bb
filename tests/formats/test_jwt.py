"""Signatures, times and audiences of tokens."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from myna.formats.jwt import (
    HMAC,
    BadToken,
    Key,
    check_times,
    has_audience,
    looks_like_jwt,
    read_unverified,
    sign,
    verify,
)

SECRET = b"a-secret-of-at-least-32-bytes-or-more"
HMAC_KEY = Key(SECRET, HMAC)
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE: dict[str, Any] = {
    "RS256": RSA,
    "PS256": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_each_kind_of_key_verifies_its_own(algorithm: str) -> None:
    private = PRIVATE[algorithm]
    token = jwt.encode({"sub": "a", "exp": 100}, private, algorithm=algorithm)
    key = Key(private.public_key(), (algorithm,))
    assert verify(token, [HMAC_KEY, key], 50.0)["sub"] == "a"
    head, body, _ = token.split(".")
    with pytest.raises(BadToken):
        verify(f"{head}.{body}.AAAA", [key], 50.0)


def test_a_public_key_is_no_secret() -> None:
    public = RSA.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    header = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT"}')
    claims = jwt.utils.base64url_encode(b'{"sub":"mallory"}')
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = jwt.utils.base64url_encode(algorithm.sign(header + b"." + claims, pem))
    forged = b".".join((header, claims, signature)).decode()
    with pytest.raises(BadToken):
        verify(forged, [Key(public, ("RS256",))], 0.0)


def test_no_signature_is_no_token() -> None:
    token = jwt.encode({"sub": "a"}, "", algorithm="none")
    with pytest.raises(BadToken):
        verify(token, [HMAC_KEY], 0.0)


def test_an_unknown_key_id_says_so_and_a_wrong_signature_does_not() -> None:
    token = jwt.encode({"sub": "a"}, SECRET, algorithm="HS256", headers={"kid": "new"})
    with pytest.raises(BadToken) as raised:
        verify(token, [Key(SECRET, HMAC, "old")], 0.0)
    assert raised.value.unknown_key
    with pytest.raises(BadToken) as raised:
        verify(token, [Key(b"x" * 32, HMAC, "new")], 0.0)
    assert not raised.value.unknown_key
    assert verify(token, [Key(SECRET, HMAC, "old"), Key(SECRET, HMAC, "new")], 0.0)["sub"] == "a"


def test_times_allow_for_clocks_that_differ_a_little() -> None:
    check_times({"exp": 100, "nbf": 50}, 129.0)
    check_times({"exp": 100, "nbf": 50}, 21.0)
    check_times({}, 0.0)
    with pytest.raises(BadToken) as raised:
        check_times({"exp": 100}, 130.0)
    assert raised.value.expired
    bad: list[dict[str, Any]] = [{"nbf": 100}, {"exp": "soon"}, {"exp": True}, {"nbf": []}]
    for claims in bad:
        with pytest.raises(BadToken) as raised:
            check_times(claims, 10.0)
        assert not raised.value.expired


@pytest.mark.parametrize("given", ["https://a/", "https://a", ["x", "https://a/"]])
def test_an_audience_with_or_without_its_slash(given: object) -> None:
    assert has_audience({"aud": given}, ["https://a/"])
    assert has_audience({"aud": given}, ["y", "https://a"])


@pytest.mark.parametrize("given", [None, "https://b", "", [], [7], {"https://a": 1}, "https://a//"])
def test_another_audience(given: object) -> None:
    assert not has_audience({"aud": given}, ["https://a"])


@given(st.text(max_size=60) | st.text(alphabet="eyJ.ab0-_", max_size=60))
def test_any_text_is_a_token_or_not(text: str) -> None:
    with pytest.raises(BadToken):
        verify(text, [HMAC_KEY], 0.0)


def test_claims_are_an_object_and_tokens_have_a_length() -> None:
    text = jwt.api_jws.encode(b"[]", SECRET, algorithm="HS256")
    for bad in (text, "x" * 20_000, jwt.api_jws.encode(b"[" * 9000, SECRET, algorithm="HS256")):
        with pytest.raises(BadToken):
            read_unverified(bad)


def test_what_looks_like_one() -> None:
    token = sign({"sub": "a"}, SECRET)
    assert looks_like_jwt(token)
    assert looks_like_jwt(token.encode())
    assert not looks_like_jwt("password")
    assert not looks_like_jwt(b"a.b.c")
