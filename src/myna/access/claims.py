"""What an issuer's claims mean here: tenant, user, attributes, and what must be in a token at all.

A claim is named as it stands in the token, or by the way to it: `realm_access.roles`. What a newcomer gets wrong: what
settings ask for and a token does not say is never made up. A token without a tenant, where its issuer should name
one, opens nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import field

from myna.config.tokens import IssuerSettings
from myna.formats.claims import find_claim, show_claim, values_of
from myna.formats.jwt import BadToken
from myna.wire.fields import is_wanted

ANYTHING: Final = "*"  # a required claim's value: any, if only it is there
LONGEST: Final = 1024  # characters of a tenant's or user's name


class JwtIssuer(IssuerSettings, frozen=True):
    """An issuer, and what its tokens say of MQTT clients."""

    tenant: str = ""  # the tenant of all its users; empty for the default one
    tenant_claim: str = ""  # … or the claim that names it
    user_claims: tuple[str, ...] = ("sub",)  # the first that is there names the user
    client_ids_per_user: bool = True  # a client id belongs to its user; else it is one of the tenant's
    client_id_claim: str = ""  # must equal the client id
    user_name_claim: str = ""  # must equal the user name of CONNECT
    attributes: dict[str, str] = field(default_factory=dict)  # for rules: their names, and the claims they come from
    # Claims and the values they may have; "*" for any.
    required_claims: dict[str, str | tuple[str, ...]] = field(default_factory=dict)


def check_required(claims: Mapping[str, Any], required: Mapping[str, str | Sequence[str]]) -> None:
    """The value may be the claim, one of its elements, or one of the words in it, as scopes are written."""
    for name, accepted in required.items():
        wanted = {accepted} if isinstance(accepted, str) else set(accepted)
        held = find_claim(claims, name)
        if held is None:
            raise BadToken(f"the token lacks the claim {name}")
        if ANYTHING not in wanted and not wanted & values_of(held):
            raise BadToken(f"the token's claim {name} has none of the values asked for")


def find_name(claims: Mapping[str, Any], names: Sequence[str], what: str) -> str:
    """The first of these claims that is a name."""
    for name in names:
        held = find_claim(claims, name)
        if isinstance(held, str) and held:
            if len(held) > LONGEST or not is_wanted(held):
                raise BadToken(f"the token's claim {name} is no name for a {what}")
            return held
    raise BadToken(f"the token names no {what}: there is no {' or '.join(names)}")


def read_attributes(claims: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for attribute, name in wanted.items():
        text = show_claim(find_claim(claims, name))
        if text is not None:
            found[attribute] = text
    return found
