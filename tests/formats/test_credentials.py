"""What we show to those we call."""

import asyncio
import base64
import json
from typing import Any

import msgspec
import pytest

from myna.config.outgoing import CredentialSettings
from myna.formats.credentials import Credentials
from myna.formats.outgoing import Answer, CallFailed
from myna.testing.outgoing import ScriptedHttp

GRANT = {"token_url": "https://login.example/token", "client_id": "my:na", "client_secret": "s e", "scope": "hooks"}


def given(**fields: Any) -> Answer:
    return Answer(
        200, {}, json.dumps({"access_token": "T1", "token_type": "bearer", "expires_in": 100, **fields}).encode()
    )


def shown(headers: list[tuple[str, str]]) -> str:
    return dict(headers).get("authorization", "")


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({}, ""),
        ({"bearer": "abc"}, "Bearer abc"),
        ({"user": "käthe", "password": "p:w"}, "Basic " + base64.b64encode("käthe:p:w".encode()).decode()),
    ],
)
async def test_what_is_fixed_is_shown_as_it_is(settings: dict[str, Any], header: str) -> None:
    http = ScriptedHttp()
    assert shown(await Credentials(CredentialSettings(**settings), http).headers(0.0)) == header
    assert http.asked == []


async def test_a_token_is_got_once_and_used_until_shortly_before_its_end() -> None:
    http = ScriptedHttp(given(), given(access_token="T2"))
    credentials = Credentials(CredentialSettings(**GRANT), http)
    together = await asyncio.gather(*(credentials.headers(0.0) for _ in range(5)))
    assert {shown(headers) for headers in together} == {"Bearer T1"}
    assert shown(await credentials.headers(69.0)) == "Bearer T1"
    assert shown(await credentials.headers(70.0)) == "Bearer T2"
    assert len(http.asked) == 2


async def test_a_token_that_was_refused_is_not_shown_again() -> None:
    credentials = Credentials(CredentialSettings(**GRANT), ScriptedHttp(given(), given(access_token="T2")))
    await credentials.headers(0.0)
    credentials.were_refused()
    assert shown(await credentials.headers(1.0)) == "Bearer T2"


async def test_the_grant_is_asked_for_as_the_standard_has_it() -> None:
    http = ScriptedHttp(given(), given())
    await Credentials(CredentialSettings(**GRANT), http).headers(0.0)
    asked = http.asked[0]
    assert asked.body == b"grant_type=client_credentials&scope=hooks"
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"my%3Ana:s%20e").decode()
    body = CredentialSettings(**{**GRANT, "client_authentication": "body", "scope": "", "audience": "a"})
    await Credentials(body, http).headers(0.0)
    assert http.asked[1].body == b"grant_type=client_credentials&audience=a&client_id=my%3Ana&client_secret=s+e"
    assert "authorization" not in http.asked[1].headers


@pytest.mark.parametrize("said", [None, "100", -1, "soon", 1e300])
async def test_a_lifetime_that_says_little_is_taken_to_be_short(said: object) -> None:
    credentials = Credentials(
        CredentialSettings(**GRANT), ScriptedHttp(given(expires_in=said), given(access_token="T2"))
    )
    assert shown(await credentials.headers(0.0)) == "Bearer T1"
    assert shown(await credentials.headers(60.0)) == "Bearer T1"
    assert shown(await credentials.headers(301.0)) == "Bearer T2"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(401, {}, b'{"error": "invalid_client"}'),
        Answer(200, {}, b"<html>"),
        Answer(200, {}, b"{}"),
        given(token_type="mac"),
        given(access_token="a\r\nx-evil: 1"),
        given(access_token=""),
    ],
)
async def test_without_a_token_there_is_no_call_and_no_secret_is_told(answer: Answer) -> None:
    credentials = Credentials(CredentialSettings(**GRANT), ScriptedHttp(answer, given()))
    with pytest.raises(CallFailed) as caught:
        await credentials.headers(0.0)
    assert "s e" not in str(caught.value)
    assert shown(await credentials.headers(1.0)) == "Bearer T1"


@pytest.mark.parametrize(
    "settings",
    [
        {"bearer": "a", "user": "b"},
        {"token_url": "https://login.example/token"},
        {"client_authentication": "query"},
    ],
)
def test_settings_that_contradict_themselves_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(settings, CredentialSettings)
