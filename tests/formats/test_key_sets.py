"""An issuer's published keys: fetched once, again when one is unknown, and kept when the issuer is down."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from myna.config.tokens import IssuerSettings
from myna.formats.issuers import Issuer
from myna.formats.jwt import BadToken
from myna.formats.key_sets import KeySet
from myna.formats.outgoing import Answer, CallFailed, Cause
from myna.testing.outgoing import ScriptedHttp
from tests.formats.signers import OTHER_RSA, PRIVATE, RSA, SECRET, jwks, token

NEW = PRIVATE["ES256"]
URL = "https://issuer.example/keys"
DOWN = CallFailed(Cause.CONNECTION, "https://issuer.example: refused")


def document(text: bytes, status: int = 200) -> Answer:
    return Answer(status, {}, text)


def discovery(**fields: Any) -> Answer:
    return document(json.dumps({"issuer": "i", "jwks_uri": URL, **fields}).encode())


async def ids(keys: KeySet) -> list[str]:
    await keys.refresh(0.0)
    found = keys.keys()
    return [key.kid for key in found]


class Reader:
    """Checks tokens of one issuer, with a clock of its own."""

    def __init__(self, http: ScriptedHttp, **settings: Any) -> None:
        self.now = 1000.0
        self.issuer = Issuer(IssuerSettings(**{"issuer": "i", "jwks": URL, "audiences": ("a",), **settings}), http)

    async def check(self, key: Any, kid: str = "") -> dict[str, Any]:
        claims = {"iss": "i", "sub": "c", "aud": "a", "exp": 10_000_000}
        return await self.issuer.check(token(claims, key, kid=kid), lambda: self.now)


async def test_keys_are_fetched_once_however_many_wait_for_them() -> None:
    http = ScriptedHttp(document(jwks(old=RSA)))
    reader = Reader(http)
    await asyncio.gather(*(reader.check(RSA, "old") for _ in range(5)))
    assert len(http.asked) == 1


async def test_an_unknown_key_is_fetched_exactly_once() -> None:
    http = ScriptedHttp(document(jwks(old=RSA)), document(jwks(old=RSA, new=NEW)))
    reader = Reader(http)
    await reader.check(RSA, "old")
    reader.now += 31
    await asyncio.gather(*(reader.check(NEW, "new") for _ in range(5)))
    assert len(http.asked) == 2


async def test_an_unknown_key_cannot_make_us_hammer_the_issuer() -> None:
    http = ScriptedHttp(document(jwks(old=RSA)), document(jwks(old=RSA)))
    reader = Reader(http)
    for number in range(5):
        with pytest.raises(BadToken, match="no key here fits"):
            await reader.check(NEW, f"k{number}")
    assert len(http.asked) == 1
    reader.now += 31
    for number in range(5):
        with pytest.raises(BadToken):
            await reader.check(NEW, f"k{number}")
    assert len(http.asked) == 2


async def test_a_wrong_signature_of_a_known_key_fetches_nothing() -> None:
    http = ScriptedHttp(document(jwks(old=RSA)))
    reader = Reader(http)
    await reader.check(RSA, "old")
    reader.now += 31
    with pytest.raises(BadToken, match="no key here fits"):
        await reader.check(SECRET, "old")
    assert len(http.asked) == 2  # it has an id we know, and an algorithm the key cannot serve: a newer one might
    reader.now += 31
    with pytest.raises(BadToken, match="signature is wrong"):
        await reader.check(OTHER_RSA, "old")
    assert len(http.asked) == 2


async def test_a_token_without_a_key_id_may_be_of_a_newer_key() -> None:
    http = ScriptedHttp(document(jwks(old=RSA)), document(jwks(new=OTHER_RSA)))
    reader = Reader(http)
    await reader.check(RSA)
    reader.now += 31
    await reader.check(OTHER_RSA)
    assert len(http.asked) == 2


async def test_a_key_that_is_no_longer_published_serves_no_longer() -> None:
    http = ScriptedHttp(document(jwks(old=RSA)), document(jwks(new=NEW)))
    reader = Reader(http)
    await reader.check(RSA, "old")
    reader.now += 3601
    with pytest.raises(BadToken):
        await reader.check(RSA, "old")


@pytest.mark.parametrize(
    "failure", [DOWN, document(b"", 503), document(b"<html>"), document(b'{"keys":'), document(b'{"keys":[]}')]
)
async def test_an_issuer_that_is_down_leaves_the_keys_we_have(
    failure: Answer | CallFailed, caplog: pytest.LogCaptureFixture
) -> None:
    http = ScriptedHttp(document(jwks(old=RSA)), failure)
    reader = Reader(http)
    await reader.check(RSA, "old")
    reader.now += 7200
    await reader.check(RSA, "old")
    assert len(http.asked) == 2
    assert "could not be fetched" in caplog.text


async def test_an_issuer_that_never_answered_is_another_matter_than_a_bad_token() -> None:
    reader = Reader(ScriptedHttp())
    with pytest.raises(BadToken, match="cannot be fetched now"):
        await reader.check(RSA, "old")


async def test_a_discovery_document_leads_to_the_keys() -> None:
    http = ScriptedHttp(discovery(), document(jwks(old=RSA)))
    await Reader(http, jwks="https://issuer.example/.well-known/openid-configuration").check(RSA, "old")
    assert [asked.url for asked in http.asked][1] == URL


async def test_an_issuer_without_keys_is_asked_where_they_are() -> None:
    http = ScriptedHttp(discovery(issuer="https://issuer.example/"), document(jwks(old=RSA)))
    settings = IssuerSettings(issuer="https://issuer.example/", audiences=("a",))
    claims = {"iss": "https://issuer.example/", "aud": "a", "exp": 5000}
    await Issuer(settings, http).check(token(claims, RSA, kid="old"), lambda: 1000.0)
    assert http.asked[0].url == "https://issuer.example/.well-known/openid-configuration"


@pytest.mark.parametrize(
    "fields",
    [{"issuer": "j"}, {"jwks_uri": "http://issuer.example/keys"}, {"jwks_uri": "/etc/passwd"}, {"jwks_uri": 1}],
)
async def test_a_discovery_document_that_leads_elsewhere_is_refused(fields: dict[str, Any]) -> None:
    http = ScriptedHttp(discovery(**fields), document(jwks(old=RSA)))
    with pytest.raises(BadToken, match="cannot be fetched now"):
        await Reader(http).check(RSA, "old")
    assert len(http.asked) == 1


async def test_a_jwks_may_be_a_file_that_changes(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(jwks(old=RSA))
    for url in (str(file), f"file:{file}", f"file://{file}"):
        assert await ids(KeySet(ScriptedHttp(), url=url)) == ["old"]
    reader = Reader(ScriptedHttp(), jwks=str(file))
    await reader.check(RSA, "old")
    file.write_bytes(jwks(new=SECRET))
    reader.now += 31
    await reader.check(SECRET, "new")


async def test_secrets_are_not_taken_from_a_url() -> None:
    keys = KeySet(ScriptedHttp(document(jwks(secret=SECRET, public=RSA))), url=URL)
    assert await ids(keys) == ["public"]


async def test_fetched_keys_are_pinned_too() -> None:
    keys = KeySet(ScriptedHttp(document(jwks(k=RSA))), url=URL, algorithms=("PS256",))
    await keys.refresh(0.0)
    assert keys.keys()[0].algorithms == ("PS256",)
