"""What settings say of those who issue tokens: their names and keys, the same wherever tokens are taken.

What a newcomer gets wrong: `algorithms` only narrows what the keys can do. It never lets a key serve another kind.
"""

from msgspec import Struct

from myna.config.quantities import Duration


class IssuerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose tokens are accepted, and with which keys they are checked. It is a part of others' tables."""

    issuer: str = ""  # the claim `iss`; empty takes any that no other issuer here claims
    keys: tuple[str, ...] = ()  # PEM or JWKS: a file's name, or the text itself
    jwks: str = ""  # a URL or file: a JWKS, or a discovery document; by default the discovery document of `issuer`
    secret: str = ""  # for HS256, HS384 and HS512
    algorithms: tuple[str, ...] = ()  # only these, of those the keys can do
    audiences: tuple[str, ...] = ()  # one of them must be the claim `aud`; "*" takes any
    trust: str = ""  # PEM: authorities to believe when keys are fetched, instead of the system's
    leeway: Duration = Duration(30)  # by which the issuer's clock may differ
    refresh: Duration = Duration(3600)  # how long fetched keys are used before they are fetched again
    refresh_pause: Duration = Duration(30)  # between two looks for a key that is not known
