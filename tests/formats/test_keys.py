"""Keys out of what they come in."""

import json
import logging

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from myna.formats.jwt import BadToken, verify
from myna.formats.keys import MOST_KEYS, BadKey, pin, read_jwks, read_keys, read_pem, secret_key
from tests.formats.signers import PRIVATE, RSA, SECRET, confused, jwks, pem, token


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_a_public_key_serves_the_algorithms_of_its_kind_and_no_others(algorithm: str) -> None:
    key = read_pem(pem(PRIVATE[algorithm]))
    assert verify(token({"sub": "a"}, PRIVATE[algorithm], algorithm=algorithm), [key], 0.0) == {"sub": "a"}
    assert not any(name.startswith("HS") for name in key.algorithms)
    assert key.algorithms == read_jwks(jwks(k=PRIVATE[algorithm]))[0].algorithms


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_secret_serves_the_hmacs(algorithm: str) -> None:
    assert verify(token({"sub": "a"}, SECRET, algorithm=algorithm), [secret_key(SECRET)], 0.0) == {"sub": "a"}


def test_a_public_key_is_never_taken_for_a_secret() -> None:
    for key in (read_pem(pem(RSA)), *read_jwks(jwks(k=RSA))):
        with pytest.raises(BadToken, match="no key here fits"):
            verify(confused({"sub": "mallory"}, RSA), [key], 0.0)


def test_settings_narrow_what_a_key_may_serve_and_never_widen_it() -> None:
    key = read_pem(pem(RSA))
    assert pin(key, ()) is key
    assert pin(key, ("PS256",)).algorithms == ("PS256",)
    assert pin(key, ("HS256", "none")).algorithms == ()


def test_a_jwk_that_names_its_algorithm_serves_that_alone() -> None:
    document = json.loads(jwks(k=RSA))
    document["keys"][0]["alg"] = "RS256"
    assert read_jwks(json.dumps(document).encode())[0].algorithms == ("RS256",)


def test_unknown_kinds_of_keys_are_left_out() -> None:
    assert [key.kid for key in read_keys(jwks(a=RSA, b=PRIVATE["ES256"]))] == ["a", "b"]


def test_secrets_can_be_left_out() -> None:
    assert [key.kid for key in read_jwks(jwks(secret=SECRET, public=RSA), secrets=False)] == ["public"]
    assert len(read_jwks(jwks(secret=SECRET, public=RSA))) == 2


def test_a_jwks_is_used_up_to_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    one = json.loads(jwks(k=PRIVATE["EdDSA"]))["keys"][0]
    with caplog.at_level(logging.WARNING):
        assert len(read_jwks(json.dumps({"keys": [one] * 100}).encode())) == MOST_KEYS
    assert "100 keys" in caplog.text


@pytest.mark.parametrize(
    "text",
    [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", b'{"keys": 1}', b"{}", b"{"],
)
def test_what_is_no_key_is_refused(text: bytes) -> None:
    with pytest.raises(BadKey):
        read_keys(text)


def test_a_short_rsa_key_is_none() -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.raises(BadKey, match="at least 2048 bits"):
        read_keys(pem(short))


def test_a_short_secret_is_none() -> None:
    with pytest.raises(BadKey, match="at least 16 bytes"):
        secret_key(b"short")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
members = st.sampled_from(["kty", "use", "alg", "kid", "n", "e", "x", "y", "d", "crv", "k", "key_ops", "oth"])
KINDS = st.sampled_from(["RSA", "EC", "OKP", "oct", "", "x"])
GOOD = [json.loads(jwks(k=key))["keys"][0] for key in (RSA, PRIVATE["ES256"], PRIVATE["EdDSA"], SECRET)]


@given(st.sampled_from(GOOD), st.dictionaries(members, json_values, max_size=3), KINDS | st.none())
def test_any_jwk_is_a_key_or_is_left_out(good: dict[str, object], wrong: dict[str, object], kind: str | None) -> None:
    entry = {**good, **wrong, **({} if kind is None else {"kty": kind})}
    assert len(read_jwks(json.dumps({"keys": [entry]}).encode())) <= 1


@given(st.binary(max_size=100) | json_values.map(lambda value: json.dumps({"keys": value}).encode()))
def test_any_bytes_are_keys_or_none(text: bytes) -> None:
    try:
        read_keys(text)
    except BadKey:
        return
