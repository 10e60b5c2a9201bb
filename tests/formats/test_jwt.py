"""HS256 tokens."""

import base64
import json

import pytest

from myna.formats import jwt

KEY = b"k" * 32


def test_a_token_made_here_is_read_and_believed() -> None:
    token = jwt.read(jwt.sign({"aud": "a", "exp": 5}, KEY, {"kid": "1"}))
    assert token is not None
    assert token.header == {"alg": "HS256", "typ": "JWT", "kid": "1"}
    assert token.claims == {"aud": "a", "exp": 5}
    assert jwt.is_signed_by(token, KEY)
    assert not jwt.is_signed_by(token, b"x" * 32)


def test_the_example_of_the_standard_is_believed() -> None:  # RFC 7515, appendix A.1
    text = (
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
        "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
    key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
    token = jwt.read(text)
    assert token is not None
    assert jwt.is_signed_by(token, base64.urlsafe_b64decode(key))
    assert token.claims["iss"] == "joe"


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_token_may_not_choose_how_it_is_checked() -> None:
    for algorithm in ("none", "HS512", "hs256", None):
        token = jwt.read(f"{part({'alg': algorithm})}.{part({})}.")
        assert token is not None
        assert not jwt.is_signed_by(token, b"")


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a.b.c", "..", "a.b.c.d", "é.é.é", f"{part([])}.{part({})}.", "e30.e30.a+b/"]
)
def test_what_is_no_token_is_none(text: str) -> None:
    assert jwt.read(text) is None


@pytest.mark.parametrize(
    ("claims", "current"),
    [
        ({"exp": 100}, True),
        ({"exp": 85}, True),
        ({"exp": 80}, False),
        ({"exp": 100.5, "nbf": 100}, True),
        ({"exp": 200, "nbf": 101}, False),
        ({}, False),
        ({"exp": "200"}, False),
        ({"exp": True}, False),
        ({"exp": 200, "nbf": "1"}, False),
    ],
)
def test_a_token_holds_for_its_time_and_a_leeway(claims: dict[str, object], current: bool) -> None:
    assert jwt.is_current(claims, 90.0, 10.0) is current
