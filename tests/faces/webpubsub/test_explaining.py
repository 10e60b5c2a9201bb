"""What `myna check` says of hubs."""

import pytest

from myna.config.quantities import Duration
from myna.faces.webpubsub.explaining import explain_hub, explain_settings
from myna.faces.webpubsub.hub_settings import Handler, HubSettings
from myna.faces.webpubsub.oidc import OidcSettings
from myna.faces.webpubsub.settings import Settings

KEY = "k" * 32
MADE = "the access key is made on first use and kept in the data folder"


def test_where_events_go() -> None:
    handlers = (Handler("http://app/?code=1", "*", ("connect",)), Handler("http://b/", "x,y"), Handler("http://c/"))
    assert explain_hub("chat", HubSettings(handlers=handlers, anonymous=True)) == [
        "hub chat: connect, all user events to http://app/?code=***",
        "hub chat: user events x,y to http://b/",
        "hub chat: nothing to http://c/",
        "hub chat: clients need no token",
    ]
    assert explain_hub("_default", HubSettings()) == ["hubs without settings of their own: no event handlers"]


def test_what_is_not_as_usual() -> None:
    hub = HubSettings(
        handlers=(Handler("http://app/", "*"),),
        routed_user_events="a",
        routed_system_events=("connected",),
        timeout=Duration(5),
        client_ids_of_users=False,
    )
    assert explain_hub("chat", hub)[1:] == [
        "hub chat: connected, user events a to the rules of routing",
        "hub chat: a handler has 5 s to answer",
        "hub chat: an MQTT client id belongs to whoever comes last, sessions of other users included",
    ]


def test_keys_and_hosts() -> None:
    assert list(explain_settings(Settings())) == [MADE]
    both = Settings(access_key=KEY, secondary_key=KEY[::-1], hosts=("push.example", "other"))
    assert list(explain_settings(both)) == [
        "the access key is that of this file, and there is a secondary one",
        "tokens are for push.example, other, or for the host that is asked",
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"issuer": "https://id", "role": "Owner"},
            "of https://id for https://webpubsub.azure.com that bear the role Owner",
        ),
        ({"keys": ("{}",), "audiences": ("a", "b")}, "signed with the keys given for a or b, whatever their role"),
        ({"accept_unvalidated": True}, "of anybody"),
    ],
)
def test_whose_tokens_open_rest(settings: dict[str, object], said: str) -> None:
    issuer = OidcSettings(**settings)  # type: ignore[arg-type]  # a table of settings
    assert list(explain_settings(Settings(oidc=issuer))) == [MADE, f"REST takes tokens {said}"]


def test_who_needs_no_token() -> None:
    hubs = {"Lobby": HubSettings(anonymous=True)}
    assert list(explain_settings(Settings(anonymous_hubs=("lobby", "open"), hubs=hubs)))[1:] == [
        "hub open: clients need no token",
        "hub Lobby: no event handlers",
        "hub Lobby: clients need no token",
    ]
    assert "every hub: clients need no token" in explain_settings(Settings(anonymous_hubs=("*",)))
