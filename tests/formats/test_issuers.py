"""Whose tokens are believed: one table of everything that can be wrong with one."""

from pathlib import Path
from typing import Any

import jwt
import pytest

from myna.config.tokens import IssuerSettings
from myna.formats.issuers import Issuer, UnknownIssuer, choose
from myna.formats.jwt import BadToken
from myna.formats.keys import BadKey
from myna.testing.outgoing import ScriptedHttp
from tests.formats.signers import OTHER_RSA, PRIVATE, RSA, SECRET, confused, jwks, pem, token, unsigned

NOW = 1_000_000.0
GOOD = {"iss": "https://issuer.example", "sub": "alice", "aud": "broker", "nbf": NOW - 10, "exp": NOW + 60}


def issuer(**settings: Any) -> Issuer:
    given = {"issuer": GOOD["iss"], "keys": (pem(RSA).decode(),), "audiences": ("broker",), **settings}
    return Issuer(IssuerSettings(**given), ScriptedHttp())


def refusal(text: str, **settings: Any) -> str:
    with pytest.raises(BadToken) as caught:
        issuer(**settings).verify(text, NOW)
    return str(caught.value)


@pytest.mark.parametrize(
    ("claims", "cause"),
    [
        ({"exp": NOW - 31}, "expired"),
        ({"exp": None}, "never expires"),
        ({"exp": "soon"}, "must be numbers"),
        ({"exp": True}, "must be numbers"),
        ({"exp": 10**400}, "must be numbers"),
        ({"nbf": NOW + 31}, "not valid yet"),
        ({"aud": "elsewhere"}, "another audience"),
        ({"aud": ["x", "y"]}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"iss": "https://mallory.example"}, "another issuer"),
        ({"iss": None}, "another issuer"),
    ],
)
def test_what_a_token_says_must_be_right(claims: dict[str, Any], cause: str) -> None:
    assert cause in refusal(token({**GOOD, **claims}, RSA))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (token(GOOD, OTHER_RSA), "signature is wrong"),
        (token(GOOD, RSA)[:-8] + "AAAAAAAA", "signature is wrong"),
        (token(GOOD, PRIVATE["ES256"]), "no key here fits"),
        (token(GOOD, SECRET), "no key here fits"),
        (confused(GOOD, RSA), "no key here fits"),
        (unsigned(GOOD), "algorithm is none that is accepted"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.", "algorithm is none that is accepted"),
        ("a.b.c", "not a JWT"),
        ("", "not a JWT"),
        ("eyJhbGciOiJSUzI1NiJ9." + "A" * 20_000 + ".A", "too long"),
        ("eyJhbGciOlsiUlMyNTYiXX0.e30.AAAA", "algorithm"),
    ],
)
def test_how_a_token_is_signed_must_be_right(text: str, cause: str) -> None:
    assert cause in refusal(text)


def test_extensions_that_must_be_understood_are_not() -> None:
    assert refusal(jwt.encode(GOOD, RSA, algorithm="RS256", headers={"crit": ["http://example.com/x"]}))


def test_a_good_token_is_believed_within_the_leeway_of_clocks() -> None:
    for claims in ({}, {"exp": NOW - 29}, {"nbf": NOW + 29}, {"nbf": None}, {"aud": ["x", "broker"]}):
        assert issuer().verify(token({**GOOD, **claims}, RSA), NOW)["sub"] == "alice"
    assert "expired" in refusal(token({**GOOD, "exp": NOW - 1}, RSA), leeway=0)
    assert issuer(leeway=5).ends({"exp": 100}) == 105


@pytest.mark.parametrize("algorithm", [*PRIVATE, "HS256", "HS384", "HS512"])
def test_every_algorithm_is_verified_with_the_key_of_its_kind(algorithm: str) -> None:
    private = PRIVATE.get(algorithm)
    made = issuer(keys=(), secret=SECRET.decode()) if private is None else issuer(keys=(pem(private).decode(),))
    shown = token(GOOD, SECRET if private is None else private, algorithm=algorithm)
    assert made.verify(shown, NOW)["sub"] == "alice"


def test_algorithms_are_pinned_by_settings() -> None:
    assert "no key here fits" in refusal(token(GOOD, RSA), algorithms=("PS256",))


def test_any_audience_must_be_asked_for() -> None:
    assert issuer(audiences=("*",)).verify(token({**GOOD, "aud": None}, RSA), NOW)
    assert issuer(audiences=()).verify(token(GOOD, RSA), NOW)
    with pytest.raises(BadKey, match="name `audiences`"):
        issuer(keys=(), jwks="https://issuer.example/keys", audiences=())


def test_an_issuer_must_have_keys_or_be_asked_for_them() -> None:
    with pytest.raises(BadKey, match="an issuer needs"):
        issuer(issuer="somebody", keys=())
    issuer(keys=())


def test_keys_come_from_files_as_well(tmp_path: Path) -> None:
    (tmp_path / "public.pem").write_bytes(pem(RSA))
    (tmp_path / "keys.json").write_bytes(jwks(a=OTHER_RSA, b=SECRET))
    made = issuer(keys=(str(tmp_path / "public.pem"), str(tmp_path / "keys.json")))
    for text in (token(GOOD, RSA), token(GOOD, OTHER_RSA, kid="a"), token(GOOD, SECRET, kid="b")):
        assert made.verify(text, NOW)
    with pytest.raises(OSError, match=r"nothing\.pem"):
        issuer(keys=(str(tmp_path / "nothing.pem"),))
    with pytest.raises(BadKey, match="without a usable key"):
        issuer(keys=('{"keys": []}',))


def test_the_issuer_is_chosen_by_what_the_token_says() -> None:
    first, second = issuer(issuer="one"), issuer(issuer="two")
    anybody = issuer(issuer="")
    assert choose([first, second], token({"iss": "two"})) is second
    assert choose([anybody, first], token({"iss": "one"})) is first
    assert choose([anybody, first], token({"iss": "three"})) is anybody
    for claims in ({"iss": "three"}, {"iss": ["one"]}, {}):
        with pytest.raises(UnknownIssuer):
            choose([first, second], token(claims))
