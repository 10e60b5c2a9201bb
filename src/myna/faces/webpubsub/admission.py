"""Who may open a WebSocket or an MQTT connection to a hub: the token's word, or the hub's, where it admits anonymous
clients.

Pure: a request's target and headers in, claims or a status out. What a newcomer gets wrong: a bad token is refused even
where no token would be welcome.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from myna.faces.webpubsub.naming import is_group, is_hub
from myna.faces.webpubsub.tokens import ANONYMOUS, ClientClaims, Tokens, bearer
from myna.formats.jwt import BadToken

QUERY_FIELDS: Final = 100
PLAIN_TEXT: Final = ((b"content-type", b"text/plain; charset=utf-8"),)

Query = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Rejected:
    """An upgrade that is answered with this status."""

    status: int
    text: str
    cause: str = ""  # for the log, where it has more to say


UNREADABLE: Final = Rejected(400, "The query cannot be read.")


@dataclass(slots=True)
class HubAccess:
    """Hubs that are anonymous, asked in lower case, need no token."""

    tokens: Tokens
    is_anonymous: Callable[[str], bool]

    def admit(
        self, kind: str, hub: str, query: Query, authorization: bytes | None, host: str, now: float
    ) -> ClientClaims | Rejected:
        if not is_hub(hub):
            return Rejected(400, "Invalid hub name.")
        token = bearer(authorization) or first(query, "access_token")
        if token:
            try:
                claims = self.tokens.client(token, kind, hub, host, now)
            except BadToken as error:
                return Rejected(401, "The access token is not valid for this hub.", str(error))
        elif self.is_anonymous(hub.lower()):
            claims = ANONYMOUS
        else:
            return Rejected(401, "An access token is needed.", "there is no access token")
        if not all(is_group(group) for group in claims.groups):
            return Rejected(400, "Invalid group name.")
        return claims


def read_query(query: bytes) -> Query | None:
    """The fields of a query, repeated ones in order; None if it is unreasonable."""
    try:
        return parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=QUERY_FIELDS)
    except ValueError:
        return None


def first(query: Query, name: str) -> str:
    values = query.get(name)
    return values[0] if values else ""
