"""Whom we call and how we prove who we are to them: webhooks, destinations of events. The same wherever that is said.

What a newcomer gets wrong: the credentials are ours, not those of the clients we ask about.
"""

from typing import Annotated

from msgspec import Meta, Struct

from myna.config.quantities import Duration


class CredentialSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One of three: a fixed token, a name and a password, or a grant that gets us tokens. Nothing: we show nothing."""

    bearer: str = ""  # sent as `Authorization: Bearer …`
    user: str = ""  # with `password`, sent as `Authorization: Basic …`
    password: str = ""
    token_url: str = ""  # OAuth 2 client credentials: where tokens come from
    client_id: str = ""
    client_secret: str = ""
    scope: str = ""
    audience: str = ""  # what some servers want instead of a scope
    client_authentication: str = "basic"  # or "body": how the grant's secret is sent
    trust: str = ""  # PEM: authorities to believe at `token_url`, instead of the system's

    def __post_init__(self) -> None:
        if sum(map(bool, (self.bearer, self.user, self.token_url))) > 1:
            raise ValueError("choose one of `bearer`, `user` and `token_url`")
        if self.token_url and not (self.client_id and self.client_secret):
            raise ValueError("`token_url` needs `client_id` and `client_secret`")
        if self.client_authentication not in ("basic", "body"):
            raise ValueError('`client_authentication` is "basic" or "body"')


class WebhookSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who is asked while a client waits. It is a part of others' tables."""

    url: str = ""
    timeout: Duration = Duration(5)  # for all of it: waiting for a turn, getting a token, the call
    concurrent: Annotated[int, Meta(ge=1)] = 64  # calls at once
    waiting: Annotated[int, Meta(ge=0)] = 1000  # … and how many may wait for their turn; beyond: server busy
    trust: str = ""  # PEM: authorities to believe, instead of the system's
    credentials: CredentialSettings = CredentialSettings()

    def __post_init__(self) -> None:
        if self.url and not self.url.startswith(("https://", "http://")):
            raise ValueError("`url` begins with https:// or http://")
