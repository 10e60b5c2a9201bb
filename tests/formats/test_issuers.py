"""Whose tokens are believed: one table of everything that can be wrong with one."""

from pathlib import Path
from typing import Any

import jwt
import pytest

from myna.config.tokens import IssuerSettings
from myna.formats.issuers import Issuer, UnknownIssuer, choose
from myna.formats.jwt import BadToken
from myna.formats.keys import BadKey
from myna.formats.outgoing import Answer
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


async def test_a_token_that_was_refused_is_refused_for_a_moment_without_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    made, looked, now = issuer(), 0, NOW

    def verify(text: str, at: float) -> Any:
        nonlocal looked
        looked += 1
        return Issuer.verify_by(made, text, at)

    monkeypatch.setattr(made, "verify_by", verify)

    async def refused(text: str) -> str:
        with pytest.raises(BadToken) as caught:
            await made.check(text, lambda: now)
        return str(caught.value)

    for text in (token(GOOD, OTHER_RSA), token({**GOOD, "exp": NOW - 40}, RSA)):
        looked = 0
        first = await refused(text)
        assert [await refused(text) for _ in range(5)] == [first] * 5
        assert looked == 1
        now += 11
        assert await refused(text) == first
        assert looked == 2
    early = token({**GOOD, "nbf": now + 31, "exp": now + 60}, RSA)  # which passes by itself
    assert "not valid yet" in await refused(early)
    now += 2
    assert await made.check(early, lambda: now)


async def test_new_keys_are_a_reason_to_look_again() -> None:
    http = ScriptedHttp(Answer(200, {}, jwks(a=RSA)), Answer(200, {}, jwks(a=RSA, b=OTHER_RSA)))
    now = NOW
    given = {"issuer": GOOD["iss"], "audiences": ("broker",), "jwks": "https://issuer.example/keys"}
    made = Issuer(IssuerSettings(**given), http)  # type: ignore[arg-type]
    newer = token(GOOD, OTHER_RSA, kid="b")
    for _ in range(3):
        with pytest.raises(BadToken):
            await made.check(newer, lambda: now)
    now += 1  # too soon for the token itself to be a reason to fetch
    await made.keys.refresh(now)
    assert await made.check(newer, lambda: now)


@pytest.mark.parametrize(
    ("text", "genuine"),
    [
        (token({**GOOD, "exp": NOW - 31}, RSA), True),
        (token({**GOOD, "aud": "elsewhere"}, RSA), True),
        (token({**GOOD, "iss": "https://mallory.example"}, RSA), True),
        (token({**GOOD, "exp": NOW - 31}, OTHER_RSA), False),
        (token(GOOD, OTHER_RSA), False),
        (unsigned(GOOD), False),
        ("nonsense", False),
    ],
)
def test_only_a_right_signature_makes_a_bad_token_genuine(text: str, genuine: bool) -> None:
    with pytest.raises(BadToken) as caught:
        issuer().verify(text, NOW)
    assert caught.value.genuine == genuine
