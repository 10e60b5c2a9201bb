"""How we prove who we are to those we call: webhooks, destinations of events. The same wherever somebody is called.

What a newcomer gets wrong: these are ours, not those of the clients we ask about.
"""

from msgspec import Struct


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
