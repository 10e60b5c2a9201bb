"""REST calls with tokens of an identity provider."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from myna.config import ConfigError
from myna.faces.webpubsub.oidc import AUDIENCE, OidcSettings
from myna.faces.webpubsub.settings import Settings
from myna.formats.outgoing import Answer
from myna.testing.outgoing import ScriptedHttp
from tests.faces.webpubsub.hub import Hub
from tests.formats.signers import OTHER_RSA, RSA, confused, jwks, pem, token, unsigned
from tests.formats.test_asking import SlowHttp

ISSUER = "https://login.example/v2.0"


def hub(*, http: ScriptedHttp | None = None, **oidc: Any) -> Hub:
    given = {"issuer": ISSUER, "keys": (pem(RSA).decode(),), **oidc}
    return Hub(Settings(oidc=OidcSettings(**given)), outgoing=http)


def claims(here: Hub, **more: Any) -> dict[str, Any]:
    return {"iss": ISSUER, "aud": AUDIENCE, "exp": here.now() + 600, "roles": ["Owner"], **more}


def send(here: Hub, shown: str) -> int:
    return here.call("POST", ":send", b"x", token=shown, content_type="text/plain").status


def test_it_is_off_unless_configured() -> None:
    here = Hub()
    assert send(here, token(claims(here), RSA)) == 401


def test_a_token_of_the_provider_opens_all_of_rest_beside_access_keys() -> None:
    here = hub()
    shown = token(claims(here), RSA)
    assert [send(here, shown) for _ in range(2)] == [202, 202]
    assert here.call("POST", "groups/g/:send", b"x", token=shown, content_type="text/plain").status == 202
    assert here.call("POST", ":generateToken", token=shown).status == 200
    assert here.call("POST", ":send", b"x", content_type="text/plain").status == 202


@pytest.mark.parametrize(
    "more",
    [
        {"aud": "https://elsewhere.example"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"iss": "https://mallory.example"},
    ],
)
def test_a_token_must_say_the_right_things(more: dict[str, Any]) -> None:
    here = hub()
    assert send(here, token(claims(here, **more), RSA)) == 401
    assert here.world.refused("call:oidc_token") == 1


def test_a_token_must_be_signed_by_the_provider() -> None:
    here = hub()
    for shown in (
        token(claims(here), OTHER_RSA),
        confused(claims(here), RSA),
        unsigned(claims(here)),
        "eyJ.eyJ.x",
        "x",
    ):
        assert send(here, shown) == 401


def test_a_client_s_token_of_the_provider_opens_no_websocket() -> None:
    here = hub()
    opened = here.upgrade("/client/hubs/chat", f"access_token={token(claims(here), RSA)}")
    assert opened.socket.answer == ("rejected", 401)


def test_a_role_may_be_asked_for() -> None:
    here = hub(role="Owner")
    assert send(here, token(claims(here), RSA)) == 202
    others: list[object] = [["Reader"], "Reader", None, {}]
    for roles in others:
        assert send(here, token(claims(here, roles=roles), RSA)) == 401
    here = hub(role="hub.write", role_claims=("scp", "realm_access.roles"))
    assert send(here, token(claims(here, scp="read hub.write"), RSA)) == 202
    assert send(here, token(claims(here, realm_access={"roles": ["hub.write"]}), RSA)) == 202


def test_a_token_that_has_been_good_is_good_until_it_expires() -> None:
    here = hub()
    shown = token(claims(here, exp=here.now() + 60), RSA)
    assert send(here, shown) == 202
    here.world.pass_time(91)
    assert send(here, shown) == 401


def test_published_keys_are_fetched_and_a_provider_that_is_down_is_503() -> None:
    http = ScriptedHttp()
    here = hub(http=http, keys=(), jwks="https://login.example/keys")
    assert send(here, token(claims(here), RSA, kid="k")) == 503
    http.answers.append(Answer(200, {}, jwks(k=RSA)))
    here.world.pass_time(31)
    assert send(here, token(claims(here), RSA, kid="k")) == 202


@pytest.mark.parametrize("withdrawn", [False, True])
def test_keys_are_rotated_while_back_ends_call(withdrawn: bool) -> None:
    http = ScriptedHttp()
    http.answers.append(Answer(200, {}, jwks(old=RSA)))
    here = hub(http=http, keys=(), jwks="https://login.example/keys", refresh=60, refresh_pause=10)
    old = token(claims(here, exp=here.now() + 3600), RSA, kid="old")
    new = token(claims(here, exp=here.now() + 3600), OTHER_RSA, kid="new")
    assert send(here, old) == 202
    assert send(here, new) == 401  # as unknown as one that somebody has made up
    http.answers.append(Answer(200, {}, jwks(new=OTHER_RSA) if withdrawn else jwks(old=RSA, new=OTHER_RSA)))
    here.world.pass_time(11)
    assert send(here, new) == 202
    assert [send(here, old) for _ in range(2)] == [401 if withdrawn else 202] * 2


def test_a_key_that_is_withdrawn_opens_nothing_though_nobody_brings_a_new_one() -> None:
    http = ScriptedHttp()
    http.answers += [Answer(200, {}, jwks(old=RSA)), Answer(200, {}, jwks(new=OTHER_RSA))]
    here = hub(http=http, keys=(), jwks="https://login.example/keys", refresh=60, refresh_pause=10)
    old = token(claims(here, exp=here.now() + 3600), RSA, kid="old")

    async def calls() -> list[int]:
        """One loop for all, since keys are renewed beside the calls."""
        raw = "/api/hubs/chat/:send"
        headers = [("authorization", f"Bearer {old}"), ("content-type", "text/plain")]
        found = []
        for pause in (0, 30, 61, 1):
            here.world.pass_time(pause)
            found.append((await here.exchange("POST", raw, "", b"x", headers)).status)
            for _ in range(10):
                await asyncio.sleep(0)
        return found

    assert asyncio.run(calls()) == [202, 202, 202, 401]


def test_the_development_switch_looks_at_audience_and_time_only(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        here = hub(issuer="", keys=(), accept_unvalidated=True)
    assert "for development only" in caplog.text
    assert send(here, token(claims(here), OTHER_RSA)) == 202
    assert send(here, unsigned(claims(here))) == 202
    for more in ({"aud": "x"}, {"exp": 1}, {"exp": None}):
        assert send(here, token(claims(here, **more), RSA)) == 401
    with pytest.raises(msgspec.ValidationError, match="choose it or an issuer"):
        msgspec.convert({"accept_unvalidated": True, "issuer": ISSUER}, OidcSettings)


def test_settings_that_cannot_work_are_named_and_a_reload_keeps_the_old_ones(caplog: pytest.LogCaptureFixture) -> None:
    bad = Settings(oidc=OidcSettings(issuer="nobody"))
    with pytest.raises(ConfigError, match=r"faces\.webpubsub\.oidc: an issuer needs"):
        Hub(bad)
    here = hub()
    assert not here.face.reload(bad)
    assert send(here, token(claims(here), RSA)) == 202
    assert here.face.reload(Settings())
    assert send(here, token(claims(here), RSA)) == 401


def test_whoever_shows_forged_tokens_has_to_wait_and_whoever_s_has_run_out_has_not() -> None:
    here = hub()
    here.world.broker.logins.failures = 3
    good = token(claims(here), RSA)
    assert send(here, good) == 202
    for number in range(5):
        assert send(here, token(claims(here, exp=here.now() - 400 - number), RSA)) == 401
    forged = [token(claims(here, jti=str(number)), OTHER_RSA) for number in range(4)]
    assert [send(here, one) for one in forged[:3]] == [401, 401, 401]
    refused = here.call("POST", ":send", b"x", token=forged[3], content_type="text/plain")
    assert (refused.status, refused.headers[b"retry-after"]) == (429, b"1")
    assert send(here, token(claims(here, jti="new"), RSA)) == 429
    assert send(here, good) == 202  # has been seen to be good
    assert here.call("POST", ":send", b"x", content_type="text/plain").status == 202  # by an access key
    here.world.pass_time(1.1)
    assert send(here, token(claims(here, jti="new"), RSA)) == 202


def test_a_token_by_an_access_key_that_is_no_good_is_no_guess() -> None:
    here = hub()
    here.world.broker.logins.failures = 3
    path = "/api/hubs/chat/:send"
    for number in range(3):  # a back end whose clock is wrong
        assert send(here, here.token(path, lifetime=-1000 - number)) == 401
    assert send(here, token(claims(here), RSA)) == 202


OTHERS = Settings(oidc=OidcSettings(issuer="https://other.example", keys=(pem(OTHER_RSA).decode(),)))


@pytest.mark.parametrize("settings", [OTHERS, Settings()])
def test_settings_that_change_while_keys_are_fetched_hold_for_who_waits(settings: Settings) -> None:
    async def run() -> tuple[int, int]:
        http = SlowHttp()
        http.answers.append(Answer(200, {}, jwks(old=RSA)))
        here = hub(http=http, keys=(), jwks="https://login.example/keys")
        shown = token(claims(here), RSA, kid="old")
        headers = [("authorization", f"Bearer {shown}"), ("content-type", "text/plain")]
        call = ("POST", "/api/hubs/chat/:send", "", b"x", headers)
        waiting = asyncio.ensure_future(here.exchange(*call))
        while not http.present:
            await asyncio.sleep(0)
        assert here.face.reload(settings)
        http.may_answer.set()
        return (await waiting).status, (await here.exchange(*call)).status

    assert asyncio.run(run()) == (503, 401)
