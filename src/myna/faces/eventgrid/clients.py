"""Who somebody is to this API: a name, attributes, and whether the registration still holds.

What a newcomer gets wrong: names are looked up without regard to case, but it is the registered spelling that rules and
templates see.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Attribute = str | int | tuple[str, ...]
Attributes = Mapping[str, Attribute]

INT32: Final = range(-(2**31), 2**31)
KEY: Final = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
MAXIMUM_ATTRIBUTES: Final = 4096  # bytes of all keys and values of a client
MAXIMUM_NAME: Final = 128  # characters

# Where a name may be looked for -> the certificate's field.
SOURCES: Final[dict[str, str]] = {
    "ClientCertificateSubject": "cn",
    "ClientCertificateDns": "dns",
    "ClientCertificateUri": "uri",
    "ClientCertificateIp": "ip",
    "ClientCertificateEmail": "email",
}

# Claims that say something of the token, not of its bearer.
_OF_THE_TOKEN: Final = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})


@dataclass(frozen=True, slots=True)
class Client:
    """`attributes` are strings, 32-bit integers, or lists of strings. `scheme`: how a certificate names this client."""

    authentication_name: str
    attributes: Attributes = field(default_factory=dict)
    enabled: bool = True
    scheme: str = ""
    thumbprints: tuple[str, ...] = ()


def read_attribute(value: object) -> Attribute | None:
    """None for a type that attributes do not have: floats, booleans, objects, mixed lists, larger integers."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value in INT32 else None
    if isinstance(value, list) and all(isinstance(element, str) for element in value):
        return tuple(value)
    return None


def attributes_of_claims(claims: Mapping[str, object]) -> dict[str, Attribute]:
    """What a token says of its bearer, for queries and templates."""
    found: dict[str, Attribute] = {}
    for key, value in claims.items():
        if key not in _OF_THE_TOKEN and KEY.fullmatch(key):
            attribute = read_attribute(value)
            if attribute is not None:
                found[key] = attribute
    return found
