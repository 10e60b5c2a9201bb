"""Tokens: whose signature, which audience, for how long; and that none opens what is not its own."""

from typing import Any

import pytest

from myna.faces.webpubsub.tokens import CLIENT, MQTT, VERIFIED_KEPT, Tokens
from myna.formats import jwt
from myna.formats.jwt import BadToken
from tests.faces.webpubsub.hub import groups_of_token

PRIMARY, SECONDARY = "p" * 32, "s" * 32
NOW = 1_000_000.0


def tokens(hosts: frozenset[str] | None = None) -> Tokens:
    return Tokens((PRIMARY, SECONDARY), hosts)


def token(audience: object, key: str = PRIMARY, **claims: Any) -> str:
    return jwt.sign({"aud": audience, "exp": NOW + 60, **claims}, key.encode())


def bearer(text: str) -> bytes:
    return f"Bearer {text}".encode()


SEND = b"/api/hubs/chat/groups/g%2F1/:send"


@pytest.mark.parametrize(
    "audience",
    [
        "http://h/api/hubs/chat/groups/g%2F1/:send?api-version=2024-12-01&excluded=a",
        "http://h/api/hubs/chat/groups/g%2F1/:send",
        "https://elsewhere.example/api/hubs/chat/groups/g%2F1/:send/",
        "http://h/api/hubs/chat",
        "http://h/api/hubs/chat/",
        ["x", "http://h/api/hubs/chat"],
    ],
)
def test_audiences_that_open_a_request(audience: object) -> None:
    assert not tokens().objection(bearer(token(audience)), SEND, "h", NOW)
    assert not tokens().objection(bearer(token(audience, SECONDARY)), SEND, "h", NOW)


@pytest.mark.parametrize(
    "audience",
    [
        "http://h/api/hubs/other",
        "http://h/api/hubs/ch",
        "http://h/api/hubs/",
        "http://h/api",
        "http://h/",
        "",
        None,
        5,
        "http://h/client/hubs/chat",
        "http://h/clients/mqtt/hubs/chat",
        "http://h/api/hubs/chat/users/u/:send",
        "http://[bad/api/hubs/chat",
    ],
)
def test_audiences_that_do_not(audience: object) -> None:
    assert tokens().objection(bearer(token(audience)), SEND, "h", NOW)


def test_a_token_of_another_key_or_time_or_none_opens_nothing() -> None:
    aud = "http://h/api/hubs/chat"
    for authorization, cause in (
        (bearer(token(aud, "x" * 32)), "the token is signed with another access key"),
        (bearer(token(aud, exp=NOW - 301)), "the token has expired"),
        (bearer(token(aud, exp=None)), "the token has no exp, and so no end"),
        (bearer(token("http://h/api/hubs/other")), "the token's audience is another address"),
        (bearer("x.y.z"), "this is not a JWT"),
        (b"Basic x", "there is no access token"),
        (b"", "there is no access token"),
    ):
        assert tokens().objection(authorization, SEND, "h", NOW) == cause


def test_a_verified_token_is_remembered_no_longer_than_it_holds() -> None:
    held = tokens()
    made = token("http://h/api/hubs/chat")
    assert not held.objection(bearer(made), SEND, "h", NOW)
    assert not held.objection(bearer(made), SEND, "h", NOW)
    assert held.objection(bearer(made), SEND, "h", NOW + 361)
    for number in range(VERIFIED_KEPT + 10):
        held.objection(bearer(token("http://h/api/hubs/chat", n=number)), SEND, "h", NOW)
    assert len(held._opened) == VERIFIED_KEPT


def test_hosts_are_compared_where_that_is_wanted() -> None:
    strict = tokens(frozenset({"public.example"}))
    assert not strict.objection(bearer(token("http://h:80/api/hubs/chat")), SEND, "H:80", NOW)
    assert not strict.objection(bearer(token("http://Public.example/api/hubs/chat")), SEND, "h:80", NOW)
    assert strict.objection(bearer(token("http://other/api/hubs/chat")), SEND, "h:80", NOW)
    with pytest.raises(BadToken, match="another host"):
        strict.client(token("http://other/client/hubs/chat"), CLIENT, "chat", "h", NOW)


def test_a_client_token_says_who_its_bearer_is() -> None:
    claims = tokens().client(
        token("http://h/client/hubs/Chat", sub="u", role="r", group=["a"], **groups_of_token("b", "a")),
        CLIENT,
        "chat",
        "h",
        NOW,
    )
    assert (claims.user, claims.roles, claims.groups) == ("u", ("r",), ("b", "a"))
    anonymous = tokens().client(token("http://h/client/hubs/chat"), CLIENT, "CHAT", "h", NOW)
    assert anonymous.user == ""


def test_a_client_token_opens_its_own_kind_of_endpoint_alone() -> None:
    held = tokens()
    held.client(token("http://h/clients/mqtt/hubs/chat"), MQTT, "chat", "h", NOW)
    held.client(token("http://h/client/?hub=chat"), CLIENT, "chat", "h", NOW)
    for audience in (
        "http://h/clients/mqtt/hubs/chat",
        "http://h/api/hubs/chat",
        "http://h/client/?hub=x",
        "http://h/client",
    ):
        with pytest.raises(BadToken, match="another address"):
            held.client(token(audience), CLIENT, "chat", "h", NOW)


@pytest.mark.parametrize("claims", [{"sub": 5}, {"role": 5}, {"role": [5]}, {"webpubsub.group": {}}, {"group": [None]}])
def test_claims_of_the_wrong_type_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(BadToken, match="no texts"):
        tokens().client(token("http://h/client/hubs/chat", **claims), CLIENT, "chat", "h", NOW)


def test_a_token_issued_here_is_good_here() -> None:
    held = tokens()
    made = held.issue(MQTT, "Chat", "http://h", {"sub": "u", "role": [], "webpubsub.group": ["g"]}, 60, NOW)
    claims = held.client(made, MQTT, "chat", "h", NOW)
    assert (claims.user, claims.groups) == ("u", ("g",))
    assert "role" not in claims.others
    assert held.objection(bearer(made), b"/api/hubs/chat/:send", "h", NOW)
